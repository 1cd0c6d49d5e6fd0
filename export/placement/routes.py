"""Routes: which cores the spikes of which neurons go to, counted over nodes and features apart and never expanded into synapses.

With C the cores of a projection's targets as an (M, E) array, and c_u its distinct columns:

    reach_u = leftᵀ · onehot(c_u)                    (N, K): synapses from a source node into a core, over the features of column u
    synapses of neuron (n, d) in core k = Σ_u |{e of column u: right[e, d] ≠ 0}| · reach_u[n, k]

A population that keeps its features together has one column, an aggregation that is cut along nodes only has one too, so the work is that
of the data graph and not of the synapses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.grids import Array, Link

__all__ = ["HOST", "Lists", "Route", "lists", "routes"]

HOST = -1  # the core of a neuron that has none: a source, or one that is not placed yet


@dataclass(frozen=True)
class Lists:
    """The synapses of one link, by source feature group.

    Args:
        link: that they belong to.
        features: source features that have the same lengths.
        lengths: (N, K) synapses that a source node's neuron of this group has in each core.
        columns: (columns, features) of the target: how often each distinct column of target cores is met by a neuron of this group.
        reaches: by column, (N, K) synapses over nodes alone.
    """

    link: Link
    features: Array
    lengths: sp.csr_matrix
    columns: Mapping[int, int]
    reaches: Mapping[int, sp.csr_matrix]


@dataclass(frozen=True)
class Route:
    """Neurons (n, f) for f in ``features`` send one message a spike to each core k with ``cores[n, k]`` ≠ 0.

    Args:
        population: the source.
        grid: in which n and f count.
        features: source features.
        cores: (N, K) pattern; K counts cores.
    """

    population: str
    grid: tuple[int, int]
    features: Array
    cores: sp.csr_matrix


def lists(link: Link, target_cores: Array, cores: int) -> list[Lists]:
    """The lists of synapses that a link leaves in each core.

    Args:
        target_cores: core of each target neuron, flat; :data:`HOST` where it has none, and then its synapses do not count.
        cores: K.
    """
    m, e = link.target_grid
    table = target_cores.reshape(m, e)
    columns, column_of = _distinct_columns(table)
    met = np.zeros((columns.shape[1], link.source_grid[1]), dtype=np.int64)
    np.add.at(met, column_of, link.right.astype(np.int64))
    reaches = {u: _reach(link, columns[:, u], cores) for u in range(columns.shape[1]) if met[u].any() and (columns[:, u] != HOST).any()}
    met[[u for u in range(len(met)) if u not in reaches]] = 0
    kinds, kind_of = np.unique(met, axis=1, return_inverse=True)
    kind_of = np.asarray(kind_of).reshape(-1)
    found = []
    for kind in range(kinds.shape[1]):
        used = {int(u): int(kinds[u, kind]) for u in np.flatnonzero(kinds[:, kind])}
        if used:
            lengths = sum((reaches[u] * times for u, times in used.items()), sp.csr_matrix((link.source_grid[0], cores), dtype=np.int64))
            found.append(Lists(link, np.flatnonzero(kind_of == kind), sp.csr_matrix(lengths), used, reaches))
    return found


def routes(by_link: Sequence[Sequence[Lists]]) -> list[Route]:
    """What the lists of all links out of each population make together: a core that several of them reach gets one message."""
    by_source: dict[str, list[Sequence[Lists]]] = {}
    for group in by_link:
        if group:
            by_source.setdefault(group[0].link.projection.source, []).append(group)
    found = []
    for source, groups in by_source.items():
        grid = groups[0][0].link.source_grid
        member = np.full((len(groups), grid[1]), -1, dtype=np.int64)  # which list of each link a feature has
        for i, group in enumerate(groups):
            for j, part in enumerate(group):
                member[i, part.features] = j
        kinds, kind_of = np.unique(member, axis=1, return_inverse=True)
        kind_of = np.asarray(kind_of).reshape(-1)
        for kind in range(kinds.shape[1]):
            parts = [groups[i][j].lengths for i, j in enumerate(kinds[:, kind]) if j >= 0]
            if parts:
                found.append(Route(source, grid, np.flatnonzero(kind_of == kind), sp.csr_matrix(sum(parts[1:], parts[0]))))
    return found


def _distinct_columns(table: Array) -> tuple[Array, Array]:
    """Distinct columns in order of their first appearance, and which one each column is."""
    if (table == table[:, :1]).all():
        return table[:, :1], np.zeros(table.shape[1], dtype=np.int64)
    seen: dict[bytes, int] = {}
    of = np.array([seen.setdefault(np.ascontiguousarray(table[:, e]).tobytes(), len(seen)) for e in range(table.shape[1])])
    firsts = [int(np.flatnonzero(of == u)[0]) for u in range(len(seen))]
    return table[:, firsts], of


def _reach(link: Link, column: Array, cores: int) -> sp.csr_matrix:
    rows = np.flatnonzero(column != HOST)
    onehot = sp.csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, column[rows])), shape=(len(column), cores))
    if link.kind == "identity":
        return onehot
    if link.kind == "row":  # one target node: every source node meets the same core
        return sp.csr_matrix(sp.csr_matrix(np.ones((link.source_grid[0], 1), dtype=np.int64)) @ onehot)
    if link.kind == "column":
        return sp.csr_matrix(onehot.sum(axis=0).astype(np.int64))
    return sp.csr_matrix(link.transposed @ onehot)
