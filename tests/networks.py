"""Random networks for property tests: feed-forward with skips and self-loops, dense, sparse and Kronecker weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from neurograph.export.passes.bias_source import bias_source
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Projection, Source, Threshold
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, one_to_one


def random_weights(rng, source, target):
    """A map between two shapes, of a random form that fits."""
    (n, d), (m, e) = source, target
    forms = ["dense", "sparse"]
    if n == m:
        forms += ["per_node"] * 2 + (["one_to_one", "aggregate"] * 2 if d == e else [])
    if m == 1 and d == e:
        forms.append("reduce")
    if n == 1 and d == e:
        forms.append("broadcast")
    form = rng.choice(forms)
    if form == "per_node":
        return Kron(Identity(n), rng.normal(0, 1, (e, d)))
    if form == "one_to_one":
        return one_to_one(source, rng.normal(0, 1))
    if form == "aggregate":
        return Kron(sp.random(m, n, 0.5, "csr", rng=rng, data_rvs=lambda k: rng.normal(0, 1, k)), Identity(d))
    if form == "reduce":
        return Kron(OnesRow(n), rng.normal(0, 1, d))
    if form == "broadcast":
        return Kron(OnesColumn(m), rng.normal(0, 1, d))
    if form == "sparse":
        return Sparse(sp.random(m * e, n * d, 0.3, "csr", rng=rng, data_rvs=lambda k: rng.normal(0, 1, k)))
    return Dense(rng.normal(0, 0.7, (m * e, n * d)))


def random_network(seed, *, ticks=6, layers=4, recurrent=True, reset=("value", "subtract"), static=True, gates=True, plain=False):
    """A float network of ``layers`` populations, each hearing one to three earlier ones; and inputs for it."""
    rng = np.random.default_rng(seed)
    nodes, widths = int(rng.integers(2, 5)), [1, 2, 3]

    def shape():
        return (int(rng.choice([1, nodes, nodes])), int(rng.choice(widths)))

    populations = [Population("in", shape(), Source("spikes"))]
    inputs = {"in": rng.random((ticks, *populations[0].shape)) < 0.5}
    if static:
        populations.append(Population("current", shape(), Source("static")))
        inputs["current"] = rng.normal(0, 1, populations[1].shape)
    projections = []
    for i in range(layers):
        size = shape()
        target = Population(f"p{i}", size, _neuron(rng, reset, gates, size, plain))
        if not isinstance(target.neuron, Threshold):
            target = Population(target.name, target.shape, target.neuron, bias=rng.normal(0, 0.3, target.shape))
        earlier = list(rng.permutation(len(populations)))[: rng.integers(1, 4)]
        for j in earlier:
            source = populations[j]
            if isinstance(target.neuron, (Threshold, CubaLIF)) and source.is_static:
                continue
            projections.append(Projection(source.name, target.name, random_weights(rng, source.shape, target.shape)))
        if recurrent and not isinstance(target.neuron, Threshold) and rng.random() < 0.3:
            projections.append(Projection(target.name, target.name, random_weights(rng, target.shape, target.shape), lag=1))
        populations.append(target)
    network = Network({p.name: p for p in populations}, tuple(projections), ticks, outputs=(populations[-1].name,))
    return bias_source(network), inputs


def _neuron(rng, reset, gates, shape, plain):
    """Threshold, LIF, integrate-and-fire or CubaLIF; some with parameters of each neuron's own, a rest or a reset potential."""
    if gates and rng.random() < 0.2:
        return Threshold(float(rng.uniform(0.2, 1.5)))
    if plain:
        return LIF(rng.choice([0.25, 0.5, 1.0], shape), float(rng.uniform(0.2, 1.0)), reset=str(rng.choice(reset)))
    rates = [0.25, 0.5, 0.7, 1.0]
    beta = rng.choice(rates, shape) if rng.random() < 0.3 else float(rng.choice(rates))
    rule = str(rng.choice(reset))
    leak = float(rng.choice([0.0, 0.0, 0.1]))
    down = leak if rule == "subtract" or rng.random() < 0.6 or "subtract" not in reset else leak - 0.2
    more = {"v_leak": leak, "v_reset": down, "reset": rule}
    threshold = float(rng.uniform(0.2, 1.0))
    kind = rng.random()
    if kind < 0.2:
        return LIF(0.0, threshold, gain=float(rng.uniform(0.5, 2)), **more)
    if kind < 0.4:
        return CubaLIF(float(rng.choice([0.25, 0.5])), beta, threshold, **more)
    return LIF(beta, threshold, **more)


def integer_network(seed, *, ticks=6, layers=4, largest=256, samples=1, kept=True):
    """The same made of integers that nobody had to choose well: wraps, clips, exponents of both signs, zeros, weights of one sign."""
    network, inputs = random_network(seed, ticks=ticks, layers=layers, static=False)
    rng = np.random.default_rng(seed + 1)

    def integers(values):
        low, high = ((-largest, largest), (0, largest), (-largest, 0))[int(rng.integers(0, 3))]
        return np.where(rng.random(values.shape) < 0.2, 0, rng.integers(low, high, values.shape))

    def neuron(shape):
        reset = str(rng.choice(["value", "subtract"]))
        per_neuron = rng.random() < 0.3
        return FixedLIF(
            du=rng.integers(0, 4096, shape) if per_neuron else int(rng.choice([0, 1000, 4095, 4095])),
            dv=rng.integers(0, 4096, shape) if per_neuron else int(rng.choice([0, 400, 4095])),
            vth=rng.integers(1, 131_071, shape) if per_neuron else int(rng.choice([1, 200, 2000, 131_071])),
            bias_mant=rng.integers(-4096, 4096, shape[-1:]),
            bias_exp=int(rng.integers(0, 8)),
            scale=1.0,
            reset=reset,
            v_reset=0 if reset == "subtract" else int(rng.choice([0, 0, -500, 300])),
            state="kept" if kept and rng.random() < 0.1 else "cleared",
            v_start=int(rng.choice([0, 0, 700])),
        )

    populations = {p.name: p if p.is_source else Population(p.name, p.shape, neuron(p.shape)) for p in network.populations.values()}
    projections = tuple(
        replace(p, weights=p.weights.map(integers), exponent=int(rng.integers(-8, 8)), sign_mode="mixed") for p in network.projections
    )
    if samples > 1:
        inputs = {name: rng.random((samples, *np.shape(value))) < 0.5 for name, value in inputs.items()}
    return Network(populations, projections, ticks, outputs=network.outputs), inputs
