"""What the NIR readers of other frameworks take, from running them: docs/nir_readers.md.

    python benchmarks/nir_readers.py [--write] [--install]

Every cell writes a small NIR graph, has a framework read it with its own reader and run it, and compares the spikes with neurograph's float
engine under that reader's convention. ``--write`` puts the table into docs/nir_readers.md, ``--install`` first makes the environment of
Python 3.11 that SpikingJelly 2.0 needs. tests/export/test_nir_readers.py runs the same and fails if the page says anything else.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
from nir_framework_readers import READERS, Job, Reader, Refusal, Run, install_spikingjelly
from nir_table import markdown, replace_table
from numpy.typing import NDArray

from neurograph import data, training
from neurograph.export import nir_io
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.lower import lower
from neurograph.export.targets import TARGETS
from neurograph.sim import floating
from neurograph.training.checkpoint import Checkpoint

__all__ = ["CASES", "KARATE", "PAGE", "column", "karate", "page"]

Array = NDArray[Any]
Parts = tuple[dict[str, Any], list[tuple[str, str]]]
PAGE = Path(__file__).resolve().parent.parent / "docs" / "nir_readers.md"
STEPS, INPUTS, NEURONS = 200, 20, 32
TAU, THRESHOLD = 5.0, 1.0  # ticks, volts
SHAPE = (2, 4, 4)  # of NEURONS behind convolutions and pools


@dataclass(frozen=True)
class Case:
    """One row: a graph, and the input it gets.

    Args:
        name: in the table.
        build: reader → nodes and edges; ``in`` and ``out`` are the ends.
        shape: of one tick's input.
        time: what differs from the reader's own convention.
    """

    name: str
    build: Callable[[Reader], Parts]
    shape: tuple[int, ...] = (INPUTS,)
    time: Mapping[str, Any] | None = None

    def graph(self, reader: Reader) -> nir.NIRGraph:
        """The graph that the reader gets."""
        nodes, edges = self.build(reader)
        ends = {"in": nir.Input(np.array(self.shape)), "out": nir.Output(_shape(nodes["neuron"]))}
        return nir.NIRGraph({"in": ends["in"], **nodes, "out": ends["out"]}, edges)

    def spikes_in(self) -> Array:
        """Three in ten, the same for every reader."""
        return (np.random.default_rng(7).random((STEPS, *self.shape)) < 0.3).astype(np.float64)


def _shape(node: Any) -> Array:
    return np.array(next(iter(node.output_type.values())))


def _rate(reader: Reader, ticks: Any) -> Array:
    """The share β of the way to its resting value that v goes in one tick."""
    ticks = np.asarray(ticks, dtype=np.float64)
    return 1 / ticks if reader.time["scheme"] == "forward_euler" else -np.expm1(-1 / ticks)


def _lif(
    reader: Reader, ticks: Any = TAU, threshold: Any = THRESHOLD, r: Any = None, rest: float = 0.0, shape: Any = (NEURONS,)
) -> nir.LIF:
    tau = np.broadcast_to(np.asarray(ticks, dtype=np.float64), shape) * reader.time["dt"]
    full = np.ones(shape)
    return nir.LIF(tau, reader.r(tau) if r is None else r * full, rest * full, threshold * full, rest * full)


def _cuba(reader: Reader, ticks: Any = TAU, threshold: Any = THRESHOLD, shape: Any = (NEURONS,)) -> nir.CubaLIF:
    """As every reader of CubaLIF wants it: u ← (1−α)u + i, v ← (1−β)v + u, so r = tau_mem/dt and w_in = tau_syn/dt."""
    full, ticks = np.ones(shape), np.broadcast_to(np.asarray(ticks, dtype=np.float64), shape)
    r, w_in = (ticks - 1, full) if reader.name == "Rockpool" else (ticks, 2.0 * full)
    dt = reader.time["dt"]
    return nir.CubaLIF(2.0 * dt * full, ticks * dt, r, 0 * full, threshold * full, w_in=w_in)


def _neuron(reader: Reader, **more: Any) -> Any:
    """LIF; CubaLIF where the reader takes no other."""
    return _cuba(reader, **more) if reader.name == "Rockpool" else _lif(reader, **more)


def _charge(reader: Reader, node: Any) -> float:
    """What a weight is multiplied with, so that an input adds the same to v in every reader."""
    if isinstance(node, nir.CubaLIF):
        return 0.5
    if isinstance(node, nir.IF):
        return 1.0
    return float(1 / np.mean(_rate(reader, node.tau / reader.time["dt"]) * node.r))


def _weights(shape: tuple[int, ...], scale: float, seed: int = 1) -> Array:
    """Exact in float32, so that nothing depends on where a reader rounds."""
    return (scale * np.random.default_rng(seed).normal(0.03, 0.08, shape)).astype(np.float32).astype(np.float64)


def _chain(reader: Reader, neuron: Any, strength: float = 1.0) -> Parts:
    first = nir.Affine(_weights((NEURONS, INPUTS), strength * _charge(reader, neuron)), np.zeros(NEURONS))
    return {"affine": first, "neuron": neuron}, [("in", "affine"), ("affine", "neuron"), ("neuron", "out")]


def _chain_of(**more: Any) -> Callable[[Reader], Parts]:
    return lambda reader: _chain(reader, _neuron(reader, **more))


def _tau_over_dt(reader: Reader, ticks: Any = TAU) -> Any:
    return _cuba(reader, ticks) if reader.name == "Rockpool" else _lif(reader, ticks, r=ticks)


def _recurrence(reader: Reader) -> Parts:
    nodes, edges = _chain(reader, _neuron(reader))
    back = nir.Affine(_weights((NEURONS, NEURONS), 0.3 * _charge(reader, nodes["neuron"]), seed=2), np.zeros(NEURONS))
    # The edge to the output stands last: nirtorch.load, which Norse, Sinabs and Rockpool use, gives out what its last node does.
    return {**nodes, "back": back}, [*edges[:2], ("neuron", "back"), ("back", "neuron"), edges[2]]


def _two_edges(reader: Reader) -> Parts:
    nodes, edges = _chain(reader, _neuron(reader))
    second = nir.Affine(_weights((NEURONS, INPUTS), _charge(reader, nodes["neuron"]), seed=2), np.zeros(NEURONS))
    return {"affine": nodes["affine"], "second": second, "neuron": nodes["neuron"]}, [*edges, ("in", "second"), ("second", "neuron")]


def _behind(linear: Callable[[float], Any], threshold: float = THRESHOLD) -> Callable[[Reader], Parts]:
    """A convolution or a pool, Flatten, then neurons. A pool has no weight, so the threshold is scaled in its place."""

    def build(reader: Reader) -> Parts:
        scale = _charge(reader, _neuron(reader))
        neuron = _neuron(reader, threshold=THRESHOLD if threshold == THRESHOLD else threshold / scale)
        nodes = {"linear": linear(scale), "flatten": nir.Flatten({"input": np.array(SHAPE)}, 0, -1), "neuron": neuron}
        return nodes, list(pairwise(["in", *nodes, "out"]))

    return build


def _image(reader: Reader) -> Parts:
    neuron = _neuron(reader, shape=SHAPE)
    return {"linear": _convolution(_charge(reader, neuron)), "neuron": neuron}, [("in", "linear"), ("linear", "neuron"), ("neuron", "out")]


def _convolution(scale: float) -> nir.Conv2d:
    return nir.Conv2d((8, 8), _weights((2, 1, 5, 5), scale), 1, 0, 1, 1, np.zeros(2))


def _pool(kind: Any) -> Callable[[float], Any]:
    return lambda _scale: kind(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))


def _if(reader: Reader) -> Parts:
    # SpikingJelly reads NIR's IF as it stands, dv/dt = r·i; the others take the input of a tick as what arrives in it.
    r = 1 / reader.time["dt"] if reader.name == "SpikingJelly" else 1.0
    return _chain(reader, nir.IF(r * np.ones(NEURONS), 3.0 * np.ones(NEURONS)))


def _spread(low: float, high: float) -> Array:
    return np.random.default_rng(3).uniform(low, high, NEURONS)


CASES = (
    Case("LIF, one tau, one threshold", lambda reader: _chain(reader, _lif(reader))),
    Case("reset to a value", _chain_of(), time={"reset": "value"}),
    Case("reset by subtraction", _chain_of(), time={"reset": "subtract"}),
    Case("v_leak = v_reset = −0.2", lambda reader: _chain(reader, _lif(reader, rest=-0.2)), time={"reset": "value"}),
    Case("r = tau/dt", lambda reader: _chain(reader, _tau_over_dt(reader))),
    Case("v past twice the threshold", lambda reader: _chain(reader, _neuron(reader), strength=4.0)),
    Case("unequal tau in one vector", _chain_of(ticks=_spread(3, 8))),
    Case("unequal tau in one vector, r = tau/dt", lambda reader: _chain(reader, _tau_over_dt(reader, _spread(3, 8)))),
    Case("unequal thresholds in one vector", _chain_of(threshold=_spread(0.8, 1.3))),
    Case("tau = dt", lambda reader: _chain(reader, _neuron(reader, ticks=1.0, threshold=0.5 if reader.name == "Rockpool" else 0.6))),
    Case("recurrence (self-loop)", _recurrence),
    Case("two edges into one node", _two_edges),
    Case("Conv2d, Flatten", _behind(_convolution), (1, 8, 8)),
    Case("Conv2d, neurons of shape (2, 4, 4)", _image, (1, 8, 8)),
    Case("AvgPool2d, Flatten", _behind(_pool(nir.AvgPool2d), 1.137), (2, 8, 8)),
    Case("SumPool2d, Flatten", _behind(_pool(nir.SumPool2d), 4.548), (2, 8, 8)),
    Case("CubaLIF", lambda reader: _chain(reader, _cuba(reader))),
    Case("IF", _if),
)
KARATE = {"the portable chain of a karate SpikeGraphormer": {}, "the same with a learned tau in every layer": {"learn_beta": True}}


def column(reader: Reader) -> dict[str, str]:
    """Every cell of one reader, row name → "exact", "n of N differ" or "refuses: …"."""
    with tempfile.TemporaryDirectory() as folder:
        jobs, judges = [], []
        for index, case in enumerate(CASES):
            graph, path = case.graph(reader), Path(folder, f"{index}.nir")
            nir.write(path, graph)
            jobs.append(Job(path, case.spikes_in()))
            judges.append(_judge(case, reader, graph))
        for name in KARATE:
            chain = karate(name)
            jobs.append(Job(chain.path, np.ones((chain.ticks, 1)), tuple(f"lif_{level}" for level in chain.levels)))
            judges.append(chain.judge)
        return dict(zip(rows(), (judge(got) for judge, got in zip(judges, reader.run(jobs), strict=True)), strict=True))


def rows() -> list[str]:
    """The names of all rows."""
    return [case.name for case in CASES] + list(KARATE)


def _judge(case: Case, reader: Reader, graph: nir.NIRGraph) -> Callable[[Run], str]:
    wanted = _expected(case, reader, graph)
    if not 0.005 < wanted.mean() < 0.9:
        raise ValueError(f"case {case.name!r}: {wanted.mean():.1%} of the slots spike, so it tests nothing")

    def judge(got: Run) -> str:
        if isinstance(got, Refusal):
            return f"refuses: {got.reason}"
        if got["output"].size != wanted.size:
            return f"refuses: gives {got['output'].size:,} values for {wanted.size:,} slots"
        return verdict(np.count_nonzero(got["output"].reshape(wanted.shape) != wanted), wanted.size)

    return judge


def verdict(differ: int, slots: int) -> str:
    """A cell's text."""
    return f"{differ:,} of {slots:,} differ" if differ else f"exact (0 of {slots:,})"


def _expected(case: Case, reader: Reader, graph: nir.NIRGraph) -> Array:
    """Our float engine's spikes (T, …) of the graph as the reader is known to mean it."""
    time = {**reader.time, **(case.time or {})}
    scale = time["dt"] if isinstance(graph.nodes["neuron"], nir.IF) and reader.name == "SpikingJelly" else 1.0
    network = lower(_meant(graph, reader), nir_io.TimeMetadata(ticks=STEPS, inputs="spikes", input_scale=scale, **time))
    return floating.run(network, {"in": case.spikes_in()}).spikes["neuron"][0]


def _meant(graph: nir.NIRGraph, reader: Reader) -> nir.NIRGraph:
    """Rockpool's CubaLIF: u ← (u + i)·exp(−dt/τ_syn), v ← v·exp(−dt/τ_mem) + u, whatever r and w_in are."""
    if reader.name != "Rockpool":
        return graph
    nodes = dict(graph.nodes)
    for name, node in nodes.items():
        if isinstance(node, nir.CubaLIF):
            kept = np.exp(-reader.time["dt"] / node.tau_syn)
            r = -1 / np.expm1(-reader.time["dt"] / node.tau_mem)
            nodes[name] = nir.CubaLIF(node.tau_syn, node.tau_mem, r, node.v_leak, node.v_threshold, w_in=kept / (1 - kept))
    return nir.NIRGraph(nodes, graph.edges)


@dataclass(frozen=True)
class Chain:
    """A bundle's portable.nir, and the spikes of every population that the trained network gives."""

    path: Path
    ticks: int
    slots: Mapping[str, Sequence[int]]
    wanted: Mapping[str, Array]
    folder: Any  # goes away with this

    @property
    def levels(self) -> list[int]:
        return sorted({level for level, _, _ in self.slots.values()})

    def judge(self, got: Run) -> str:
        """Every population at every tick, against the network that the chain was made of."""
        if isinstance(got, Refusal):
            return f"refuses: {got.reason}"
        differ = 0
        for name, (level, start, stop) in self.slots.items():
            differ += np.count_nonzero(got[f"lif_{level}"][:, start:stop] != self.wanted[name].reshape(self.ticks, -1))
        return verdict(differ, sum(spikes.size for spikes in self.wanted.values()))


@lru_cache
def karate(name: str) -> Chain:
    """Train, compile and export; the float engine's spikes are those of the trained torch model, as the bundle's check has them."""
    graph = data.load("karate")
    config, recipe = training.preset(graph, **KARATE[name])
    trained = training.train(config, graph, seed=0, recipe=recipe)
    checkpoint = Checkpoint(trained.model, graph, config, 0, {"test_accuracy": trained.test_accuracy}, {})
    folder = tempfile.TemporaryDirectory()
    bundle = write_bundle(
        compile_checkpoint(checkpoint, TARGETS["loihi2"]), TARGETS["loihi2"], Path(folder.name, "bundle"), nir_form="portable"
    )
    path = bundle.path / "portable.nir"
    slots = json.loads(nir.read(path).metadata["neurograph_slots"])
    expected = bundle.expected("torch")
    assert expected is not None
    return Chain(path, bundle.network.ticks, slots, {population: expected.spikes[population][0] for population in slots}, folder)


def page(columns: Mapping[str, Mapping[str, str]]) -> str:
    """The page's table with its footnotes, and how each reader was called."""
    heads = [f"{READERS[key].name} {READERS[key].version(READERS[key].package)}" for key in columns]
    table, notes = markdown(["", *heads], [[name, *(column[name] for column in columns.values())] for name in rows()])
    calls = [f"- {READERS[key].name}: `{READERS[key].call}`{_convention(READERS[key])}" for key in columns]
    return "\n".join([table, "", *notes, "", *calls, "", f"nir {metadata.version('nir')}, nirtorch {metadata.version('nirtorch')}."])


def _convention(reader: Reader) -> str:
    time = reader.time
    rule = f"; {time['scheme'].replace('_', ' ')}, dt {time['dt']:g}, v {time['compare']} threshold, reset {_RESETS[time['reset']]}"
    return "; maps no neuron" if reader.name == "nirtorch" else rule + (f"; {reader.note}" if reader.note else "")


_RESETS = {"value": "to 0", "subtract": "by subtraction"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/nir_readers.md")
    parser.add_argument("--install", action="store_true", help="only make the environment of SpikingJelly, in the user's cache")
    chosen = parser.parse_args(arguments)
    if chosen.install:
        install_spikingjelly()
        return 0
    absent = [reader.missing for reader in READERS.values() if reader.missing]
    if absent:
        print("\n".join(f"error: {line}" for line in absent), file=sys.stderr)
        return 2
    text = page({key: column(reader) for key, reader in READERS.items()})
    print(text)
    if chosen.write:
        PAGE.write_text(replace_table(PAGE.read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
