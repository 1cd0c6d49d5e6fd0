"""Steps of a dynamic graph against the whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
from dynamic_graphs import features, small

from neurograph.errors import DataError
from neurograph.models.steps import graph_steps
from neurograph.nn import gcn_norm


def test_steps_are_those_of_the_whole_graph() -> None:
    graph = small()
    given = features(graph)
    for idle in ("hold", "last", "run"):
        for at, (step, edges, x) in enumerate(zip(graph_steps(graph, given, idle), graph.snapshots, given, strict=True)):
            nodes = step.nodes.numpy()
            everybody = idle == "run" or (idle == "last" and at == graph.steps - 1)
            assert nodes.tolist() == (list(range(graph.nodes)) if everybody else sorted(set(edges[0].tolist())))
            whole = gcn_norm(edges, graph.nodes).toarray()
            np.testing.assert_allclose(step.adjacency.to_dense().numpy(), whole[np.ix_(nodes, nodes)], rtol=1e-6)
            np.testing.assert_allclose(step.propagated.numpy(), (whole @ x)[nodes], rtol=1e-4, atol=1e-6)
            np.testing.assert_array_equal(step.x.numpy(), x[nodes])


def test_edges_so_far_are_those_among_the_nodes_that_take_part() -> None:
    graph = small()
    all_edges = np.zeros((2, 0), np.int64)
    for step, edges in zip(graph_steps(graph, features(graph), "hold", "so_far"), graph.snapshots, strict=True):
        all_edges = np.concatenate([all_edges, edges], axis=1)
        nodes = np.unique(edges[0])
        dense = np.zeros((graph.nodes, graph.nodes))
        dense[all_edges[0], all_edges[1]] = 1
        among = dense[np.ix_(nodes, nodes)] + np.eye(len(nodes))
        scale = 1 / np.sqrt(among.sum(axis=1))
        np.testing.assert_allclose(step.adjacency.to_dense().numpy(), scale[:, None] * among * scale, rtol=1e-6)


def test_features_of_another_graph_are_refused() -> None:
    graph = small()
    with pytest.raises(DataError, match="features of 3 steps and 20 nodes, must be of 4 steps and 20 nodes"):
        graph_steps(graph, features(graph)[:3])
    with pytest.raises(DataError, match="features of 4 steps and 7 nodes"):
        graph_steps(graph, [x[:7] for x in features(graph)])
