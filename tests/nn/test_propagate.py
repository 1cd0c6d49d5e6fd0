"""Propagation against PyG's GCNConv, and its gradient against autograd's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from neurograph.data import canonical_edges
from neurograph.nn import Propagate, SparseMatrix, gcn_norm

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import GCNConv

NODES = 12
EDGES = canonical_edges(np.random.default_rng(0).integers(0, NODES - 1, (2, 30)))  # the last node is isolated


def test_same_as_gcnconv_of_pyg() -> None:
    layer = Propagate(gcn_norm(EDGES, NODES), learn_gain=False)
    oracle = GCNConv(5, 5, bias=False).double()
    oracle.lin.weight.data = torch.eye(5, dtype=torch.float64)
    x = torch.randn(3, NODES, 5, dtype=torch.float64)
    expected = torch.stack([oracle(tick, torch.from_numpy(EDGES)) for tick in x])
    torch.testing.assert_close(layer(x), expected)


def test_matrix_is_what_forward_multiplies_with() -> None:
    layer = Propagate(gcn_norm(EDGES, NODES), gain=1.7)
    x = torch.randn(2, NODES, 3, dtype=torch.float64)
    layer(x.float())  # a float32 pass first must not leave its rounding behind
    matrix = layer.double().matrix()
    assert matrix.dtype == np.float64
    expected = np.stack([matrix @ tick for tick in x.numpy()])
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-14)
    assert layer.gain == pytest.approx(1.7)


def test_gradients_of_input_and_gain() -> None:
    layer = Propagate(gcn_norm(EDGES, NODES), gain=1.3).double()
    x = torch.randn(2, NODES, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(layer, (x,))
    layer(x).sum().backward()
    assert layer.log_gain is not None
    assert layer.log_gain.grad is not None


def test_an_isolated_node_keeps_its_own_value() -> None:
    x = torch.ones(1, NODES, 1)
    assert Propagate(gcn_norm(EDGES, NODES), learn_gain=False)(x)[0, -1].item() == 1.0


def test_a_directed_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric; give both directions"):
        Propagate(sp.csr_matrix(np.triu(np.ones((3, 3)))))


def test_sparse_features_multiply_and_train_like_dense_ones() -> None:
    matrix = sp.random(9, 7, density=0.3, format="csr", random_state=0)
    sparse, dense = SparseMatrix.from_scipy(matrix, torch.float64), torch.from_numpy(matrix.toarray())
    weight = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(sparse @ weight, dense @ weight)
    (gradient,) = torch.autograd.grad((sparse @ weight).square().sum(), weight)
    (expected,) = torch.autograd.grad((dense @ weight).square().sum(), weight)
    torch.testing.assert_close(gradient, expected)


def test_dropout_of_sparse_features_drops_the_same_values_both_ways() -> None:
    torch.manual_seed(0)
    matrix = sp.random(9, 7, density=0.5, format="csr", random_state=0)
    dropped = SparseMatrix.from_scipy(matrix, torch.float64).dropout(0.5)
    dense = dropped.to_dense()
    assert 0 < int((dense != 0).sum()) < matrix.nnz
    weight = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((dropped @ weight).square().sum(), weight)
    (expected,) = torch.autograd.grad((dense @ weight).square().sum(), weight)
    torch.testing.assert_close(gradient, expected)
