"""How many nodes of a sum's populations a core holds: what is summed there may leave it as one number.

Populations over the same nodes that hear each other node by node (I ⊗ W) stay together on a core. With F their features, O those of them
that one of the others hears, and D the features of the source of the sum, n nodes with their partial sums take

    neurons n·F + D,    input axons n·(O + D) + what is broadcast to every node

of a core. Weights are not counted: their bits are known once they are integers. An estimate for a pass; placement decides.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.limits import Limits
from neurograph.network import Network, Projection
from neurograph.weights import Identity, Kron, OnesColumn

__all__ = ["nodes_on_a_core"]


def nodes_on_a_core(network: Network, projection: Projection, limits: Limits) -> int | None:
    """Nodes of the source of a sum that fit one core with all that is tied to them; None where they exchange spikes over the data graph, so
    that their cores are chosen by it, or where not even one fits.

    Args:
        projection: a sum over nodes.
    """
    assert isinstance(projection.weights, Kron)
    nodes, width = projection.weights.left.shape[1], projection.weights.right_shape[1]
    tied = nx.Graph()
    tied.add_node(projection.source)
    inner = [(p, p.weights) for p in network.spiking_projections if isinstance(p.weights, Kron) and p.weights.left.shape == (nodes, nodes)]
    tied.add_edges_from(
        (p.source, p.target) for p, w in inner if isinstance(w.left, Identity) and not network.populations[p.source].is_source
    )
    group = nx.node_connected_component(tied, projection.source)
    if any(sp.issparse(w.left) and {p.source, p.target} <= group for p, w in inner):
        return None
    features = sum(network.populations[name].size // nodes for name in group)
    heard = sum(_features_heard(network, name, group, nodes) for name in group)
    broadcast = sum(
        p.weights.right_shape[1]
        for p in network.spiking_projections
        if p.target in group and isinstance(p.weights, Kron) and isinstance(p.weights.left, OnesColumn)
    )
    fit = min((limits.neurons - width) // features, (limits.input_axons - broadcast) // (heard + width))
    return fit if fit >= 1 else None


def _features_heard(network: Network, name: str, group: set[str], nodes: int) -> int:
    reach = np.zeros(network.populations[name].size, dtype=bool)
    for projection in network.out_of(name):
        if projection.target in group:
            reach |= projection.weights.fan_out() > 0
    return int(reach.reshape(nodes, -1).any(axis=0).sum())
