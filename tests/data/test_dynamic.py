"""Graphs that change: dynamic DBLP and the rules of a graph."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from neurograph.data.dynamic import DynamicGraph, load_dblp
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
    shutil.copyfile(ROOT / "dynamic" / "dblp" / "time.npz", tmp_path / "dblp" / "time.npz")
    for odd in (np.full(28_085, 0.7), np.zeros(0, np.int64), np.full(28_085, "ten")):
        np.savez(tmp_path / "dblp" / "y.npz", odd)
        with pytest.raises(DataError, match=r"dataset DBLP: y.npz holds \d+ values of .*, must be whole numbers|cannot be read"):
            load_dblp(tmp_path)
    (tmp_path / "dblp" / "y.npz").unlink()
    with pytest.raises(DataError, match=r"dataset DBLP: 1 of 3 raw files are missing"):
        load_dblp(tmp_path)


def test_there_is_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROGRAPH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"no download; pass --data-root DIR"):
        load_dblp()


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


def test_a_split_without_validation_nodes() -> None:
    with pytest.raises(DataError, match="nodes, must be at least 1 each"):
        small().split(0.4)
