"""Splits: which nodes, or graphs of a set, a model is trained on, stopped on and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurograph.data.graph import GraphData
from neurograph.errors import DataError

__all__ = ["FOLDS", "FRACTIONS", "Masks", "folds", "random_split", "resplit"]

Masks = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]
FRACTIONS = (0.6, 0.2, 0.2)
FOLDS = 10


def random_split(nodes: int, fractions: Sequence[float], seed: int, name: str = "graph", classes: NDArray[np.int64] | None = None) -> Masks:
    """Masks of a random split of all nodes: shares of train, validation and test, what is left by rounding goes to test.

    Args:
        nodes: N.
        fractions: three shares that sum to 1, or less where nodes are left out.
        seed: the same seed, the same split.
        name: for errors.
        classes: of each, for a stratified split: each part has its share of every class, to within one. None: drawn without regard to it.

    Raises:
        DataError: shares that are no shares, or that leave a part without a node.
    """
    shares = [float(share) for share in fractions]
    if len(shares) != 3 or not all(share > 0 for share in shares) or not sum(shares) <= 1 + 1e-9:
        raise DataError(f"split of {name}: shares {shares}, must be three above 0 that sum to at most 1; give e.g. 0.5 0.25 0.25")
    what = "nodes" if classes is None else "graphs"
    whole = abs(sum(shares) - 1) < 1e-9
    train, val = round(shares[0] * nodes), round(shares[1] * nodes)
    test = nodes - train - val if whole else round(shares[2] * nodes)
    if min(train, val, test) < 1:
        raise DataError(f"split of {name}: {train}, {val} and {test} of {nodes} {what}, must be at least 1 each; give larger shares")
    order = np.random.default_rng(seed).permutation(nodes) if classes is None else _stratified(classes, seed)
    masks = np.zeros((3, nodes), bool)
    for mask, part in zip(masks, np.split(order[: train + val + test], (train, train + val)), strict=True):
        mask[part] = True
    return masks[0], masks[1], masks[2]


def _stratified(classes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A random order in which every stretch holds its share of every class: by how far on each lies among those of its class."""
    order = np.random.default_rng(seed).permutation(len(classes))
    rank = np.empty(len(classes))
    for value in np.unique(classes):
        there = np.flatnonzero(classes[order] == value)
        rank[there] = (np.arange(len(there)) + 0.5) / len(there)
    return order[np.argsort(rank, kind="stable")]


def folds(classes: NDArray[np.int64], fold: int, name: str = "set") -> Masks:
    """Masks of one of ten stratified folds, always the same ones: fold ``fold`` to test, the next one to stop, the other eight to train.

    So are the TU sets cut since Xu et al. (How powerful are graph neural networks?, ICLR 2019); they stop on the test fold itself.

    Raises:
        DataError: fewer graphs than folds.
    """
    if len(classes) < FOLDS:
        raise DataError(f"split of {name}: {len(classes)} graphs, must be at least {FOLDS} for as many folds; add graphs")
    parts = np.array_split(_stratified(classes, 0), FOLDS)
    test, val = np.zeros((2, len(classes)), bool)
    test[parts[fold]], val[parts[(fold + 1) % FOLDS]] = True, True
    return ~(test | val), val, test


def resplit(graph: GraphData, fractions: Sequence[float], seed: int) -> GraphData:
    """The same graph with a random split, see :func:`random_split`; that of a set of graphs is stratified."""
    train, val, test = random_split(graph.classified, fractions, seed, graph.name, None if graph.batch is None else graph.y)
    return replace(graph, train_mask=train, val_mask=val, test_mask=test)
