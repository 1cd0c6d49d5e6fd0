"""simulate --sharded: one bundle over the processes that torchrun started. Rank 0 has the result; the others get None."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurograph.cli.inputs import opened, read_arrays
from neurograph.errors import InputError

__all__ = ["simulate_sharded"]


def simulate_sharded(
    path: Path,
    engine: str,
    sample: Path | None,
    *,
    rules: str,
    states: bool,
    timeout_s: float,
    device: str = "cpu",
    max_memory: int | None = None,
) -> tuple[Any, Any, Any] | None:
    """Read this rank's part of a bundle and run it with the others. ``states``: whether the recording is to hold everything.

    Returns:
        On rank 0 the bundle, the populations of its network and the recording.

    Raises:
        InputError: an engine or rules that are not sharded, or no torchrun. NeurographError: as :func:`neurograph.sim.sharded.run.run`.
    """
    if engine not in ("float", "fixed"):
        raise InputError(f"--sharded: runs engines fixed and float, but --engine is {engine!r}; leave one of them out")
    if rules != "lava":
        raise InputError(f"--sharded: runs integer rules 'lava', but --rules is {rules!r}; leave one of them out")
    from neurograph.sim.sharded.run import run_part, together
    from neurograph.sim.sharded.world import opened_world

    with opened_world(device, timeout_s) as world:
        found, part, populations, inputs = together(world, lambda: _read(path, engine, sample, world.shards, world.rank))
        record = "all" if states else "outputs" if _hears_outputs(found) else "spikes"
        run = run_part(part, inputs, world, record=record, max_memory=max_memory)
    return None if run is None else (found, populations, run)


def _read(path: Path, engine: str, sample: Path | None, shards: int, rank: int) -> Any:
    import h5py

    from neurograph.sim.sharded.stored import read_part

    found = opened(path)
    missing = found.manifest.get("no_integers") if engine == "fixed" else None
    if missing is not None:
        raise InputError(f"bundle {path}: holds no integer network ({missing})")
    with h5py.File(found.path / "network.h5", "r") as file:
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
        return arrays
    values, sources = arrays[""], [p for p in populations.values() if p.is_source and not p.is_constant]
    if len(sources) == 1 and values.shape[-len(sources[0].shape) :] == sources[0].shape:
        return {sources[0].name: values}
    return found.encode(values)
