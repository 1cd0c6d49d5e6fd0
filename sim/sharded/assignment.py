"""Which rank owns which node.

A population of shape (nodes, …) is split by nodes where it has at least as many of them as there are ranks, and at least two. Every
population with the same number of nodes is split the same way, so that what goes from a node to itself (``I ⊗ W``) stays on its rank.
All others (one node, one dimension) are replicated: each rank has the whole of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.metis import Cut, part_graphs
from neurograph.network import Network, Population
from neurograph.weights import Kron

__all__ = ["Assignment", "by_graph", "contiguous", "contiguous_owners", "given"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Assignment:
    """Owners of nodes.

    Args:
        shards: number of ranks.
        owners: number of nodes → rank of each of them, int32 of shape (nodes,); every rank has at least one.
    """

    shards: int
    owners: Mapping[int, Array]

    def is_split(self, population: Population) -> bool:
        """Whether a rank holds only its own nodes of a population."""
        return len(population.shape) > 1 and population.shape[0] in self.owners

    def nodes(self, population: Population, rank: int) -> Array:
        """The nodes of a split population that a rank owns, ascending."""
        return np.flatnonzero(self.owners[population.shape[0]] == rank)


def contiguous(populations: Iterable[Population], shards: int) -> Assignment:
    """Consecutive ranges of nodes, whose sizes differ by one at most.

    Raises:
        InputError: fewer than one shard.
    """
    return Assignment(shards, {nodes: contiguous_owners(nodes, shards) for nodes in _splittable(populations, shards)})


def contiguous_owners(nodes: int, shards: int) -> Array:
    """Rank of each of so many nodes, in consecutive ranges."""
    return (np.arange(nodes, dtype=np.int64) * shards // nodes).astype(np.int32)


def by_graph(network: Network, shards: int, *, seed: int = 0) -> Assignment:
    """METIS on the graphs that the network propagates over, so that few nodes have neighbours on another rank.

    Numbers of nodes that no square graph connects get consecutive ranges. METIS keeps the ranks' nodes equal within some per cent; each
    rank keeps at least one. The same seed gives the same assignment on every rank.
    """
    found: dict[int, Array] = {}
    for nodes in _splittable(network.populations.values(), shards):
        graph = _graph(network, nodes)
        found[nodes] = contiguous_owners(nodes, shards) if graph is None else _metis(graph, shards, seed)
    return Assignment(shards, found)


def given(populations: Iterable[Population], owners: Mapping[int, Array], shards: int) -> Assignment:
    """An assignment of one's own; numbers of nodes that are not in ``owners`` get consecutive ranges.

    Raises:
        InputError: owners of another length, ranks that do not exist, or a rank without a node.
    """
    splittable = _splittable(populations, shards)
    made = {nodes: contiguous_owners(nodes, shards) for nodes in splittable}
    for nodes, ranks in owners.items():
        ranks = np.asarray(ranks)
        if nodes not in splittable:
            raise InputError(
                f"owners of {nodes:,} nodes: no population of that many is split; there are {', '.join(map(str, splittable)) or 'none'}"
            )
        if ranks.shape != (nodes,) or ranks.dtype.kind not in "iu":
            raise InputError(f"owners of {nodes:,} nodes: {ranks.dtype} of shape {ranks.shape}, must be integers of shape {(nodes,)}")
        missing = sorted(set(range(shards)) - set(ranks.tolist()))
        if missing or ranks.min() < 0 or ranks.max() >= shards:
            raise InputError(
                f"owners of {nodes:,} nodes: ranks {ranks.min()} to {ranks.max()}"
                f"{f', none of rank {missing[0]}' if missing else ''}; give each of 0 to {shards - 1} at least one node"
            )
        made[nodes] = ranks.astype(np.int32)
    return Assignment(shards, made)


def _splittable(populations: Iterable[Population], shards: int) -> list[int]:
    if shards < 1:
        raise InputError(f"shards {shards}: must be at least 1")
    return sorted({p.shape[0] for p in populations if len(p.shape) > 1 and p.shape[0] >= max(2, shards)})


def _graph(network: Network, nodes: int) -> sp.csr_matrix | None:
    """The square graphs over so many nodes laid on each other, symmetric, without self-loops; None where there is none."""
    lefts = {id(p.weights.left): p.weights.left for p in network.projections if isinstance(p.weights, Kron) and sp.issparse(p.weights.left)}
    square: list[Any] = [left for left in lefts.values() if left.shape == (nodes, nodes)]
    if not square:
        return None
    total = sp.csr_matrix((nodes, nodes), dtype=np.int32)
    for left in square:
        pattern = sp.csr_matrix(((left.data != 0).astype(np.int32), left.indices, left.indptr), shape=left.shape)
        total = total + pattern + pattern.T
    total.setdiag(0)
    total.eliminate_zeros()
    return sp.csr_matrix(total)


def _metis(graph: sp.csr_matrix, shards: int, seed: int) -> Array:
    if shards == 1 or graph.nnz == 0:
        return contiguous_owners(graph.shape[0], shards)
    owners = part_graphs([Cut(graph, shards)], seed=seed)[0].astype(np.int32)
    for rank in range(shards):  # METIS may leave a part of a small graph empty
        if not (owners == rank).any():
            owners[np.flatnonzero(owners == np.bincount(owners).argmax())[-1]] = rank
    return owners
