"""Mini-batches: what a model sees of a part is what a model built on that part alone would see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurograph.data import GraphData, load
from neurograph.errors import TrainingError
from neurograph.models import build
from neurograph.nn import as_features, gcn_norm
from neurograph.training import Recipe, preset, train
from neurograph.training.subgraph import on_subgraph, parts


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load("sbm:120")


def induced(graph: GraphData, nodes: np.ndarray) -> np.ndarray:
    place = np.full(graph.nodes, -1)
    place[nodes] = np.arange(len(nodes))
    edges = place[graph.edge_index]
    return edges[:, (edges >= 0).all(axis=0)]


def test_a_part_is_its_own_graph(graph: GraphData) -> None:
    config, _ = preset(graph, gnn_layers=2)
    torch.manual_seed(0)
    model = build(config, graph.edge_index).double().eval()
    nodes = np.arange(0, 120, 3)
    alone = build(replace(config, nodes=len(nodes)), induced(graph, nodes)).double().eval()
    alone.load_state_dict(model.state_dict())
    x = as_features(graph.x, torch.float64)
    before = model(x)
    with on_subgraph(model, gcn_norm(induced(graph, nodes), len(nodes))):
        assert torch.equal(model(x[nodes]), alone(x[nodes]))
    assert torch.equal(model(x), before), "and afterwards it is on its own graph again"


def test_parts_hold_each_node_once_and_edges_inside_them(graph: GraphData) -> None:
    torch.manual_seed(0)
    found = list(parts(graph, 4))
    assert sum(len(batch.y) for batch in found) == 120 and max(len(batch.y) for batch in found) == 30
    assert sum(len(batch.train) for batch in found) == graph.train_mask.sum()
    inside = sum(batch.graph.nnz - batch.graph.shape[0] for batch in found)
    assert 0 < inside < graph.edge_index.shape[1]


def test_mini_batches_learn(graph: GraphData) -> None:
    config, recipe = preset(graph)
    found = train(config, graph, recipe=replace(recipe, parts=4, epochs=40, ramp=5))
    alone = max(np.bincount(graph.y[graph.test_mask])) / graph.test_mask.sum()
    assert found.test_accuracy > alone + 0.2


def test_more_parts_than_nodes_are_refused(graph: GraphData) -> None:
    config, _ = preset(graph)
    with pytest.raises(TrainingError, match="parts is 121, must be at most 120, the nodes of graph 'sbm:120'"):
        train(config, graph, recipe=Recipe(parts=121, epochs=2))
