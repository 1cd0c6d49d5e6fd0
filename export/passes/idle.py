"""What a neuron does in a machine step in which nothing arrives: nothing if it is at rest and stays there.

Between two ticks that are k machine steps apart the synapses bring nothing, and the neuron is stepped all the same:

    u ← (1−α)u,   v ← v + β(v_leak − v) + γ(u + bias),   z = [v > θ]

That changes nothing that a later tick sees if α = 1 and the bias is 0 and either β = 0 (v stays) or β = 1 (v is forgotten anyway), and v
after the reset lies below θ. Before tick 0, with u = 0 and v = v_leak, no bias and v_leak < θ are enough.

Measured on 30 networks with a loop over two populations, of 2,880 spike slots each: at rest 0 wrong (integrate-and-fire, β = 1, Threshold),
58 with a leak, 175 with a current that decays, 283 with a bias, 214 with a reset by subtraction (tests/export/test_loops.py).
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

from neurograph import fixedpoint as fx
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Threshold

__all__ = ["acts_before", "acts_between", "heard_over_lags", "static_into"]


def heard_over_lags(network: Network) -> set[str]:
    """Populations whose spikes, or what these cause, a lag carries to a later tick."""
    lagged = {p.source for p in network.spiking_projections if p.lag > 0}
    graph = nx.DiGraph()
    graph.add_nodes_from(network.populations)
    graph.add_edges_from((p.source, p.target) for p in network.projections)
    return lagged.union(*(nx.ancestors(graph, name) for name in lagged))


def static_into(network: Network, population: Population) -> list[str]:
    """Each static current of a population, as a reason why it may spike without a spike of input."""
    static = [p.name for p in network.into(population.name) if network.populations[p.source].is_static]
    return [f"a current that the host sets ({name}), present in every machine step" for name in static]


def acts_before(population: Population) -> list[str]:
    """Why it may spike before its tick 0, without any input; nothing where it cannot."""
    neuron, found = population.neuron, []
    if np.any(neuron.bias_mant if isinstance(neuron, FixedLIF) else population.bias):
        found.append("a bias of its own")
    if isinstance(neuron, (LIF, CubaLIF)) and np.any(np.asarray(neuron.v_leak) >= np.asarray(neuron.threshold)):
        found.append("it rests at or above its threshold")
    if isinstance(neuron, FixedLIF) and np.any(neuron.v_start):
        found.append("it starts away from its rest")
    if isinstance(neuron, Threshold) and np.any(np.asarray(neuron.threshold) < 0):
        found.append("it spikes without input")
    return found


def acts_between(population: Population) -> list[str]:
    """What it does between ticks that a later tick would see; nothing where it stays at rest."""
    neuron = population.neuron
    if isinstance(neuron, FixedLIF):
        # 4095 leaves 1/4096 of v, rounded toward zero: after two steps nothing, but after one tick perhaps something.
        alpha, leaks = np.asarray(neuron.du) + 1, (np.asarray(neuron.dv) > 0) & (np.asarray(neuron.dv) < fx.DECAY_UNITY)
        found = ["its current decays"] if np.any(alpha < fx.DECAY_UNITY) else []
        return found + (["its voltage leaks"] if np.any(leaks) else []) + _after_a_spike(neuron, np.asarray(neuron.vth) << fx.V_SHIFT)
    if not isinstance(neuron, (LIF, CubaLIF)):
        return []
    found = []
    alpha, beta = np.asarray(getattr(neuron, "alpha", 1.0)), np.asarray(neuron.beta)
    if np.any(alpha != 1):
        found.append(f"its current decays (alpha {alpha.flat[0]:g})")
    leaky = beta[(beta > 0) & (beta < 1)]
    if leaky.size:
        found.append(f"its voltage leaks (beta {leaky.flat[0]:g})")
    return found + _after_a_spike(neuron, neuron.threshold)


def _after_a_spike(neuron: Any, threshold: Any) -> list[str]:
    if neuron.reset == "subtract":
        return ["what its reset leaves may spike again"]
    return ["its reset lies at or above its threshold"] if np.any(np.asarray(neuron.v_reset) >= np.asarray(threshold)) else []
