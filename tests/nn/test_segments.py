"""Many graphs at once: each gets what it would get alone, in any order of the graphs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spiky import spiky

from neurograph.data import GraphData, canonical_edges, some_graphs
from neurograph.models import MODELS, build
from neurograph.nn import ReduceNodes, Segments, as_features, calibrating, group_nodes, record_spikes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import global_add_pool, global_mean_pool

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=6)


def graphs_of(sizes: list[int], seed: int = 0) -> GraphData:
    rng = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    pairs = rng.integers(0, len(batch), (2, 4 * len(batch)))
    edges = canonical_edges(pairs[:, batch[pairs[0]] == batch[pairs[1]]])
    none = np.zeros(len(sizes), bool)
    x = rng.random((len(batch), 5), dtype=np.float32)
    return GraphData("made", x, edges, np.arange(len(sizes)) % 2, none, none, none, 2, batch)


@given(SIZES, st.integers(0, 99))
def test_sums_and_means_are_those_of_pyg(sizes: list[int], seed: int) -> None:
    segments = Segments(np.repeat(np.arange(len(sizes)), sizes))
    x = torch.randn(3, sum(sizes), 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    for ours, theirs in ((segments.sum, global_add_pool), (segments.mean, global_mean_pool)):
        torch.testing.assert_close(ours(x), torch.stack([theirs(tick, segments.index) for tick in x]))
    torch.testing.assert_close(segments.spread(segments.sum(x))[:, 0], x[:, : sizes[0]].sum(dim=1))
    (segments.mean(x) ** 2).sum().backward()
    torch.testing.assert_close(x.grad, segments.spread(2 * segments.mean(x) / torch.tensor(sizes)[:, None]).detach())


@pytest.mark.parametrize("name", [name for name, (kind, _) in MODELS.items() if kind.pools])
@settings(max_examples=20)
@given(sizes=SIZES, seed=st.integers(0, 99), random=st.randoms(use_true_random=False))
def test_a_graph_gets_the_same_alone_and_among_others(name: str, sizes: list[int], seed: int, random: object) -> None:
    graph = graphs_of(sizes, seed)
    more = {"gnn_layers": 2, "attention_blocks": 2, "gnn_jump": True} if name == "spikegraphormer" else {}
    config = MODELS[name][1](in_features=5, classes=2, nodes=graph.nodes, readout="both", **more)
    torch.manual_seed(seed)
    model = spiky(build(config, graph.edge_index, graph.batch)).double().eval()
    x = as_features(graph.x, torch.float64)
    together = model(x)
    assert together.shape == (len(sizes), 2)
    order = random.sample(range(len(sizes)), len(sizes))
    for chosen in (order, *([number] for number in order)):
        part = some_graphs(graph, chosen)
        alone = build(MODELS[name][1](**{**vars(config), "nodes": part.nodes}), part.edge_index, part.batch).double().eval()
        alone.load_state_dict(model.state_dict())
        torch.testing.assert_close(alone(as_features(part.x, torch.float64)), together[chosen], rtol=1e-9, atol=1e-9)


def test_one_graph_of_a_set_has_the_attention_of_a_graph_of_nodes() -> None:
    graph = graphs_of([9])
    config = MODELS["spikegraphormer"][1](in_features=5, classes=2, nodes=9, readout="plain")
    torch.manual_seed(0)
    nodes, graphs = (spiky(build(config, graph.edge_index, batch).double().eval()) for batch in (None, graph.batch))
    graphs.load_state_dict(nodes.state_dict())
    x = as_features(graph.x, torch.float64)
    torch.testing.assert_close(nodes(x).mean(dim=0, keepdim=True), graphs(x))
    current = nodes.encode(x).expand(4, -1, -1)
    ours, theirs = record_spikes(nodes.core, current), record_spikes(graphs.core, current)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs) and any(z.any() for z in ours.values())


def test_the_average_is_of_all_nodes_and_the_weight_of_each_graph() -> None:
    """Pooled: mean of x over the nodes of a graph, over the mean of all nodes, times a θ; a silent feature has a finite weight."""
    layer = ReduceNodes(2, 5, threshold=0.5).eval()
    group_nodes(layer, Segments(np.array([0, 0, 0, 1, 1])))
    x = torch.zeros(2, 5, 2)
    x[0, :3, 0] = 1
    with calibrating(layer):
        layer(x)
    torch.testing.assert_close(layer.average, torch.tensor([3 / 10, 1 / 5]))
    level = layer.log_level.exp().detach() * 0.5
    torch.testing.assert_close(layer(x)[:, :, 0], level[0] * torch.tensor([[1.0, 0.0], [0.0, 0.0]]) / 0.3)
    wanted = level.double()[None] / torch.tensor([[0.3, 0.2]]).double() / torch.tensor([[3.0], [2.0]]).double()
    torch.testing.assert_close(torch.from_numpy(layer.weight()), wanted, rtol=1e-6, atol=0)


def test_a_model_of_nodes_only_says_so() -> None:
    graph = graphs_of([3, 4])
    with pytest.raises(ValueError, match="spikegraphormer-paper classifies nodes only"):
        build(MODELS["spikegraphormer-paper"][1](in_features=5, classes=2, nodes=7), graph.edge_index, graph.batch)
