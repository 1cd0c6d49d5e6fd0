"""A network whose synapses change: one :class:`Network` for the window of each snapshot of a dynamic graph, plain data.

Between two windows the host changes the synapses that hang on the snapshot and the currents. What else goes on is one of two things:

membranes  v of a node at the start of a window is what it was when the node last took part, and nodes that take no part hold still, which
           the host sees to (:class:`HostWork`). No u is carried: only neurons whose current forgets at once (α = 1, du = 4095) can be
           stopped and started so.
rates      neurons begin anew in each window, and the host adds a map of the rates of the window before to the currents (``feedback``).

What is under way over a lag when a window ends is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError
from neurograph.network import LIF, FixedLIF, Network, Population, Projection
from neurograph.weights import Identity, Kron

__all__ = ["DynamicNetwork", "HostWork", "Window", "host_work", "is_swapped", "rates_of", "started", "synapses"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Window:
    """One snapshot.

    Args:
        nodes: those of the N nodes that take part, (n,), ascending.
        network: over these n, populations of shape (n, D); None where nobody takes part, and nothing is run.
        inputs: source → values of the window.
    """

    nodes: Array
    network: Network | None
    inputs: Mapping[str, Array]


@dataclass(frozen=True)
class DynamicNetwork:
    """The windows of a dynamic graph in their order.

    Args:
        nodes: N.
        windows: at least one that is not empty; their networks differ in size, synapses and inputs only.
        start: population → v of all its neurons before the first window, in volts, or in integer steps of v; empty where they begin each
            window as its network says.
        swapped: (source, target) of the projections that hang on the snapshot; per-node synapses among them do not.
        tick_weights: of the ticks of a window in a rate, (L,); all alike if None.
        feedback: static source → (population, W): W a is added to its current, a the population's rates (D,) of a node after the window
            that it last took part in, 0 before its first.

    Raises:
        NetworkError: no window, nodes that do not exist, a population whose state is more than v, or feedback from or to none.
    """

    nodes: int
    windows: tuple[Window, ...]
    start: Mapping[str, float]
    swapped: frozenset[tuple[str, str]]
    tick_weights: Array | None = None
    feedback: Mapping[str, tuple[str, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if all(window.network is None for window in self.windows):
            raise NetworkError(
                f"dynamic network: none of its {len(self.windows)} windows has a node that takes part, must be at least one; give edges"
            )
        for at, window in enumerate(self.windows):
            nodes = np.asarray(window.nodes)
            if nodes.size and (np.any(np.diff(nodes) <= 0) or nodes[0] < 0 or nodes[-1] >= self.nodes):
                raise NetworkError(f"window {at}: its nodes must ascend from 0 to {self.nodes - 1}; sort them")
            for population in () if window.network is None else window.network.neurons:
                _check_state(at, population, len(nodes), carried=bool(self.start))
        there = self.network.populations
        for source, (name, _) in self.feedback.items():
            if source not in there or not there[source].is_static or name not in there:
                raise NetworkError(
                    f"dynamic network: feedback {name!r} → {source!r}, must be of a population to a static source; name them"
                )

    @property
    def network(self) -> Network:
        """The first network that there is."""
        return next(window.network for window in self.windows if window.network is not None)

    @property
    def is_integer(self) -> bool:
        return self.network.is_integer


def _check_state(at: int, population: Population, nodes: int, *, carried: bool) -> None:
    neuron, where = population.neuron, f"window {at}, population {population.name!r}"
    if population.shape[0] != nodes:
        raise NetworkError(f"{where}: {population.shape[0]} nodes, must be the {nodes} that take part")
    if not carried:
        return
    if isinstance(neuron, FixedLIF):
        if np.any(np.asarray(neuron.du) != fx.DECAY_UNITY - 1):
            raise NetworkError(f"{where}: its current u decays, and no u is carried over; must be du 4095, which forgets at once")
    elif not isinstance(neuron, LIF) or np.any(neuron.beta):
        raise NetworkError(f"{where}: must be an integrate-and-fire neuron (LIF with beta 0), of which v alone is carried over")


def started(network: Network, held: Mapping[str, Array]) -> Network:
    """The network with v of each population where it was left, (n, D): ``v_start`` of integers; of a neuron without a leak ``v_leak`` is
    where it starts and nothing else."""
    populations = []
    for population in network.neurons:
        neuron, v = population.neuron, held[population.name]
        if isinstance(neuron, FixedLIF):
            populations.append(replace(population, neuron=replace(neuron, v_start=v)))
        elif isinstance(neuron, LIF):
            populations.append(replace(population, neuron=replace(neuron, v_leak=v)))
    return network.with_populations(populations)


def rates_of(dynamic: DynamicNetwork, spikes: Array) -> Array:
    """Σ_τ w_τ s_τ / Σ_τ w_τ in float64 over the ticks of a window, w its ``tick_weights``; spikes (L, n, D) → (n, D)."""
    return np.asarray(np.average(spikes, axis=0, weights=dynamic.tick_weights))


@dataclass(frozen=True)
class HostWork:
    """What the host writes to the chip before a window.

    Args:
        removed, written: synapses of the snapshot before, and of this one; currents: neurons that get another current.
        switched: neurons that are let go or stopped, since their node takes part in this window or in the one before, and not in both. A
            neuron that has a bias, or more than its threshold left, would fire by itself.
    """

    removed: int
    written: int
    currents: int
    switched: int


def host_work(dynamic: DynamicNetwork) -> tuple[HostWork, ...]:
    """The host's work of each window; an empty one costs nothing, and the synapses on the chip stay until there is another."""
    found, there, running = [], 0, np.zeros(0, np.int64)
    for window in dynamic.windows:
        if window.network is None:
            found.append(HostWork(0, 0, 0, 0))
            continue
        written = sum(synapses(p) for p in window.network.projections if is_swapped(dynamic, p))
        currents = sum(s.size for s in window.network.sources if s.is_static)
        a_node = sum(p.shape[-1] for p in window.network.neurons)
        switched = a_node * len(np.setxor1d(running, window.nodes))
        found.append(HostWork(there, written, currents, switched))
        there, running = written, window.nodes
    return tuple(found)


def is_swapped(dynamic: DynamicNetwork, projection: Projection) -> bool:
    """Whether the host writes its synapses anew for each window."""
    per_node = isinstance(projection.weights, Kron) and isinstance(projection.weights.left, Identity)
    return (projection.source, projection.target) in dynamic.swapped and not per_node


def synapses(projection: Projection) -> int:
    """How many there are, zero weights not counted."""
    return int(projection.weights.fan_out().sum())
