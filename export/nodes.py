"""Extension nodes: what graph networks need and NIR 1.0.8 has no primitive for. Version 1.

Each is a linear map from (N, D) to (M, E) that keeps its sparsity, stored in ordinary NIR HDF5 under the type ``neurograph.<Class>``.
Other readers do not know these types; the portable form (:mod:`neurograph.export.portable`) avoids them.

    PerNode         y_n = W x_n + b                      weight (E, D), bias (E,)
    Aggregate       y = A x, feature by feature          A (M, N) in CSR: data, indices, indptr
    ReduceNodes     y = Σ_n w ⊙ x_n                      weight (D,); the output has one node
    BroadcastNodes  y_n = x                              the input has one node
    SparseLinear    y = A x over flat vectors            A (out, in) in CSR
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import GraphError

__all__ = ["EXTENSIONS", "PREFIX", "Aggregate", "BroadcastNodes", "PerNode", "ReduceNodes", "SparseLinear"]

Array = NDArray[Any]
PREFIX = "neurograph."


class _Extension(nir.ir.node.NIRNode):  # type: ignore[misc]
    """Serialises under its prefixed type name, and declares its shapes once they are known."""

    def to_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().to_dict()
        fields["type"] = PREFIX + type(self).__name__
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Any:
        return cls(**{key: value for key, value in fields.items() if key != "type"})

    def _types(self, source: tuple[int, ...], target: tuple[int, ...]) -> None:
        self.input_type = {"input": np.array(source)}
        self.output_type = {"output": np.array(target)}


def _count(value: Any) -> int:
    """A whole number, which a file may hold as an array of one."""
    return int(np.ravel(value)[0])


@dataclass(eq=False)
class PerNode(_Extension):
    """The same affine map at each of ``nodes`` nodes."""

    weight: Array
    bias: Array
    nodes: int

    def __post_init__(self) -> None:
        self.weight, self.bias, self.nodes = np.asarray(self.weight), np.asarray(self.bias), _count(self.nodes)
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise GraphError(f"PerNode: weight {self.weight.shape} and bias {self.bias.shape}, must be (out, in) and (out,)")
        self._types((self.nodes, self.weight.shape[1]), (self.nodes, self.weight.shape[0]))


@dataclass(eq=False)
class SparseLinear(_Extension):
    """A CSR matrix over flat vectors."""

    data: Array
    indices: Array
    indptr: Array
    shape: Array

    def __post_init__(self) -> None:
        rows, columns = self._check()
        self._types((columns,), (rows,))

    def matrix(self) -> sp.csr_matrix:
        return sp.csr_matrix((self.data, self.indices, self.indptr), shape=tuple(self.shape))

    def _check(self) -> tuple[int, int]:
        """Rows and columns.

        Raises:
            GraphError: parts that do not fit each other or point outside the matrix.
        """
        name = type(self).__name__
        self.data, self.indices, self.indptr, self.shape = (np.asarray(p) for p in (self.data, self.indices, self.indptr, self.shape))
        if self.shape.shape != (2,) or (self.shape < 1).any():
            raise GraphError(f"{name}: shape {self.shape.tolist()}, must be two positive sizes")
        rows, columns = (int(size) for size in self.shape)
        inside = len(self.indices) == 0 or (self.indices.min() >= 0 and self.indices.max() < columns)
        lengths = len(self.indptr) == rows + 1 and self.indptr[0] == 0 and self.indptr[-1] == len(self.data) == len(self.indices)
        if not inside or not lengths or (np.diff(self.indptr) < 0).any():
            raise GraphError(f"{name}: data, indices and indptr do not make a CSR matrix of shape {rows} x {columns}")
        return rows, columns


@dataclass(eq=False)
class Aggregate(SparseLinear):
    """A CSR matrix over nodes, applied to each of ``features`` features."""

    features: int

    def __post_init__(self) -> None:
        self.features = _count(self.features)
        rows, columns = self._check()
        self._types((columns, self.features), (rows, self.features))


@dataclass(eq=False)
class ReduceNodes(_Extension):
    """A weighted sum over ``nodes`` nodes."""

    weight: Array
    nodes: int

    def __post_init__(self) -> None:
        self.weight, self.nodes = np.asarray(self.weight), _count(self.nodes)
        if self.weight.ndim != 1:
            raise GraphError(f"ReduceNodes: weight of shape {self.weight.shape}, must be (features,)")
        self._types((self.nodes, len(self.weight)), (1, len(self.weight)))


@dataclass(eq=False)
class BroadcastNodes(_Extension):
    """One node's features to ``nodes`` nodes."""

    nodes: int
    features: int

    def __post_init__(self) -> None:
        self.nodes, self.features = _count(self.nodes), _count(self.features)
        self._types((1, self.features), (self.nodes, self.features))


EXTENSIONS: dict[str, type[Any]] = {PREFIX + c.__name__: c for c in (Aggregate, BroadcastNodes, PerNode, ReduceNodes, SparseLinear)}
