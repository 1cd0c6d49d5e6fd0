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
    assert names() == ("karate", "cora", "citeseer")
    assert all(describe(name) for name in names())
    with pytest.raises(DataError, match="dataset 'pubmed': not known; choose one of karate, cora, citeseer"):
        load("pubmed")


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
    with pytest.raises(DataError, match=r"dataset Cora: .* holds no Cora/raw nor Planetoid/Cora/raw; point --data-root"):
        load("cora", tmp_path)


def test_missing_and_broken_raw_files_are_named(tmp_path: Path) -> None:
    raw = tmp_path / "Cora" / "raw"
    raw.mkdir(parents=True)
    with pytest.raises(DataError, match=r"dataset Cora: 8 of 8 raw files are missing in .*ind\.cora\.x"):
        load("cora", tmp_path)
    for name in ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index"):
        (raw / f"ind.cora.{name}").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"dataset Cora: raw files in .* cannot be read .*copy them anew"):
        load("cora", tmp_path)


def test_a_download_that_fails_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROGRAPH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def no_network(root: object, title: str) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("neurograph.data.planetoid._run_loader", no_network)
    with pytest.raises(DataError, match=r"download failed \(OSError: Name or service not known\); pass --data-root DIR"):
        load("cora")
