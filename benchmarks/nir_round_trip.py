"""How many spikes change when a framework's own model goes through NIR: docs/nir_round_trip.md.

    python benchmarks/nir_round_trip.py [--write]

A layer of 32 neurons runs 200 ticks in its framework and is exported by the framework's own exporter. The file is then read (i) by the
framework's own reader with its default arguments, (ii) by neurograph as plain NIR at the framework's dt, (iii) by neurograph with the
framework's dialect, (iv) for Norse by its own reader again, after neurograph's dialect mended the file; spike slots that differ from the
model's own are counted. ``--write`` puts the table into docs/nir_round_trip.md;
tests/export/test_nir_round_trip.py runs the same and fails if the page says anything else. SpikingJelly 2.0 needs
``python benchmarks/nir_readers.py --install``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import nir
import nir_framework_models as models
import numpy as np
import torch
from nir_framework_models import NEURONS, STEPS, framework, linear, spikes_in, uniform, zeros
from nir_framework_readers import READERS, Job, Refusal, Run, one_by_one, quiet, run_spikingjelly
from nir_table import markdown, replace_table
from numpy.typing import NDArray

from neurograph.errors import NeurographError
from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.sim import floating

__all__ = ["COLUMNS", "PAGE", "ROWS", "mismatches", "page", "results"]

Array = NDArray[Any]
PAGE = Path(__file__).resolve().parent.parent / "docs" / "nir_round_trip.md"
COLUMNS = ("its own reader", "neurograph, plain NIR", "neurograph, its dialect", "its own reader, file mended by neurograph")


@dataclass(frozen=True)
class Row:
    """One model.

    Args:
        framework: key of READERS.
        name: of the model's class, and what is set otherwise than by default.
        dialect: that reads it.
        dt: that plain NIR is read with, s: what the framework's step means.
        make: → (graph, the model's own spikes); None where a child process makes it from ``options``.
        dtype: that the framework's reader runs in.
    """

    framework: str
    name: str
    dialect: str
    dt: float
    make: Callable[[], models.Made] | None = None
    dtype: torch.dtype = torch.float64
    options: Mapping[str, Any] | None = None


def _norse(name: str, cell: Callable[[Any], Any]) -> Row:
    return Row("norse", name, "norse-1.1", 1e-3, lambda: models.norse(cell))


def _snntorch(name: str, layer: Callable[[Any], Any], dialect: str = "snntorch") -> Row:
    threshold = torch.full((NEURONS,), 5.0)  # one for all: its reader takes no other
    return Row("snntorch", name, dialect, 1e-4, lambda: models.snntorch(layer, torch.float32, threshold), torch.float32)


def _spikingjelly(name: str, **options: Any) -> Row:
    return Row("spikingjelly", name, "spikingjelly", 1e-4, options=options)


ROWS = (
    _norse("LIFBoxCell", lambda nt: nt.LIFBoxCell(nt.LIFBoxParameters(uniform(50, 200), uniform(0, 0.1), uniform(0.3, 0.6), zeros()))),
    _norse(
        "LIFCell",
        lambda nt: nt.LIFCell(nt.LIFParameters(uniform(150, 400, 4), uniform(50, 200), uniform(0, 0.1), uniform(1.5, 3), zeros())),
    ),
    _norse(
        "IAFCell",
        lambda nt: nt.IAFCell(framework("norse.torch.functional.iaf").IAFParameters(v_th=uniform(5, 9), v_reset=zeros())),
    ),
    _snntorch("Leaky", lambda snn: snn.Leaky(0.9, init_hidden=True)),
    _snntorch("Leaky, reset_mechanism zero", lambda snn: snn.Leaky(0.9, init_hidden=True, reset_mechanism="zero"), "snntorch-zero"),
    _snntorch("Synaptic", lambda snn: snn.Synaptic(0.8, 0.9, init_hidden=True)),
    _snntorch("RLeaky", lambda snn: snn.RLeaky(0.9, linear_features=NEURONS, init_hidden=True)),
    _snntorch("RSynaptic", lambda snn: snn.RSynaptic(0.8, 0.9, linear_features=NEURONS, init_hidden=True)),
    Row(
        "sinabs",
        "LIFSqueeze, SingleSpike",
        "sinabs",
        1.0,
        lambda: models.sinabs(
            lambda sl, one: sl.LIFSqueeze(tau_mem=uniform(3, 12), spike_threshold=uniform(0.3, 0.8), spike_fn=one, batch_size=1)
        ),
        torch.float32,
    ),
    Row(
        "sinabs",
        "IAFSqueeze, SingleSpike",
        "sinabs",
        1.0,
        lambda: models.sinabs(lambda sl, one: sl.IAFSqueeze(spike_threshold=uniform(4, 9), spike_fn=one, batch_size=1)),
        torch.float32,
    ),
    Row(
        "rockpool",
        "LIFTorch, max_spikes_per_dt 1",
        "rockpool",
        1e-3,
        lambda: models.rockpool(
            lambda rp: rp.LIFTorch(
                NEURONS,
                tau_mem=uniform(4e-3, 12e-3),
                tau_syn=uniform(2e-3, 6e-3, 5)[:, None],
                threshold=uniform(15, 25),
                max_spikes_per_dt=1,
                dt=1e-3,
            ),
            torch.float32,
        ),
        torch.float32,
    ),
    Row(
        "rockpool",
        "LIFNeuronTorch, max_spikes_per_dt 1",
        "rockpool",
        1e-3,
        lambda: models.rockpool(
            lambda rp: rp.LIFNeuronTorch(NEURONS, tau_mem=uniform(4e-3, 12e-3), threshold=uniform(4, 9), max_spikes_per_dt=1, dt=1e-3)
        ),
    ),
    _spikingjelly("IFNode", v_threshold=3.0),
    _spikingjelly("LIFNode", tau=5.0, v_threshold=0.5),
    _spikingjelly("LIFNode, decay_input False", tau=5.0, decay_input=False, v_threshold=2.0),
    _spikingjelly("ParametricLIFNode", init_tau=4.0, v_threshold=0.5),
    _spikingjelly("CUBALIFNode", c_decay=0.5, v_decay=0.8, v_threshold=6.0),
)
_READ: dict[str, Callable[[Path], Any]] = {
    "norse": lambda path: framework("norse.torch").from_nir(nir.read(path)),
    "snntorch": lambda path: framework("snntorch.import_nir").import_from_nir(nir.read(path)),
    "sinabs": lambda path: framework("sinabs.nir").from_nir(nir.read(path), batch_size=1),
    # Rockpool's exporter leaves the batch in the input's shape, with which NIR's own check refuses the file.
    "rockpool": lambda path: framework("rockpool.nn.modules.torch.nir").from_nir(nir.read(path, type_check=False)),
}


def results(key: str) -> dict[str, tuple[str, ...]]:
    """Row name → the cells of one framework's models, in the order of COLUMNS."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [row for row in ROWS if row.framework == key]
        paths = [Path(folder, f"{index}.nir") for index in range(len(chosen))]
        made = (
            _in_child(chosen, paths, folder)
            if key == "spikingjelly"
            else [_here(row, path) for row, path in zip(chosen, paths, strict=True)]
        )
        return {row.name: _cells(row, path, *pair) for row, path, pair in zip(chosen, paths, made, strict=True)}


def _here(row: Row, path: Path) -> tuple[Array, Run]:
    """The model's own spikes, and what its framework makes of its own file."""
    assert row.make is not None
    with quiet(row.dtype):
        graph, spikes = row.make()
    nir.write(path, graph)
    read = one_by_one(_READ[row.framework], row.dtype, time_axis=row.framework == "rockpool")
    (back,) = read([Job(path, spikes_in())])
    return spikes.detach().numpy().reshape(STEPS, NEURONS), back


def _in_child(chosen: Sequence[Row], paths: Sequence[Path], folder: str) -> list[tuple[Array, Run]]:
    first = linear()
    np.savez(f"{folder}/linear.npz", weight=first.weight.detach().numpy(), bias=first.bias.detach().numpy())
    jobs = [
        (
            Job(path, spikes_in()),
            {"model": row.name.split(",")[0], "options": row.options, "linear": f"{folder}/linear.npz"},
        )
        for row, path in zip(chosen, paths, strict=True)
    ]
    made: list[tuple[Array, Run]] = []
    for run in run_spikingjelly(jobs):
        if isinstance(run, Refusal):
            raise RuntimeError(f"SpikingJelly: {run.reason}")
        made.append((run["made"].reshape(STEPS, NEURONS), run))
    return made


def _cells(row: Row, path: Path, own: Array, back: Run) -> tuple[str, ...]:
    if not 0.02 < own.mean() < 0.9 or set(np.unique(own)) != {0, 1}:
        raise ValueError(f"{row.name}: spikes in {own.mean():.1%} of the slots, values {np.unique(own)}, so it tests nothing")
    again = f"refuses: {back.reason}" if isinstance(back, Refusal) else _differ(back["output"], own)
    graph = nir_io.read(path, type_check=False)
    return (again, mismatches(graph, "nir", own, row.dt), mismatches(graph, row.dialect, own, row.dt), _mended(row, graph, path, own))


def _mended(row: Row, graph: nir.NIRGraph, path: Path, own: Array) -> str:
    """What Norse makes of its own file once the time constants in it are right; other dialects mend nothing that their readers heed."""
    if row.framework != "norse":
        return "–"
    nir.write(path, interpret(graph, row.dialect, ticks=STEPS, dt=row.dt).graph)
    (back,) = one_by_one(_READ["norse"], row.dtype)([Job(path, spikes_in())])
    return f"refuses: {back.reason}" if isinstance(back, Refusal) else _differ(back["output"], own)


def mismatches(graph: nir.NIRGraph, dialect: str, own: Array, dt: float | None = None) -> str:
    """Spike slots in which neurograph, under a dialect, differs from ``own`` (T, neurons), as the table writes it."""
    try:
        network = lower(interpret(graph, dialect, ticks=STEPS, dt=dt).graph)
    except NeurographError as error:
        return f"refuses: {error}"
    (source,) = network.sources
    return _differ(floating.run(network, {source.name: spikes_in()}).spikes[network.outputs[0]][0], own)


def _differ(got: Array, own: Array) -> str:
    return f"{np.count_nonzero(got.reshape(own.shape) != own):,}" if got.size == own.size else f"refuses: gives {got.size:,} values"


def page(found: Mapping[str, Mapping[str, Sequence[str]]]) -> str:
    """The table with its footnotes and the versions."""
    lines = []
    for key, models_of in found.items():
        for name, counts in models_of.items():
            row = next(row for row in ROWS if row.framework == key and row.name == name)
            lines.append([READERS[key].name, name, *counts, f"`{row.dialect}`", f"{row.dt:g}"])
    table, notes = markdown(["", "model", *COLUMNS, "dialect", "dt, s"], lines)
    versions = ", ".join(f"{READERS[key].name} {READERS[key].version(READERS[key].package)}" for key in found)
    return "\n".join([table, "", *notes, "", f"Of {STEPS * NEURONS:,} slots each. {versions}, nir {metadata.version('nir')}."])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/nir_round_trip.md")
    chosen = parser.parse_args(arguments)
    keys = list(dict.fromkeys(row.framework for row in ROWS))
    absent = [reader.missing for key in keys if (reader := READERS[key]).missing]
    if absent:
        print("\n".join(f"error: {line}" for line in absent), file=sys.stderr)
        return 2
    text = page({key: results(key) for key in keys})
    print(text)
    if chosen.write:
        PAGE.write_text(replace_table(PAGE.read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
