"""How large the sums of a projection can become, and the smallest type that holds each of their partial sums exactly.

A float of p bits holds every integer of magnitude up to 2^p. Where Σ|w|·max|x| over a row stays within it, each partial sum of the row is
such an integer, so the sum comes out exact in whatever order it is taken, with or without fused multiply-add.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import UnsupportedError
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["FLOAT32_EXACT", "FLOAT64_EXACT", "INT64_EXACT", "Exact", "exact_type", "factors_of", "largest_sum", "shifted_bound"]

Array = NDArray[Any]
Exact = Literal["float32", "float64", "int64"]
FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = (1 << 53) - 1  # bounds are summed in float64 themselves: from 2^53 on they may have been rounded down
INT64_EXACT = 1 << 56  # sums are shifted by 6 bits before they reach u, and u and v are added to them


def largest_sum(weights: Weights, most: int = 1) -> int:
    """The largest magnitude that any intermediate sum of ``weights.apply(x)`` can reach for integers |x| <= ``most``.

    Of ``left ⊗ right`` that is the largest of its stages as well: the sum over nodes, then right, then left. Exact below 2^53; above, as
    good as float64 is.
    """
    if isinstance(weights, (Dense, Sparse)):
        return most * _row_sum(weights.matrix)
    assert isinstance(weights, Kron)
    reached = largest = most
    if isinstance(weights.left, OnesRow):
        reached *= weights.left.size
        largest = max(largest, reached)
    if not isinstance(weights.right, Identity):
        right = weights.right
        reached *= int(np.abs(right.astype(np.float64)).max(initial=0)) if right.ndim == 1 else _row_sum(right)
        largest = max(largest, reached)
    if sp.issparse(weights.left):
        largest = max(largest, reached * _row_sum(weights.left))
    return largest


def factors_of(weights: Weights) -> list[Array]:
    """The stored weights of each factor that holds any."""
    if isinstance(weights, (Dense, Sparse)):
        return [weights.values]
    found = [] if isinstance(weights.left, (Identity, OnesRow, OnesColumn)) else [weights.left.data]
    return found if isinstance(weights.right, Identity) else [*found, weights.right]


def shifted_bound(bound: int, exponent: int) -> int:
    """The same after ``· 2^exponent``, rounded down."""
    return bound << exponent if exponent >= 0 else (bound >> -exponent) + 1


def exact_type(bound: int, what: str = "") -> Exact:
    """The smallest type that holds integers up to ``bound`` and everything on the way to them.

    Raises:
        UnsupportedError: no type does.
    """
    if bound <= FLOAT32_EXACT:
        return "float32"
    if bound <= FLOAT64_EXACT:
        return "float64"
    if bound <= INT64_EXACT:
        return "int64"
    raise UnsupportedError("the device engine", [f"{what}: sums to {float(bound):.3g}, limit {INT64_EXACT:.3g}"], "take smaller weights")


def _row_sum(matrix: Any) -> int:
    """The largest Σ|w| of a row."""
    if sp.issparse(matrix):
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        sums = np.bincount(rows, weights=np.abs(matrix.data.astype(np.float64)), minlength=matrix.shape[0])
    else:
        sums = np.abs(matrix.astype(np.float64)).sum(axis=1)
    return int(sums.max(initial=0))
