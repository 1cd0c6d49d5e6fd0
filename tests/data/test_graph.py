"""GraphData refuses what is not a node classification graph, and canonical_edges mends edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurograph.data import GraphData, canonical_edges
from neurograph.errors import DataError


def small() -> GraphData:
    split = np.array([0, 1, 2, 2])
    return GraphData(
        name="small",
        x=np.eye(4, dtype=np.float32),
        edge_index=canonical_edges(np.array([[0, 1], [1, 2]])),
        y=np.array([0, 1, 0, 1]),
        train_mask=split == 0,
        val_mask=split == 1,
        test_mask=split == 2,
        classes=2,
    )


def test_sizes() -> None:
    graph = small()
    assert (graph.nodes, graph.features, graph.edges) == (4, 4, 2)
    assert replace(graph, x=sp.csr_matrix(graph.x)).features == 4


def test_isolated_nodes_and_no_edges_at_all_are_fine() -> None:
    assert replace(small(), edge_index=np.zeros((2, 0), dtype=np.int64)).edges == 0


NAN = np.eye(4, dtype=np.float32)
NAN[0, 0] = np.nan
BAD: list[tuple[dict[str, Any], str]] = [
    ({"x": np.eye(4)}, "features are float64, must be float32"),
    ({"x": NAN}, "1 features are NaN or infinite"),
    ({"x": np.zeros((4, 0), dtype=np.float32)}, "must be a CSR matrix or an array of shape"),
    ({"x": [[1.0]]}, "features of type list"),
    ({"edge_index": np.zeros((3, 2), dtype=np.int64)}, r"edge_index is int64 of shape \(3, 2\)"),
    ({"edge_index": np.array([[0, 4], [4, 0]])}, "nodes 0 to 4, must lie in 0 to 3"),
    ({"edge_index": np.array([[2], [2]])}, "1 self-loops"),
    ({"edge_index": np.array([[0, 0, 1, 1], [1, 1, 0, 0]])}, "2 duplicate edges"),
    ({"edge_index": np.array([[0], [1]])}, "1 edges in one direction only"),
    ({"y": np.array([0, 1, 2, 1])}, "labels are 0 to 2, must lie in 0 to 1"),
    ({"y": np.array([0, 1, 1])}, r"labels are int64 of shape \(3,\)"),
    ({"val_mask": np.array([0, 1, 0, 0])}, "val_mask is int64"),
    ({"val_mask": np.zeros(4, dtype=bool)}, "val_mask marks 0 nodes"),
    ({"val_mask": np.ones(4, dtype=bool)}, "3 nodes are in more than one of the splits"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message[:24] for _, message in BAD])
def test_bad_parts_are_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"graph 'small': .*{message}") as caught:
        replace(small(), **change)
    assert "\n" not in str(caught.value)


@settings(deadline=None)
@given(arrays(np.int64, st.tuples(st.just(2), st.integers(0, 40)), elements=st.integers(0, 9)))
def test_canonical_edges_are_accepted_and_keep_every_link(pairs: np.ndarray[Any, Any]) -> None:
    edges = canonical_edges(pairs)
    everyone = np.ones(10, dtype=bool)
    first, second = np.arange(10) == 0, np.arange(10) == 1
    labels = np.zeros(10, dtype=np.int64)
    GraphData("made", np.eye(10, dtype=np.float32), edges, labels, first, second, everyone & ~first & ~second, 1)
    links = {frozenset(pair) for pair in pairs.T.tolist() if pair[0] != pair[1]}
    assert {frozenset(pair) for pair in edges.T.tolist()} == links
    assert np.array_equal(canonical_edges(edges), edges)
