"""Message passing: the normalised adjacency with one shared gain, what becomes an Aggregate projection."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.nn.fake_quantize import FakeQuantized, fake_quantize
from neurograph.nn.sharding import Shard
from neurograph.nn.sparse import SparseMatrix, csr_tensor, product

__all__ = ["Propagate", "gcn_norm", "symmetric_product"]


def gcn_norm(edge_index: NDArray[np.int64], nodes: int) -> sp.csr_matrix:
    """Â = D^-½ (A + I) D^-½ as CSR float64, D being the degrees of A + I (Kipf and Welling 2017).

    Args:
        edge_index: (2, E), both directions of every edge, no self-loops.
        nodes: N.

    Shapes:
        (N, N)
    """
    ones = np.ones(edge_index.shape[1])
    adjacency = sp.csr_matrix((ones, (edge_index[0], edge_index[1])), shape=(nodes, nodes)) + sp.identity(nodes, format="csr")
    scale = sp.diags(1.0 / np.sqrt(np.asarray(adjacency.sum(axis=1)).ravel()))
    normalised = sp.csr_matrix(scale @ adjacency @ scale)
    normalised.sort_indices()
    return normalised


class Propagate(FakeQuantized, nn.Module):
    r"""Message passing with one gain for all edges and features.

    .. math::
        y_t = g \, \hat A x_t

    Args:
        graph: Â, a symmetric CSR matrix (:func:`gcn_norm`). It is not a parameter and not in the state_dict.
        learn_gain: learn g > 0 (the exponential of a parameter); else g = 1.
        gain: g at the start.

    Where ``weight_bits`` is set, Â is rounded; g goes into the scale of the integers.

    Shapes:
        x (T, N, D) → (T, N, D)
    """

    def __init__(self, graph: sp.csr_matrix, learn_gain: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        self.shard: Shard | None = None
        self.use(graph)
        self.log_gain = nn.Parameter(torch.tensor(float(np.log(gain)))) if learn_gain else None

    def use(self, graph: sp.csr_matrix) -> None:
        """Propagate over this graph from now on; a symmetric CSR matrix, of any number of nodes."""
        if graph.shape[0] != graph.shape[1] or (graph.nnz and abs(graph - graph.T).max() > 1e-12):
            raise ValueError(f"Propagate: a graph of shape {graph.shape} that is not symmetric; give both directions of every edge")
        self.nodes = int(graph.shape[0])
        self._graph = sp.csr_matrix(graph, dtype=np.float64)
        self._cached: Tensor | None = None
        self._cached_bits: int | None = None
        self._own: SparseMatrix | None = None

    @property
    def gain(self) -> float:
        """g, a plain float."""
        return 1.0 if self.log_gain is None else float(self.log_gain.detach().double().exp())

    def matrix(self) -> sp.csr_matrix:
        """g·Â as CSR float64, (N, N)."""
        return sp.csr_matrix(self._rounded() * self.gain)

    def forward(self, x: Tensor) -> Tensor:
        ticks, nodes, width = x.shape
        flat = x.transpose(0, 1).reshape(nodes, ticks * width)
        y = symmetric_product(self._torch_graph(x), flat) if self.shard is None else self._rows(x.dtype) @ self.shard.gather(flat)
        if self.log_gain is not None:
            y = y * self.log_gain.exp()
        return y.view(nodes, ticks, width).transpose(0, 1)

    def _torch_graph(self, like: Tensor) -> Tensor:
        # From float64 anew for each dtype: casting a float32 copy up would not be the exported matrix.
        cached = self._cached
        if cached is None or (cached.dtype, cached.device, self._cached_bits) != (like.dtype, like.device, self.weight_bits):
            cached = csr_tensor(self._rounded(), like.dtype).to(like.device)
            self._cached, self._cached_bits = cached, self.weight_bits
        return cached

    def _rows(self, dtype: torch.dtype) -> SparseMatrix:
        """Rows of this process's nodes."""
        assert self.shard is not None
        if self._own is None or self._own.dtype != dtype:
            self._own = SparseMatrix.from_scipy(self._rounded()[self.shard.start : self.shard.stop], dtype)
        return self._own

    def _rounded(self) -> sp.csr_matrix:
        """Â, or what is left of it in ``weight_bits``."""
        if self.weight_bits is None:
            return self._graph
        values = fake_quantize(torch.from_numpy(self._graph.data), self.weight_bits).numpy()
        return sp.csr_matrix((values, self._graph.indices, self._graph.indptr), shape=self._graph.shape)

    def extra_repr(self) -> str:
        return f"nodes={self.nodes}, synapses={self._graph.nnz}, gain={self.gain:g}"


def symmetric_product(matrix: Tensor, x: Tensor) -> Tensor:
    """``matrix @ x`` for a constant symmetric matrix (N, N) in CSR and x (N, D), differentiable in x."""
    return cast(Tensor, _SymmetricProduct.apply(matrix, x))


class _SymmetricProduct(torch.autograd.Function):
    """``A @ x`` for a constant symmetric A, whose gradient is ``A @ g``: no transpose is ever built."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return product(matrix, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, product(ctx.matrix, gradients[0].contiguous())
