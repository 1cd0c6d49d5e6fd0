"""Sparse matrices that others may have made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = ["checked_csr"]


def checked_csr(held: Sequence[Any], shape: Any) -> sp.csr_matrix:
    """A CSR matrix whose indices were looked at: SciPy and our kernels follow them wherever they point.

    Args:
        held: data, indices and indptr.

    Raises:
        ValueError: arrays that make no such matrix.
    """
    parts = [np.asarray(part) for part in held]
    given = np.asarray(shape)
    if given.dtype.kind not in "iu":
        raise ValueError(f"a sparse matrix whose shape is {given.dtype} {given.shape}")
    sizes = [int(n) for n in np.ravel(given)]
    if [part.ndim for part in parts] != [1, 1, 1] or parts[0].dtype.kind not in "biuf" or {p.dtype.kind for p in parts[1:]} - {"i", "u"}:
        raise ValueError(f"a sparse matrix of {', '.join(f'{p.dtype} {p.shape}' for p in parts)}")
    if len(sizes) != 2 or not all(0 < n < 1 << 31 for n in sizes) or len(parts[0]) != len(parts[1]) or len(parts[2]) != sizes[0] + 1:
        raise ValueError(
            f"a sparse matrix of shape {sizes[:3]} with {len(parts[0])} values, {len(parts[1])} indices, {len(parts[2])} pointers"
        )
    pointers, columns = parts[2].astype(np.int64), parts[1]
    if pointers[0] != 0 or pointers[-1] != len(columns) or (np.diff(pointers) < 0).any():
        raise ValueError("a sparse matrix whose pointers do not rise from 0 to the number of its values")
    if columns.size and not 0 <= int(columns.min()) <= int(columns.max()) < sizes[1]:
        raise ValueError(f"a sparse matrix of {sizes[1]} columns with indices {columns.min()} to {columns.max()}")
    return sp.csr_matrix(tuple(parts), shape=tuple(sizes))
