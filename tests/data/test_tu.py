"""Sets of graphs in the TU layout: what PyG reads, as one batch; files that do not fit are refused by name."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tu_sets import cycles_and_trees, write_tu

from neurograph.data import GraphData, canonical_edges, describe, is_set, load, some_graphs, with_adjacency
from neurograph.errors import DataError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.data import Batch
    from torch_geometric.datasets import TUDataset
    from torch_geometric.transforms import OneHotDegree


@pytest.fixture
def made(tmp_path: Path) -> Path:
    graphs, classes = cycles_and_trees()
    nodes = sum(map(len, graphs))
    labels, attributes = [str(2 + node % 3) for node in range(nodes)], [f"{node / 7}, {-node}" for node in range(nodes)]
    write_tu(tmp_path, "MUTAG", graphs, classes, node_labels=labels, node_attributes=attributes)
    write_tu(tmp_path, "IMDB-BINARY", graphs, classes)
    return tmp_path


def of_pyg(root: Path, title: str, into: Path, transform: object = None) -> Batch:
    shutil.copytree(root / title, into / title / "raw")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Batch.from_data_list(list(TUDataset(str(into), title, use_node_attr=True, transform=transform)))


def dense(graph: GraphData) -> np.ndarray:
    return graph.x if isinstance(graph.x, np.ndarray) else graph.x.toarray()


def test_features_edges_and_classes_are_those_of_pyg(made: Path, tmp_path: Path) -> None:
    graph, oracle = load("mutag", made), of_pyg(made, "MUTAG", tmp_path / "pyg")
    np.testing.assert_array_equal(graph.x, oracle.x.numpy())
    assert graph.features == 5 and isinstance(graph.x, np.ndarray)
    np.testing.assert_array_equal(graph.edge_index, canonical_edges(oracle.edge_index.numpy()))
    np.testing.assert_array_equal(graph.batch, oracle.batch.numpy())
    np.testing.assert_array_equal(graph.y, oracle.y.numpy())
    assert (graph.classified, graph.classes, graph.name) == (40, 2, "mutag")


def test_a_set_without_features_gets_degrees(made: Path, tmp_path: Path) -> None:
    graph = load("imdb-binary", made)
    oracle = of_pyg(made, "IMDB-BINARY", tmp_path / "pyg", OneHotDegree(graph.features - 1))
    np.testing.assert_array_equal(dense(graph), oracle.x.numpy())


def test_any_place_and_any_name(made: Path, tmp_path: Path) -> None:
    at = tmp_path / "other" / "TUDataset" / "Mine" / "raw"
    at.mkdir(parents=True)
    for file in (made / "IMDB-BINARY").iterdir():
        shutil.copyfile(file, at / file.name.replace("IMDB-BINARY", "Mine"))
    before = sorted(path.name for path in (tmp_path / "other").rglob("*"))
    for root in (tmp_path / "other", at.parent, at):
        assert load("tu:Mine", root).name == "mine"
    assert sorted(path.name for path in (tmp_path / "other").rglob("*")) == before, "a root is only read"
    assert is_set("tu:Mine") and is_set("MUTAG") and not is_set("cora") and "10 folds" in describe("tu:Mine")


def test_ten_folds_and_random_splits_are_stratified(made: Path) -> None:
    folds = [load("mutag", made, fold) for fold in range(10)]
    tested = sum(graph.test_mask.astype(int) for graph in folds)
    assert (tested == 1).all() and not (folds[0].val_mask & folds[0].test_mask).any()
    assert np.array_equal(folds[0].val_mask, folds[1].test_mask) and np.array_equal(folds[9].val_mask, folds[0].test_mask)
    assert all((graph.y[graph.test_mask] == 0).sum() == 2 and graph.test_mask.sum() == 4 for graph in folds)
    first, second = (load("mutag", made, seed, (0.8, 0.1, 0.1)) for seed in (3, 4))
    assert [int(mask.sum()) for mask in (first.train_mask, first.val_mask, first.test_mask)] == [32, 4, 4]
    assert first.y[first.train_mask].mean() == 0.5 and not np.array_equal(first.test_mask, second.test_mask)
    with pytest.raises(DataError, match="dataset mutag: split 10, must be 0 to 9"):
        load("mutag", made, 10)


def test_odd_graphs_are_read(tmp_path: Path) -> None:
    """Isolated nodes, graphs without an edge, the last one too, where PyG's slices fall short; self-loops, duplicates, one direction."""
    graphs, classes = cycles_and_trees(12)
    graphs[3], graphs[11] = nx.empty_graph(4), nx.empty_graph(1)
    plain = write_tu(tmp_path, "MUTAG", graphs, classes)
    lines = (plain / "MUTAG_A.txt").read_text().splitlines()
    graph = load("mutag", tmp_path)
    assert (graph.batch == 3).sum() == 4 and (graph.batch == 11).sum() == 1 and graph.nodes == sum(map(len, graphs))
    assert set(dense(graph)[graph.batch == 3].argmax(axis=1)) == {0}, "their degree"
    odd = tmp_path / "odd"
    write_tu(odd, "MUTAG", graphs, classes, A=[*lines[::2], "1, 1", lines[0]])
    np.testing.assert_array_equal(load("mutag", odd).edge_index, graph.edge_index)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("A", lambda lines: [*lines, "1, 9999"], r"MUTAG_A.txt: 1 edges name nodes that there are not \(1, 9999 …\), must be 1 to"),
        ("A", lambda lines: [*lines, "0, 1"], r"MUTAG_A.txt: 1 edges name nodes that there are not \(0, 1 …\)"),
        ("A", lambda lines: [*lines, "1, 50"], r"MUTAG_A.txt: 1 edges join two graphs \(1, 50 …\)"),
        ("A", lambda lines: ["one, two"], "MUTAG_A.txt: not a table of whole numbers"),
        ("A", lambda lines: ["1, 2, 3"], "MUTAG_A.txt: 3 numbers a line, must be 2"),
        ("A", lambda lines: [], "MUTAG_A.txt: is empty, must hold 2 numbers a line"),
        (
            "graph_indicator",
            lambda lines: [n for n in lines if n != "3"],
            r"MUTAG_graph_indicator.txt: 1 graphs have no node \(graph 3 …\)",
        ),
        ("graph_indicator", lambda lines: lines[::-1], "MUTAG_graph_indicator.txt: must begin at 1 and rise"),
        ("graph_labels", lambda lines: lines[:-1], "MUTAG_graph_labels.txt has 19 lines, must have 20, one a graph"),
        ("node_labels", lambda lines: ["1"] * 7, r"MUTAG_node_labels.txt has 7 lines, must have \d+, one a node"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path: Path, part: str, change: object, said: str) -> None:
    graphs, classes = cycles_and_trees(20)
    at = write_tu(tmp_path, "MUTAG", graphs, classes)
    path = at / f"MUTAG_{part}.txt"
    lines = path.read_text().splitlines() if path.is_file() else []
    path.write_text("".join(f"{line}\n" for line in change(lines)))
    with pytest.raises(DataError, match=f"dataset MUTAG: {said}"):
        load("mutag", tmp_path)


def test_attributes_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    graphs, classes = cycles_and_trees(20)
    write_tu(tmp_path / "words", "MUTAG", graphs, classes, node_labels=["carbon"] * sum(map(len, graphs)))
    with pytest.raises(DataError, match=r"dataset MUTAG: MUTAG_node_labels.txt: not a table of whole numbers .*carbon"):
        load("mutag", tmp_path / "words")
    write_tu(tmp_path, "MUTAG", graphs, classes, node_attributes=["nan, 1"] + ["0, 1"] * (sum(map(len, graphs)) - 1))
    with pytest.raises(DataError, match="graph 'mutag': 1 features are NaN or infinite"):
        load("mutag", tmp_path)


def test_missing_files_names_and_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"dataset ENZYMES: .* holds no TUDataset/ENZYMES/raw/ENZYMES_A.txt"):
        load("enzymes", tmp_path)
    graphs, classes = cycles_and_trees(20)
    (write_tu(tmp_path, "NCI1", graphs, classes) / "NCI1_graph_labels.txt").unlink()
    with pytest.raises(DataError, match=r"dataset NCI1: 1 of 3 raw files are missing in .*NCI1_graph_labels.txt"):
        load("nci1", tmp_path)
    with pytest.raises(DataError, match="dataset tu: of which name is not said"):
        load("tu", tmp_path)
    with pytest.raises(DataError, match=r"dataset tu:\.\./up: no name of a TU set"):
        load("tu:../up", tmp_path)
    few = write_tu(tmp_path / "few", "DD", graphs[:9], classes[:9]).parent
    with pytest.raises(DataError, match="split of DD: 9 graphs, must be at least 10"):
        load("dd", few)

    def no_network(title: str, root: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.delenv("NEUROGRAPH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("neurograph.data.tu._fetch", no_network)
    with pytest.raises(DataError, match=r"dataset MUTAG: .* its download failed \(OSError: Name or service not known\); pass --data-root"):
        load("mutag")


def of(sizes: list[int], seed: int = 0) -> GraphData:
    """Random graphs of these sizes, which may have no edge."""
    rng = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    pairs = rng.integers(0, len(batch), (2, 6 * len(batch)))
    edges = canonical_edges(pairs[:, batch[pairs[0]] == batch[pairs[1]]])
    y = np.arange(len(sizes)) % 2
    split = np.arange(len(sizes)) % 3
    x = rng.random((len(batch), 3), dtype=np.float32)
    return GraphData("made", x, edges, y, split == 0, split == 1, split == 2, 2, batch)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_a_choice_of_graphs_holds_what_each_of_them_held(sizes: list[int], random: object) -> None:
    graph = of(sizes)
    order = random.sample(range(len(sizes)), random.randint(1, len(sizes)))
    found = some_graphs(graph, order)
    assert found.nodes == sum(sizes[i] for i in order)
    for place, number in enumerate(order):
        alone, inside = some_graphs(graph, [number]), found.batch == place
        np.testing.assert_array_equal(found.x[inside], graph.x[graph.batch == number])
        shift = np.flatnonzero(inside)[0]
        np.testing.assert_array_equal(found.edge_index[:, inside[found.edge_index[0]]] - shift, alone.edge_index)
        assert found.y[place] == alone.y[0] == graph.y[number] and found.test_mask[place] == graph.test_mask[number]


def test_batches_that_are_none_and_choices_that_there_are_not() -> None:
    graph = of([2, 3, 1])
    for change, said in (
        ({"batch": np.array([0, 0, 2, 2, 2, 2])}, "must begin with 0 and rise by 0 or 1"),
        ({"batch": np.array([0, 1])}, r"int64 of shape \(2,\), must be int64 of shape \(6,\)"),
        ({"edge_index": np.array([[0, 3], [3, 0]])}, "2 edges join two graphs"),
        ({"y": np.zeros(6, np.int64)}, r"labels are int64 of shape \(6,\), must be int64 of shape \(3,\)"),
        ({"val_mask": graph.train_mask}, "1 graphs are in more than one of the splits"),
    ):
        with pytest.raises(DataError, match=said):
            GraphData(**{**vars(graph), **change})
    for chosen in ([3], [-1], [0, 0], []):
        with pytest.raises(DataError, match="must be some of 0 to 2, each once"):
            some_graphs(graph, chosen)
    with pytest.raises(DataError, match="'karate': is one graph, must be a set"):
        some_graphs(load("karate"), [0])
    with pytest.raises(DataError, match="set 'made': its adjacency tells no node of a new graph"):
        with_adjacency(graph)
