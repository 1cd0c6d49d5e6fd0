"""Runs: the columns of a sparse matrix, cut into vectors of targets that stand side by side.

A column of a convolution is a window of a picture with some weights for every channel. Where the channels of a place stand side by side
(the target's first axis fastest) it is a few stretches without gaps, and all columns of a channel have the same weights in them, which
are stored once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled import tables as tb

__all__ = ["Runs", "cut", "order_of"]

Array = NDArray[Any]
LOOKED_AT = 256  # columns that tell what the others are like


@dataclass(frozen=True)
class Runs:
    """What the kernel needs.

    Args:
        pointer: runs of each source neuron, (in + 1,).
        index: of each run, where it begins in a row of the target and in the weights, (runs, 2).
        weights: of all runs that differ, (number, length); each but 0 carries ``1 << bits``.
        bits: of a sum, sign included.
        fastest: size of the target's first axis, which stands fastest in a row; 1 where neurons stand in their own order.
    """

    pointer: Array
    index: Array
    weights: Array
    bits: int
    fastest: int


@dataclass(frozen=True)
class _Stretches:
    """Weights column by column, in the order in which the targets stand; a stretch of them goes on over less than a run of zeros.

    Args:
        keys: source · step + place of the target, ascending. step: more than places, so that no stretch goes from column to column.
        values: the weights.
        first: of each stretch, in keys. runs: that each stretch takes.
    """

    keys: Array
    values: Array
    step: int
    first: Array
    runs: Array


def order_of(columns: Any, shape: tuple[int, ...], dtype: Any) -> tuple[int, float]:
    """The order of the targets that takes fewest runs (``Runs.fastest``), and about how many; told from some columns.

    Args:
        columns: CSC (out, in) without stored zeros, not empty.
        shape: of the target.
        dtype: of the sums.
    """
    some = columns[:, :: columns.shape[1] // LOOKED_AT | 1]
    some = some if some.nnz else columns
    orders = {1, shape[0] if shape[0] < math.prod(shape) else 1}
    runs, fastest = min((int(_stretches(some, fastest, dtype).runs.sum()), fastest) for fastest in orders)
    return fastest, runs * columns.nnz / some.nnz


def cut(columns: Any, fastest: int, bits: int, dtype: Any) -> Runs:
    """Cut every column, its targets in the order that ``fastest`` says."""
    found, length = _stretches(columns, fastest, dtype), _length(dtype)
    before, number = np.cumsum(found.runs) - found.runs, int(found.runs.sum())
    begins = found.keys[found.first]
    sources, starts = np.divmod(np.repeat(begins - before * length, found.runs) + np.arange(number) * length, found.step)
    stretch = np.repeat(np.arange(len(begins)), np.diff(found.first, append=len(found.keys)))
    run, lane = np.divmod(found.keys - begins[stretch], length)
    weights = np.zeros((number, length), dtype)
    weights[before[stretch] + run, lane] = found.values.astype(dtype) + np.dtype(dtype).type(1 << bits)
    _, kept, at = np.unique(weights.view(f"V{tb.RUN_BYTES}").ravel(), return_index=True, return_inverse=True)
    pointer = np.searchsorted(sources, np.arange(columns.shape[1] + 1))
    return Runs(pointer, np.stack([starts, at * length], axis=1), weights[kept], bits, fastest)


def _length(dtype: Any) -> int:
    return tb.RUN_BYTES // np.dtype(dtype).itemsize


def _stretches(columns: Any, fastest: int, dtype: Any) -> _Stretches:
    size, sources = columns.shape
    length = _length(dtype)
    step = size + 2 * length
    slow, fast = np.divmod(columns.indices.astype(np.int64), size // fastest)[::-1]
    keys = slow * fastest + fast + step * np.repeat(np.arange(sources), np.diff(columns.indptr))
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-step) > length)
    last = np.append(first[1:], len(keys)) - 1
    return _Stretches(keys, columns.data[order], step, first, (keys[last] - keys[first]) // length + 1)
