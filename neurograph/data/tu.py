"""Sets of graphs in the TU layout (Morris et al., TUDataset, 2020): molecules, proteins and social networks, each graph with a class."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.data.graph import GraphData, canonical_edges
from neurograph.data.sources import Raw, copied, quietly
from neurograph.data.splits import folds
from neurograph.errors import DataError

__all__ = ["TU", "load_tu"]

TU = {
    "mutag": "MUTAG",
    "proteins": "PROTEINS",
    "enzymes": "ENZYMES",
    "nci1": "NCI1",
    "ptc_mr": "PTC_MR",
    "dd": "DD",
    "imdb-binary": "IMDB-BINARY",
    "imdb-multi": "IMDB-MULTI",
    "collab": "COLLAB",
}
_FILES = ("A", "graph_indicator", "graph_labels")
_MOST_FEATURES = 1 << 30
_OPTIONAL = ("node_labels", "node_attributes")

Integers = NDArray[np.int64]


def load_tu(name: str, root: str | Path | None = None, split: int = 0) -> GraphData:
    """A TU set as one batch of graphs, in the order of its files.

    Features are what PyG's TUDataset gives: node attributes as they stand, one-hot node labels behind them. A set that has neither gets the
    degree of each node, one-hot, as PyG's OneHotDegree makes it. Labels and attributes of edges are not read. Edges are taken in both
    directions, self-loops and duplicates fall away; nodes and graphs without an edge stay.

    Args:
        name: one of :data:`TU`, or any other set's own name.
        root: a folder that holds ``[[data/]TUDataset/]MUTAG/raw/MUTAG_A.txt``, or ``MUTAG/MUTAG_A.txt`` as the archive does.
        split: 0 to 9, one of ten folds, see :func:`neurograph.data.splits.folds`.

    Raises:
        DataError: files that are missing, cannot be read or do not fit each other, or a download that failed.
    """
    title = TU.get(name.lower(), name)
    if not re.fullmatch(r"\w[\w-]*", title):
        raise DataError(f"dataset tu:{name}: no name of a TU set, must be letters, digits, - and _; give e.g. tu:Cuneiform")
    raw = _raw(title)
    with copied(raw, root) as copy, quietly():
        folder = copy / raw.folder
        for file in folder.iterdir():  # PyG's reader loses a last line that has no end
            file.write_bytes(file.read_bytes().rstrip() + b"\n")
        batch = _graph_of_each_node(folder, title)
        edges = canonical_edges(_edges(folder, title, batch))
        _check_lengths(folder, title, len(batch), int(batch[-1]) + 1)
        _check_words(folder, title, len(batch))
        found = _read(folder, title)
        one_hot = not (folder / f"{title}_node_attributes.txt").is_file()
    y = found.y.numpy().astype(np.int64).ravel()
    x = _degrees(edges, len(batch)) if found.x is None else found.x.numpy().astype(np.float32)
    masks = folds(y, split, title)
    return GraphData(title.lower(), sp.csr_matrix(x) if one_hot else x, edges, y, *masks, classes=int(y.max()) + 1, batch=batch)


def _raw(title: str) -> Raw:
    files, optional = (tuple(f"{title}_{part}.txt" for part in parts) for parts in (_FILES, _OPTIONAL))
    return Raw(title, f"TUDataset/{title}/raw", files, partial(_fetch, title), optional, places=(title,))


def _fetch(title: str, root: Path) -> None:
    from torch_geometric.datasets import TUDataset

    TUDataset(str(root / "TUDataset"), title)


def _read(folder: Path, title: str) -> Any:
    """Features and classes as PyG reads them. Its edges are not taken: it loses its place where the last graphs have none."""
    from torch_geometric.io import read_tu_data

    return read_tu_data(str(folder), title)[0]


def _graph_of_each_node(folder: Path, title: str) -> Integers:
    """From graph_indicator: the graph of each node, from 0, (N,)."""
    where = f"dataset {title}: {title}_graph_indicator.txt"
    found = _numbers(folder, title, "graph_indicator", 1)[:, 0]
    if found[0] < 1 or (np.diff(found) < 0).any():
        raise DataError(f"{where}: must begin at 1 and rise; sort the nodes by graph")
    there = np.unique(found)
    if found[-1] > len(there):
        first = next(n for n, graph in enumerate(there.tolist(), 1) if n != graph)
        raise DataError(f"{where}: {found[-1] - len(there)} graphs have no node (graph {first} …), must have 1 at least; leave them out")
    return found - 1


def _edges(folder: Path, title: str, batch: Integers) -> Integers:
    """From A: pairs of nodes from 0, (2, E)."""
    where = f"dataset {title}: {title}_A.txt"
    pairs = _numbers(folder, title, "A", 2)
    outside = np.flatnonzero((pairs < 1).any(axis=1) | (pairs > len(batch)).any(axis=1))
    if outside.size:
        first = ", ".join(map(str, pairs[outside[0]]))
        raise DataError(
            f"{where}: {outside.size} edges name nodes that there are not ({first} …), must be 1 to {len(batch)}; mend the files"
        )
    pairs = pairs - 1
    between = np.flatnonzero(batch[pairs[:, 0]] != batch[pairs[:, 1]])
    if between.size:
        a, b = pairs[between[0]] + 1
        raise DataError(f"{where}: {between.size} edges join two graphs ({a}, {b} …), must stay in one; mend the files")
    return np.ascontiguousarray(pairs.T)


def _numbers(folder: Path, title: str, part: str, columns: int | None) -> Integers:
    """A file of whole numbers, (lines, columns); any number of columns if None."""
    where = f"dataset {title}: {title}_{part}.txt"
    path = folder / f"{title}_{part}.txt"
    if not path.read_text().strip():
        raise DataError(f"{where}: is empty, must hold {columns or 'some'} numbers a line; copy it anew")
    try:
        found: Integers = np.loadtxt(path, dtype=np.int64, delimiter=",", ndmin=2)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where}: not a table of whole numbers ({str(error)[:100]}); copy it anew") from None
    if columns is not None and found.shape[1] != columns:
        raise DataError(f"{where}: {found.shape[1]} numbers a line, must be {columns}; copy it anew")
    return found


def _check_lengths(folder: Path, title: str, nodes: int, graphs: int) -> None:
    _numbers(folder, title, "graph_labels", 1)
    for part, wanted, what in (("graph_labels", graphs, "graph"), *((part, nodes, "node") for part in _OPTIONAL)):
        path = folder / f"{title}_{part}.txt"
        lines = sum(bool(line.strip()) for line in path.read_text().splitlines()) if path.is_file() else wanted
        if lines != wanted:
            raise DataError(f"dataset {title}: {path.name} has {lines} lines, must have {wanted}, one a {what}; copy it anew")


def _check_words(folder: Path, title: str, nodes: int) -> None:
    """Node labels become one column a value, from the lowest to the highest: so many must fit.

    Raises:
        DataError: they would not, or are no whole numbers.
    """
    path = folder / f"{title}_node_labels.txt"
    if path.is_file():
        labels = _numbers(folder, title, "node_labels", None)
        columns = sum(int(column.max()) - int(column.min()) + 1 for column in labels.T)
        if columns * nodes > _MOST_FEATURES:
            raise DataError(
                f"dataset {title}: {path.name}: labels make {columns:,} columns of {nodes:,} nodes, must be at most "
                f"{_MOST_FEATURES:,} features; number them from 0 without gaps"
            )


def _degrees(edges: Integers, nodes: int) -> sp.csr_matrix:
    """The degree of each node, one-hot, (N, largest degree + 1)."""
    degree = np.bincount(edges[0], minlength=nodes)
    return sp.csr_matrix((np.ones(nodes, np.float32), (np.arange(nodes), degree)), shape=(nodes, int(degree.max()) + 1))
