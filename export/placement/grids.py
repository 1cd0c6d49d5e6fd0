"""Populations as grids of nodes × features, and projections as a pattern over nodes and one over features, never multiplied out.

A neuron of a population of grid (N, D) is node · D + feature. A projection whose weights are ``left ⊗ right`` over the grids of both its
ends stays so; any other (Dense, Sparse, a Kron over another grid) is taken as CSR ⊗ 1 over single neurons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.network import Network, Population, Projection
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow

__all__ = ["Array", "Link", "grid", "links", "placed"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Link:
    """The nonzero pattern of one projection.

    Args:
        projection: that it stands for.
        source_grid, target_grid: (nodes, features) of either end as this link sees it.
        left: (M, N) pattern over nodes, data 1.
        right: (E, D) bool pattern over features.
        kind: "identity", "row", "column" or "csr", what left is.
        uniform: whether one weight serves all features, so that features of the same targets have the same list of synapses.
    """

    projection: Projection
    source_grid: tuple[int, int]
    target_grid: tuple[int, int]
    left: sp.csr_matrix
    right: Array
    kind: str
    uniform: bool

    @cached_property
    def transposed(self) -> sp.csr_matrix:
        """left as (N, M): from a source node to its target nodes."""
        return sp.csr_matrix(self.left.T)


def grid(population: Population) -> tuple[int, int]:
    """(nodes, features): the first axis and the product of the others; a flat population is one node."""
    return (population.shape[0], population.size // population.shape[0]) if len(population.shape) > 1 else (1, population.size)


def placed(network: Network) -> tuple[Population, ...]:
    """The populations that take a place on a core: everything but sources, which the host feeds."""
    return network.neurons


def links(network: Network, *, into: str | None = None) -> tuple[Link, ...]:
    """One link a projection that carries spikes; with ``into``, those that lead there. All links out of a population see it in one grid."""
    flat = {p.source for p in network.spiking_projections if not _fits(network, p)}
    wanted = [p for p in network.spiking_projections if into in (None, p.target)]
    return tuple(_flat(p) if p.source in flat else _kron(network, p) for p in wanted)


def _fits(network: Network, projection: Projection) -> bool:
    weights = projection.weights
    if not isinstance(weights, Kron):
        return False
    (n, d), (m, e) = grid(network.populations[projection.source]), grid(network.populations[projection.target])
    return weights.left.shape == (m, n) and weights.right_shape == (e, d)


def _flat(projection: Projection) -> Link:
    matrix = projection.weights.to_csr()
    size_out, size_in = projection.weights.shape
    return Link(projection, (size_in, 1), (size_out, 1), _pattern(matrix), np.ones((1, 1), dtype=bool), "csr", uniform=False)


def _kron(network: Network, projection: Projection) -> Link:
    weights = projection.weights
    assert isinstance(weights, Kron)
    left, e = weights.left, weights.right_shape[0]
    if isinstance(left, Identity):
        kind, pattern = "identity", sp.identity(left.size, dtype=np.int64, format="csr")
    elif isinstance(left, (OnesRow, OnesColumn)):
        kind, pattern = "row" if isinstance(left, OnesRow) else "column", sp.csr_matrix(np.ones(left.shape, dtype=np.int64))
    else:
        kind, pattern = "csr", _pattern(left)
    if isinstance(weights.right, Identity):
        right = np.eye(e, dtype=bool)
    else:
        right = np.diag(weights.right != 0) if weights.right.ndim == 1 else weights.right != 0
    uniform = isinstance(weights.right, Identity) or (weights.right.ndim == 1 and len(np.unique(weights.right)) == 1)
    grids = grid(network.populations[projection.source]), grid(network.populations[projection.target])
    return Link(projection, *grids, pattern, right, kind, uniform)


def _pattern(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Ones at the nonzeros; a stored zero is no synapse."""
    matrix = sp.csr_matrix((matrix.data != 0, matrix.indices, matrix.indptr), shape=matrix.shape).astype(np.int64)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    matrix.data[:] = 1
    return matrix
