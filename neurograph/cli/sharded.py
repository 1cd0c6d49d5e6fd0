"""simulate --sharded: one bundle over the processes that torchrun started. Rank 0 has the result; the others get None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurograph.cli.inputs import opened, read_arrays, without_constants
from neurograph.cli.recorded import Wanted
from neurograph.errors import InputError
from neurograph.sim.engines import DEVICE_ENGINES

__all__ = ["simulate_sharded"]


@dataclass(frozen=True)
class _Shown:
    """What is shown of a network that no rank holds as a whole."""

    populations: Mapping[str, Any]
    spiking_projections: Sequence[Any]
    outputs: Sequence[str]
    ticks: int


def simulate_sharded(
    path: Path, sample: Path | None, wanted: Wanted, *, rules: str, timeout_s: float, device: str
) -> tuple[Any, Any, Any, Mapping[str, Any]] | None:
    """Read this rank's part of a bundle and run it with the others.

    Returns:
        On rank 0 the bundle, what is shown of its network, the recording and the readout's values.

    Raises:
        InputError: an engine or rules that are not sharded, or no torchrun. NeurographError: as :func:`neurograph.sim.sharded.run.run`.
    """
    engine = wanted.engine
    if engine not in DEVICE_ENGINES:
        raise InputError(f"--sharded: runs engines {' and '.join(DEVICE_ENGINES)}, but --engine is {engine!r}; leave one of them out")
    if rules != "lava":
        raise InputError(f"--sharded: runs integer rules 'lava', but --rules is {rules!r}; leave one of them out")
    from neurograph.sim.recording import send
    from neurograph.sim.sharded.run import run_part, together
    from neurograph.sim.sharded.world import opened_world

    asked = wanted.options()
    with opened_world(device, timeout_s) as world:
        found, part, populations, inputs = together(world, lambda: _read(path, engine, sample, world.shards, world.rank))
        record = wanted.kept if wanted.kept in ("all", "spikes") else "outputs" if _hears_outputs(found) else "spikes"
        run = run_part(part, inputs, world, record=record, counts=wanted.counts, max_memory=asked["max_memory"])
    if run is None:
        return None
    shown = _Shown(populations, part.network.spiking_projections, part.network.outputs, run.ticks)

    def start(*, into: Any = None, **_: Any) -> Any:
        if into is not None:
            send(run, shown.outputs, into)
        return run

    return found, shown, *wanted.run(found, shown, start)


def _read(path: Path, engine: str, sample: Path | None, shards: int, rank: int) -> Any:
    from neurograph.sim.sharded.stored import read_part

    found = opened(path)
    missing = found.manifest.get("no_integers") if engine == "fixed" else None
    if missing is not None:
        raise InputError(f"bundle {path}: holds no integer network ({missing})")
    with found.files.hdf5("network.h5") as file:
        part, populations = read_part(file["integer" if engine == "fixed" else "float"], shards, rank)
    return found, part, populations, _inputs(found, sample, populations)


def _hears_outputs(found: Any) -> bool:
    """Whether the readout on the host needs no other spikes than the outputs."""
    return found.readout is None or {source.name for source in found.readout.sources} <= set(found.manifest["outputs"])


def _inputs(found: Any, sample: Path | None, populations: Any) -> Any:
    if sample is None:
        return found.inputs
    arrays = read_arrays(sample)
    if "" not in arrays:
        return without_constants(found, arrays, sample)
    values, sources = arrays[""], [p for p in populations.values() if p.is_source and not p.is_constant]
    if len(sources) == 1 and values.shape[-len(sources[0].shape) :] == sources[0].shape:
        return {sources[0].name: values}
    return found.encode(values)
