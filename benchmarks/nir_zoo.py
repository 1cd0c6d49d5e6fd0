"""What neurograph makes of the graphs that the NIR paper published: which it reads, whether its engines agree, and whose traces it meets.

    python benchmarks/nir_zoo.py [--data-root ../shared] [--no-lava] [--write]

Prints docs/nir_zoo.md; with --write puts it there. The data are ``nir_zoo/`` of the shared folder ($NEUROGRAPH_SHARED, default ../shared),
from the repository of "Neuromorphic intermediate representation", Pedersen et al., Nature Communications 2024. Lava runs twice: all graphs
stand in one program for its float engine and in one for its fixed engine.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pages import ROOT, table

from neurograph.errors import GraphError
from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.export.relax import relax
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.parity import Comparison, compare
from neurograph.sim.recording import Recording
from neurograph.weights import Dense

PAGE = "docs/nir_zoo.md"
TICKS = 60
GRAPHS = {
    # file: seconds a tick, reset (the file names of the RNN say "subtract", Sinabs' IAF subtracts)
    "01_lif/lif_norse.nir": (1e-4, "value"),
    "01_lif/lif_rockpool.nir": (1e-4, "value"),
    "01_lif/debug_spike_representation/two_lif_neurons.nir": (1e-3, "value"),
    "02_cnn/cnn_sinabs.nir": (1e-3, "subtract"),
    "03_rnn/braille_noDelay_noBias_subtract.nir": (1e-4, "subtract"),
    "03_rnn/extras/braille_noDelay_noBias_subtract_subgraph.nir": (1e-4, "subtract"),
}
PLATFORMS = {
    # platform: the graph that it ran, whether its voltage column is the membrane voltage in volts
    "exact": ("norse", True),
    "norse": ("norse", True),
    "rockpool": ("rockpool", True),
    "sinabs": ("rockpool", True),
    "snntorch": ("norse", False),
    "nengo": ("norse", False),
    "spinnaker2": ("norse", False),
    "spyx": ("norse", False),
    "lava_cpu_float": ("norse", False),
    "lava_cpu_fixed": ("norse", False),
    "lava_loihi_fixed": ("norse", False),
}
DIALECTS = ("nir", "sinabs", "rockpool", "spikingjelly", "snntorch-zero")
LOIHI = {"weight": 10, "dv": 163, "vth": 25}
"""The integers that the NIR paper's authors gave their Loihi neuron; its input comes one step late."""


@dataclass(frozen=True)
class GraphRow:
    """One graph: how it was read and what the engines made of it."""

    file: str
    nodes: int
    neurons: int
    said: str
    spikes: int
    floats: Comparison | None
    integers: Comparison | None
    rounding: float


@dataclass(frozen=True)
class TraceRow:
    """One platform's trace against one convention: equal spikes of 1,000 as it stands and one step late, largest |Δv|."""

    platform: str
    convention: str
    equal: int
    late: int
    distance: float | None


def shared(option: Path | None) -> Path:
    """The folder that holds ``nir_zoo``."""
    return option or Path(os.environ.get("NEUROGRAPH_SHARED", ROOT.parent / "shared"))


def read(path: Path) -> tuple[Any, str]:
    """A graph, and how it was read: as it stands, or what its type check says and what was mended."""
    try:
        return nir_io.read(path), "as it stands"
    except GraphError as error:
        graph, said = relax(nir_io.read(path, type_check=False))
        reason = str(error).split(": ", 1)[1].split("; --relax")[0]
        return graph, f"{reason}; with `--relax-shapes`: {'; '.join(said)}"


def graph_rows(root: Path, lava: bool = True) -> list[GraphRow]:
    """Every graph of the zoo through every engine."""
    floats: dict[str, tuple[Network, Mapping[str, Any], Recording]] = {}
    integers: dict[str, tuple[Network, Mapping[str, Any], Recording]] = {}
    facts: dict[str, tuple[int, int, str, int, float]] = {}
    for file, (dt, reset) in GRAPHS.items():
        graph, said = read(root / "nir_zoo" / file)
        network = align_delays(bias_source(lower(graph, TimeMetadata(dt, TICKS, "spikes", reset=reset))))
        (source,) = (s for s in network.sources if not s.is_constant)
        inputs = {source.name: (np.random.default_rng(0).random((TICKS, *source.shape)) < 0.3).astype(np.uint8)}
        exact = floating.run(network, inputs)
        quantized, _ = quantize(network, inputs)
        rounded = fixed.run(quantized, inputs)
        floats[file], integers[file] = (network, inputs, exact), (quantized, inputs, rounded)
        names = [p.name for p in network.neurons]
        differ = sum(int(np.count_nonzero(exact.spikes[n] != rounded.spikes[n])) for n in names)
        slots = sum(exact.spikes[n].size for n in names)
        neurons = sum(p.size for p in network.neurons)
        facts[file] = (len(graph.nodes), neurons, said, sum(int(exact.spikes[n].sum()) for n in names), differ / slots)
    in_float = _in_lava(floats, "float") if lava else {}
    in_fixed = _in_lava(integers, "fixed") if lava else {}
    return [
        GraphRow(file, nodes, neurons, said, spikes, in_float.get(file), in_fixed.get(file), share)
        for file, (nodes, neurons, said, spikes, share) in facts.items()
    ]


def _in_lava(runs: Mapping[str, tuple[Network, Mapping[str, Any], Recording]], engine: Any) -> dict[str, Comparison]:
    """All networks side by side in one program, each compared with its own recording."""
    from neurograph.sim.lava import engine as lava_engine

    populations: dict[str, Population] = {}
    projections: list[Projection] = []
    inputs: dict[str, Any] = {}
    for number, (network, given, _) in enumerate(runs.values()):
        populations |= {f"{number}:{p.name}": replace(p, name=f"{number}:{p.name}") for p in network.populations.values()}
        projections += [replace(p, source=f"{number}:{p.source}", target=f"{number}:{p.target}") for p in network.projections]
        inputs |= {f"{number}:{name}": value for name, value in given.items()}
    recording = lava_engine.run(Network(populations, tuple(projections), TICKS), inputs, engine=engine, timeout_s=600)
    found = {}
    for number, (file, (network, _, mine)) in enumerate(runs.items()):
        parts = {
            kind: {n: getattr(recording, kind)[f"{number}:{n}"] for n in network.populations if f"{number}:{n}" in getattr(recording, kind)}
            for kind in ("spikes", "voltages", "currents")
        }
        found[file] = compare(network, mine, replace(recording, **parts), voltages=engine == "fixed")
    return found


def trace_rows(root: Path) -> list[TraceRow]:
    """Every platform's published run of one LIF, 1,000 steps, against every convention that its graph can be read by."""
    rows = []
    for platform, (file, volts) in PLATFORMS.items():
        arrived, voltage, spikes = np.loadtxt(root / "nir_zoo" / "01_lif" / f"lif_{platform}.csv", delimiter=",").T
        graph = nir_io.read(root / "nir_zoo" / "01_lif" / f"lif_{file}.nir", type_check=False)
        for dialect in DIALECTS:
            network = lower(interpret(graph, dialect, ticks=1000, dt=1e-4, inputs="values", relax_shapes=True).graph)
            run = floating.run(network, {"input": (arrived > 0)[:, None].astype(float)})  # Sinabs' column holds it times the weight
            name = network.outputs[0]
            distance = float(np.abs(run.voltages[name][0, :, 0] - voltage).max()) if volts else None
            rows.append(_trace(platform, f"float, `{dialect}`", run.spikes[name][0, :, 0], spikes, distance))
        if platform.endswith("_fixed"):
            run = _loihi(arrived > 0)
            rows.append(_trace(platform, "fixed", run.spikes["n"][0, :, 0], spikes, _steps_off(run, voltage)))
    return rows


def _trace(platform: str, convention: str, ours: Any, spikes: Any, distance: float | None) -> TraceRow:
    late = 1 + int(np.count_nonzero(ours[:-1] == spikes[1:]))
    return TraceRow(platform, convention, int(np.count_nonzero(ours == spikes)), late, distance)


def _loihi(arrived: Any) -> Recording:
    """The neuron that ran on Loihi, in the fixed engine."""
    neuron = FixedLIF(4095, LOIHI["dv"], LOIHI["vth"], 0, 0, 1.0)
    populations = {"in": Population("in", (1,), Source("spikes")), "n": Population("n", (1,), neuron)}
    synapse = Projection("in", "n", Dense(np.array([[LOIHI["weight"]]])), sign_mode="excitatory")
    return fixed.run(Network(populations, (synapse,), 1000), {"in": arrived[:, None].astype(np.uint8)})


def _steps_off(run: Recording, voltage: Any) -> float:
    """Steps of 1,000 at which v is another integer, one step late."""
    return float(np.count_nonzero(run.voltages["n"][0, :-1, 0] != voltage[1:]))


def page(root: Path, lava: bool = True) -> str:
    """The page in Markdown."""
    rows, traces = graph_rows(root, lava), trace_rows(root)
    graphs = [
        (f"`{Path(r.file).name}`", r.nodes, f"{r.neurons:,}", f"{r.spikes:,}", _floats(r), _integers(r), f"{r.rounding:.2%}") for r in rows
    ]
    best: dict[str, TraceRow] = {}
    for r in traces:
        if r.convention.startswith("float") and (r.platform not in best or _rank(r) < _rank(best[r.platform])):
            best[r.platform] = r
    matrix = [
        (p, *(f"{r.equal} / {r.late}" for d in DIALECTS for r in traces if r.platform == p and r.convention == f"float, `{d}`"))
        for p in PLATFORMS
    ]
    fixed_rows = [r for r in traces if r.convention == "fixed"]
    head = ("graph", "nodes", "neurons", "spikes", "float = Lava float", "fixed = Lava fixed", "float ≠ fixed")
    parts = [
        "# The published graphs\n",
        "Made by `python benchmarks/nir_zoo.py --write`; tests/export/test_nir_zoo.py compares every figure. The graphs and traces are",
        "those of the NIR paper (Pedersen et al., Nature Communications 2024).\n",
        f"## Graphs, {TICKS} ticks of random spikes (30 %)\n",
        table(head, [tuple(map(str, row)) for row in graphs]),
        "Mismatches of all spike slots, and for integers of all u and v. The last column is what 8-bit weights and integers change against",
        "floats; it is no error of an engine.\n",
        "How they were read:\n",
        *(f"- `{Path(r.file).name}`: {r.said}" for r in rows),
        "\n## Traces of one LIF, 1,000 steps\n",
        "Steps at which our float engine's spikes equal those of a platform: as they stand / with the platform one step late.\n",
        table(("platform", *(f"`{d}`" for d in DIALECTS)), matrix),
        "The dialect that comes nearest, with the largest distance of the voltages where the platform's column is one:\n",
        table(
            ("platform", "dialect", "equal", "one step late", "largest distance of v"),
            [(p, r.convention[7:], str(r.equal), str(r.late), _distance(r)) for p, r in best.items()],
        ),
        f"The fixed engine (weight {LOIHI['weight']}, dv {LOIHI['dv']}, vth {LOIHI['vth']}) against Lava on a CPU and the chip. Where v",
        "differs on the chip its probe shows 128 at a spike, the rule 0.\n",
        table(
            ("platform", "equal", "one step late", "steps with another v, one step late"),
            [(r.platform, str(r.equal), str(r.late), f"{r.distance:.0f}") for r in fixed_rows],
        ),
    ]
    return "\n".join(parts)


def _rank(row: TraceRow) -> tuple[int, float, int]:
    return (-max(row.equal, row.late), row.distance or 0.0, -row.equal)


def _distance(row: TraceRow) -> str:
    return "" if row.distance is None else f"{row.distance:.1e}"


def _floats(row: GraphRow) -> str:
    found = row.floats
    return (
        "not run" if found is None else f"{found.mismatched_spikes} of {found.compared:,}" + (f", {found.ties} ties" if found.ties else "")
    )


def _integers(row: GraphRow) -> str:
    found = row.integers
    if found is None:
        return "not run"
    return f"{found.mismatched_spikes} of {found.compared:,}; {found.mismatched_voltages} of {found.compared_voltages:,}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="folder that holds nir_zoo (default: $NEUROGRAPH_SHARED, ../shared)")
    parser.add_argument("--no-lava", action="store_true", help="leave Lava out")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE} in place of printing it")
    options = parser.parse_args()
    text = page(shared(options.data_root), not options.no_lava)
    if options.write:
        (ROOT / PAGE).write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
