"""The portable form: a feed-forward float Network as one sequential chain of Affine and LIF nodes over flat vectors.

What NIR readers have in common is less than NIR: they want one time constant and one threshold in a vector, r = 1, a reset to 0, and some
want tau above dt. The chain keeps to that. Every level holds neurons of one tau, with thresholds scaled to 1 into the incoming weights and
biases; a population of several tau comes into being over as many levels. What has to pass a level is repeated by relays: with input 2/β a
LIF of any β = dt/tau jumps to v = 2 and is reset to 0, and without input it stays at 0, so it never holds anything back. Memoryless neurons
(gates) have tau = dt(1 + 2⁻⁴⁰), as SpikingJelly 2.0 refuses tau = dt: what is left of v, 1e-12 of it, is below what counts as a tie.
docs/nir_readers.md says, from a test, which readers run the chain.

Static input is part of the graph: the chain is for one input, which is the usual case of node classification. The chain's own input is
then one constant 1, which carries the currents of the first level; with spike sources it is their spikes side by side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import UnsupportedError
from neurograph.export.nir_io import TimeMetadata
from neurograph.network import LIF, Network, Population, Threshold
from neurograph.sim.inputs import prepare

__all__ = ["PORTABLE_DT_S", "PORTABLE_LIMIT_BYTES", "Portable", "portable", "portable_bytes"]

Array = NDArray[Any]
PORTABLE_LIMIT_BYTES = 256 * 1024 * 1024
PORTABLE_DT_S = 1e-4  # snnTorch 1.0 reads every graph with this dt; only dt/tau matters to the spikes
_FORGETS = 1 + 2.0**-40


@dataclass(frozen=True)
class Portable:
    """The chain, and where each population stands in it.

    Args:
        graph: Input → Affine → LIF → … → Output. Its metadata holds, as JSON, the slots under ``neurograph_slots`` and under
            ``neurograph_outputs`` population → (start, stop) of what the network gives out in the graph's own output.
        slots: population → (level, start, stop) in the vector of that level.
        input_name: "constant" (drive it with 1) or "spikes".
    """

    graph: nir.NIRGraph
    slots: Mapping[str, tuple[int, int, int]]
    input_name: str


@dataclass(frozen=True, eq=False)
class _Slot:
    """One stretch of a level's vector: those neurons of a population that exist by then.

    Args:
        rows: their indices in the population; fresh: which of them are computed here, the others repeat the level before.
    """

    population: str
    start: int
    rows: Array
    fresh: Array

    @property
    def stop(self) -> int:
        return self.start + len(self.rows)


@dataclass(frozen=True, eq=False)
class _Level:
    """One vector of the chain: neurons of one β = dt/tau."""

    beta: float
    slots: list[_Slot]

    @property
    def width(self) -> int:
        return self.slots[-1].stop


def portable_bytes(network: Network) -> int:
    """Bytes of the dense block matrices that :func:`portable` would write, without building them."""
    return _bytes(_levels(network))


def portable(network: Network, inputs: Mapping[str, Array]) -> Portable:
    """Build the chain.

    Args:
        network: float, feed-forward, aligned (depths set).
        inputs: source → values; static sources are built into the biases.

    Raises:
        UnsupportedError: recurrence, synaptic state, soft reset, or a size past PORTABLE_LIMIT_BYTES.
    """
    _refuse_unsupported(network)
    bias = prepare(network, inputs).bias
    levels = _levels(network)
    spiking = levels[0].slots[0].population != ""
    nodes: dict[str, Any] = {"input": nir.Input(input_type=np.array([levels[0].width]))}
    for index, (before, here) in enumerate(pairwise(levels), start=1):
        weight, offset = _block(network, before, here, bias)
        if index == 1 and not spiking:
            weight[:, 0], offset = offset, np.zeros_like(offset)
        nodes[f"affine_{index}"] = nir.Affine(weight=weight, bias=offset)
        nodes[f"lif_{index}"] = _neurons(here)
    nodes["output"] = nir.Output(output_type=np.array([levels[-1].width]))
    slots = {s.population: (i, s.start, s.stop) for i, level in enumerate(levels) for s in level.slots if s.population and s.fresh.any()}
    time = TimeMetadata(PORTABLE_DT_S, network.ticks, inputs="spikes" if spiking else "static")
    outputs = {s.population: (s.start, s.stop) for s in levels[-1].slots if s.population in network.outputs}
    metadata = {"neurograph": asdict(time), "neurograph_slots": json.dumps(slots), "neurograph_outputs": json.dumps(outputs)}
    return Portable(nir.NIRGraph(nodes, list(pairwise(nodes)), metadata=metadata), slots, "spikes" if spiking else "constant")


def _refuse_unsupported(network: Network) -> None:
    offenders = [f"projection {p.name}: recurrent" for p in network.projections if p.lag]
    for p in network.neurons:
        if not isinstance(p.neuron, (LIF, Threshold)):
            offenders.append(f"population {p.name!r}: {type(p.neuron).__name__}")
        elif isinstance(p.neuron, LIF) and (p.neuron.reset != "value" or np.any(p.neuron.v_leak) or np.any(p.neuron.v_reset)):
            offenders.append(f"population {p.name!r}: a reset or rest other than to 0")
        elif isinstance(p.neuron, LIF) and p.neuron.gain is not None:
            offenders.append(f"population {p.name!r}: integrates without a leak, or with a gain of its own")
    if not offenders and portable_bytes(network) > PORTABLE_LIMIT_BYTES:
        offenders.append(f"{portable_bytes(network):,} bytes of block matrices (limit {PORTABLE_LIMIT_BYTES:,})")
    if offenders:
        raise UnsupportedError("the portable NIR form", offenders, "write the graph form with --nir graph")


def _bytes(levels: list[_Level]) -> int:
    return 8 * sum(b.width * a.width for a, b in pairwise(levels))


def _levels(network: Network) -> list[_Level]:
    """The vectors of the shorter to store of two schedules: the deepest population last, or the shallowest."""
    return min((_vectors(network, *_schedule(network, sign)) for sign in (1, -1)), key=_bytes)


def _vectors(network: Network, betas: list[float], born: Mapping[str, Array]) -> list[_Level]:
    """The vector of each level: neurons computed there, then those of earlier levels that later ones still need."""
    height = len(betas)
    last = {name: int(levels.max()) for name, levels in born.items()}
    for p in network.spiking_projections:
        last[p.source] = max(last[p.source], int(born[p.target].max()) - 1)
    last |= dict.fromkeys(network.outputs, height)
    made = []
    for index, beta in enumerate([1.0, *betas]):
        here = [name for name in born if np.any(born[name] == index)]
        carried = [name for name in born if name not in here and born[name].min() < index <= last[name]]
        slots, start = [], 0
        for name in [*here, *carried]:
            rows = np.flatnonzero(born[name] <= index)
            slots.append(_Slot(name, start, rows, born[name][rows] == index))
            start = slots[-1].stop
        made.append(_Level(beta, slots or [_Slot("", 0, np.zeros(1, dtype=int), np.ones(1, dtype=bool))]))
    return made


def _schedule(network: Network, sign: int) -> tuple[list[float], dict[str, Array]]:
    """β of each level, and the level of every neuron, by population; spike sources at level 0.

    From the outputs back, each level takes all neurons of one β whose readers are placed: as late as can be, so that few relays are
    needed. The β is that of the population farthest from the input, which keeps the chain short, or nearest to it for ``sign`` −1, which
    spares relays where short branches stand beside long ones.
    """
    spiking = network.spiking_projections
    readers = {p.name: {s.target for s in spiking if s.source == p.name} for p in network.neurons}
    rates = {p.name: _rates(p) for p in network.neurons}
    waiting = {name: set(rate.tolist()) for name, rate in rates.items()}
    depth = _depths(network)
    taken: list[tuple[float, list[str]]] = []
    while waiting:
        ready = [name for name in waiting if not readers[name] & waiting.keys()]
        beta = max((sign * depth[name], beta) for name in ready for beta in waiting[name])[1]
        members = [name for name in ready if beta in waiting[name]]
        taken.append((beta, members))
        for name in members:
            waiting[name].remove(beta)
            if not waiting[name]:
                del waiting[name]
    born = {p.name: np.zeros(p.size, dtype=int) for p in network.sources if not p.is_static}
    born |= {name: np.zeros(len(rate), dtype=int) for name, rate in rates.items()}
    for index, (beta, members) in enumerate(reversed(taken), start=1):
        for name in members:
            born[name][rates[name] == beta] = index
    return [beta for beta, _ in reversed(taken)], born


def _depths(network: Network) -> dict[str, int]:
    """Populations on the longest path to each one."""
    depth: dict[str, int] = {}
    for name in network.order():
        depth[name] = 1 + max((depth[p.source] for p in network.spiking_projections if p.target == name), default=0)
    return depth


def _block(network: Network, before: _Level, here: _Level, bias: Mapping[str, Array]) -> tuple[Array, Array]:
    """The block weight matrix and bias between two levels, thresholds scaled to 1."""
    weight, offset = np.zeros((here.width, before.width)), np.zeros(here.width)
    where = {slot.population: slot for slot in before.slots}
    for slot in here.slots:
        relays = slot.start + np.flatnonzero(~slot.fresh)
        if len(relays):
            source = where[slot.population]
            weight[relays, source.start + np.searchsorted(source.rows, slot.rows[~slot.fresh])] = 2.0 / here.beta
        rows, neurons = slot.start + np.flatnonzero(slot.fresh), slot.rows[slot.fresh]
        if not len(rows):
            continue
        threshold = _flat(network.populations[slot.population], "threshold")[neurons]
        for projection in network.into(slot.population):
            if not network.populations[projection.source].is_static:
                source = where[projection.source]
                weight[rows, source.start : source.stop] += projection.weights.to_csr()[neurons].toarray() / threshold[:, None]
        offset[rows] = bias[slot.population][0].ravel()[neurons] / threshold
    return weight, offset


def _neurons(level: _Level) -> nir.LIF:
    ones = np.ones(level.width)
    tau = PORTABLE_DT_S * max(1 / level.beta, _FORGETS) * ones
    return nir.LIF(tau=tau, r=ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones)


def _rates(population: Population) -> Array:
    """β of each neuron; 1 where it forgets at once."""
    return _flat(population, "beta") if isinstance(population.neuron, LIF) else np.ones(population.size)


def _flat(population: Population, name: str) -> Array:
    value = np.asarray(getattr(population.neuron, name), dtype=np.float64)
    return np.broadcast_to(value, population.shape).ravel()
