"""Small models of other frameworks, each written as NIR by its framework's own exporter: 20 inputs, one layer of 32 neurons, 200 ticks.

Every maker gives the graph and the model's own spikes (T, 32) on the same input. They run in float64 where the framework can;
SpikingJelly 2.0 runs in its own interpreter, by :mod:`nir_framework_readers`.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["INPUTS", "NEURONS", "STEPS", "framework", "linear", "norse", "rockpool", "sinabs", "snntorch", "spikes_in", "uniform", "zeros"]

Array = NDArray[Any]
Made = tuple[nir.NIRGraph, torch.Tensor]
STEPS, INPUTS, NEURONS = 200, 20, 32


def framework(name: str) -> Any:
    """A module of a framework, its own warnings silenced.

    Raises:
        ImportError: not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def spikes_in() -> Array:
    """Input spikes (T, INPUTS), three in ten."""
    return (np.random.default_rng(7).random((STEPS, INPUTS)) < 0.3).astype(np.float64)


def uniform(low: float, high: float, seed: int = 3) -> torch.Tensor:
    """One value a neuron, float64."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, NEURONS))


def zeros() -> torch.Tensor:
    return torch.zeros(NEURONS, dtype=torch.float64)


def linear(scale: float = 1.0, seed: int = 1, bias: bool = True) -> torch.nn.Linear:
    """Weights of both signs, more positive than not."""
    rng = np.random.default_rng(seed)
    layer = torch.nn.Linear(INPUTS, NEURONS, bias=bias).double()
    layer.weight.data = torch.from_numpy(scale * rng.normal(0.3, 1.0, (NEURONS, INPUTS)))
    if bias:
        layer.bias.data = torch.from_numpy(scale * rng.normal(0.0, 0.3, NEURONS))
    return layer


def norse(cell: Callable[[Any], Any]) -> Made:
    """``cell``: norse.torch → a recurrent cell."""
    nt, export = framework("norse.torch"), framework("norse.torch.utils.export_nir")
    model = nt.SequentialState(linear(), cell(nt))
    spikes, state = [], None
    for row in torch.from_numpy(spikes_in()):
        z, state = model(row[None], state)
        spikes.append(z)
    return export.to_nir(model, torch.zeros(INPUTS, dtype=torch.float64)), torch.cat(spikes)


def snntorch(layer: Callable[[Any], Any], dtype: torch.dtype = torch.float64, threshold: torch.Tensor | None = None) -> Made:
    """``layer``: snntorch → a neuron layer with init_hidden; its decays and thresholds are set here, neuron by neuron."""
    snn, export = framework("snntorch"), framework("snntorch.export_nir")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the recurrent weights
        model = torch.nn.Sequential(linear(), layer(snn))
    neurons: Any = model[1]
    neurons.beta, neurons.threshold = uniform(0.8, 0.95), uniform(3, 8) if threshold is None else threshold
    if hasattr(neurons, "alpha"):
        neurons.alpha = uniform(0.5, 0.9, 5)
    model = model.to(dtype)
    with torch.no_grad():
        spikes = [model(row[None]) for row in torch.from_numpy(spikes_in()).to(dtype)]
    return export.export_to_nir(model, torch.zeros(1, INPUTS, dtype=dtype), ignore_dims=[0]), torch.cat(spikes)


def sinabs(layer: Callable[[Any, Any], Any]) -> Made:
    """``layer``: (sinabs.layers, SingleSpike) → a Squeeze layer."""
    layers, activation, export = framework("sinabs.layers"), framework("sinabs.activation"), framework("sinabs.nir")
    model = torch.nn.Sequential(linear(), layer(layers, activation.SingleSpike)).double()
    with torch.no_grad():
        spikes = model(torch.from_numpy(spikes_in()))
        graph = export.to_nir(model, torch.zeros(1, INPUTS, dtype=torch.float64))
    return graph, spikes


def rockpool(layer: Callable[[Any], Any], dtype: torch.dtype = torch.float64) -> Made:
    """``layer``: rockpool.nn.modules → a TorchModule."""
    modules, combinators = framework("rockpool.nn.modules"), framework("rockpool.nn.combinators")
    export = framework("rockpool.nn.modules.torch.nir")
    weights = linear(bias=False).weight.data
    first = modules.LinearTorch((INPUTS, NEURONS), weight=weights.T, has_bias=False)
    model = combinators.Sequential(first, layer(modules)).to(dtype)
    with torch.no_grad():
        spikes, _, _ = model(torch.from_numpy(spikes_in()).to(dtype)[None])
        return export.to_nir(model, torch.zeros(1, INPUTS, dtype=dtype)), spikes[0]
