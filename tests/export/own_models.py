"""What the tests of people's own models share: parts of models that spike, and the check against the module itself."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest
import torch

from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.torch_modules import trace_module
from neurograph.sim import floating
from neurograph.sim.parity import compare

INPUTS, HIDDEN, TICKS = 20, 16, 40


def framework(name):
    """A module of a framework, its own warnings silenced; skips by name where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"needs {name.split('.')[0]}: {error}", allow_module_level=True)


def spikes(*shape, seed=7, rate=0.3):
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.uint8)


def values(*shape, seed=8):
    return np.random.default_rng(seed).random(shape)


def linear(inputs=INPUTS, outputs=HIDDEN, seed=1, scale=1.0, bias=True):
    """Weights that make neurons of threshold 1 spike now and then."""
    rng = np.random.default_rng(seed)
    layer = torch.nn.Linear(inputs, outputs, bias=bias)
    layer.weight.data = torch.from_numpy(scale * rng.normal(0.15, 0.5, (outputs, inputs))).float()
    if bias:
        layer.bias.data = torch.from_numpy(scale * rng.normal(0.0, 0.1, outputs)).float()
    return layer


def between(low, high, size=HIDDEN, seed=3):
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, size)).float()


def check(model, sample, *, tmp_path=None, busy=True, **more):
    """The float engine gives the module's own spikes: every population, every tick, and also after the graph went through a file."""
    traced = trace_module(model, sample, **more)
    graph = traced.graph
    if tmp_path is not None:
        nir_io.write(graph, tmp_path / "model.nir")
        graph = nir_io.read(tmp_path / "model.nir")
    network = lower(graph)
    ours = floating.run(network, traced.inputs)
    found = compare(network, traced.recording, ours)
    rates = {name: float(z.mean()) for name, z in traced.recording.spikes.items()}
    print(rates, found.compared, "slots")
    assert found.mismatched_spikes == 0, found.first_mismatch
    assert (found.ties, found.skipped) == (0, 0)
    assert found.populations == len(rates) and found.compared == sum(z.size for z in traced.recording.spikes.values())
    assert not busy or all(0.01 < rate < 0.9 for rate in rates.values()), "a silent or a saturated layer tests nothing"
    for name, v in traced.voltages.items():
        np.testing.assert_allclose(ours.spikes[name][0], v, atol=1e-12)
    return traced
