"""Sparse features in torch: a CSR matrix with its transpose, so that both directions of training are one fast product."""

from __future__ import annotations

import warnings
from typing import Any, Union, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Features", "SparseMatrix", "as_features", "csr_tensor", "drop_features", "product"]

with warnings.catch_warnings():  # torch says once a process that its CSR support is in beta
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.long), torch.tensor([]), (1, 1))


class SparseMatrix:
    """A constant sparse matrix X of shape (N, F) that multiplies dense parameters: ``X @ W``, differentiable in W.

    Args:
        csr: the matrix in CSR.
        transpose: its transpose in CSR.
        order: for each stored value of the transpose, its place in ``csr``.
    """

    def __init__(self, csr: Tensor, transpose: Tensor, order: Tensor) -> None:
        self._csr = csr
        self._transpose = transpose
        self._order = order

    @classmethod
    def from_scipy(cls, matrix: sp.csr_matrix, dtype: torch.dtype = torch.float32) -> SparseMatrix:
        """From SciPy; the values are converted to dtype."""
        places = sp.csr_matrix((np.arange(1, matrix.nnz + 1), matrix.indices, matrix.indptr), shape=matrix.shape)
        order = places.T.tocsr().data - 1
        return cls(csr_tensor(matrix, dtype), csr_tensor(sp.csr_matrix(matrix.T), dtype), torch.from_numpy(order))

    @property
    def shape(self) -> tuple[int, int]:
        return cast("tuple[int, int]", tuple(self._csr.shape))

    @property
    def dtype(self) -> torch.dtype:
        return self._csr.dtype

    def __matmul__(self, dense: Tensor) -> Tensor:
        return cast(Tensor, _SparseProduct.apply(self._csr, self._transpose, dense))

    def dropout(self, probability: float) -> SparseMatrix:
        """A copy in which each stored value is zero with this probability, and the others are scaled up to keep the mean."""
        values = torch.nn.functional.dropout(self._csr.values(), probability)
        return SparseMatrix(_with_values(self._csr, values), _with_values(self._transpose, values[self._order]), self._order)

    def to(self, dtype: torch.dtype) -> SparseMatrix:
        """A copy of another floating dtype."""
        if dtype == self.dtype:
            return self
        return SparseMatrix(self._csr.to(dtype), self._transpose.to(dtype), self._order)

    def to_dense(self) -> Tensor:
        return self._csr.to_dense()


Features = Union[Tensor, SparseMatrix]


def as_features(x: sp.csr_matrix | NDArray[Any], dtype: torch.dtype | None = None) -> Features:
    """Node features (N, F) of a GraphData as a model takes them, in torch's default type unless told otherwise: a SparseMatrix where they
    are sparse, else a tensor."""
    dtype = dtype or torch.get_default_dtype()
    if sp.issparse(x):
        return SparseMatrix.from_scipy(sp.csr_matrix(x), dtype)
    return torch.from_numpy(np.asarray(x)).to(dtype)


def drop_features(x: Features, probability: float, training: bool) -> Features:
    """Features with each value dropped with this probability, of sparse ones each stored value; in eval mode as they are."""
    if not training:
        return x
    return x.dropout(probability) if isinstance(x, SparseMatrix) else torch.nn.functional.dropout(x, probability)


def csr_tensor(matrix: sp.csr_matrix, dtype: torch.dtype) -> Tensor:
    """A SciPy CSR matrix as a torch CSR tensor."""
    return torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype(np.int64)),
        torch.from_numpy(matrix.indices.astype(np.int64)),
        torch.from_numpy(matrix.data).to(dtype),
        size=matrix.shape,
    )


def product(matrix: Tensor, dense: Tensor) -> Tensor:
    """A CSR matrix times a dense one, inside autocast as well in the precision of the CSR matrix: there is none in less."""
    with torch.autocast(dense.device.type, enabled=False):
        return matrix @ dense.to(matrix.dtype)


def _with_values(csr: Tensor, values: Tensor) -> Tensor:
    return torch.sparse_csr_tensor(csr.crow_indices(), csr.col_indices(), values, size=csr.shape, check_invariants=False)


class _SparseProduct(torch.autograd.Function):
    """``X @ W`` with the gradient ``Xᵀ @ g``, each one CSR product."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, dense: Tensor) -> Tensor:
        ctx.transpose = transpose
        return product(matrix, dense)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, product(ctx.transpose, gradients[0].contiguous())
