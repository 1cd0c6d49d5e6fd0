"""Dynamic graphs by name, and the busiest part of one."""

from __future__ import annotations

import numpy as np
import pytest

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.data.snapshots import blocks, busiest, load_dynamic
from neurograph.errors import DataError


def edges(*pairs):
    return canonical_edges(np.array(pairs).T)


def test_the_busiest_nodes_keep_their_edges_and_classes():
    graph = DynamicGraph("g", (edges((0, 1), (3, 4)), edges((1, 3), (1, 4), (2, 3))), np.array([0, 1, 2, 0, 1]), 3)
    part = busiest(graph, 3)  # degrees 1, 3, 1, 3, 2
    assert (part.name, part.nodes, part.classes) == ("g:3", 3, 3)
    assert part.y.tolist() == [1, 0, 1]  # of nodes 1, 3, 4
    np.testing.assert_array_equal(part.snapshots[0], edges((1, 2)))
    np.testing.assert_array_equal(part.snapshots[1], edges((0, 1), (0, 2)))
    assert busiest(graph, 4).y.tolist() == [0, 1, 0, 1]  # of 0 and 2, which have one edge each, the first
    whole = busiest(graph, 5)
    for one, other in zip(whole.snapshots, graph.snapshots, strict=True):
        np.testing.assert_array_equal(one, other)
    for count in (0, 6):
        with pytest.raises(DataError, match=rf"graph 'g': {count} of its 5 nodes, must be 1 to 5"):
            busiest(graph, count)


def test_blocks_have_an_empty_snapshot_and_nodes_that_arrive():
    graph = blocks()
    present = [set(np.unique(snapshot)) for snapshot in graph.snapshots]
    assert graph.nodes == 120 and graph.steps == 5 and graph.classes == 3
    assert not present[2] and all(present[at] for at in (0, 1, 3, 4))
    assert present[4] - set().union(*present[:4]) and present[3] - present[4]
    inside = np.concatenate([graph.y[snapshot[0]] == graph.y[snapshot[1]] for snapshot in graph.snapshots])
    assert inside.mean() > 0.6
    np.testing.assert_array_equal(blocks(60, seed=2).snapshots[0], blocks(60, seed=2).snapshots[0])


def test_names_that_are_none_are_refused():
    assert load_dynamic("blocks", nodes=50).nodes == 50
    with pytest.raises(DataError, match="'karate': no dynamic graph, must be one of dblp, blocks"):
        load_dynamic("karate")
    with pytest.raises(DataError, match="blocks: 12 nodes, must be at least 40"):
        blocks(12)


@pytest.mark.data
def test_a_part_of_dblp(shared):
    graph = load_dynamic("dblp", shared / "data", 2000)
    assert (graph.nodes, graph.steps, graph.classes, graph.name) == (2000, 27, 10, "dblp:2000")
    assert all(snapshot.size for snapshot in graph.snapshots)
