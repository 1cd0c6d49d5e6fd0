"""Graphs that are made: stochastic block models, two with tasks of Dwivedi et al. (Benchmarking Graph Neural Networks, 2023), R-MAT.

Edges are drawn block by block, in time and memory that grow with their number, so that graphs of any size can be made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.data.graph import GraphData, canonical_edges
from neurograph.data.splits import FRACTIONS, random_split
from neurograph.errors import DataError

__all__ = ["block_edges", "cluster", "pattern", "rmat", "rmat_edges", "sbm"]

Array = NDArray[np.int64]
RMAT = (0.57, 0.19, 0.19, 0.05)  # Graph500's quadrants


def sbm(nodes: int = 1000, seed: int = 0, *, blocks: int = 4, degree: float = 10.0, share: float = 0.8, features: int = 16) -> GraphData:
    """Blocks of equal size, whose number a node is to be told; features are Gaussian around a centre for each block.

    Args:
        nodes: N.
        seed: of edges, features and split (60, 20 and 20 %).
        blocks: C.
        degree: average.
        share: of a node's neighbours that are of its own block.
        features: F; centres are drawn from N(0, 1/4), values around them from N(0, 1).

    Raises:
        DataError: sizes out of range.
    """
    _check("sbm", nodes, blocks, degree)
    if not 0 <= share <= 1 or features < 1:
        raise DataError(f"sbm: share {share} and {features} features, must be 0 to 1 and at least 1; choose others")
    rng = np.random.default_rng(seed)
    y = np.arange(nodes) % blocks
    size = nodes / blocks
    inside = degree * share / max(size - 1, 1)
    outside = degree * (1 - share) / max(nodes - size, 1)
    edges = block_edges(y, inside, outside, rng)
    x = (rng.normal(0, 0.5, (blocks, features))[y] + rng.normal(0, 1, (nodes, features))).astype(np.float32)
    return GraphData("sbm", x, edges, y, *random_split(nodes, FRACTIONS, seed, "sbm"), classes=blocks)


def cluster(nodes: int = 1170, seed: int = 0) -> GraphData:
    """CLUSTER's task on one graph: six communities, one node of each tells its own (one-hot, features 1 to 6), all others say nothing
    (feature 0). Edges within at p = 0.55, across at q = 0.25, for communities of 19.5 nodes on average as there; in larger ones so much
    less likely that degrees stay.

    Raises:
        DataError: fewer than 60 nodes.
    """
    _check("cluster", nodes, 6, 1.0, least=60)
    rng = np.random.default_rng(seed)
    y = np.sort(rng.integers(0, 6, nodes))
    thin = min(1.0, 6 * 19.5 / nodes)
    said = np.zeros(nodes, np.int64)
    for block in range(6):
        members = np.flatnonzero(y == block)
        said[rng.choice(members)] = block + 1
    edges = block_edges(y, 0.55 * thin, 0.25 * thin, rng)
    return GraphData("cluster", _one_hot(said, 7), edges, y, *random_split(nodes, FRACTIONS, seed, "cluster"), classes=6)


def pattern(nodes: int = 1190, seed: int = 0) -> GraphData:
    """PATTERN's task on one graph: which nodes are in the pattern. Five communities (p = 0.5, q = 0.35) with random features of three
    kinds, in which a pattern of a sixth of the nodes is hidden, whose edges among themselves and to the others come at 0.5. Degrees stay as
    in :func:`cluster`.

    Raises:
        DataError: fewer than 60 nodes.
    """
    _check("pattern", nodes, 6, 1.0, least=60)
    rng = np.random.default_rng(seed)
    block = np.sort(rng.integers(0, 6, nodes))  # the last one is the pattern
    thin = min(1.0, 119 / nodes)
    rates = np.full((6, 6), 0.35)
    np.fill_diagonal(rates, 0.5)
    rates[5] = rates[:, 5] = 0.5
    edges = _drawn(block, rates * thin, rng)
    hidden = (block == 5).astype(np.int64)
    x = _one_hot(rng.integers(0, 3, nodes), 3)
    return GraphData("pattern", x, edges, hidden, *random_split(nodes, FRACTIONS, seed, "pattern"), classes=2)


def rmat(nodes: int = 1024, seed: int = 0, *, degree: float = 10.0, features: int = 16, classes: int = 4) -> GraphData:
    """A graph whose degrees are as uneven as those of the web, R-MAT (Chakrabarti et al. 2004) with Graph500's quadrants: for speed and
    memory. Features are Gaussian; the class of a node is the direction in which the mean of its neighbours' features lies.

    Args:
        nodes: N; edges are drawn among the next power of two, and those beyond N thrown away.

    Raises:
        DataError: sizes out of range.
    """
    _check("rmat", nodes, classes, degree)
    rng = np.random.default_rng(seed)
    edges = rmat_edges(nodes, int(nodes * degree / 2), rng)
    x = rng.normal(0, 1, (nodes, features)).astype(np.float32)
    ones = np.ones(edges.shape[1] + nodes, np.float32)
    own = np.arange(nodes)
    adjacency = sp.csr_matrix((ones, (np.append(edges[0], own), np.append(edges[1], own))), shape=(nodes, nodes))
    y = np.argmax((adjacency @ x) @ rng.normal(0, 1, (features, classes)), axis=1).astype(np.int64)
    return GraphData("rmat", x, edges, y, *random_split(nodes, FRACTIONS, seed, "rmat"), classes=classes)


def block_edges(block: NDArray[np.int64], inside: float, outside: float, rng: np.random.Generator) -> Array:
    """Edges of a stochastic block model, (2, E) in both directions: pairs of one block come with probability ``inside``, others with
    ``outside``."""
    count = int(block.max()) + 1
    rates = np.full((count, count), outside)
    np.fill_diagonal(rates, inside)
    return _drawn(block, rates, rng)


def rmat_edges(nodes: int, edges: int, rng: np.random.Generator, quadrants: Sequence[float] = RMAT) -> Array:
    """About so many edges of R-MAT in both directions: bit by bit of both ends, a quadrant of the matrix is chosen. Duplicates and
    self-loops fall away, and are drawn again up to five times."""
    bits = max(1, int(nodes - 1).bit_length())
    ends = np.cumsum(quadrants)[:3]
    found = np.zeros((2, 0), np.int64)
    for _ in range(5):
        wanted = edges - found.shape[1] // 2
        if wanted <= 0:
            break
        pairs = np.zeros((2, int(wanted * 1.2) + 16), np.int64)
        for _ in range(bits):
            quadrant = np.searchsorted(ends, rng.random(pairs.shape[1]), side="right")
            pairs = 2 * pairs + np.stack([quadrant // 2, quadrant % 2])
        pairs = pairs[:, (pairs < nodes).all(axis=0)][:, :wanted]
        found = canonical_edges(np.concatenate([found, pairs], axis=1))
    return found


def _drawn(block: NDArray[np.int64], rates: NDArray[np.float64], rng: np.random.Generator) -> Array:
    """Pairs of blocks: a binomial number of edges between them, then their ends. A pair that is drawn twice counts once, and drawing goes
    on until there are as many as the binomial said."""
    members = [np.flatnonzero(block == number) for number in range(len(rates))]
    found = []
    for a, first in enumerate(members):
        for b in range(a, len(members)):
            second = members[b]
            pairs = len(first) * (len(first) - 1) // 2 if a == b else len(first) * len(second)
            if pairs:
                chosen = _distinct(pairs, int(rng.binomial(pairs, min(1.0, rates[a, b]))), rng)
                low, high = _triangle(chosen) if a == b else (chosen // len(second), chosen % len(second))
                found.append(np.stack([first[low], second[high]]))
    return canonical_edges(np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64))


def _distinct(limit: int, count: int, rng: np.random.Generator) -> Array:
    """So many different numbers below a limit, in memory that grows with their count."""
    if count > limit // 3:
        return rng.permutation(limit)[:count].astype(np.int64)
    chosen = np.unique(rng.integers(0, limit, count))
    while len(chosen) < count:
        chosen = np.unique(np.append(chosen, rng.integers(0, limit, count - len(chosen))))
    return chosen


def _triangle(number: Array) -> tuple[Array, Array]:
    """Pair number k of (0, 1), (0, 2), (1, 2), (0, 3), …: low < high, high·(high − 1)/2 + low = k."""
    high = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) // 2).astype(np.int64)
    high -= high * (high - 1) // 2 > number  # where the root was rounded up
    high += (high + 1) * high // 2 <= number
    return number - high * (high - 1) // 2, high


def _one_hot(values: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    return np.eye(count, dtype=np.float32)[values]


def _check(name: str, nodes: int, classes: int, degree: float, least: int = 10) -> None:
    if nodes < max(least, classes) or classes < 2 or not 0 < degree < nodes:
        raise DataError(
            f"{name}: {nodes} nodes, {classes} classes, degree {degree:g}; must be at least {least} nodes, 2 classes, and a degree above 0 "
            "and below the nodes; choose others"
        )
