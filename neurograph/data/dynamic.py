"""Graphs that change: one set of nodes, the edges of each step, a class for each node. Dynamic DBLP, from its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograph.data.graph import canonical_edges
from neurograph.data.sources import Raw, held
from neurograph.data.splits import Masks, random_split
from neurograph.errors import DataError

__all__ = ["DynamicGraph", "load_dblp", "structural_features"]

_FILES = ("edge_index.npz", "time.npz", "y.npz")
VALIDATION = 0.05  # of the nodes that are not for testing


@dataclass(frozen=True)
class DynamicGraph:
    """Snapshots of a graph. Checked when it is built.

    Args:
        name: of the dataset.
        snapshots: edges of each step, (2, E_t) int64, both directions, no self-loops, no duplicates. A step without edges is fine.
        y: class of each node, (N,) int64, 0 to classes − 1.
        classes: C.

    Raises:
        DataError: on the first rule that is broken.
    """

    name: str
    snapshots: tuple[NDArray[np.int64], ...]
    y: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        where = f"graph {self.name!r}"
        if not self.snapshots:
            raise DataError(f"{where}: 0 snapshots, must be at least 1; give the edges of each step")
        if self.y.ndim != 1 or self.y.dtype != np.int64 or not self.y.size or self.y.min() < 0 or self.y.max() >= self.classes:
            raise DataError(f"{where}: labels must be int64 of shape (N,), from 0 to {self.classes - 1}; mend them")
        for step, edges in enumerate(self.snapshots):
            if edges.dtype != np.int64 or edges.ndim != 2 or edges.shape[0] != 2:
                raise DataError(f"{where}: snapshot {step} is {edges.dtype} of shape {edges.shape}, must be int64 of shape (2, E)")
            if edges.size and (edges.min() < 0 or edges.max() >= self.nodes):
                raise DataError(
                    f"{where}: snapshot {step} holds nodes up to {edges.max()}, must lie in 0 to {self.nodes - 1}; renumber them"
                )
            if not np.array_equal(edges, canonical_edges(edges)):
                raise DataError(
                    f"{where}: snapshot {step} is not canonical (both directions, each once, no self-loops); use canonical_edges"
                )

    @property
    def nodes(self) -> int:
        return len(self.y)

    @property
    def steps(self) -> int:
        return len(self.snapshots)

    def split(self, train: float, seed: int = 0) -> Masks:
        """Train, validation and test nodes: the share ``train`` of all, of which a twentieth is for validation; the rest is for testing.

        Raises:
            DataError: a share that leaves a part without a node.
        """
        return random_split(self.nodes, (train * (1 - VALIDATION), train * VALIDATION, 1 - train), seed, self.name)


def load_dblp(root: str | Path | None = None) -> DynamicGraph:
    """Dynamic DBLP: 28,085 authors, who wrote together in each of 27 steps, 10 fields. It has no features, see :func:`structural_features`.

    Args:
        root: a folder that holds ``[[data/]dynamic/]dblp/{edge_index,time,y}.npz``.

    Raises:
        DataError: files that are missing or do not belong together.
    """
    with held(Raw("DBLP", "dynamic/dblp", _FILES, _no_download), root) as folder:
        edges, time, y = (_only(folder / file) for file in _FILES)
        if edges.ndim != 2 or edges.shape[0] != 2 or time.shape != (edges.shape[1],) or y.ndim != 1:
            raise DataError(
                f"dataset DBLP: edges {edges.shape}, times {time.shape} and labels {y.shape}, must be (2, E), (E,), (N,); copy them anew"
            )
    steps = np.unique(time)
    snapshots = tuple(canonical_edges(edges[:, time == step]) for step in steps)
    return DynamicGraph("dblp", snapshots, y.astype(np.int64), int(y.max()) + 1)


def structural_features(graph: DynamicGraph, width: int = 64, seed: int = 0, hops: int = 2) -> Iterator[NDArray[np.float32]]:
    """Features of each step, (N, width), out of the edges until then alone: they say where a node stands, not what it is.

    The first two are log(1 + degree) in the step and since the beginning. The others are a random projection of its neighbourhood (in the
    manner of RandNE, Zhang et al. 2018): rows of Â^(h-1) R + Â^h R, each of length 1, with Â = D^-½(A + I)D^-½ of all edges so far and R
    of N(0, 1), the same in all steps. Two hops tell the neighbours of a node, dozens its community.

    Args:
        width: at least 3. seed: of R. hops: h, at least 1.

    Raises:
        DataError: too narrow, or no hop.
    """
    if width < 3:
        raise DataError(f"structural features: width {width}, must be at least 3; give more")
    if hops < 1:
        raise DataError(f"structural features: hops {hops}, must be at least 1; give more")
    return _features(graph, width, seed, hops)


def _features(graph: DynamicGraph, width: int, seed: int, hops: int) -> Iterator[NDArray[np.float32]]:
    from neurograph.nn import gcn_norm  # with it comes torch, which the graph itself does not need

    projection = np.random.default_rng(seed).normal(0, 1, (graph.nodes, width - 2)).astype(np.float32)
    so_far = np.zeros((2, 0), np.int64)
    for edges in graph.snapshots:
        so_far = canonical_edges(np.concatenate([so_far, edges], axis=1))
        adjacency = gcn_norm(so_far, graph.nodes).astype(np.float32)
        before = projection
        for _ in range(hops - 1):
            before = adjacency @ before
        found = before + adjacency @ before
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        degrees = [np.log1p(np.bincount(part[0], minlength=graph.nodes)) for part in (edges, so_far)]
        yield np.concatenate([np.stack(degrees, axis=1), found], axis=1).astype(np.float32)


def _only(path: Path) -> NDArray[np.int64]:
    with np.load(path, allow_pickle=False) as held:
        return held[held.files[0]]


def _no_download(root: Path) -> None:
    raise OSError("it is not to be redistributed, so there is none")
