"""Another graph under the same network: what was compiled on one graph, put on another without tracing the model there.

    node by node       I_n ⊗ W         becomes   I_N ⊗ W
    propagation        g Â ⊗ W         becomes   g Â' ⊗ W
    sum over nodes     1ᵀ_n ⊗ w        becomes   1ᵀ_N ⊗ (n/N) w      the mean over nodes keeps its weight, as in ReduceNodes
    to every node      1_n ⊗ w         becomes   1_N ⊗ w

Everything else stays, depths and delays too. It takes memory for the graph, but none for neurons: what all nodes share is stored once.
:mod:`neurograph.export.carried_integers` has the integers of such a network.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import NetworkError
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow, Weights

__all__ = ["on_graph", "shared"]

Array = NDArray[Any]
_SAME = 1e-9


def on_graph(network: Network, was: sp.csr_matrix, graph: sp.csr_matrix) -> Network:
    """The same network on another graph.

    Args:
        network: float, compiled on the graph ``was``.
        was: (n, n), what the model propagates over, up to a factor: :func:`neurograph.nn.gcn_norm` of its edges.
        graph: (N, N), the same of the other graph.

    Raises:
        NetworkError: an integer network; graphs that are not square; parts that have no counterpart on another graph: parameters that
            differ from node to node, or weights between nodes that are none of the above.
    """
    if network.is_integer:
        raise NetworkError("network: it is an integer network; move the float one, then carry the integers over")
    for what, matrix in (("was", was), ("graph", graph)):
        if matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
            raise NetworkError(f"{what}: a matrix of shape {matrix.shape}, must be (nodes, nodes) with at least 2 nodes")
    old, new = was.shape[0], graph.shape[0]
    populations = {name: _population(p, old, new) for name, p in network.populations.items()}
    move = _Move(sp.csr_matrix(was).sorted_indices(), sp.csr_matrix(graph))
    projections = tuple(replace(p, weights=move.weights(p, network.populations)) for p in network.projections)
    return replace(network, populations=populations, projections=projections)


def shared(population: Population, key: str, value: Any) -> Any:
    """A parameter of a population over nodes as one node has it.

    Raises:
        NetworkError: it differs from node to node.
    """
    if np.ndim(value) == 0:
        return value
    whole: Array = np.broadcast_to(np.asarray(value), population.shape)
    if not (whole == whole[:1]).all():
        raise NetworkError(f"population {population.name!r}: {key} differs from node to node, so another graph has none; train without")
    return whole[0].copy()


def over_nodes(population: Population, nodes: int) -> bool:
    """Whether the population has one neuron, or more, for each node."""
    return len(population.shape) > 1 and population.shape[0] == nodes


def _population(population: Population, old: int, new: int) -> Population:
    if not over_nodes(population, old):
        return population
    moved = replace(population, shape=(new, *population.shape[1:]), bias=shared(population, "bias", population.bias))
    if isinstance(population.neuron, (Source, FixedLIF)):
        return moved
    values = {f.name: getattr(population.neuron, f.name) for f in fields(population.neuron)}
    arrays = {key: shared(population, key, value) for key, value in values.items() if isinstance(value, np.ndarray)}
    return replace(moved, neuron=replace(population.neuron, **arrays))


class _Move:
    """From one graph to another."""

    def __init__(self, was: sp.csr_matrix, graph: sp.csr_matrix) -> None:
        self.was, self.graph = was, graph
        self.old, self.new = was.shape[0], graph.shape[0]

    def weights(self, projection: Projection, populations: Any) -> Weights:
        """The weights of a projection on the other graph."""
        weights = projection.weights
        ends = [over_nodes(populations[name], self.old) for name in (projection.source, projection.target)]
        if not any(ends):
            return weights
        if isinstance(weights, Kron):
            left = weights.left
            if sp.issparse(left) and left.shape == self.was.shape:
                return Kron(self.graph * self._gain(projection, left), weights.right)
            if isinstance(left, Identity) and left.size == self.old:
                return Kron(Identity(self.new), weights.right)
            if isinstance(left, OnesRow) and left.size == self.old:
                right = np.ones(weights.right.size) if isinstance(weights.right, Identity) else weights.right
                return Kron(OnesRow(self.new), right * (self.old / self.new))
            if isinstance(left, OnesColumn) and left.size == self.old:
                return Kron(OnesColumn(self.new), weights.right)
        raise NetworkError(
            f"projection {projection.name}: {type(weights).__name__} weights over {self.old} nodes that are no map of each node, no "
            "propagation over the graph and no sum over nodes, so another graph has none; put neurons between the linear layers"
        )

    def _gain(self, projection: Projection, left: sp.csr_matrix) -> float:
        """g of g·Â.

        Raises:
            NetworkError: no multiple of Â.
        """
        mine = left.sorted_indices()
        same = mine.nnz == self.was.nnz and np.array_equal(mine.indices, self.was.indices) and np.array_equal(mine.indptr, self.was.indptr)
        place = int(np.abs(self.was.data).argmax()) if same and mine.nnz else 0
        gain = float(mine.data[place] / self.was.data[place]) if same and mine.nnz else 0.0
        if not same or not np.allclose(mine.data, gain * self.was.data, rtol=_SAME, atol=0.0):
            raise NetworkError(
                f"projection {projection.name}: propagates over another matrix than the graph that was given, or over several hops at "
                "once; give what the model propagates over"
            )
        return gain
