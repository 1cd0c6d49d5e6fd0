"""The steps of a dynamic graph as its models take them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.errors import DataError
from neurograph.nn.propagate import gcn_norm
from neurograph.nn.sparse import csr_tensor

__all__ = ["Idle", "Step", "graph_steps", "taking_part"]

Idle = Literal["last", "hold", "run"]
Edges = Literal["step", "so_far"]


@dataclass(frozen=True)
class Step:
    """One snapshot. n of the N nodes take part in it; the others keep the state that they have.

    Args:
        nodes: which, (n,), ascending.
        adjacency: Â_t among them, CSR (n, n). Of the edges of the snapshot alone this is Â of the whole snapshot, less the rows of idle
            nodes, which have nothing but a 1 on the diagonal.
        x: their features, (n, F).
        propagated: Â x, (n, F), which no parameter changes.
    """

    nodes: Tensor
    adjacency: Tensor
    x: Tensor
    propagated: Tensor


def graph_steps(graph: DynamicGraph, features: Iterable[NDArray[np.float32]], idle: Idle = "last", edges: Edges = "step") -> list[Step]:
    """The steps of a graph.

    Args:
        features: of each step, (N, F).
        idle: who takes part in a step beside the nodes that have an edge in it. "hold": nobody; "last": everybody in the last step, so that
            no node is read as it was years before; "run": everybody in every step, which takes many times as long.
        edges: "step": those of the snapshot; "so_far": those of all snapshots until then, among the nodes that take part.

    Raises:
        DataError: more or fewer features than snapshots. ValueError: another word for idle or edges.
    """
    if idle not in get_args(Idle) or edges not in get_args(Edges):
        raise ValueError(f"steps: idle {idle!r} and edges {edges!r}, must be of {get_args(Idle)} and {get_args(Edges)}")
    found = []
    so_far = np.zeros((2, 0), np.int64)
    for at, (now, x) in enumerate(matched(graph, features)):
        so_far = canonical_edges(np.concatenate([so_far, now], axis=1))
        nodes = taking_part(graph, at, idle)
        adjacency = csr_tensor(gcn_norm(_among(so_far if edges == "so_far" else now, nodes, graph.nodes), len(nodes)), torch.float32)
        own = torch.from_numpy(np.ascontiguousarray(x[nodes]))
        found.append(Step(torch.from_numpy(nodes), adjacency, own, adjacency @ own if len(nodes) else own))
    return found


def _among(edges: NDArray[np.int64], nodes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The edges between ``nodes``, which are numbered anew."""
    place = np.full(count, -1)
    place[nodes] = np.arange(len(nodes))
    ends = place[edges]
    return ends[:, (ends >= 0).all(axis=0)]


def taking_part(graph: DynamicGraph, at: int, idle: Idle) -> NDArray[np.int64]:
    """The nodes that take part in step ``at``, ascending."""
    if idle == "run" or (idle == "last" and at == graph.steps - 1):
        return np.arange(graph.nodes)
    return np.unique(graph.snapshots[at][0])


def matched(graph: DynamicGraph, features: Iterable[NDArray[np.float32]]) -> Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Edges and features of each step."""
    given = list(features)
    if len(given) != graph.steps or any(len(x) != graph.nodes for x in given):
        raise DataError(
            f"graph {graph.name!r}: features of {len(given)} steps and {len(given[0]) if given else 0} nodes, must be of"
            f" {graph.steps} steps and {graph.nodes} nodes; make them of this graph"
        )
    return zip(graph.snapshots, given, strict=True)
