"""Datasets by name; the data root is read and never written to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from neurograph.data import describe, load, names
from neurograph.errors import DataError

ROOT = Path(os.environ.get("NEUROGRAPH_SHARED", Path(__file__).parents[2].parent / "shared"), "data")
PLANETOID = next((folder for folder in (ROOT / "Planetoid", ROOT / "data" / "Planetoid", ROOT) if (folder / "Cora").is_dir()), None)
needs_data = pytest.mark.skipif(PLANETOID is None, reason=f"no Planetoid/Cora/raw under {ROOT}; set NEUROGRAPH_SHARED")


def test_every_name_has_a_description() -> None:
    assert names()[:3] == ("karate", "digits", "cora") and len(names()) == 27
    assert all(describe(name) for name in names())
    with pytest.raises(DataError, match="dataset 'reddit': not known; choose one of karate, digits, cora"):
        load("reddit")


def test_karate_is_zacharys() -> None:
    graph = load("Karate")
    assert (graph.nodes, graph.edges, graph.classes, graph.features) == (34, 78, 2, 34)
    assert graph.y[0] == 0  # Mr. Hi
    assert graph.y[33] == 1  # the officer
    assert (graph.train_mask.sum(), graph.val_mask.sum(), graph.test_mask.sum()) == (8, 8, 18)
    assert np.array_equal(load("karate").train_mask, graph.train_mask)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "title", "sizes"), [("cora", "Cora", (2708, 5278, 7, 1433)), ("citeseer", "CiteSeer", (3327, 4552, 6, 3703))]
)
def test_planetoid_reads_a_root_and_leaves_it_as_it_was(name: str, title: str, sizes: tuple[int, int, int, int]) -> None:
    assert PLANETOID is not None
    before = snapshot(PLANETOID / title)
    graph = load(name, PLANETOID)
    assert (graph.nodes, graph.edges, graph.classes, graph.features) == sizes
    assert (graph.train_mask.sum(), graph.val_mask.sum(), graph.test_mask.sum()) == (20 * graph.classes, 500, 1000)
    rows = np.asarray(graph.x.sum(axis=1)).ravel()
    np.testing.assert_allclose(rows[rows > 0], 1, rtol=1e-5)
    assert snapshot(PLANETOID / title) == before


@pytest.mark.data
@needs_data
def test_a_root_may_be_the_folder_above_and_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PLANETOID is not None
    shutil.copytree(PLANETOID / "Cora", tmp_path / "data" / "Planetoid" / "Cora")
    monkeypatch.setenv("NEUROGRAPH_DATA", str(tmp_path))
    assert load("cora").nodes == 2708


def test_a_root_without_the_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset Cora: .* holds no Planetoid/Cora/raw/ind.cora.x, .*; point --data-root"):
        load("cora", tmp_path)


def test_missing_and_broken_raw_files_are_named(tmp_path: Path) -> None:
    raw = tmp_path / "Cora" / "raw"
    raw.mkdir(parents=True)
    with pytest.raises(DataError, match=r"dataset Cora: 8 of 8 raw files are missing in .*ind\.cora\.x"):
        load("cora", tmp_path)
    for name in ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index"):
        (raw / f"ind.cora.{name}").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"dataset Cora: ind\.cora\.x: damaged .*copy it anew"):
        load("cora", tmp_path)


def test_a_download_that_fails_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROGRAPH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def no_network(family: str, title: str, root: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("neurograph.data.pyg._loaded", no_network)
    with pytest.raises(DataError, match=r"download failed \(OSError: Name or service not known\); pass --data-root DIR"):
        load("cora")


@pytest.mark.data
@pytest.mark.skipif(not (ROOT / "Amazon").is_dir(), reason=f"no Amazon under {ROOT}; set NEUROGRAPH_SHARED")
@pytest.mark.parametrize(("name", "sizes"), [("computers", (13752, 245861, 10, 767)), ("cs", (18333, 81894, 15, 6805))])
def test_random_splits_of_amazon_and_coauthor(name: str, sizes: tuple[int, int, int, int]) -> None:
    graph, other = load(name, ROOT), load(name, ROOT, split=1)
    assert (graph.nodes, graph.edges, graph.classes, graph.features) == sizes
    parts = [int(mask.sum()) for mask in (graph.train_mask, graph.val_mask, graph.test_mask)]
    assert sum(parts) == graph.nodes and parts[0] == round(0.6 * graph.nodes) and parts[1] == round(0.2 * graph.nodes)
    assert not np.array_equal(graph.train_mask, other.train_mask)
    assert np.array_equal(other.train_mask, load(name, ROOT, split=1).train_mask)


@pytest.mark.data
@pytest.mark.skipif(not (ROOT / "heterophilous").is_dir(), reason=f"no heterophilous under {ROOT}; set NEUROGRAPH_SHARED")
@pytest.mark.parametrize(
    ("name", "sizes"), [("actor", (7600, 26659, 5, 932)), ("squirrel", (2223, 46998, 5, 2089)), ("texas", (183, 279, 5, 1703))]
)
def test_heterophilous_graphs_have_ten_splits(name: str, sizes: tuple[int, int, int, int]) -> None:
    """As many edges as Platonov et al. count, which are undirected."""
    graphs = [load(name, ROOT / "heterophilous" if split else ROOT, split) for split in (0, 9)]
    assert (graphs[0].nodes, graphs[0].edges, graphs[0].classes, graphs[0].features) == sizes
    assert not np.array_equal(graphs[0].train_mask, graphs[1].train_mask)
    with pytest.raises(DataError, match=f"dataset {name}: split 10, must be 0 to 9"):
        load(name, ROOT, 10)
    half = load(name, ROOT, split=3, shares=(0.5, 0.25, 0.25))
    assert int(half.train_mask.sum()) == round(0.5 * half.nodes)


def test_bad_names_and_splits() -> None:
    with pytest.raises(DataError, match="split 1, must be 0, its only one"):
        load("karate", split=1)
    with pytest.raises(DataError, match="split -1, must be 0 or more"):
        load("digits", split=-1)
    with pytest.raises(DataError, match="'karate:50': only graphs that are made"):
        load("karate:50")
    with pytest.raises(DataError, match="'rmat:many': 'many' is no number of nodes"):
        load("rmat:many")
    with pytest.raises(DataError, match=r"shares \[0.9, 0.2, 0.2\], must be three above 0"):
        load("karate", shares=(0.9, 0.2, 0.2))
    with pytest.raises(DataError, match="34, 0 and 0 of 34 nodes, must be at least 1 each"):
        load("karate", shares=(0.99, 0.005, 0.005))


def test_a_downloaded_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers with a file of the layout; the second time nobody asks it."""
    rng = np.random.default_rng(0)
    part = rng.permutation(np.arange(12) % 3)
    masks = {f"{name}_masks": np.stack([part == i]) for i, name in enumerate(("train", "val", "test"))}
    made = tmp_path / "texas.npz"
    np.savez(made, node_features=np.eye(12, dtype=np.float32), node_labels=part, edges=np.array([[0, 1], [1, 2]]), **masks)
    monkeypatch.delenv("NEUROGRAPH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("neurograph.data.heterophilous.SOURCE", tmp_path.as_uri())
    assert load("texas").edges == 2
    made.unlink()
    assert load("texas").edges == 2
    with pytest.raises(DataError, match=r"dataset actor: .* its download failed"):
        load("actor")


def test_broken_npz_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "actor.npz").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"dataset actor: raw files in .* cannot be read"):
        load("actor", tmp_path)
    np.savez(tmp_path / "actor.npz", node_labels=np.arange(3))
    with pytest.raises(DataError, match="dataset actor: actor.npz holds no node_features, edges, train_masks"):
        load("actor", tmp_path)


def test_graphs_that_change_are_of_dynamic_models() -> None:
    with pytest.raises(DataError, match="dataset 'dblp': a graph that changes, which dynamic models alone take"):
        load("dblp")
