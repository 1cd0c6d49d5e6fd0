"""Mini-batches: random parts of the nodes, each with the edges inside it; of a set of graphs, random parts of those to train on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import nn

from neurograph.data import GraphData, some_graphs
from neurograph.errors import TrainingError
from neurograph.nn import BroadcastNodes, Features, Propagate, Readout, ReduceNodes, Segments, as_features, gcn_norm
from neurograph.nn.sharding import Shard

__all__ = ["Batch", "on_subgraph", "parts", "whole"]


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    Args:
        x: features of its nodes.
        y: classes of what is classified, its nodes or its graphs.
        train: which of them are labelled, by place.
        graph: Â of the edges inside it; None for the graph that the model was built on.
        segments: which graph each of its nodes belongs to, where it has several.
    """

    x: Features
    y: torch.Tensor
    train: torch.Tensor
    graph: sp.csr_matrix | None = None
    segments: Segments | None = None


def whole(graph: GraphData, shard: Shard | None = None) -> Batch:
    """All nodes, or those of a shard; of a set of graphs those to train on, for no other is there when it is used."""
    if graph.batch is not None:
        return _of_set(graph, np.flatnonzero(graph.train_mask))
    own = slice(None) if shard is None else slice(shard.start, shard.stop)
    return Batch(as_features(graph.x[own]), torch.from_numpy(graph.y[own]), torch.from_numpy(np.flatnonzero(graph.train_mask[own])))


def parts(graph: GraphData, count: int) -> Iterator[Batch]:
    """Random parts of equal size, by torch's generator; each node, or graph to train on, is in one. Parts without a labelled node are
    left out.

    Raises:
        TrainingError: more parts than nodes or graphs.
    """
    if graph.batch is not None:
        train = np.flatnonzero(graph.train_mask)
        if count > len(train):
            raise TrainingError(
                f"recipe: parts is {count}, must be at most {len(train)}, the graphs of set {graph.name!r} to train on; take fewer"
            )
        for part in np.array_split(train[torch.randperm(len(train)).numpy()], count):
            yield _of_set(graph, part)
        return
    if count > graph.nodes:
        raise TrainingError(f"recipe: parts is {count}, must be at most {graph.nodes}, the nodes of graph {graph.name!r}; take fewer")
    ones = np.ones(graph.edge_index.shape[1], np.int8)
    adjacency = sp.csr_matrix((ones, tuple(graph.edge_index)), shape=(graph.nodes, graph.nodes))
    for chosen in np.array_split(torch.randperm(graph.nodes).numpy(), count):
        if graph.train_mask[chosen].any():
            yield _part(graph, adjacency, np.sort(chosen))


def _part(graph: GraphData, adjacency: sp.csr_matrix, nodes: NDArray[np.int64]) -> Batch:
    inside = adjacency[nodes][:, nodes].tocoo()
    edges = np.stack([inside.row, inside.col]).astype(np.int64)
    labelled = torch.from_numpy(np.flatnonzero(graph.train_mask[nodes]))
    return Batch(as_features(graph.x[nodes]), torch.from_numpy(graph.y[nodes]), labelled, gcn_norm(edges, len(nodes)))


def _of_set(graph: GraphData, chosen: NDArray[np.int64]) -> Batch:
    part = some_graphs(graph, chosen)
    assert part.batch is not None
    labelled = torch.arange(len(chosen))
    return Batch(as_features(part.x), torch.from_numpy(part.y), labelled, gcn_norm(part.edge_index, part.nodes), Segments(part.batch))


@contextmanager
def on_subgraph(model: nn.Module, graph: sp.csr_matrix | None, segments: Segments | None = None) -> Iterator[None]:
    """Inside, a model built on one graph runs on another, of any number of nodes; None: on its own.

    Args:
        model: of layers of :mod:`neurograph.nn`, or with ``use(graph)`` of its own.
        graph: Â (n, n).
        segments: which graph each node belongs to, of a model that classifies graphs.
    """
    if graph is None:
        yield
        return
    layers: list[Any] = [m for m in model.modules() if isinstance(m, _ON_GRAPH) or hasattr(m, "use")]
    before = [(m, {k: m.__dict__[k] for k in _GRAPH if k in m.__dict__}) for m in layers]
    try:
        for module, fields in before:
            if "nodes" in fields:
                module.nodes = graph.shape[0]
            if "segments" in fields:
                module.segments = segments
            if hasattr(module, "use"):
                module.use(graph)
        yield
    finally:
        for module, fields in before:
            module.__dict__.update(fields)


_ON_GRAPH = (Propagate, ReduceNodes, BroadcastNodes, Readout)
_GRAPH = ("nodes", "segments", "edge_index", "_graph", "_cached", "_cached_bits", "_own")
