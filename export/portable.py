"""The portable form: a feed-forward float Network as one sequential chain of Affine and LIF nodes over flat vectors.

All populations of one level are merged into one vector; what has to skip a level is repeated by relays, memoryless LIFs of threshold 0.5
(tau = dt); thresholds are scaled to 1 into the incoming weights and biases. A gate is such a memoryless LIF already. Any NIR reader with
Affine and LIF runs it, if it can hold unequal tau in one vector.

Static input is part of the graph: the chain is for one input, which is the usual case of node classification. The chain's own input is
then one constant 1, which carries the currents of the first level; with spike sources it is their spikes side by side.
"""

from __future__ import annotations

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

__all__ = ["PORTABLE_LIMIT_BYTES", "Portable", "portable", "portable_bytes"]

Array = NDArray[Any]
PORTABLE_LIMIT_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Portable:
    """The chain, and where each population stands in it.

    Args:
        graph: Input → Affine → LIF → … → Output.
        slots: population → (level, start, stop) in the vector of that level.
        input_name: "constant" (drive it with 1) or "spikes".
    """

    graph: nir.NIRGraph
    slots: Mapping[str, tuple[int, int, int]]
    input_name: str


@dataclass(frozen=True)
class _Slot:
    """One stretch of a level's vector: a population, or a relay of one."""

    population: str
    relay: bool
    start: int
    stop: int


def portable_bytes(network: Network) -> int:
    """Bytes of the dense block matrices that :func:`portable` would write, without building them."""
    return 8 * sum(_width(b) * _width(a) for a, b in pairwise(_levels(network)))


def portable(network: Network, inputs: Mapping[str, Array]) -> Portable:
    """Build the chain.

    Args:
        network: float, feed-forward, aligned (depths set).
        inputs: source → values; static sources are built into the biases.

    Raises:
        UnsupportedError: recurrence, synaptic state, soft reset, both kinds of source, or a size past PORTABLE_LIMIT_BYTES.
    """
    _refuse_unsupported(network)
    bias = prepare(network, inputs).bias
    levels = _levels(network)
    spiking = levels[0][0].population != ""
    nodes: dict[str, Any] = {"input": nir.Input(input_type=np.array([_width(levels[0])]))}
    for index in range(1, len(levels)):
        weight, offset = _block(network, levels[index - 1], levels[index], bias)
        if index == 1 and not spiking:
            weight[:, 0], offset = offset, np.zeros_like(offset)
        nodes[f"affine_{index}"] = nir.Affine(weight=weight, bias=offset)
        nodes[f"lif_{index}"] = _neurons(network, levels[index])
    nodes["output"] = nir.Output(output_type=np.array([_width(levels[-1])]))
    names = list(nodes)
    time = TimeMetadata(network.dt, network.ticks, inputs="spikes" if spiking else "static")
    graph = nir.NIRGraph(nodes, list(pairwise(names)), metadata={"neurograph": asdict(time)})
    slots = {s.population: (i, s.start, s.stop) for i, level in enumerate(levels) for s in level if s.population and not s.relay}
    return Portable(graph, slots, "spikes" if spiking else "constant")


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


def _levels(network: Network) -> list[list[_Slot]]:
    """The vector of each level: its own populations, then relays of earlier ones that later levels still need."""
    level = _latest_levels(network)
    last = dict(level)
    for p in network.spiking_projections:
        last[p.source] = max(last[p.source], level[p.target] - 1)
    height = max(level.values(), default=0)
    for name in network.outputs:
        last[name] = height
    own = [[name for name in level if level[name] == i] for i in range(height + 1)]
    relays = [[name for name in level if level[name] < i <= last[name]] for i in range(height + 1)]
    result = []
    for here, carried in zip(own, relays, strict=True):
        slots, start = [], 0
        for name, relay in [*((n, False) for n in here), *((n, True) for n in carried)]:
            size = network.populations[name].size
            slots.append(_Slot(name, relay, start, start + size))
            start += size
        result.append(slots or [_Slot("", False, 0, 1)])
    return result


def _latest_levels(network: Network) -> dict[str, int]:
    """Each population as late as its readers allow, so that few relays are needed; spike sources at level 0."""
    spiking = network.spiking_projections
    early: dict[str, int] = {p.name: 0 for p in network.sources if not p.is_static}
    for name in network.order():
        if not network.populations[name].is_source:
            early[name] = 1 + max((early[p.source] for p in spiking if p.target == name), default=0)
    height = max(early.values(), default=0)
    level = dict(early)
    for name in reversed(network.order()):
        if name in level and early[name] > 0:
            level[name] = min((level[p.target] - 1 for p in spiking if p.source == name), default=height)
    return level


def _width(level: list[_Slot]) -> int:
    return level[-1].stop


def _block(network: Network, before: list[_Slot], here: list[_Slot], bias: Mapping[str, Array]) -> tuple[Array, Array]:
    """The block weight matrix and bias between two levels, thresholds scaled to 1."""
    weight, offset = np.zeros((_width(here), _width(before))), np.zeros(_width(here))
    where = {slot.population: slice(slot.start, slot.stop) for slot in before}
    for slot in here:
        rows = slice(slot.start, slot.stop)
        if slot.relay:
            weight[rows, where[slot.population]] = np.eye(slot.stop - slot.start) / 0.5
            continue
        threshold = _flat(network.populations[slot.population], "threshold")
        for projection in network.into(slot.population):
            if not network.populations[projection.source].is_static:
                weight[rows, where[projection.source]] += projection.weights.to_csr().toarray() / threshold[:, None]
        offset[rows] = bias[slot.population][0].ravel() / threshold
    return weight, offset


def _neurons(network: Network, level: list[_Slot]) -> nir.LIF:
    tau = np.full(_width(level), network.dt)
    for slot in level:
        population = network.populations[slot.population]
        if not slot.relay and isinstance(population.neuron, LIF):
            tau[slot.start : slot.stop] = network.dt / _flat(population, "beta")
    zeros = np.zeros_like(tau)
    return nir.LIF(tau=tau, r=np.ones_like(tau), v_leak=zeros, v_threshold=np.ones_like(tau), v_reset=zeros)


def _flat(population: Population, name: str) -> Array:
    value = np.asarray(getattr(population.neuron, name), dtype=np.float64)
    return np.broadcast_to(value, population.shape).ravel()
