"""Graphs that change: dynamic DBLP and the structural features of its steps."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from neurograph.data.dynamic import DynamicGraph, load_dblp, structural_features
from neurograph.data.graph import canonical_edges
from neurograph.errors import DataError

ROOT = Path(os.environ.get("NEUROGRAPH_SHARED", Path(__file__).parents[2].parent / "shared"), "data")
needs_dblp = pytest.mark.skipif(not (ROOT / "dynamic" / "dblp").is_dir(), reason=f"no dynamic/dblp under {ROOT}; set NEUROGRAPH_SHARED")


def small() -> DynamicGraph:
    steps = (canonical_edges(np.array([[0, 1], [1, 2]])), np.zeros((2, 0), np.int64), canonical_edges(np.array([[3], [0]])))
    return DynamicGraph("small", steps, np.array([0, 1, 0, 1, 1]), 2)


@pytest.mark.data
@needs_dblp
def test_dblp() -> None:
    graph = load_dblp(ROOT)
    assert (graph.nodes, graph.steps, graph.classes) == (28_085, 27, 10)
    with np.load(ROOT / "dynamic" / "dblp" / "edge_index.npz") as held, np.load(ROOT / "dynamic" / "dblp" / "time.npz") as at:
        edges, time = held["arr_0"], at["arr_0"]
    assert edges.shape[1] == 2 * 222_165
    for step in (0, 13, 26):
        chosen = edges[:, time == np.unique(time)[step]]
        assert {tuple(pair) for pair in graph.snapshots[step].T.tolist()} == {tuple(pair) for pair in chosen.T.tolist()}
    train, val, test = graph.split(0.4)
    assert abs(train.sum() + val.sum() - 0.4 * graph.nodes) <= 1 and val.sum() == round(0.02 * graph.nodes) and test.sum() > 16_000


@pytest.mark.data
@needs_dblp
def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dynamic" / "dblp", tmp_path / "dblp", copy_function=shutil.copyfile)
    np.savez(tmp_path / "dblp" / "time.npz", np.zeros(3))
    with pytest.raises(DataError, match=r"dataset DBLP: edges \(2, 444330\), times \(3,\)"):
        load_dblp(tmp_path)
    (tmp_path / "dblp" / "y.npz").unlink()
    with pytest.raises(DataError, match=r"dataset DBLP: 1 of 3 raw files are missing"):
        load_dblp(tmp_path)


def test_there_is_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROGRAPH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"not to be redistributed.*pass --data-root DIR"):
        load_dblp()


def test_features_know_the_past_alone() -> None:
    graph = small()
    whole = list(structural_features(graph, 8))
    assert len(whole) == 3 and all(x.shape == (5, 8) and x.dtype == np.float32 for x in whole)
    shorter = list(structural_features(DynamicGraph("small", graph.snapshots[:2], graph.y, 2), 8))
    np.testing.assert_array_equal(np.array(shorter), np.array(whole[:2]))
    np.testing.assert_allclose(whole[0][:, 0], np.log1p([1, 2, 1, 0, 0]), rtol=1e-6)
    np.testing.assert_allclose(whole[1][:, 0], 0)
    np.testing.assert_allclose(whole[2][:, 1], np.log1p([2, 2, 1, 1, 0]), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(whole[1][:, 2:], axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(whole[0][:, 2:], whole[1][:, 2:])  # a step without edges changes nothing since the beginning


@pytest.mark.parametrize("hops", [1, 2, 5])
def test_projections_are_those_of_the_dense_matrix(hops: int) -> None:
    graph = small()
    (*_, last) = structural_features(graph, 6, seed=4, hops=hops)
    adjacency = np.eye(5)
    for edges in graph.snapshots:
        adjacency[edges[0], edges[1]] = 1
    scale = 1 / np.sqrt(adjacency.sum(axis=1))
    hat = scale[:, None] * adjacency * scale
    random = np.random.default_rng(4).normal(0, 1, (5, 4))
    before = np.linalg.matrix_power(hat, hops - 1) @ random
    wanted = before + hat @ before
    np.testing.assert_allclose(last[:, 2:], wanted / np.linalg.norm(wanted, axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"snapshots": ()}, "0 snapshots"),
        ({"snapshots": (np.array([[0], [1]]),)}, "snapshot 0 is not canonical"),
        ({"snapshots": (np.array([[0, 9], [9, 0]]),)}, "holds nodes up to 9"),
        ({"snapshots": (np.zeros((2, 1)),)}, "is float64"),
        ({"y": np.array([0, 2])}, "labels must be int64"),
    ],
)
def test_bad_graphs(changed, what) -> None:
    about = {"snapshots": small().snapshots, "y": small().y} | changed
    with pytest.raises(DataError, match=what):
        DynamicGraph("small", about["snapshots"], about["y"], 2)


def test_bad_widths_and_splits() -> None:
    with pytest.raises(DataError, match="width 2"):
        structural_features(small(), 2)
    with pytest.raises(DataError, match="hops 0"):
        structural_features(small(), 8, hops=0)
    with pytest.raises(DataError, match="nodes, must be at least 1 each"):
        small().split(0.4)
