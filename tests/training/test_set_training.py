"""Training on a set of graphs sees those to train on alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from tu_sets import cycles_and_trees, write_tu

from neurograph.data import GraphData, load, some_graphs
from neurograph.errors import DataError, TrainingError
from neurograph.nn import as_features
from neurograph.nn.sharding import Shard
from neurograph.training import Recipe, read_settings, settings_for, train
from neurograph.training.subgraph import on_subgraph, parts, whole


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    write_tu(root, "MUTAG", *cycles_and_trees(60))
    return root


@pytest.fixture(scope="module")
def graph(root: Path) -> GraphData:
    return load("mutag", root)


SMALL = {"attention_width": 8, "gnn_width": 16, "gnn_layers": 2}


def test_it_learns_and_never_looks_at_the_graphs_to_test_on(graph: GraphData) -> None:
    """Features of the test graphs made wild: the same weights, norms and averages."""
    config, recipe = read_settings("spikegraphormer-mutag").config(graph, **SMALL), Recipe(epochs=25, ramp=1, parts=3, consistency=0.5)
    found = train(config, graph, recipe=recipe)
    assert found.test_accuracy >= 5 / 6 and found.mask_alive is not None
    wild = graph.x.toarray()
    wild[np.isin(graph.batch, np.flatnonzero(graph.test_mask))] *= 1000
    again = train(config, replace(graph, x=sp.csr_matrix(wild)), recipe=recipe)
    assert again.val_accuracy == found.val_accuracy
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(again.model.state_dict()[name], value)


def test_parts_hold_each_graph_to_train_on_once(graph: GraphData) -> None:
    torch.manual_seed(0)
    found = list(parts(graph, 4))
    assert [len(batch.y) for batch in found] == [12] * 4 and all(len(batch.train) == len(batch.segments) == 12 for batch in found)
    everything = whole(graph)
    assert sorted(torch.cat([batch.y for batch in found])) == sorted(everything.y) and len(everything.y) == graph.train_mask.sum()
    with pytest.raises(TrainingError, match="parts is 49, must be at most 48, the graphs of set 'mutag' to train on"):
        next(parts(graph, 49))


def test_on_a_part_and_back_on_the_set(graph: GraphData) -> None:
    found = train(read_settings("spikegraphormer-mutag").config(graph, **SMALL, readout="both"), graph, recipe=Recipe(epochs=1))
    model, x, part = found.model.double(), as_features(graph.x, torch.float64), some_graphs(graph, [9, 4])
    before, batch = model(x), next(parts(graph, 1))
    with on_subgraph(model, batch.graph, batch.segments):
        assert model(as_features(batch.x.to_dense(), torch.float64)).shape == (48, 2)
    assert torch.equal(model(x), before) and part.nodes < graph.nodes


def test_a_split_without_a_part_and_several_processes_are_refused(graph: GraphData) -> None:
    part = some_graphs(graph, np.flatnonzero(~graph.val_mask))
    config = read_settings("spikegraphormer-mutag").config(part)
    with pytest.raises(DataError, match="set 'mutag': val_mask marks 0 graphs, must mark at least 1"):
        train(config, part)
    with pytest.raises(DataError, match="set 'mutag': spikegraphormer-paper classifies nodes only; take spikegraphormer or sghormer"):
        train(settings_for("spikegraphormer-paper", "mutag").config(graph), graph)
    with pytest.raises(TrainingError, match="takes one graph, 'mutag' is a set of them; leave --sharded out"):
        train(read_settings("spikegraphormer-mutag").config(graph), graph, shard=Shard(0, 1, graph.nodes))
