"""Rows and columns of the three forms of weights, by node: a cut Kron is still a Kron.

``Identity ⊗ W`` between split populations keeps W; a CSR over nodes loses rows or columns; a row or a column of ones gets shorter. Dense
and Sparse weights lose rows or columns of neurons. A Kron whose factors do not lie along the nodes of a split population (a map between
a flat and a split one, say) is expanded to Sparse, the one case in which anything is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.network import Population
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["FanOut", "Remote", "at_nodes", "columns_of", "fan_out_of", "neurons_of", "node_form", "rows_of", "split_columns"]

Array = NDArray[Any]


def node_form(weights: Weights, source: Population, target: Population, *, split: tuple[bool, bool]) -> Weights:
    """The same map in a form that can be cut by nodes where source and target are ``split``."""
    if not isinstance(weights, Kron) or not any(split):
        return weights
    m, n = weights.left.shape
    fits = (not split[0] or n == source.shape[0]) and (not split[1] or m == target.shape[0])
    if isinstance(weights.left, Identity):
        fits = fits and all(split)
    return weights if fits else Sparse(weights.to_csr())


def rows_of(weights: Weights, nodes: Array, target: Population) -> Weights:
    """The rows that lead to some nodes of the target."""
    if isinstance(weights, Dense):
        return Dense(weights.matrix[neurons_of(nodes, target)])
    if isinstance(weights, Sparse):
        return Sparse(weights.matrix[neurons_of(nodes, target)])
    if isinstance(weights.left, Identity):
        return Kron(Identity(len(nodes)), weights.right)
    if isinstance(weights.left, OnesColumn):
        return Kron(OnesColumn(len(nodes)), weights.right)
    return Kron(cast(Any, weights.left)[nodes], weights.right)


def columns_of(weights: Weights, nodes: Array, source: Population) -> Weights:
    """The columns that come from some nodes of the source."""
    if isinstance(weights, Dense):
        return Dense(weights.matrix[:, neurons_of(nodes, source)])
    if isinstance(weights, Sparse):
        return Sparse(weights.matrix[:, neurons_of(nodes, source)])
    if isinstance(weights.left, OnesRow):
        return Kron(OnesRow(len(nodes)), weights.right)
    return Kron(cast(Any, weights.left)[:, nodes], weights.right)


@dataclass(frozen=True)
class Remote:
    """Weights from remote nodes, before the halo has its order.

    Args:
        nodes: those with a nonzero weight, by their number in the whole network, ascending.
        columns: CSR (or array) over one column a node of ``nodes``, or ``features`` neighbouring ones.
        features: columns of a node.
        right: the right factor of a Kron; None for Dense and Sparse.
    """

    nodes: Array
    columns: Any
    features: int
    right: Any

    def at(self, places: Array, count: int) -> Weights:
        """The weights with node i of ``nodes`` at ``places[i]`` of ``count`` halo nodes."""
        wide = _spread(places, self.features)
        if not sp.issparse(self.columns):
            matrix = np.zeros((len(self.columns), count * self.features), dtype=self.columns.dtype)
            matrix[:, wide] = self.columns
            return Dense(matrix)
        kept = self.columns
        matrix = sp.csr_matrix((kept.data, wide[kept.indices], kept.indptr), shape=(kept.shape[0], count * self.features))
        return Sparse(matrix) if self.right is None else Kron(matrix, self.right)


def split_columns(weights: Weights, mine: Array, source: Population) -> tuple[Weights, Remote | None]:
    """Weights that act on own nodes (``mine``, bool of shape (nodes,)), and those that act on the others; None where there are none."""
    own, others = np.flatnonzero(mine), np.flatnonzero(~mine)
    features = source.size // source.shape[0]
    if isinstance(weights, Kron):
        if isinstance(weights.left, Identity):
            return weights, None
        left, remote, nodes = _split_csr(weights.left, mine, 1)
        return Kron(left, weights.right), Remote(nodes, remote, 1, weights.right) if len(nodes) else None
    if isinstance(weights, Sparse):
        matrix, remote, nodes = _split_csr(weights.matrix, mine, features)
        return Sparse(matrix), Remote(nodes, remote, features, None) if len(nodes) else None
    heard = weights.matrix.any(axis=0).reshape(-1, features).any(axis=1)
    nodes = others[heard[others]]
    kept = Dense(weights.matrix[:, _spread(own, features)])
    return kept, Remote(nodes, weights.matrix[:, _spread(nodes, features)], features, None) if len(nodes) else None


@dataclass(frozen=True)
class FanOut:
    """Nonzero weights that a spike of each neuron meets: ``left`` (nodes,) times ``right`` (features,), int64."""

    left: Array
    right: Array

    def per_neuron(self) -> Array:
        """Of shape (neurons,)."""
        return np.multiply.outer(self.left, self.right).ravel()

    def events(self, spikes: Array) -> Array:
        """Synaptic events of (samples, neurons) spikes, int64 of shape (samples,)."""
        by_node = spikes.reshape(len(spikes), len(self.left), len(self.right)) @ self.right
        return cast(Array, by_node @ self.left)


def fan_out_of(weights: Weights, nodes: Array | None, source: Population) -> FanOut:
    """Of the neurons of some nodes of the source, or of all, in weights that were not cut yet."""
    one = np.ones(1, dtype=np.int64)
    if not isinstance(weights, Kron):
        flat = np.asarray(weights.fan_out(), dtype=np.int64)
        return FanOut(flat if nodes is None else flat[neurons_of(nodes, source)], one)
    left = np.asarray(Kron(weights.left, Identity(1)).fan_out(), dtype=np.int64)
    right = np.asarray(Kron(Identity(1), weights.right).fan_out(), dtype=np.int64)
    return FanOut(left if nodes is None else left[nodes], right)


def at_nodes(values: Array, nodes: Array, axis: int) -> Array:
    """The entries of some nodes, ascending, along an axis; a view where they follow each other."""
    if len(nodes) and nodes[-1] - nodes[0] + 1 == len(nodes):
        return values[(slice(None),) * axis + (slice(int(nodes[0]), int(nodes[-1]) + 1),)]
    return np.take(values, nodes, axis=axis)


def neurons_of(nodes: Array, population: Population) -> Array:
    """Numbers of the neurons of some nodes."""
    return _spread(nodes, population.size // population.shape[0])


def _spread(units: Array, width: int) -> Array:
    return units if width == 1 else (units[:, None] * width + np.arange(width)).ravel()


def _split_csr(matrix: sp.csr_matrix, mine: Array, features: int) -> tuple[sp.csr_matrix, sp.csr_matrix, Array]:
    """Own columns, renumbered; the columns of remote nodes with a nonzero weight, renumbered; and these nodes."""
    own_nodes = np.flatnonzero(mine)
    column_is_mine = np.repeat(mine, features)
    at_home = column_is_mine[matrix.indices]
    away = ~at_home & (matrix.data != 0)
    heard = np.zeros(len(mine), dtype=bool)
    heard[matrix.indices[away] // features] = True
    nodes = np.flatnonzero(heard)
    return _kept(matrix, at_home, own_nodes, features), _kept(matrix, away, nodes, features), nodes


def _kept(matrix: sp.csr_matrix, keep: Array, nodes: Array, features: int) -> sp.csr_matrix:
    """Some entries of a CSR matrix, whose columns all belong to ``nodes``, in the order of these."""
    indptr = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    place = np.zeros(matrix.shape[1], dtype=matrix.indices.dtype)
    place[_spread(nodes, features)] = np.arange(len(nodes) * features)
    shape = (matrix.shape[0], len(nodes) * features)
    return sp.csr_matrix((matrix.data[keep], place[matrix.indices[keep]], indptr), shape=shape)
