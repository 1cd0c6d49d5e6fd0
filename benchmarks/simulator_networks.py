"""The networks that simulators are timed on: seeded integer networks of which every layer fires, a published CNN and the Cora bundle.

A layer's threshold is searched when the network is made, so that a tenth of it fires on the inputs that the row is timed with; neither
depth nor recurrence dies out or saturates then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from nir_zoo import GRAPHS, read
from numpy.typing import NDArray
from simulator_loop import StepLoop

from neurograph.export.bundle import open_bundle
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.weights import Dense, Sparse

__all__ = ["RANDOM", "ZOO_CNN", "Chain", "Row", "cnn", "cora", "random_row"]

Array = NDArray[Any]
At = Callable[[Any, float], Any]  # (neuron, θ) → the neuron with that threshold
RATE = 0.1  # of the inputs, and about that of every layer
TOLERANCE = 0.01  # of the rate that a threshold is searched for
SEARCHED = 8  # samples that it is searched on
MARGIN, NUDGES = 2.5e-7, 200  # how near v may come to a float threshold, as a share of it (float32: 6e-8 a rounding); how many are tried
DECAY_V = 2048  # half of v is left after a tick: the time constant of two ticks that spiking networks are mostly trained with
ZOO_CNN = "02_cnn/cnn_sinabs.nir"


@dataclass(frozen=True)
class Row:
    """A network and its inputs.

    Args:
        name: as ``--rows`` takes it.
        title: in the table.
        network: integers, aligned.
        inputs: source → values of all samples.
        floats: the float network of the same shape, and where a framework would write it otherwise than as matrices, its NIR graph.
    """

    name: str
    title: str
    network: Network
    inputs: Mapping[str, Array]
    floats: Network | None = None
    graph: Any = None

    def batch(self, samples: int) -> Mapping[str, Array]:
        """The first samples."""
        return {name: values[:samples] for name, values in self.inputs.items()}


@dataclass(frozen=True)
class Chain:
    """Layers of one width, each fed by the one before and the first by as many inputs.

    Args:
        width, layers: sizes.
        density: share of the weights that are there; below 1 they are CSR.
        recurrent: every layer hears itself too, a tick later.
        du: current decay; 4095 forgets at once.
        exponent: of the weights.
    """

    width: int
    layers: int
    density: float = 1.0
    recurrent: bool = False
    du: int = 4095
    exponent: int = 0

    @property
    def title(self) -> str:
        kind = "recurrent" if self.recurrent else "dense" if self.density == 1 else f"sparse {self.density:.0%},"
        return f"{kind} {self.width} × {self.layers}" + ("" if self.du == 4095 else ", CUBA")


RANDOM: Mapping[str, Chain] = {
    "dense-256x1": Chain(256, 1),
    "dense-1024x1": Chain(1024, 1),
    "dense-1024x4": Chain(1024, 4),
    "dense-256x8": Chain(256, 8),
    "cuba-1024x1": Chain(1024, 1, du=1024, exponent=-2),
    "sparse-1024x4": Chain(1024, 4, density=0.01),
    "sparse-4096x1": Chain(4096, 1, density=0.01),
    "deep-64x32": Chain(64, 32),
    "deep-64x64": Chain(64, 64),
    "recurrent-512": Chain(512, 1, recurrent=True),
}


def random_row(name: str, chain: Chain, ticks: int, samples: int) -> Row:
    """A chain in integers, and one in floats with the same weights."""
    rng = np.random.default_rng([*name.encode()])
    spikes = (rng.random((samples, ticks, chain.width)) < RATE).astype(np.uint8)
    populations = {"in": Population("in", (chain.width,), Source())}
    projections: list[Projection] = []
    for layer in range(chain.layers):
        source, target = "in" if layer == 0 else f"layer{layer}", f"layer{layer + 1}"
        populations[target] = Population(target, (chain.width,), FixedLIF(chain.du, DECAY_V, 1, 0, 0, 1.0))
        for heard, lag in ((source, 0), *(((target, 1),) if chain.recurrent else ())):
            projections.append(Projection(heard, target, _weights(rng, chain), lag=lag, exponent=chain.exponent, sign_mode="mixed"))
    bare = Network(populations, tuple(projections), ticks, outputs=(f"layer{chain.layers}",))
    inputs = {"in": spikes}
    floats = None
    if chain.du == 4095 and chain.exponent == 0:
        floats = _searched(_in_floats(bare), inputs, lambda neuron, theta: replace(neuron, threshold=theta))
    network = align_delays(_searched(bare, inputs, lambda neuron, theta: replace(neuron, vth=round(theta))))
    return Row(name, chain.title, network, inputs, floats)


def _weights(rng: np.random.Generator, chain: Chain) -> Dense | Sparse:
    """Even numbers from −254 to 254, as 8-bit weights of both signs are; those into a neuron sum to about 0, so that none always fires."""
    shape = (chain.width, chain.width)
    half = rng.integers(-127, 128, (chain.width, chain.width // 2))
    mirrored = rng.permuted(np.concatenate([half, -half], axis=1), axis=1) * 2
    if chain.density == 1:
        return Dense(mirrored)
    return Sparse(sp.csr_matrix(np.where(rng.random(shape) < chain.density, mirrored, 0)))


def _in_floats(network: Network) -> Network:
    """The same weights as floats, thresholds still open; γ = 1, so that sums of them are exact in float32 as well."""
    neuron = LIF(beta=DECAY_V / 4096, threshold=1.0, gain=1.0)
    populations = [replace(p, neuron=neuron) for p in network.neurons]
    projections = tuple(replace(p, weights=p.weights.map(lambda w: w.astype(np.float64)), sign_mode=None) for p in network.projections)
    return replace(network, projections=projections).with_populations(populations)


def _searched(network: Network, inputs: Mapping[str, Array], at: At) -> Network:
    """The network with thresholds at which every population fires at about the wanted rate, one after the other.

    A float's is one that no v comes near: float32 then decides as float64 does.
    """
    spikes = dict(inputs)
    for p in [network.populations[name] for name in network.order()]:
        if not p.is_source:
            theta, spikes[p.name] = _threshold(network, p.name, at, spikes)
            network = _with(network, p.name, at, theta)
    return network


def _threshold(network: Network, name: str, at: At, spikes: Mapping[str, Array]) -> tuple[float, Array]:
    """The threshold of one population, and what it fires with it."""
    few = {key: values[:SEARCHED] for key, values in spikes.items()}
    threshold = bisect(lambda theta: float(_fired(network, name, at, theta, few).mean()))
    if network.is_integer:
        return threshold, _fired(network, name, at, threshold, spikes)
    for nudge in range(NUDGES):
        theta = threshold * (1 + nudge * 1e-4)
        below, above = (_fired(network, name, at, theta * (1 + side), spikes) for side in (-MARGIN, MARGIN))
        if np.array_equal(below, above):
            return theta, below
    raise ValueError(f"population {name!r}: v comes too near to every threshold that was tried; take fewer samples")


def bisect(rate: Callable[[float], float]) -> float:
    """A threshold at which so much fires."""
    low, high = 0.0, 131_070.0
    for _ in range(24):
        middle = (low + high) / 2
        found = rate(middle)
        if abs(found - RATE) < TOLERANCE:
            break
        low, high = (middle, high) if found > RATE else (low, middle)
    return middle


def _with(network: Network, name: str, at: At, theta: float) -> Network:
    population = network.populations[name]
    return network.with_populations([replace(population, neuron=at(population.neuron, theta))])


def _fired(network: Network, name: str, at: At, theta: float, spikes: Mapping[str, Array]) -> Array:
    return StepLoop(_with(network, name, at, theta)).population(name, spikes)


def cnn(shared: Path, ticks: int, samples: int) -> Row:
    """The NIR paper's spiking CNN (Sinabs, N-MNIST), quantised on the first sample."""
    dt, reset = GRAPHS[ZOO_CNN]
    graph, _ = read(shared / "nir_zoo" / ZOO_CNN)
    floats = align_delays(bias_source(lower(graph, TimeMetadata(dt, ticks, "spikes", reset=reset))))
    (source,) = (s for s in floats.sources if not s.is_constant)
    spikes = (np.random.default_rng(0).random((samples, ticks, *source.shape)) < RATE).astype(np.uint8)
    network, _ = quantize(floats, {source.name: spikes[0]})
    return Row("cnn-sinabs", "cnn_sinabs.nir", network, {source.name: spikes}, floats, graph)


def cora(bundle: Path, samples: int) -> Row:
    """A bundle of a graph; samples after the first have their static input scaled down, node by node, by up to a tenth."""
    opened = open_bundle(bundle)
    if opened.quantized is None:
        raise ValueError(f"bundle {bundle}: holds no integer network; export it for loihi2")
    scale = np.random.default_rng(0).uniform(0.9, 1.0, (samples, 10_000))
    scale[0] = 1.0
    inputs = {name: values[None] * scale[:, : len(values), None] for name, values in opened.inputs.items()}
    return Row("cora", "Cora bundle", opened.quantized, inputs, opened.network)
