"""Sums over neighbours: PyTorch Geometric's layers by their formulas, and neurograph's own models. E edges (directed), N nodes."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from neurograph import data
from neurograph.hw_profiles.baselines import gcn, graph_transformer
from neurograph.models.baselines import BASELINES, baseline
from neurograph.operations import count_operations

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import GATConv, GCNConv, GINConv, GraphConv, SAGEConv, TransformerConv

N, E, F, D, H = 6, 9, 4, 3, 2
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 1, 2, 3], [1, 2, 3, 4, 5, 2, 4, 0, 1]])
X = torch.rand(N, F, generator=torch.Generator().manual_seed(0)) + 0.5
ADJACENCY = torch.sparse_coo_tensor(EDGES.flip(0), torch.rand(E) + 0.5, (N, N)).coalesce()


def dense(module, *inputs):
    """Kind → dense work, with what is additions only marked."""
    counts = count_operations(module.eval(), *inputs)
    return {kind: (row.dense, row.additions) for kind, row in counts.by_kind().items()}, {u.operation for u in counts.uncounted}


def test_gcn_multiplies_each_message_by_its_edge():
    found, uncounted = dense(GCNConv(F, D), X, EDGES)
    nonzeros = E + N  # with a loop at every node
    assert found["linear"] == (N * F * D, False)
    assert found["propagation"] == (nonzeros * D, False)
    assert "multiply" not in found  # that of an edge and a message is one multiply-add with its sum
    assert found["preparation"] == (3 * nonzeros, False)  # degrees, and two products an edge: they hang on no activation
    assert uncounted == {"aten::pow_"}


def test_sage_adds_up_its_neighbours():
    found, uncounted = dense(SAGEConv(F, D), X, EDGES)
    assert found["linear"] == (2 * N * F * D, False)
    assert found["propagation"] == (E * F, True)
    assert uncounted == {"aten::div"}  # of the mean


def test_a_maximum_over_neighbours_adds_nothing_up():
    found, uncounted = dense(SAGEConv(F, D, aggr="max"), X, EDGES)
    assert "propagation" not in found and not uncounted


def test_gin_adds_up_its_neighbours_and_itself():
    found, _ = dense(GINConv(nn.Linear(F, D)), X, EDGES)
    assert found["propagation"] == (E * F, True)
    assert found["multiply"] == (N * F, True) and found["add"] == (N * F, True)  # (1 + ε)·x with ε = 0


def test_gat_weighs_each_message_by_its_attention():
    found, uncounted = dense(GATConv(F, D, H), X, EDGES)
    nonzeros = E + N
    assert found["linear"] == (N * F * H * D, False)
    assert found["propagation"] == (nonzeros * H * D + nonzeros * H, False)  # messages, and the sum of each softmax
    assert found["multiply"] == (2 * N * H * D, False)  # the two halves of the scores
    assert {"aten::exp", "aten::div", "aten::leaky_relu"} <= uncounted


def test_transformer_layer_takes_the_product_of_query_and_key_at_each_edge():
    found, uncounted = dense(TransformerConv(F, D, H), X, EDGES)
    assert found["linear"] == (4 * N * F * H * D, False)
    assert found["multiply"] == (E * H * D, False)  # Q·K, and its sum is among the additions
    assert found["propagation"] == (E * H * D + E * H, False)
    assert {"aten::exp", "aten::div"} == uncounted


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
@pytest.mark.parametrize("way", ["@", "sparse.mm"])
def test_sparse_products_count_stored_entries(layout, way):
    class Propagate(nn.Module):
        def forward(self, graph, x):
            return graph @ x if way == "@" else torch.sparse.mm(graph, x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of layouts in beta
        graph = ADJACENCY.to_sparse(layout=layout)
    spikes = (X > 1).float()
    assert dense(Propagate(), graph, X)[0] == {"propagation": (E * F, False)}
    counts = count_operations(Propagate(), graph, spikes)
    out_degree = torch.bincount(EDGES[0], minlength=N)
    assert counts.effective_acs() == int((out_degree[:, None] * spikes).sum()) > 0
    assert counts.effective_macs() == 0


def test_edges_and_matrix_count_alike():
    """The sum over edges with weights, and the product with the matrix of the same graph."""
    layer = GraphConv(F, D, bias=False).eval()
    spikes = (X > 1).float()
    by_edges = count_operations(layer, spikes, ADJACENCY.indices().flip(0), ADJACENCY.values())
    by_matrix = count_operations(layer, spikes, ADJACENCY.to_sparse_csr())
    kept = [[(r.dense, r.effective, r.additions) for r in c.rows if r.kind == "propagation"] for c in (by_edges, by_matrix)]
    assert kept[0] == kept[1]


def test_sparse_features_are_activations_with_zeros():
    class First(nn.Linear):
        def forward(self, x):
            return x @ self.weight.t()

    layer = First(N, D, bias=False)
    sparse, plain = (count_operations(layer, x) for x in (ADJACENCY.to_sparse_csr(), ADJACENCY.to_dense()))
    assert sparse.rows == plain.rows
    assert sparse.dense(["linear"]) == N * N * D and sparse.effective_macs() == E * D


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_segments_are_added_up(reduce):
    class Pool(nn.Module):
        def forward(self, x):
            return torch.segment_reduce(x, reduce, lengths=torch.tensor([2, N - 2]))

    assert dense(Pool(), X)[0] == {"propagation": (N * F, True)}


@pytest.mark.parametrize("way", ["index_add", "index_put", "scatter_add", "scatter_reduce", "scatter"])
@pytest.mark.filterwarnings("ignore:The reduce argument of torch.scatter")
def test_other_ways_to_add_up_messages(way):
    class Pool(nn.Module):
        def forward(self, messages, index):
            out = torch.zeros(N, F)
            if way == "index_add":
                return out.index_add(0, index, messages)
            if way == "index_put":
                return out.index_put((index,), messages, accumulate=True)
            places = index[:, None].expand(-1, F)
            if way == "scatter_add":
                return out.scatter_add(0, places, messages)
            if way == "scatter_reduce":
                return out.scatter_reduce(0, places, messages, "sum")
            return out.scatter(0, places, messages, reduce="add")

    assert dense(Pool(), X[EDGES[0]], EDGES[1])[0] == {"propagation": (E * F, True)}


def test_a_product_that_was_changed_before_its_sum_stays_a_product():
    class Between(nn.Module):
        def forward(self, x, weight):
            return torch.zeros(N, F).index_add(0, EDGES[1], (x[EDGES[0]] * weight).add(1.0))

    found, _ = dense(Between(), X, torch.rand(E, 1) + 0.5)
    assert found == {"propagation": (E * F, True), "multiply": (E * F, False), "add": (E * F, True)}


@pytest.mark.parametrize("name", list(BASELINES))
def test_every_baseline_is_counted(name):
    graph = data.load("karate")
    model = baseline(name, graph).eval()
    counts = count_operations(model, torch.from_numpy(graph.x))
    assert counts.dense() > 0
    # Nothing but what is no multiply-add, and the indices of SGFormer's batches.
    known = {"elu", "exp", "leaky_relu", "div", "pow_", "_softmax", "linalg_vector_norm"}
    names = {u.operation.removeprefix("aten::") for u in counts.uncounted}
    assert {n for n in names if not n.endswith(" of integers")} <= known


def test_the_reports_formulas_give_what_the_baselines_do():
    graph = data.load("karate")
    x = torch.from_numpy(graph.x)
    nodes, features = x.shape
    sizes = {"nodes": nodes, "in_features": features, "classes": graph.classes}
    formula = gcn(nonzeros=graph.edge_index.shape[1] + nodes, width=64, **sizes)
    kinds = count_operations(baseline("gcn", graph).eval(), x).by_kind()
    assert kinds["propagation"].dense == formula.terms["propagation"]
    assert kinds["linear"].dense == formula.terms["linear"]
    counts = count_operations(baseline("transformer", graph).eval(), x)
    attention = graph_transformer(width=16, ffn_width=32, **sizes).terms
    assert counts.dense(["attention"]) == attention["attention QKᵀ"] + attention["attention AV"]


def test_a_scatter_that_moves_adds_nothing_up():
    class Move(nn.Module):
        def forward(self, messages, places):
            return torch.zeros(N, F).scatter(0, places, messages).index_put((places[:, 0],), messages)

    counts = count_operations(Move(), X[:2], torch.arange(2)[:, None].expand(-1, F))
    assert counts.rows == () and counts.uncounted == ()
