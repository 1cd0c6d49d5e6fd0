"""The product of a projection on a device: the three forms of :mod:`neurograph.weights` over torch tensors, none of them expanded."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.errors import NetworkError
from neurograph.sim.device.bounds import exact_type, factors_of, largest_sum, shifted_bound
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["DeviceWeights"]

Array = NDArray[Any]
ELEMENTS = 1 << 18  # of an elementwise product at a time


class DeviceWeights:
    """What the spikes of a source bring to a target.

        sums          W x · 2^e, e the exponent where it is not negative, else 0
        contribution  W x · 2^e, rounded down

    Args:
        weights: the linear map, of shape (out, in).
        device: where it lives.
        integer: whether weights and x are integers; else everything is float64 and the exponent plays no part.
        exponent: of the projection.
        most: the largest |x| that the source sends; 1 for spikes.
        name: for messages.

    Attributes:
        dtype: of the results: float32, float64 or int64, the smallest in which every partial sum is exact (:mod:`.bounds`).
        bound: the largest magnitude of a contribution; None of floats.
        row_bytes: memory that a product takes beside x, for each row of x.
        weight_bytes: memory that the weights take, and products of however few rows.

    Raises:
        NetworkError: integer weights that are none. UnsupportedError: sums beyond int64.
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device | str,
        *,
        integer: bool,
        exponent: int = 0,
        most: int = 1,
        name: str = "weights",
    ) -> None:
        self.shape, self.bound, kind = weights.shape, None, "float64"
        self._right_shift = 0
        if integer:
            _check_integers(weights, name)
            sums = largest_sum(weights, most)
            self.bound = shifted_bound(sums, exponent)
            exact_type(self.bound, f"projection {name}")
            kind = exact_type(sums, f"projection {name}")
            self._right_shift = max(-exponent, 0)
            if exponent > 0:  # a power of two costs a float no bit
                weights = _scaled(weights, 1 << exponent)
        self.dtype: torch.dtype = getattr(torch, kind)
        self._map = _form(weights, self.dtype, torch.device(device))
        gathered = self.shape[1] * (8 if not integer else 4 if most > 1 else 1)
        self.row_bytes = gathered + self._map.row_elements * self.dtype.itemsize
        self.weight_bytes = self._map.weight_bytes
        if self.dtype == torch.int64:
            self.weight_bytes += 3 * ELEMENTS * self.dtype.itemsize

    def sums(self, x: Tensor) -> Tensor:
        """``W x`` for x of shape (..., in) and any type, as a new tensor (..., out); shifted left, never right.

        Parts of a sum that is spread over machines can be added up before :meth:`shifted`, in a type that holds the whole exactly.
        """
        return self._map(x.reshape(-1, self.shape[1])).reshape(*x.shape[:-1], self.shape[0])

    def shifted(self, sums: Tensor) -> Tensor:
        """``sums`` after the right shift that a negative exponent asks for, in place."""
        if not self._right_shift:
            return sums
        if sums.dtype == torch.int64:
            return sums.bitwise_right_shift_(self._right_shift)
        return sums.mul_(2.0**-self._right_shift).floor_()

    def contribution(self, x: Tensor) -> Tensor:
        """:meth:`shifted` :meth:`sums`."""
        return self.shifted(self.sums(x))


def _check_integers(weights: Weights, name: str) -> None:
    for values in factors_of(weights):
        if np.any(values != np.rint(values)):
            fraction = float(values[values != np.rint(values)][0])
            raise NetworkError(f"projection {name}: weight {fraction:g} is no integer, but the network is one of integers; quantise it")


def _scaled(weights: Weights, factor: int) -> Weights:
    if isinstance(weights, Kron) and sp.issparse(weights.left) and not isinstance(weights.right, Identity):
        return Kron(weights.left, weights.right * factor)
    return weights.map(lambda values: values * factor)


def _form(weights: Weights, dtype: torch.dtype, device: torch.device) -> Any:
    if isinstance(weights, Dense):
        return _Matrix(weights.matrix, dtype, device)
    if isinstance(weights, Sparse):
        return _Rows(weights.matrix, dtype, device)
    return _Kronecker(weights, dtype, device)


def _tensor(values: Array, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=str(dtype).removeprefix("torch."))).to(device)


def _typed(x: Tensor, dtype: torch.dtype) -> Tensor:
    """A contiguous copy, in one pass."""
    return torch.empty(x.shape, dtype=dtype, device=x.device).copy_(x)


class _Matrix:
    """x → x Wᵀ."""

    def __init__(self, matrix: Array, dtype: torch.dtype, device: torch.device) -> None:
        self.transposed = _tensor(matrix, dtype, device).T
        self.row_elements = sum(matrix.shape)
        self.weight_bytes = matrix.size * dtype.itemsize

    def __call__(self, x: Tensor) -> Tensor:
        x = _typed(x, self.transposed.dtype)
        return x @ self.transposed if x.dtype.is_floating_point else self._elementwise(x)

    def _elementwise(self, x: Tensor) -> Tensor:
        """CUDA multiplies no int64 matrices."""
        wide, out = self.transposed.shape
        result = torch.empty((len(x), out), dtype=x.dtype, device=x.device)
        columns = max(1, ELEMENTS // wide)
        for start in range(0, out, columns):
            some = self.transposed.T[start : start + columns]
            rows = max(1, ELEMENTS // some.numel())
            for first in range(0, len(x), rows):
                part = x[first : first + rows, None, :] * some
                result[first : first + rows, start : start + columns] = part.sum(dim=-1)
        return result


class _Csr:
    """y → A y for y of shape (in, k)."""

    def __init__(self, matrix: sp.csr_matrix, dtype: torch.dtype, device: torch.device) -> None:
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        self.out, self.dtype = matrix.shape[0], dtype
        index = torch.int32 if max(matrix.nnz, *matrix.shape) < 1 << 31 else torch.int64
        self.weight_bytes = matrix.nnz * (dtype.itemsize + index.itemsize) + len(matrix.indptr) * index.itemsize
        self.columns, self.data = _tensor(matrix.indices, index, device), _tensor(matrix.data, dtype, device)
        if dtype.is_floating_point:
            pointers = _tensor(matrix.indptr, index, device)
            with warnings.catch_warnings():  # PyTorch calls its sparse CSR a beta
                warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
                self.matrix = torch.sparse_csr_tensor(pointers, self.columns, self.data, size=matrix.shape, check_invariants=True)
        else:
            self.weight_bytes += 8 * matrix.nnz
            self.rows = _tensor(np.repeat(np.arange(self.out), np.diff(matrix.indptr)), torch.int64, device)

    def __call__(self, y: Tensor) -> Tensor:
        if self.dtype.is_floating_point:
            return self.matrix @ y
        result = torch.zeros((self.out, y.shape[1]), dtype=self.dtype, device=y.device)
        step = max(1, ELEMENTS // y.shape[1])
        for start in range(0, len(self.data), step):
            some = slice(start, start + step)
            result.index_add_(0, self.rows[some], y[self.columns[some]] * self.data[some, None])
        return result


class _Rows:
    """x → x Aᵀ with A in CSR."""

    def __init__(self, matrix: sp.csr_matrix, dtype: torch.dtype, device: torch.device) -> None:
        self.csr = _Csr(matrix, dtype, device)
        self.row_elements = matrix.shape[1] + 2 * matrix.shape[0]
        self.weight_bytes = self.csr.weight_bytes

    def __call__(self, x: Tensor) -> Tensor:
        return self.csr(_typed(x.T, self.csr.dtype)).T.contiguous()


class _Kronecker:
    """(left ⊗ right) over (rows, nodes, features): the sum over nodes first, then features, then the spread over nodes."""

    def __init__(self, weights: Kron, dtype: torch.dtype, device: torch.device) -> None:
        self.left, self.dtype = weights.left, dtype
        left: tuple[int, int] = weights.left.shape
        self.m, self.n = left
        self.e, self.d = weights.right_shape
        right = None if isinstance(weights.right, Identity) else weights.right
        self.dense = _Matrix(right, dtype, device) if right is not None and right.ndim == 2 else None
        self.diagonal = _tensor(right, dtype, device) if right is not None and right.ndim == 1 else None
        self.csr = _Csr(weights.left, dtype, device) if sp.issparse(weights.left) else None
        self.row_elements = self.n * self.d + self.m * self.e + (self.n * self.e if self.dense else 0)
        self.row_elements += (self.n + self.m) * self.e if self.csr else 0
        self.weight_bytes = (0 if right is None else right.size * dtype.itemsize) + (self.csr.weight_bytes if self.csr else 0)

    def __call__(self, x: Tensor) -> Tensor:
        rows = len(x)
        y = x.reshape(rows, self.n, self.d)
        if isinstance(self.left, OnesRow):
            y = y.sum(dim=1, keepdim=True, dtype=self.dtype)
        if self.dense is not None:
            y = self.dense(y.reshape(-1, self.d)).reshape(rows, -1, self.e)
        elif self.diagonal is not None:
            y = _typed(y, self.dtype).mul_(self.diagonal)
        if self.csr is not None:
            side = _typed(y.transpose(0, 1), self.dtype).reshape(self.n, rows * self.e)
            y = self.csr(side).reshape(self.m, rows, self.e).transpose(0, 1).contiguous()
        elif isinstance(self.left, OnesColumn):
            y = _typed(y.expand(rows, self.m, self.e), self.dtype)
        elif y.data_ptr() == x.data_ptr() or y.dtype != self.dtype:
            y = _typed(y, self.dtype)
        return y.reshape(rows, self.m * self.e)
