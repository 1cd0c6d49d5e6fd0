"""What benchmarks/scale.py runs: random graphs of any size, and a seeded SpikeGraphormer whose populations all fire."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurograph.data import GraphData
from neurograph.models import SpikeGraphormer, SpikeGraphormerConfig
from neurograph.nn import calibrating
from neurograph.training.checkpoint import Checkpoint

__all__ = ["FEATURES", "lively_checkpoint", "random_edges", "random_features"]

Array = NDArray[Any]
FEATURES = 64
_CLASSES = 2


def random_edges(nodes: int, degree: float, seed: int) -> NDArray[np.int64]:
    """A uniform random graph of ``nodes · degree / 2`` edges, both directions of each, sorted: (2, nodes · degree)."""
    rng = np.random.default_rng(seed)
    wanted = round(nodes * degree / 2)
    keys = np.empty(0, np.int64)
    while len(keys) < wanted:
        a, b = rng.integers(0, nodes, (2, wanted - len(keys) + 16))
        keys = np.unique(np.concatenate([keys, (np.minimum(a, b) * nodes + np.maximum(a, b))[a != b]]))
    keys = rng.permutation(keys)[:wanted]
    a, b = np.divmod(keys, nodes)
    return np.stack(np.divmod(np.sort(np.concatenate([keys, b * nodes + a])), nodes))


def random_features(nodes: int, seed: int) -> NDArray[np.float32]:
    """Standard normal, (nodes, FEATURES)."""
    return np.random.default_rng(seed).standard_normal((nodes, FEATURES), np.float32)


def lively_checkpoint(nodes: int, degree: float, width: int, seed: int) -> Checkpoint:
    """An untrained SpikeGraphormer on a random graph, ``width`` features in both branches, the model's own T.

    Its batch norms are set by one pass over the graph, and their biases so that populations fire at about 10 %; the sums over nodes are
    calibrated, so that masks are neither silent nor always 1.
    """
    graph = _graph(nodes, degree, seed)
    off = {"input_dropout": 0.0, "spike_dropout": 0.0, "readout_dropout": 0.0}
    gains = {"encoder_gain": 1.0, "propagation_gain": 1.5}
    config = SpikeGraphormerConfig(FEATURES, _CLASSES, nodes, attention_width=width, gnn_width=width, **off, **gains)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = SpikeGraphormer(config, graph.edge_index)
        model.encoder.bias.fill_(-0.3)
        for path, module in model.core.named_modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.momentum = 1.0  # the statistics of one pass
                module.weight.fill_(0.6)
                module.bias.fill_({"q": -0.1, "k": 0.2, "v": 0.2}.get(path.split(".")[-2], -0.3))
        x = torch.from_numpy(graph.x)
        model.train()(x)
        with calibrating(model.eval()):
            model(x)
    return Checkpoint(model, graph, config, seed, {}, {})


def _graph(nodes: int, degree: float, seed: int) -> GraphData:
    """A random graph as a data set; its labels and split mean nothing."""
    parts = np.arange(nodes) % 3
    labels = np.arange(nodes) % _CLASSES
    masks = (parts == 0, parts == 1, parts == 2)
    edges, x = random_edges(nodes, degree, seed), random_features(nodes, seed)
    return GraphData(f"random-{nodes}", x, edges, labels, *masks, _CLASSES)
