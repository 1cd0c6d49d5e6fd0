"""Splits: which nodes a model is trained on, stopped on and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurograph.data.graph import GraphData
from neurograph.errors import DataError

__all__ = ["FRACTIONS", "Masks", "random_split", "resplit"]

Masks = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]
FRACTIONS = (0.6, 0.2, 0.2)


def random_split(nodes: int, fractions: Sequence[float], seed: int, name: str = "graph") -> Masks:
    """Masks of a random split of all nodes: shares of train, validation and test, what is left by rounding goes to test.

    Args:
        nodes: N.
        fractions: three shares that sum to 1, or less where nodes are left out.
        seed: the same seed, the same split.
        name: for errors.

    Raises:
        DataError: shares that are no shares, or that leave a part without a node.
    """
    shares = [float(share) for share in fractions]
    if len(shares) != 3 or min(shares) <= 0 or sum(shares) > 1 + 1e-9:
        raise DataError(f"split of {name}: shares {shares}, must be three above 0 that sum to at most 1; give e.g. 0.5 0.25 0.25")
    whole = abs(sum(shares) - 1) < 1e-9
    train, val = round(shares[0] * nodes), round(shares[1] * nodes)
    test = nodes - train - val if whole else round(shares[2] * nodes)
    if min(train, val, test) < 1:
        raise DataError(f"split of {name}: {train}, {val} and {test} of {nodes} nodes, must be at least 1 each; give larger shares")
    order = np.random.default_rng(seed).permutation(nodes)
    masks = np.zeros((3, nodes), bool)
    for mask, part in zip(masks, np.split(order[: train + val + test], (train, train + val)), strict=True):
        mask[part] = True
    return masks[0], masks[1], masks[2]


def resplit(graph: GraphData, fractions: Sequence[float], seed: int) -> GraphData:
    """The same graph with a random split, see :func:`random_split`."""
    train, val, test = random_split(graph.nodes, fractions, seed, graph.name)
    return replace(graph, train_mask=train, val_mask=val, test_mask=test)
