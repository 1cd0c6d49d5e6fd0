"""The baselines run, train, and both forms of attention agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import scipy.sparse as sp
import torch
from tu_sets import cycles_and_trees, write_tu

from neurograph.data import GraphData, load
from neurograph.errors import InputError
from neurograph.models.baselines import (
    BASELINES,
    GAT,
    GCN,
    GIN,
    GATConv,
    GCNConv,
    GINConv,
    GraphTransformer,
    PygSGFormer,
    SGFormer,
    baseline,
    global_add_pool,
    global_mean_pool,
)
from neurograph.nn import SparseMatrix, gcn_norm
from neurograph.training import Recipe, fit


@pytest.mark.parametrize("name", list(BASELINES))
def test_baseline_learns_karate(name: str) -> None:
    torch.manual_seed(0)
    graph = load("karate")
    model = baseline(name, graph)
    x = torch.from_numpy(graph.x)
    found = fit(model, graph, [{"params": model.parameters()}], Recipe(epochs=60, ramp=5))
    assert model(x).shape == (34, 2) and torch.equal(model(x), model(x))
    sparse = model(SparseMatrix.from_scipy(sp.csr_matrix(graph.x)))
    torch.testing.assert_close(sparse, model(x), rtol=1e-4, atol=1e-5)
    assert found.test_accuracy > (0.75 if name != "mlp" else 0)  # one-hot features alone tell it nothing


def test_simplified_convolutions_are_a_linear_model_of_propagated_features() -> None:
    graph = load("karate")
    x = torch.from_numpy(graph.x).double()
    model = baseline("sgc", graph, hops=3).double()
    hat = torch.from_numpy(gcn_norm(graph.edge_index, 34).toarray()).double()
    torch.testing.assert_close(model(x), hat @ hat @ hat @ x @ model.model.map.weight.t() + model.model.bias)


def test_convolutions_behind_their_map_are_those_of_pyg() -> None:
    graph = load("karate")
    x, edges = torch.from_numpy(graph.x), torch.from_numpy(graph.edge_index)
    gcn, gat = GCN(34, 2).eval(), GAT(34, 2).eval()
    oracle = GCNConv(34, 64)
    oracle.lin.weight, oracle.bias = gcn.first.weight, gcn.propagate.bias
    torch.testing.assert_close(gcn.propagate(gcn.first(x), edges), oracle(x, edges))
    attention = GATConv(34, 8, 8, dropout=0.6).eval()
    attention.load_state_dict({"lin.weight": gat.map.weight, **gat.first.state_dict()})
    torch.testing.assert_close(gat.first(gat.map(x), edges), attention(x, edges))


def test_sgformer_is_that_of_pyg() -> None:
    graph = load("karate")
    x, edges = torch.from_numpy(graph.x), torch.from_numpy(graph.edge_index)
    ours = SGFormer(34, 2, width=8).eval()
    theirs = PygSGFormer(34, 8, 2, trans_num_layers=1, gnn_num_layers=4, graph_weight=0.8).eval()
    names = {"attention": "trans_conv", "gnn": "graph_conv", "out": "fc", "to_attention": "trans_conv.fcs.0", "to_gnn": "graph_conv.fcs.0"}
    theirs.load_state_dict({f"{names[k.split('.')[0]]}.{k.split('.', 1)[1]}": v for k, v in ours.state_dict().items()})
    torch.testing.assert_close(ours(x, edges).log_softmax(dim=-1), theirs(x, edges, torch.zeros(34, dtype=torch.long)))


def test_spiking_gcn_without_luck() -> None:
    """In eval mode its rates are those of the neuron on a constant current."""
    graph = load("karate")
    model = baseline("spikinggcn", graph, ticks=7).double().eval().model
    x, edges = torch.from_numpy(graph.x).double(), torch.from_numpy(graph.edge_index)
    hat = torch.from_numpy(gcn_norm(graph.edge_index, 34).toarray()).double()
    rates = hat @ hat @ x
    current = model.gain * model.linear(rates / rates.max())
    torch.testing.assert_close(model(x, edges), model.scale * model.neuron(current.expand(7, 34, 2)).mean(dim=0))


def test_isomorphism_network_is_that_of_pyg() -> None:
    graph = load("karate")
    x, edges = torch.from_numpy(graph.x), torch.from_numpy(graph.edge_index)
    ours = GIN(34, 2, width=8, layers=2).eval()
    first, second = (convolution.nn for convolution in ours.convolutions)
    mlp = torch.nn.Sequential(torch.nn.Linear(34, 8, bias=False), *first).eval()
    mlp[0].weight = ours.first.weight
    theirs = [GINConv(mlp), GINConv(second)]  # which draw their weights anew, those that ours shares with them too
    torch.testing.assert_close(ours(x, edges), theirs[1](theirs[0](x, edges).relu(), edges))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> GraphData:
    """Cycles with a chord, and trees: a set of graphs."""
    root = tmp_path_factory.mktemp("shapes")
    write_tu(root, "MUTAG", *cycles_and_trees(60))
    return load("mutag", root)


@pytest.mark.parametrize(("name", "pool"), [("gcn", global_mean_pool), ("gin", global_add_pool)])
def test_baselines_learn_to_tell_graphs(shapes: GraphData, name: str, pool: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    model = baseline(name, shapes, width=16)
    found = fit(model, shapes, [{"params": model.parameters()}], Recipe(epochs=40, ramp=5, parts=3, consistency=0.0))
    x, batch = SparseMatrix.from_scipy(shapes.x), torch.from_numpy(shapes.batch)
    assert found.test_accuracy >= 5 / 6 and model(x).shape == (60, 2)
    nodes = model.model(x, torch.from_numpy(shapes.edge_index)).relu()
    torch.testing.assert_close(model(x), model.linear(pool(nodes, batch)))


def test_a_baseline_that_looks_at_all_nodes_takes_no_set(shapes: GraphData) -> None:
    with pytest.raises(InputError, match="baseline 'sgformer': classifies nodes only, 'mutag' is a set of graphs; choose one of mlp, gcn"):
        baseline("sgformer", shapes)


def test_unknown_baseline() -> None:
    with pytest.raises(InputError, match="baseline 'gps': does not exist; choose one of mlp, gcn"):
        baseline("gps", load("karate"))


def test_fused_attention_is_the_plain_one() -> None:
    graph = load("karate")
    torch.manual_seed(0)
    plain = GraphTransformer(graph.features, graph.classes).double().eval()
    fused = GraphTransformer(graph.features, graph.classes, fused=True).double().eval()
    fused.load_state_dict(plain.state_dict())
    x, edges = torch.from_numpy(graph.x).double(), torch.from_numpy(graph.edge_index)
    torch.testing.assert_close(fused(x, edges), plain(x, edges))
