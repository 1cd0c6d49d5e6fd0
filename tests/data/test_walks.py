"""Walk features: the dense matrix that they factorise, their rotation from step to step, and graphs with little in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.data.walks import walk_features
from neurograph.errors import DataError

NODES = 30
NONE = np.zeros((2, 0), np.int64)


def graph(*counts: int) -> DynamicGraph:
    """Random edges of each step among all nodes but the last five."""
    draw = np.random.default_rng(1)
    steps = tuple(canonical_edges(draw.integers(0, NODES - 5, (2, count))) if count else NONE for count in counts)
    return DynamicGraph("made", steps, np.zeros(NODES, np.int64), 1)


def dense(edges: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """M of the docstring, and Â, among the nodes with an edge."""
    known = np.unique(edges)
    adjacency = np.zeros((NODES, NODES))
    adjacency[edges[0], edges[1]] = 1
    adjacency = adjacency[np.ix_(known, known)]
    degrees = adjacency.sum(axis=1)
    walk = adjacency / degrees[:, None]
    total = sum(np.linalg.matrix_power(walk, r) for r in range(1, window + 1)) / degrees
    with np.errstate(divide="ignore"):
        matrix = np.maximum(0, np.log(degrees.sum() / window * total))
    looped = adjacency + np.eye(len(known))
    return matrix, looped / np.sqrt(np.outer(degrees + 1, degrees + 1))


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("smoothing", [0, 2])
def test_factors_are_those_of_the_dense_matrix(window: int, smoothing: int) -> None:
    made = graph(40)
    edges, known = made.snapshots[0], np.unique(made.snapshots[0])
    matrix, hat = dense(edges, window)
    left, values, _ = np.linalg.svd(matrix)
    factors = np.linalg.matrix_power(hat, smoothing) @ left * np.sqrt(values)
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    (found,) = walk_features(made, NODES, window, smoothing)
    np.testing.assert_allclose(found[known] @ found[known].T, factors @ factors.T, atol=1e-3)  # the sign of a factor is free


def test_the_same_each_time_and_of_the_past_alone() -> None:
    whole = list(walk_features(graph(30, 20, 25), 8))
    np.testing.assert_array_equal(whole, list(walk_features(graph(30, 20, 25), 8)))
    np.testing.assert_array_equal(whole[:2], list(walk_features(graph(30, 20), 8)))
    assert all(x.shape == (NODES, 8) and x.dtype == np.float32 for x in whole)


def test_a_step_without_edges_changes_nothing() -> None:
    before, first, idle, _ = walk_features(graph(0, 30, 0, 20), 8)
    assert not before.any()
    np.testing.assert_array_equal(first, idle)


def test_nodes_without_an_edge_are_zero_and_others_of_length_one() -> None:
    made = graph(12, 20)
    for step, x in enumerate(walk_features(made, 8)):
        known = np.zeros(NODES, bool)
        known[np.unique(np.concatenate(made.snapshots[: step + 1], axis=1))] = True
        assert not known[-5:].any() and known.any()
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), known, atol=1e-5)


def test_steps_are_turned_onto_the_one_before() -> None:
    """No turn of a step's features is nearer to those of the step before, on the nodes that both know; the distances are its own."""
    made = graph(40, 10)
    before, after = walk_features(made, 8)
    known = np.unique(made.snapshots[0])
    near = np.square(after[known] - before[known]).sum()
    draw = np.random.default_rng(2)
    for size in (0.01, 0.1, 1.0):
        for _ in range(20):
            turn, _ = np.linalg.qr(np.eye(8) + size * draw.normal(size=(8, 8)))
            turn *= np.sign(np.diag(turn))
            assert np.square(after[known] @ turn - before[known]).sum() >= near - 1e-4
    (alone,) = walk_features(DynamicGraph("made", (np.unique(np.concatenate(made.snapshots, axis=1), axis=1),), made.y, 1), 8)
    np.testing.assert_allclose(after @ after.T, alone @ alone.T, atol=1e-4)


def test_fewer_nodes_than_columns() -> None:
    (x,) = walk_features(DynamicGraph("pair", (np.array([[0, 1], [1, 0]]),), np.zeros(3, np.int64), 1), 5)
    assert np.isfinite(x).all() and not x[:, 2:].any() and not x[2].any()


@pytest.mark.parametrize(("changed", "what"), [({"width": 0}, "width 0"), ({"window": 0}, "window 0"), ({"smoothing": -1}, "smoothing -1")])
def test_bad_settings(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(DataError, match=f"walk features: {what}, must be at least"):
        walk_features(graph(3), **changed)
