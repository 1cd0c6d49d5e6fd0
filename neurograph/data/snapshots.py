"""Dynamic graphs by name, and a part of one that is small enough to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograph.data.dynamic import DynamicGraph, load_dblp
from neurograph.data.graph import canonical_edges
from neurograph.data.splits import Masks, random_split
from neurograph.data.synthetic import block_edges
from neurograph.errors import DataError

__all__ = ["DYNAMIC", "blocks", "busiest", "load_dynamic", "masks_of"]

DYNAMIC = {
    "dblp": "graph that changes: DBLP, who wrote with whom: 28,085 nodes, 27 snapshots, 10 classes; needs --data-root",
    "blocks": "graph that changes: three blocks of nodes that arrive one after another, 5 snapshots; made",
}
_LEAST = 40


def load_dynamic(name: str, root: str | Path | None = None, nodes: int | None = None) -> DynamicGraph:
    """A dynamic graph by name.

    Args:
        name: "dblp", which needs its files; "blocks", which is made.
        root: folder that holds raw files.
        nodes: of "dblp" only the :func:`busiest`; of "blocks" how many are made.

    Raises:
        DataError: another name, files that are missing, or more nodes than there are.
    """
    if name == "blocks":
        return blocks() if nodes is None else blocks(nodes)
    if name != "dblp":
        raise DataError(f"dataset {name!r}: no dynamic graph, must be one of {', '.join(DYNAMIC)}; a dynamic model takes no other")
    graph = load_dblp(root)
    return graph if nodes is None else busiest(graph, nodes)


def masks_of(graph: DynamicGraph, split: int = 0, shares: tuple[float, float, float] | None = None) -> Masks:
    """Train, validation and test nodes: a random split by the seed ``split``, of 57, 3 and 40 % of the nodes or of other shares.

    Raises:
        DataError: shares that are no shares, or that leave a part without a node.
    """
    return graph.split(0.6, split) if shares is None else random_split(graph.nodes, shares, split, graph.name)


def busiest(graph: DynamicGraph, nodes: int) -> DynamicGraph:
    """The nodes that have most edges over all snapshots, and the edges among them; of equals the first. They are numbered in their order.

    Raises:
        DataError: fewer than 1 or more than N.
    """
    if not 1 <= nodes <= graph.nodes:
        raise DataError(f"graph {graph.name!r}: {nodes} of its {graph.nodes} nodes, must be 1 to {graph.nodes}; choose fewer")
    degree = sum(np.bincount(edges[0], minlength=graph.nodes) for edges in graph.snapshots)
    chosen = np.sort(np.argsort(-np.asarray(degree), kind="stable")[:nodes])
    place = np.full(graph.nodes, -1)
    place[chosen] = np.arange(nodes)
    snapshots = tuple(_within(edges, place) for edges in graph.snapshots)
    return DynamicGraph(f"{graph.name}:{nodes}", snapshots, graph.y[chosen], graph.classes)


def _within(edges: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    ends = place[edges]
    return canonical_edges(ends[:, (ends >= 0).all(axis=0)])


def blocks(nodes: int = 120, seed: int = 0, steps: int = 5) -> DynamicGraph:
    """Three blocks of nodes that arrive one after another; half of those that are there take part in a snapshot, in the middle one nobody.

    Raises:
        DataError: fewer than 40 nodes.
    """
    if nodes < _LEAST:
        raise DataError(f"blocks: {nodes} nodes, must be at least {_LEAST}; choose more")
    rng = np.random.default_rng(seed)
    y = np.arange(nodes) % 3
    arrival = rng.integers(0, steps - 1, nodes)
    snapshots = []
    for step in range(steps):
        here = (arrival <= step) & (rng.random(nodes) < 0.5) & (step != steps // 2)
        edges = block_edges(y, min(1.0, 30 / nodes), min(1.0, 3 / nodes), rng)
        snapshots.append(canonical_edges(edges[:, here[edges].all(axis=0)]))
    return DynamicGraph("blocks", tuple(snapshots), y.astype(np.int64), 3)
