"""Small dynamic graphs for the tests of the models over snapshots."""

from __future__ import annotations

import numpy as np
import torch

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.models.steps import Idle, Step, graph_steps

NODES, FEATURES, CLASSES = 20, 5, 3


def small(seed: int = 0) -> DynamicGraph:
    """Four snapshots, the third without an edge; the last two nodes never have one."""
    draw = np.random.default_rng(seed)
    edges = [canonical_edges(draw.integers(0, NODES - 2, (2, count))) if count else np.zeros((2, 0), np.int64) for count in (12, 20, 0, 9)]
    return DynamicGraph("small", tuple(edges), draw.integers(0, CLASSES, NODES), CLASSES)


def features(graph: DynamicGraph, seed: int = 1) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(graph.nodes, FEATURES)).astype(np.float32) for _ in graph.snapshots]


def small_steps(idle: Idle = "hold", dtype: torch.dtype = torch.float32) -> list[Step]:
    graph = small()
    return [
        Step(step.nodes, step.adjacency.to(dtype), step.x.to(dtype), step.propagated.to(dtype))
        for step in graph_steps(graph, features(graph), idle)
    ]


ROWS = torch.arange(NODES)
