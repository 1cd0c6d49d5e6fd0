"""Graphs that change: one set of nodes, the edges of each step, a class for each node. Dynamic DBLP, from its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurograph.array_files import read_array_file
from neurograph.data.graph import MOST_CLASSES, canonical_edges
from neurograph.data.sources import Raw, held
from neurograph.data.splits import Masks, random_split
from neurograph.errors import DataError

__all__ = ["DynamicGraph", "load_dblp"]

_FILES = ("edge_index.npz", "time.npz", "y.npz")
_MOST_STEPS = 10_000
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
        if not 1 <= self.classes <= MOST_CLASSES:
            raise DataError(f"{where}: {self.classes} classes, must be 1 to {MOST_CLASSES:,}; mend the labels")
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
    """Dynamic DBLP: 28,085 authors, who wrote together in each of 27 steps, 10 fields. It has no features, see
    :func:`neurograph.data.walks.walk_features`.

    Args:
        root: a folder that holds ``[[data/]dynamic/]dblp/{edge_index,time,y}.npz``.

    Raises:
        DataError: files that are missing or do not belong together.
    """
    with held(Raw("DBLP", "dynamic/dblp", _FILES, None), root) as folder:
        edges, time, y = (_only(folder / file) for file in _FILES)
        if edges.ndim != 2 or edges.shape[0] != 2 or time.shape != (edges.shape[1],) or y.ndim != 1:
            raise DataError(
                f"dataset DBLP: edges {edges.shape}, times {time.shape} and labels {y.shape}, must be (2, E), (E,), (N,); copy them anew"
            )
        for file, values, kinds in zip(_FILES, (edges, time, y), ("iu", "iuf", "iu"), strict=True):
            if not values.size or values.dtype.kind not in kinds or not np.isfinite(values).all():
                what = "numbers" if "f" in kinds else "whole numbers"
                raise DataError(f"dataset DBLP: {file} holds {values.size} values of {values.dtype}, must be {what}; copy it anew")
        if y.min() < 0 or y.max() >= MOST_CLASSES or edges.min() < 0 or edges.max() >= len(y):
            raise DataError(f"dataset DBLP: classes to {y.max()} and nodes to {edges.max()}, must be 0 to {len(y) - 1}; copy them anew")
    steps = np.unique(time)
    if len(steps) > _MOST_STEPS:
        raise DataError(f"dataset DBLP: {len(steps):,} steps, at most {_MOST_STEPS:,}; join steps")
    snapshots = tuple(canonical_edges(edges[:, time == step]) for step in steps)
    return DynamicGraph("dblp", snapshots, y.astype(np.int64), int(y.max()) + 1)


def _only(path: Path) -> NDArray[np.int64]:
    return next(iter(read_array_file(path).values()))
