"""Dy-SIGN models of both builds on made snapshots, compiled; for tests of the engines, of Lava and of the export."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.export import targets
from neurograph.export.dynamic import CompiledWindows, compile_windows
from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig, OnChipDySign
from neurograph.models.steps import Step, graph_steps

NODES, FEATURES, CLASSES = 14, 4, 2
NOTHING = np.zeros((2, 0), np.int64)


def ring(*nodes: int) -> np.ndarray:
    return canonical_edges(np.array([nodes, (*nodes[1:], nodes[0])]))


SNAPSHOTS = (ring(0, 1, 2, 3, 4), NOTHING, ring(3, 4, 5, 6), ring(0, 1, 2, 7, 8, 9, 10))
"""Nodes 5 to 10 come later; 0 to 2 pause in the third window and go on in the last, 3 and 4 the other way round; 11 to 13 have no edge."""


def steps_of(snapshots: tuple[np.ndarray, ...], nodes: int = NODES, seed: int = 1) -> list[Step]:
    graph = DynamicGraph("made", snapshots, np.arange(nodes) % CLASSES, CLASSES)
    draw = np.random.default_rng(seed)
    features = [draw.normal(size=(nodes, FEATURES)).astype(np.float32) for _ in snapshots]
    return graph_steps(graph, features, "hold")


def lively(snapshots: int, seed: int = 0, **config: Any) -> OnChipDySign:
    """A model in whose windows some neurons fire always, some never, and most now and then."""
    torch.manual_seed(seed)
    made = OnChipDySign(OnChipConfig(FEATURES, CLASSES, snapshots, **{"width": 3, "start": 0.25, **config})).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2.5)
    return made


def lively_paper(snapshots: int, seed: int = 0, **config: Any) -> DySign:
    """The same of the paper build, where rates of the window before matter."""
    torch.manual_seed(seed)
    made = DySign(DySignConfig(FEATURES, CLASSES, snapshots, **{"width": 3, "latency": 5, **config})).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5)
    return made


def compiled(model: DySign | OnChipDySign, steps: list[Step], nodes: int = NODES, bits: int = 8) -> CompiledWindows:
    return compile_windows(model, steps, nodes, targets.find("loihi2"), bits=bits)
