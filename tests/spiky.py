"""An untrained SpikeGraphormer in which every population spikes."""

from __future__ import annotations

from dataclasses import replace

import torch

from neurograph import data, training
from neurograph.models import SpikeGraphormer
from neurograph.nn.attention import ReduceNodes
from neurograph.training.checkpoint import Checkpoint


def spiky(model, seed=0):
    """Random batch-norm statistics and biases, so that every population spikes and nothing sits at its threshold."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.copy_(torch.rand(module.num_features, generator=generator) * 0.2 - 0.1)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) * 0.3 + 0.1)
            module.bias.data.copy_(torch.rand(module.num_features, generator=generator))
        if isinstance(module, ReduceNodes):
            module.average.fill_(0.15)
    model.encoder.bias.data.copy_(torch.rand(len(model.encoder.bias), generator=generator) * 0.05)
    return model


def karate_checkpoint(**changes):
    """A checkpoint of it on karate, some of its config changed."""
    graph = data.load("karate")
    config, _ = training.preset(graph)
    config = replace(config, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = spiky(SpikeGraphormer(config, graph.edge_index).eval())
    return Checkpoint(model, graph, config, 1, {"test_accuracy": 0.5}, {"torch": "x"})
