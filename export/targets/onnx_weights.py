"""The weights of a projection as ONNX nodes: (samples, in) → (samples, out), in float64, without expanding a Kronecker product.

Dense        MatMul
Kron         Reshape to (samples, N, D); features: Mul (diagonal) or MatMul; nodes: ReduceSum (OnesRow), Expand (OnesColumn) or CSR
CSR          rows of like length are gathered together and summed: y[r] = Σ_k w[r, k] · x[column[r, k]] by Gather · Mul → ReduceSum

A scatter would be the shorter way to write CSR, but ScatterND with reduction "add" adds in several threads at once on onnxruntime's CPU and
loses summands (onnxruntime issue 18048; 50 of 50 runs wrong for 200,000 entries into 50 rows with 1.23.2 on 2 cores), and
ScatterElements wants an index for each feature.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.export.targets.onnx_nodes import Nodes
from neurograph.network import Projection
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse

__all__ = ["Product", "Rows", "stored_bytes"]

Array = NDArray[Any]


class Product:
    """``W x`` of one projection. Making it puts the weights among the constants; :meth:`apply` puts the nodes wherever they are wanted.

    Args:
        nodes: the graph that takes the constants.
        projection: of the Network.
        where: prefix of all names.
    """

    def __init__(self, nodes: Nodes, projection: Projection, where: str) -> None:
        self.where, self.weights = where, projection.weights
        self.matrix = ""
        self.rows: Rows | None = None
        weights = self.weights
        if isinstance(weights, Dense):
            self.matrix = nodes.constant(weights.matrix.T, f"{where}/weights")
        elif isinstance(weights, Sparse):
            self.rows = Rows(nodes, weights.matrix, where, trailing=1)
        else:
            if not isinstance(weights.right, Identity):
                right = weights.right if weights.right.ndim == 1 else weights.right.T
                self.matrix = nodes.constant(right, f"{where}/weights")
            if sp.issparse(weights.left):
                self.rows = Rows(nodes, weights.left, where, trailing=2)

    def apply(self, nodes: Nodes, x: str) -> str:
        """Nodes for ``W x``; x (samples, in), float64. Returns the name of (samples, out)."""
        where, weights = self.where, self.weights
        if isinstance(weights, Dense):
            return nodes.add("MatMul", x, self.matrix, name=f"{where}/current")
        if isinstance(weights, Sparse):
            assert self.rows is not None
            flipped = nodes.add("Transpose", x, name=f"{where}/by_neuron", perm=[1, 0])
            y = nodes.add("Transpose", self.rows.apply(nodes, flipped), name=f"{where}/by_sample", perm=[1, 0])
        else:
            y = self._kron(nodes, x, weights)
        return nodes.reshape(y, (weights.shape[0],), f"{where}/current")

    def _kron(self, nodes: Nodes, x: str, weights: Kron) -> str:
        """(samples, N·D) → (samples, M, E)."""
        where, left = self.where, weights.left
        y = nodes.reshape(x, (left.shape[1], weights.right_shape[1]), f"{where}/by_node")
        if isinstance(left, OnesRow):
            y = nodes.add("ReduceSum", y, nodes.constant(np.array([1]), f"{where}/axes"), name=f"{where}/sum", keepdims=1)
        if self.matrix:
            diagonal = not isinstance(weights.right, Identity) and weights.right.ndim == 1
            y = nodes.add("Mul" if diagonal else "MatMul", y, self.matrix, name=f"{where}/features")
        if isinstance(left, OnesColumn):
            y = nodes.add("Expand", y, nodes.constant(np.array([1, left.size, 1]), f"{where}/nodes"), name=f"{where}/broadcast")
        elif self.rows is not None:
            y = nodes.add("Transpose", y, name=f"{where}/node_first", perm=[1, 0, 2])
            y = nodes.add("Transpose", self.rows.apply(nodes, y), name=f"{where}/sample_first", perm=[1, 0, 2])
        return y


def stored_bytes(weights: Dense | Sparse | Kron) -> int:
    """Bytes that the weights take in the file, padding included, without building anything."""
    if isinstance(weights, Dense):
        return 8 * int(weights.matrix.size)
    if isinstance(weights, Sparse):
        return _rows_bytes(weights.matrix)
    right = 0 if isinstance(weights.right, Identity) else 8 * int(weights.right.size)
    return right + (_rows_bytes(weights.left) if sp.issparse(weights.left) else 0)


class Rows:
    """A CSR matrix of shape (M, N): its rows in groups, each padded to the next power of two, so less than half of it is padding."""

    def __init__(self, nodes: Nodes, matrix: sp.csr_matrix, where: str, *, trailing: int) -> None:
        """``trailing``: dimensions behind the first of what it is applied to."""
        self.where = where
        self.axes = nodes.constant(np.array([1]), f"{where}/row_axes")
        self.groups: list[tuple[str, str]] = []
        widths = _widths(matrix)
        order = []
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            columns, values = _padded(matrix, rows, int(width))
            values = values.reshape(*values.shape, *(1,) * trailing)
            names = nodes.constant(columns, f"{where}/columns_{width}"), nodes.constant(values, f"{where}/weights_{width}")
            self.groups.append(names)
            order.append(rows)
        places = np.concatenate(order)
        self.back = "" if (places == np.arange(len(places))).all() else nodes.constant(np.argsort(places), f"{where}/back")

    def apply(self, nodes: Nodes, x: str) -> str:
        """(N, …) → (M, …)."""
        where = self.where
        sums = []
        for columns, values in self.groups:
            gathered = nodes.add("Gather", x, columns, name=f"{where}/gathered", axis=0)
            weighted = nodes.add("Mul", gathered, values, name=f"{where}/weighted")
            sums.append(nodes.add("ReduceSum", weighted, self.axes, name=f"{where}/row_sums", keepdims=0))
        y = sums[0] if len(sums) == 1 else nodes.add("Concat", *sums, name=f"{where}/rows", axis=0)
        return nodes.add("Gather", y, self.back, name=f"{where}/in_order", axis=0) if self.back else y


def _padded(matrix: sp.csr_matrix, rows: Array, width: int) -> tuple[Array, Array]:
    """Columns and weights of ``rows``, (rows, width) each, with column 0 and weight 0 where a row ends earlier."""
    columns, values = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width))
    places = matrix.indptr[rows, None].astype(np.int64) + np.arange(width)
    inside = places < matrix.indptr[rows + 1, None]
    columns[inside], values[inside] = matrix.indices[places[inside]], matrix.data[places[inside]]
    return columns, values


def _widths(matrix: sp.csr_matrix) -> Array:
    """Entries of each row, rounded up to a power of two; an empty row holds one, of weight 0."""
    entries = np.maximum(np.diff(matrix.indptr), 1)
    return (1 << np.ceil(np.log2(entries)).astype(np.int64)).astype(np.int64)


def _rows_bytes(matrix: sp.csr_matrix) -> int:
    """Columns (int64) and weights (float64) of each row, and its place."""
    return int(16 * _widths(matrix).sum() + 8 * matrix.shape[0])
