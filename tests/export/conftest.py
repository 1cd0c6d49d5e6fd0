"""A small untrained SpikeGraphormer on karate, and what the compiler makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import sanafe_energy
import torch

from neurograph import data, training
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
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


@pytest.fixture(scope="session")
def checkpoint():
    graph = data.load("karate")
    config, _ = training.preset(graph)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = spiky(SpikeGraphormer(config, graph.edge_index).eval())
    return Checkpoint(model, graph, config, 1, {"test_accuracy": 0.5}, {"torch": "x"})


@pytest.fixture(scope="session")
def compiled(checkpoint):
    made = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    assert all(np.any(spikes) for name, spikes in made.torch.spikes.items()), "a silent population tests nothing"
    return made


@pytest.fixture(scope="session")
def sanafe_python():
    """An interpreter with SANA-FE; skips by name where there is none."""
    try:
        return str(sanafe_energy.find_sanafe())
    except LookupError as error:
        pytest.skip(f"needs SANA-FE: {error}")


@pytest.fixture
def float64():
    """What other frameworks allocate themselves is float64 as well."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
