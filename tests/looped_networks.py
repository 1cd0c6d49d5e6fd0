"""Random networks with loops over one to three populations, lags, skips and branches of unequal depth; and several side by side as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from networks import random_network, random_weights

from neurograph.export.passes.bias_source import bias_source
from neurograph.network import LIF, Network, Population, Projection, Source, Threshold
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, one_to_one


def looped_network(seed, *, ticks=5, layers=4, samples=1, static=True):
    """:func:`networks.random_network` with edges back; and inputs of ``samples`` samples. Any neuron."""
    network, _ = random_network(seed, ticks=ticks, layers=layers, static=static)
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


def chain(*names, ticks=4, extra=(), also=(), neuron=None):
    """in → names[0] → names[1] → …, more projections, and more populations; one neuron each."""
    populations = {"in": Population("in", (1,), Source())}
    populations |= {n: Population(n, (1,), neuron or LIF(0.5, 0.3)) for n in (*names, *also)}
    forward = [Projection(a, b, one_to_one((1,))) for a, b in zip(["in", *names[:-1]], names, strict=True)]
    return Network(populations, (*forward, *extra), ticks)


def attention(rng, ticks=6):
    """Spiking graph attention with gates, between populations with biases."""
    n, d = 5, 3
    shape, bias = (n, d), rng.uniform(0, 0.3, (n, d))
    populations = [Population("x", shape, Source()), Population("s", shape, LIF(0.5, 0.2), bias)]
    populations += [Population(name, shape, LIF(0.5, 0.2)) for name in "qkv"]
    populations += [
        Population("kv", shape, Threshold(1.5)),
        Population("mask", (1, d), LIF(0.5, 0.4)),
        Population("gate", shape, Threshold(1.5)),
    ]
    populations += [Population("o", shape, LIF(0.5, 0.2), bias)]

    def per_node():
        return Kron(Identity(n), rng.normal(0.2, 0.6, (d, d)))

    one = one_to_one(shape)
    edges = [("x", "s", per_node()), *(("s", name, per_node()) for name in "qkv"), ("k", "kv", one), ("v", "kv", one), ("q", "gate", one)]
    edges += [("kv", "mask", Kron(OnesRow(n), np.full(d, 0.4))), ("mask", "gate", Kron(OnesColumn(n), np.ones(d)))]
    edges += [("gate", "o", per_node()), ("s", "o", per_node())]
    return Network({p.name: p for p in populations}, tuple(Projection(*edge) for edge in edges), ticks)


def biased_loop(own, *, ticks=6, samples=3):
    """in → a → b → c → d, and d's self-loop at depth 5; the bias is d's own, or that of a, four layers before."""
    rng = np.random.default_rng(2)
    names = ["a", "b", "c", "d"]
    biased = "d" if own else "a"
    populations = [Population("in", (8,), Source())]
    populations += [Population(n, (8,), LIF(0.5, 0.3), rng.uniform(0.1, 0.9, 8) if n == biased else 0.0) for n in names]

    def weights():
        return Dense(rng.normal(0.15, 0.5, (8, 8)))

    edges = [Projection(a, b, weights()) for a, b in zip(["in", *names], names, strict=False)]
    network = Network({p.name: p for p in populations}, (*edges, Projection("d", "d", weights(), lag=1)), ticks)
    return network, {"in": (rng.random((samples, ticks, 8)) < 0.4).astype(np.uint8)}


def current_loop(own=0.0, *, ticks=6, samples=3):
    """A current into a, which has a self-loop, a bias if given, and a layer with a self-loop behind it."""
    rng = np.random.default_rng(8)
    populations = [Population("x", (8,), Source("static")), Population("a", (8,), LIF(0.5, 0.3), own), Population("b", (8,), LIF(0.5, 0.3))]

    def weights():
        return Dense(rng.normal(0.15, 0.5, (8, 8)))

    edges = [Projection("x", "a", weights()), Projection("a", "a", weights(), lag=1), Projection("a", "b", weights())]
    network = Network({p.name: p for p in populations}, (*edges, Projection("b", "b", weights(), lag=2)), ticks)
    return network, {"x": rng.normal(0.2, 0.6, (samples, 8))}
