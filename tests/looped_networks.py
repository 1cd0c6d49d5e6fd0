"""Random networks with loops over one to three populations, lags, skips and branches of unequal depth; and several side by side as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from networks import random_network, random_weights

from neurograph.export.passes.bias_source import bias_source
from neurograph.network import LIF, Network, Population, Projection, Source, Threshold


def looped_network(seed, *, ticks=5, layers=4, samples=1, static=True):
    """:func:`networks.random_network` with edges back; and inputs of ``samples`` samples. Any neuron."""
    network, inputs = random_network(seed, ticks=ticks, layers=layers, static=static)
    rng = np.random.default_rng([seed, 1])
    return _with_loops(network, rng), _inputs(network, rng, samples)


def restful_network(seed, *, ticks=5, layers=4, samples=1):
    """The same of neurons that do nothing while nothing arrives, with biases from a source: exact on chips without gates."""
    rng = np.random.default_rng([seed, 2])
    network, _ = random_network(seed, ticks=ticks, layers=layers, static=False)
    populations = []
    for p in network.neurons:
        theta = float(rng.uniform(0.2, 1.5))
        neuron = [LIF(0.0, theta, gain=float(rng.uniform(0.3, 1.2))), LIF(1.0, theta), Threshold(theta)][rng.integers(3)]
        populations.append(replace(p, neuron=neuron, bias=rng.normal(0, 0.3, p.shape) if rng.random() < 0.6 else 0.0))
    network = _with_loops(network.with_populations(populations), rng)
    return bias_source(network, timed=True), _inputs(network, rng, samples)


def _with_loops(network, rng):
    names = [name for name in network.order() if not network.populations[name].is_source]
    back = []
    for _ in range(int(rng.integers(1, 4))):
        i = int(rng.integers(len(names)))
        j = int(rng.integers(max(0, i - 2), i + 1))
        a, b = network.populations[names[i]], network.populations[names[j]]
        back.append(Projection(a.name, b.name, random_weights(rng, a.shape, b.shape), lag=int(rng.choice([1, 1, 1, 2, 3]))))
    return replace(network, projections=(*network.projections, *back))


def _inputs(network, rng, samples):
    made = {}
    for source in network.sources:
        if not source.is_constant:
            shape = (samples, *source.shape) if source.is_static else (samples, network.ticks, *source.shape)
            made[source.name] = rng.normal(0, 1, shape) if source.is_static else (rng.random(shape) < 0.5).astype(np.uint8)
    return made


def side_by_side(pairs):
    """Networks and their inputs as one network of disconnected parts, and one set of inputs."""
    populations, projections, inputs = {}, [], {}
    for number, (network, given) in enumerate(pairs):
        names = {name: f"n{number}_{name}" for name in network.populations}
        populations |= {new: replace(network.populations[old], name=new) for old, new in names.items()}
        projections += [replace(p, source=names[p.source], target=names[p.target]) for p in network.projections]
        inputs |= {names[key]: value for key, value in given.items()}
    return Network(populations, tuple(projections), network.ticks), inputs


def chain(*names, ticks=4, extra=(), neuron=None, bias=0.0, shape=(1,), weight=1.0):
    """in → names[0] → names[1] → …, and more projections."""
    from neurograph.weights import one_to_one

    populations = {"in": Population("in", shape, Source())}
    populations |= {n: Population(n, shape, neuron or LIF(0.5, 0.3), bias) for n in names}
    forward = [Projection(a, b, one_to_one(shape, weight)) for a, b in zip(["in", *names[:-1]], names, strict=True)]
    return Network(populations, (*forward, *extra), ticks)
