"""bias_source: a bias into a neuron with synaptic state becomes the synapses of a source that spikes in every tick.

Lava and Loihi add a bias to v, the model of a CubaLIF adds it to u; a constant input of spikes is the same in all of them, and costs
what it costs.

Ensures: no CubaLIF has a bias of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurograph.network import CubaLIF, Network, Population, Projection, Source
from neurograph.weights import Dense

__all__ = ["bias_source"]


def bias_source(network: Network) -> Network:
    """A network that does the same, with a constant source where a CubaLIF had a bias."""
    biased = [p for p in network.neurons if isinstance(p.neuron, CubaLIF) and np.any(p.bias)]
    if not biased:
        return network
    name = "constant"
    while name in network.populations:
        name += "_"
    columns = {p.name: np.broadcast_to(np.asarray(p.bias, dtype=np.float64), p.shape).reshape(-1, 1) for p in biased}
    projections = tuple(Projection(name, p.name, Dense(columns[p.name].copy())) for p in biased)
    source = Population(name, (1,), Source("constant"))
    populations = [source, *(replace(p, bias=0.0) for p in biased)]
    return replace(network.with_populations(populations), projections=(*network.projections, *projections))
