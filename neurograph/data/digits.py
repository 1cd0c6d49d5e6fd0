"""Handwritten digits as a graph: scikit-learn's 1,797 images of 8 × 8, each joined to the images that are most like it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.data.graph import GraphData, canonical_edges
from neurograph.data.splits import FRACTIONS, random_split
from neurograph.errors import DataError

__all__ = ["knn_edges", "load_digits"]

NEIGHBOURS = 5  # as SpikeGraphormer's authors take


def load_digits(split: int = 0) -> GraphData:
    """64 pixels (0 to 1) an image, 10 classes, its five nearest images by Euclidean distance; a random split of 60, 20 and 20 %."""
    from sklearn.datasets import load_digits as bundled

    found: Any = bundled()
    x = (found.data / 16).astype(np.float32)
    y = found.target.astype(np.int64)
    return GraphData("digits", x, knn_edges(x, NEIGHBOURS), y, *random_split(len(y), FRACTIONS, split, "digits"), classes=10)


def knn_edges(x: NDArray[Any], neighbours: int = NEIGHBOURS) -> NDArray[np.int64]:
    """Every row joined to its nearest ones by Euclidean distance, itself left out; both directions, (2, E).

    Args:
        x: features of images, texts or whatever else has no graph, (N, F).
        neighbours: k.

    Raises:
        DataError: fewer rows than that, or values that are no numbers.
    """
    from sklearn.neighbors import NearestNeighbors

    if x.ndim != 2 or not 1 <= neighbours < len(x):
        raise DataError(f"k-nearest graph: features of shape {x.shape} and k = {neighbours}, must be (N, F) and 1 to N − 1; choose others")
    if not np.isfinite(x).all():
        raise DataError(f"k-nearest graph: {int((~np.isfinite(x)).sum())} features are NaN or infinite, must be finite; replace them")
    near = NearestNeighbors(n_neighbors=neighbours).fit(x).kneighbors(return_distance=False)
    rows = np.repeat(np.arange(len(x)), neighbours)
    return canonical_edges(np.stack([rows, near.ravel()]))
