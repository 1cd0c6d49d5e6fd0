"""Composition of two linear maps with no neuron between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from neurograph.errors import NetworkError
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["MOST_ENTRIES", "compose"]

MOST_ENTRIES = 1 << 27


def compose(second: Weights, first: Weights) -> Weights:
    """``second ∘ first``; Kronecker products stay factored: (A ⊗ B)(C ⊗ D) = AC ⊗ BD.

    Raises:
        NetworkError: shapes that do not follow each other; a sum over nodes sent back to all of them, which has no sparse form; a product,
            or a factor that has to be expanded for it, of more than :data:`MOST_ENTRIES` entries.
    """
    if second.shape[1] != first.shape[0]:
        raise NetworkError(f"linear maps of shape {first.shape} and then {second.shape}: the first gives {first.shape[0]} values")
    if isinstance(second, Kron) and isinstance(first, Kron) and second.left.shape[1] == first.left.shape[0]:
        _refuse_large(second.left, first.left)
        left = _nodes(second.left, first.left)
        if left is not None:
            return Kron(left, _features(second.right, first.right))
    if isinstance(second, Dense) and isinstance(first, Dense):
        _check(second.shape[0] * first.shape[1])
        return Dense(second.matrix @ first.matrix)
    _check(int(second.fan_out().sum()))
    _check(int(first.fan_out().sum()))
    left_csr, right_csr = second.to_csr(), first.to_csr()
    _refuse_large(left_csr, right_csr)
    return Sparse(sp.csr_matrix(left_csr @ right_csr))


def _refuse_large(second: Any, first: Any) -> None:
    """Refuse a product of two CSR matrices by the multiplications that it takes, which no result has more entries than."""
    if sp.issparse(second) and sp.issparse(first):
        into = np.bincount(second.indices, minlength=second.shape[1])
        _check(int(into @ np.diff(first.indptr).astype(np.int64)))


def _check(entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise NetworkError(
            f"linear maps in a row: their product has {entries:,} entries, at most {MOST_ENTRIES:,}; put a neuron between them"
        )


def _nodes(second: Any, first: Any) -> Any:
    """The product of two node factors, or None where it has no factor of its own."""
    if isinstance(second, Identity):
        return first
    if isinstance(first, Identity):
        return second
    if isinstance(second, OnesColumn) and isinstance(first, OnesRow):
        raise NetworkError("sum over nodes → broadcast: with no neuron between this is an N x N map; put a neuron between the two")
    if sp.issparse(second) and sp.issparse(first):
        return sp.csr_matrix(second @ first)
    return None


def _features(second: Any, first: Any) -> Any:
    if isinstance(second, Identity):
        return first
    if isinstance(first, Identity):
        return second
    if second.ndim == 1:
        return second * first if first.ndim == 1 else second[:, None] * first
    return second * first if first.ndim == 1 else second @ first
