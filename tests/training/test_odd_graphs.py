"""Graphs that are odd but right are trained on; those that are wrong are refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurograph.data import GraphData, canonical_edges, load
from neurograph.errors import DataError
from neurograph.reproduce import TABLES, run
from neurograph.reproduce.tables import Row
from neurograph.training import preset, train


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load("karate")


def without(graph: GraphData, nodes: list[int]) -> GraphData:
    """The nodes lose all their edges."""
    keep = ~np.isin(graph.edge_index, nodes).any(axis=0)
    return replace(graph, edge_index=graph.edge_index[:, keep])


def test_isolated_nodes_and_a_graph_without_edges(graph: GraphData) -> None:
    for odd in (without(graph, [0, 5, 33]), without(graph, list(range(34)))):
        config, recipe = preset(odd)
        found = train(config, odd, recipe=recipe, epochs=12)
        assert 0 <= found.test_accuracy <= 1


def test_a_class_that_is_missing_from_a_split(graph: GraphData) -> None:
    missing = replace(graph, train_mask=graph.train_mask & (graph.y == 0))
    config, recipe = preset(missing)
    found = train(config, missing, recipe=recipe, epochs=12)
    assert found.test_accuracy <= (graph.y == 0)[graph.test_mask].mean() + 0.5
    more = replace(graph, classes=3)  # a class that no node has
    config, recipe = preset(more)
    assert train(config, more, recipe=recipe, epochs=12).test_accuracy > 0.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: {"edge_index": np.concatenate([g.edge_index, [[3], [3]]], axis=1)}, "1 self-loops, must hold none"),
        (lambda g: {"edge_index": np.concatenate([g.edge_index, g.edge_index[:, :2]], axis=1)}, "duplicate edges, must hold each once"),
        (lambda g: {"x": np.where(np.eye(34, dtype=np.float32) > 0, np.float32("nan"), np.float32(0))}, "34 features are NaN or infinite"),
        (lambda g: {"val_mask": g.val_mask[:-1]}, r"val_mask is bool of shape \(33,\), must be bool of shape \(34,\)"),
        (lambda g: {"train_mask": np.zeros(34, bool)}, "train_mask marks 0 nodes"),
    ],
    ids=["self-loop", "duplicates", "NaN", "short mask", "empty split"],
)
def test_wrong_graphs_are_refused_by_name(graph: GraphData, change: object, said: str) -> None:
    with pytest.raises(DataError, match=f"graph 'karate'.*{said}"):
        replace(graph, **change(graph))


def test_canonical_edges_mend_what_was_refused(graph: GraphData) -> None:
    messy = np.concatenate([graph.edge_index[:, ::2], graph.edge_index, [[3, 4], [3, 4]]], axis=1)
    np.testing.assert_array_equal(canonical_edges(messy), canonical_edges(graph.edge_index))


@pytest.mark.parametrize("name", ["digits", "sbm:150", "pattern:150", "cluster:150", "rmat:200"])
def test_images_and_graphs_that_are_made_train_too(name: str) -> None:
    found = run(Row("spikegraphormer", "spikegraphormer"), name, 0, epochs=3)
    assert found.epochs == 3 and TABLES
