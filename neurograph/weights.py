"""The three forms that the weights of a projection take: Dense, Sparse and Kron.

All of them are linear maps from the neurons of a source population to those of a target population, both flattened in C order.
``Kron(left, right)`` is ``left ⊗ right``: left mixes nodes, right mixes features. It is never expanded to apply it.

    PerNode        Kron(Identity(N), W)              the same (D_out, D_in) matrix at every node
    Aggregate      Kron(A, Identity(D))              a CSR matrix over nodes, feature by feature
    ReduceNodes    Kron(OnesRow(N), w)               a weighted sum over nodes, w of shape (D,)
    BroadcastNodes Kron(OnesColumn(N), w)            the same value to every node
    OneToOne       Kron(Identity(N), w)              neuron to neuron, w of shape (D,)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Union, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import NetworkError

__all__ = ["Dense", "Identity", "Kron", "OnesColumn", "OnesRow", "Sparse", "Weights", "one_to_one"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Identity:
    """The identity over ``size`` nodes or features."""

    size: int

    @property
    def shape(self) -> tuple[int, int]:
        return (self.size, self.size)


@dataclass(frozen=True)
class OnesRow:
    """A row of ones, shape (1, size): the sum over all nodes."""

    size: int

    @property
    def shape(self) -> tuple[int, int]:
        return (1, self.size)


@dataclass(frozen=True)
class OnesColumn:
    """A column of ones, shape (size, 1): one value to every node."""

    size: int

    @property
    def shape(self) -> tuple[int, int]:
        return (self.size, 1)


Left = Union[Identity, OnesRow, OnesColumn, sp.csr_matrix]
Right = Union[Identity, Array]


@dataclass(frozen=True)
class Dense:
    """A plain matrix of shape (out, in)."""

    matrix: Array

    @property
    def shape(self) -> tuple[int, int]:
        return cast("tuple[int, int]", self.matrix.shape)

    @property
    def values(self) -> Array:
        """The stored weights, one entry a parameter."""
        return self.matrix.ravel()

    def apply(self, x: Array) -> Array:
        """``matrix @ x`` for x of shape (batch, in); returns (batch, out)."""
        return x @ self.matrix.T

    def map(self, function: Callable[[Array], Array]) -> Dense:
        """The same form with ``function`` applied to the stored weights."""
        return replace(self, matrix=function(self.matrix))

    def fan_out(self) -> Array:
        """Nonzero weights that a spike of each source neuron meets, shape (in,)."""
        return np.count_nonzero(self.matrix, axis=0)

    def to_csr(self) -> sp.csr_matrix:
        return sp.csr_matrix(self.matrix)


@dataclass(frozen=True)
class Sparse:
    """A CSR matrix of shape (out, in). A stored zero is not a synapse."""

    matrix: sp.csr_matrix

    @property
    def shape(self) -> tuple[int, int]:
        return cast("tuple[int, int]", self.matrix.shape)

    @property
    def values(self) -> Array:
        return cast(Array, self.matrix.data)

    def apply(self, x: Array) -> Array:
        """``matrix @ x`` for x of shape (batch, in); returns (batch, out)."""
        return np.ascontiguousarray((self.matrix @ x.T).T)

    def map(self, function: Callable[[Array], Array]) -> Sparse:
        return Sparse(_map_csr(self.matrix, function))

    def fan_out(self) -> Array:
        return _column_nonzeros(self.matrix)

    def to_csr(self) -> sp.csr_matrix:
        return self.matrix.copy()


@dataclass(frozen=True)
class Kron:
    """``left ⊗ right``.

    left: over nodes, of shape (M, N); right: over features, of shape (E, D). A right of one dimension is a diagonal.
    Maps (N, D) to (M, E).
    """

    left: Left
    right: Right

    def __post_init__(self) -> None:
        if isinstance(self.right, np.ndarray) and self.right.ndim not in (1, 2):
            raise NetworkError(f"Kron: right factor has {self.right.ndim} dimensions, must be 1 (diagonal) or 2 (dense)")

    @property
    def right_shape(self) -> tuple[int, int]:
        if isinstance(self.right, Identity):
            return self.right.shape
        if self.right.ndim == 1:
            return (len(self.right), len(self.right))
        return cast("tuple[int, int]", self.right.shape)

    @property
    def shape(self) -> tuple[int, int]:
        (m, n), (e, d) = self.left.shape, self.right_shape
        return (m * e, n * d)

    @property
    def values(self) -> Array:
        """The stored weights of the one factor that holds them (ones where neither does)."""
        if sp.issparse(self.left):
            return cast(Any, self.left).data
        return np.ones(1) if isinstance(self.right, Identity) else self.right.ravel()

    def apply(self, x: Array) -> Array:
        """``(left ⊗ right) x`` for x of shape (batch, N·D); returns (batch, M·E). Never expands the product."""
        batch, (m, n), (e, d) = len(x), self.left.shape, self.right_shape
        y = x.reshape(batch, n, d)
        if isinstance(self.left, OnesRow):
            y = y.sum(axis=1, keepdims=True)
        if not isinstance(self.right, Identity):
            y = y * self.right if self.right.ndim == 1 else y @ self.right.T
        if isinstance(self.left, OnesColumn):
            y = np.broadcast_to(y, (batch, m, e))
        elif sp.issparse(self.left):
            flat = y.transpose(1, 0, 2).reshape(n, batch * e)
            y = (self.left @ flat).reshape(m, batch, e).transpose(1, 0, 2)
        return np.ascontiguousarray(y).reshape(batch, m * e)

    def map(self, function: Callable[[Array], Array]) -> Kron:
        """Apply ``function`` to the stored weights. Two factors that both hold weights have no single stored form."""
        if sp.issparse(self.left):
            if not isinstance(self.right, Identity):
                raise NetworkError(
                    "Kron: both factors hold weights, so one synapse is a product of two; store the product per feature or fold one factor"
                )
            return Kron(_map_csr(self.left, function), self.right)
        if isinstance(self.right, Identity):
            return Kron(self.left, function(np.ones(self.right.size)))
        return Kron(self.left, function(self.right))

    def fan_out(self) -> Array:
        (m, n), (_, d) = self.left.shape, self.right_shape
        if isinstance(self.left, Identity):
            left = np.ones(n, dtype=np.int64)
        else:
            left = _column_nonzeros(self.left) if sp.issparse(self.left) else np.full(n, m)
        if isinstance(self.right, Identity):
            right = np.ones(d, dtype=np.int64)
        elif self.right.ndim == 1:
            right = (self.right != 0).astype(np.int64)
        else:
            right = np.count_nonzero(self.right, axis=0)
        return np.multiply.outer(left.astype(np.int64), right.astype(np.int64)).ravel()

    def to_csr(self) -> sp.csr_matrix:
        """The expanded matrix, for an engine that can take nothing else (Lava)."""
        (m, n), (_, d) = self.left.shape, self.right_shape
        left = self.left
        if isinstance(left, Identity):
            left = sp.identity(n, dtype=self.values.dtype, format="csr")
        elif isinstance(left, (OnesRow, OnesColumn)):
            left = sp.csr_matrix(np.ones((m, n), dtype=self.values.dtype))
        if isinstance(self.right, Identity):
            right = sp.identity(d, dtype=self.values.dtype, format="csr")
        elif self.right.ndim == 1:
            right = sp.diags(self.right, format="csr", dtype=self.right.dtype)
        else:
            right = sp.csr_matrix(self.right)
        return sp.csr_matrix(sp.kron(left, right, format="csr"))


Weights = Union[Dense, Sparse, Kron]


def one_to_one(shape: tuple[int, ...], value: float = 1.0) -> Kron:
    """Neuron to neuron, all with the same weight."""
    nodes, features = (shape[0], int(np.prod(shape[1:]))) if len(shape) > 1 else (1, shape[0])
    return Kron(Identity(nodes), np.full(features, value))


def _map_csr(matrix: sp.csr_matrix, function: Callable[[Array], Array]) -> sp.csr_matrix:
    return sp.csr_matrix((function(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def _column_nonzeros(matrix: sp.csr_matrix) -> Array:
    return np.bincount(matrix.indices[matrix.data != 0], minlength=matrix.shape[1])
