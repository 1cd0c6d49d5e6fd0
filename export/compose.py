"""Composition of two linear maps with no neuron between them."""

from __future__ import annotations

from typing import Any

import scipy.sparse as sp

from neurograph.errors import NetworkError
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["compose"]


def compose(second: Weights, first: Weights) -> Weights:
    """``second ∘ first``; Kronecker products stay factored: (A ⊗ B)(C ⊗ D) = AC ⊗ BD.

    Raises:
        NetworkError: shapes that do not follow each other; a sum over nodes sent back to all of them, which has no sparse form.
    """
    if second.shape[1] != first.shape[0]:
        raise NetworkError(f"linear maps of shape {first.shape} and then {second.shape}: the first gives {first.shape[0]} values")
    if isinstance(second, Kron) and isinstance(first, Kron) and second.left.shape[1] == first.left.shape[0]:
        left = _nodes(second.left, first.left)
        if left is not None:
            return Kron(left, _features(second.right, first.right))
    if isinstance(second, Dense) and isinstance(first, Dense):
        return Dense(second.matrix @ first.matrix)
    return Sparse(sp.csr_matrix(second.to_csr() @ first.to_csr()))


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
