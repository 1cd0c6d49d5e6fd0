"""Arguments of a model that are part of the network and no signals: the graph. A bundle holds their hashes, to know them again."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONSTANTS", "digest"]

CONSTANTS = ("edge_index", "edge_weight", "edge_attr", "adj", "adj_t")


def digest(values: NDArray[Any]) -> str:
    """sha256 of the shape and of the numbers, whatever their type is."""
    array = np.ascontiguousarray(values, dtype="<f8")
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
