"""The steps of a dynamic graph as its models take them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.data.dynamic import DynamicGraph
from neurograph.errors import DataError
from neurograph.nn.propagate import gcn_norm
from neurograph.nn.sparse import csr_tensor

__all__ = ["Idle", "Step", "graph_steps", "taking_part"]

Idle = Literal["hold", "run"]


@dataclass(frozen=True)
class Step:
    """One snapshot. n of the N nodes take part in it; the others keep the state that they have.

    Args:
        nodes: which, (n,), ascending.
        adjacency: Â among them, CSR (n, n). A node that takes part in nothing would only have a 1 on the diagonal, so that this is Â of
            the whole snapshot, less its idle rows.
        x: their features, (n, F).
        propagated: Â x, (n, F), which no parameter changes.
    """

    nodes: Tensor
    adjacency: Tensor
    x: Tensor
    propagated: Tensor


def graph_steps(graph: DynamicGraph, features: Iterable[NDArray[np.float32]], idle: Idle = "hold") -> list[Step]:
    """The steps of a graph.

    Args:
        features: of each step, (N, F).
        idle: "hold": nodes with an edge in the step take part; "run": all nodes do. A step without edges has nobody to hold back for.

    Raises:
        DataError: more or fewer features than snapshots.
    """
    found = []
    for edges, x in matched(graph, features):
        nodes = taking_part(edges, graph.nodes, idle)
        place = np.zeros(graph.nodes, np.int64)
        place[nodes] = np.arange(len(nodes))
        adjacency = csr_tensor(gcn_norm(place[edges], len(nodes)), torch.float32)
        own = torch.from_numpy(np.ascontiguousarray(x[nodes]))
        found.append(Step(torch.from_numpy(nodes), adjacency, own, adjacency @ own if len(nodes) else own))
    return found


def taking_part(edges: NDArray[np.int64], nodes: int, idle: Idle) -> NDArray[np.int64]:
    """The nodes that take part in a step."""
    return np.unique(edges[0]) if idle == "hold" else np.arange(nodes)


def matched(
    graph: DynamicGraph, features: Iterable[NDArray[np.float32]]
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Edges and features of each step."""
    given = list(features)
    if len(given) != graph.steps or any(len(x) != graph.nodes for x in given):
        raise DataError(
            f"graph {graph.name!r}: features of {len(given)} steps and {len(given[0]) if given else 0} nodes, must be of {graph.steps} steps"
            f" and {graph.nodes} nodes; make them of this graph"
        )
    return zip(graph.snapshots, given, strict=True)
