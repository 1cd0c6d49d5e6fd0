"""GraphData: one graph whose nodes are to be classified, or many that are to be classified each, side by side in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import DataError

__all__ = ["MOST_CLASSES", "GraphData", "canonical_edges", "some_graphs", "with_adjacency"]

MOST_CLASSES = 1 << 16
Matrix = Union[sp.csr_matrix, NDArray[np.float32]]


@dataclass(frozen=True)
class GraphData:
    """A graph, its features, labels and split. Checked when it is built; :func:`canonical_edges` brings edges into form.

    Where ``batch`` is given it holds G graphs with no edge between them, as PyG's Batch does, and labels and masks are theirs.

    Args:
        name: of the dataset.
        x: features (N, F), CSR or array, float32.
        edge_index: (2, E) int64, both directions of every edge, no self-loops, no duplicates. Isolated nodes are fine.
        y: class of each node, (N,) int64, 0 to classes − 1; of each graph, (G,), where there is a batch.
        train_mask, val_mask, test_mask: of the same shape, bool, disjoint; none of them empty, but in a batch.
        classes: C.
        batch: the graph of each node, (N,) int64, 0 to G − 1, ascending; None: one graph whose nodes are classified.

    Raises:
        DataError: on the first rule that is broken.
    """

    name: str
    x: Matrix
    edge_index: NDArray[np.int64]
    y: NDArray[np.int64]
    train_mask: NDArray[np.bool_]
    val_mask: NDArray[np.bool_]
    test_mask: NDArray[np.bool_]
    classes: int
    batch: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        _check_features(self)
        _check_edges(self)
        _check_batch(self)
        _check_labels(self)
        _check_masks(self)

    @property
    def nodes(self) -> int:
        return int(self.x.shape[0])

    @property
    def features(self) -> int:
        return int(self.x.shape[1])

    @property
    def edges(self) -> int:
        """Undirected edges."""
        return int(self.edge_index.shape[1]) // 2

    @property
    def classified(self) -> int:
        """How many labels there are: N, or G in a batch."""
        return self.nodes if self.batch is None else int(self.batch[-1]) + 1


def canonical_edges(edges: NDArray[Any]) -> NDArray[np.int64]:
    """Both directions of every edge, sorted, without self-loops and duplicates; (2, any) → (2, E) int64."""
    pairs = np.asarray(edges, dtype=np.int64)
    if pairs.ndim != 2 or len(pairs) != 2:
        raise DataError(f"edges: shape {pairs.shape}, must be (2, E); give a pair of nodes an edge")
    pairs = np.concatenate([pairs, pairs[::-1]], axis=1)
    return np.ascontiguousarray(np.unique(pairs[:, pairs[0] != pairs[1]], axis=1))


def with_adjacency(graph: GraphData, scale: float = 1.0) -> GraphData:
    """The same graph, each node's row of the adjacency times ``scale`` behind its own features: x becomes [X, scale·A], (N, F + N).

    A linear encoder then learns a vector for every neighbour, as in LINKX (Lim et al. 2021); on a graph whose neighbours are of other
    classes that tells more than their features do.

    Raises:
        DataError: a set of graphs, where a node of one graph is not that of another.
    """
    if graph.batch is not None:
        raise DataError(f"set {graph.name!r}: its adjacency tells no node of a new graph, must stay out of features; set adjacency to 0")
    ones = np.full(graph.edge_index.shape[1], scale, np.float32)
    adjacency = sp.csr_matrix((ones, (graph.edge_index[0], graph.edge_index[1])), shape=(graph.nodes, graph.nodes))
    return replace(graph, x=sp.csr_matrix(sp.hstack([sp.csr_matrix(graph.x), adjacency], format="csr"), dtype=np.float32))


def some_graphs(graph: GraphData, chosen: Sequence[int] | NDArray[np.int64]) -> GraphData:
    """A batch of some graphs of a batch, in the order in which they are named; they keep their labels and parts of the split.

    Raises:
        DataError: no batch, or numbers that are not 0 to G − 1, each once.
    """
    if graph.batch is None:
        raise DataError(f"graph {graph.name!r}: is one graph, must be a set of graphs for some of them to be chosen; leave the choice out")
    which = np.asarray(chosen, dtype=np.int64)
    count = graph.classified
    if which.ndim != 1 or not which.size or which.min() < 0 or which.max() >= count or np.unique(which).size < which.size:
        raise DataError(f"graph {graph.name!r}: graphs {which.tolist()} chosen, must be some of 0 to {count - 1}, each once; choose others")
    starts = np.searchsorted(graph.batch, np.arange(count + 1))
    nodes = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in which])
    place = np.full(graph.nodes, -1)
    place[nodes] = np.arange(len(nodes))
    edges = place[graph.edge_index]
    return replace(
        graph,
        x=graph.x[nodes],
        edge_index=canonical_edges(edges[:, edges[0] >= 0]),
        y=graph.y[which],
        train_mask=graph.train_mask[which],
        val_mask=graph.val_mask[which],
        test_mask=graph.test_mask[which],
        batch=np.repeat(np.arange(len(which)), np.diff(starts)[which]),
    )


def _check_features(graph: GraphData) -> None:
    x = graph.x
    if not (isinstance(x, np.ndarray) or (sp.issparse(x) and x.format == "csr")) or x.ndim != 2 or 0 in x.shape:
        raise DataError(
            f"graph {graph.name!r}: features of type {type(x).__name__}, must be a CSR matrix or an array of shape (N, F), not empty"
        )
    if x.dtype != np.float32:
        raise DataError(f"graph {graph.name!r}: features are {x.dtype}, must be float32; convert them with .astype(np.float32)")
    values = x if isinstance(x, np.ndarray) else x.data
    if not np.isfinite(values).all():
        raise DataError(
            f"graph {graph.name!r}: {int((~np.isfinite(values)).sum())} features are NaN or infinite, must be finite; replace them"
        )


def _check_edges(graph: GraphData) -> None:
    edges = graph.edge_index
    where = f"graph {graph.name!r}: edge_index"
    if edges.dtype != np.int64 or edges.ndim != 2 or edges.shape[0] != 2:
        raise DataError(f"{where} is {edges.dtype} of shape {edges.shape}, must be int64 of shape (2, E); use canonical_edges")
    if not edges.size:
        return
    if edges.min() < 0 or edges.max() >= graph.nodes:
        raise DataError(f"{where} holds nodes {edges.min()} to {edges.max()}, must lie in 0 to {graph.nodes - 1}; renumber the nodes")
    loops = int((edges[0] == edges[1]).sum())
    if loops:
        raise DataError(f"{where} holds {loops} self-loops, must hold none, for they are added where needed; use canonical_edges")
    keys, mirrored = edges[0] * graph.nodes + edges[1], edges[1] * graph.nodes + edges[0]
    duplicates = keys.size - np.unique(keys).size
    if duplicates:
        raise DataError(f"{where} holds {duplicates} duplicate edges, must hold each once; use canonical_edges")
    single = int((~np.isin(keys, mirrored)).sum())
    if single:
        raise DataError(f"{where} holds {single} edges in one direction only, must hold both; use canonical_edges")


def _check_batch(graph: GraphData) -> None:
    batch = graph.batch
    if batch is None:
        return
    if not len(batch):
        raise DataError(f"graph {graph.name!r}: its batch is empty, must hold the graph of each node")
    where = f"graph {graph.name!r}: batch"
    if batch.dtype != np.int64 or batch.shape != (graph.nodes,):
        raise DataError(f"{where} is {batch.dtype} of shape {batch.shape}, must be int64 of shape ({graph.nodes},)")
    steps = np.diff(batch)
    if batch[0] != 0 or (steps < 0).any() or (steps > 1).any():
        raise DataError(f"{where} must begin with 0 and rise by 0 or 1, so that no graph is empty; sort the nodes by graph, and renumber")
    between = int((batch[graph.edge_index[0]] != batch[graph.edge_index[1]]).sum())
    if between:
        raise DataError(f"{where}: {between} edges join two graphs, must stay in one; mend edge_index or the batch")


def _check_labels(graph: GraphData) -> None:
    y = graph.y
    if y.dtype != np.int64 or y.shape != (graph.classified,):
        raise DataError(f"graph {graph.name!r}: labels are {y.dtype} of shape {y.shape}, must be int64 of shape ({graph.classified},)")
    if not 1 <= graph.classes <= MOST_CLASSES:
        raise DataError(f"graph {graph.name!r}: {graph.classes} classes, must be 1 to {MOST_CLASSES:,}; mend the labels")
    if not y.size or y.min() < 0 or y.max() >= graph.classes:
        raise DataError(f"graph {graph.name!r}: labels are {y.min()} to {y.max()}, must lie in 0 to {graph.classes - 1}; mend them")


def _check_masks(graph: GraphData) -> None:
    what, total = "nodes" if graph.batch is None else "graphs", np.zeros(graph.classified, dtype=np.int64)
    for name in ("train_mask", "val_mask", "test_mask"):
        mask = getattr(graph, name)
        if mask.dtype != np.bool_ or mask.shape != total.shape:
            raise DataError(f"graph {graph.name!r}: {name} is {mask.dtype} of shape {mask.shape}, must be bool of shape ({len(total)},)")
        if not mask.any() and graph.batch is None:
            raise DataError(f"graph {graph.name!r}: {name} marks 0 nodes, must mark at least 1; choose another split")
        total += mask
    if total.max() > 1:
        raise DataError(
            f"graph {graph.name!r}: {int((total > 1).sum())} {what} are in more than one of the splits, must be in one; mend the masks"
        )
