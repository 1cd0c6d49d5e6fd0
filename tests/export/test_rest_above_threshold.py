"""Neurons whose rest lies at or above their threshold: they spike by themselves, from tick 0 on, in every engine alike."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurograph.export import nir_io
from neurograph.export.dialects import interpret
from neurograph.export.lower import lower
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.network import LIF, CubaLIF, Network, Population, Projection, Source, base_of
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare
from neurograph.weights import Dense

volts = st.floats(-3, 3, allow_nan=False).map(lambda x: round(x, 3))


def alone(neuron, ticks=60, size=1):
    """One population that hears a silent source."""
    source, n = Population("in", (1,), Source("spikes")), Population("n", (size,), neuron)
    network = Network({"in": source, "n": n}, (Projection("in", "n", Dense(np.ones((size, 1)))),), ticks, outputs=("n",))
    return align_delays(network), {"in": np.zeros((ticks, 1))}


@given(st.lists(st.tuples(volts, volts, volts), min_size=1, max_size=6), st.sampled_from([LIF, CubaLIF]))
def test_the_base_lies_below_the_threshold_and_is_the_rest_where_that_does(values, kind):
    leak, reset, threshold = (np.array(column) for column in zip(*values, strict=True))
    rates = (0.5,) if kind is LIF else (0.5, 0.5)
    base = np.broadcast_to(base_of(kind(*rates, threshold, leak, reset)), threshold.shape)
    assert (base < threshold).all()
    np.testing.assert_array_equal(base[leak < threshold], leak[leak < threshold])


@given(volts, volts, volts, st.sampled_from([0.01, 0.1, 0.5, 1.0]), st.sampled_from(["value", "subtract"]))
def test_a_neuron_left_alone_follows_its_equation(leak, reset, threshold, beta, rule):
    network, silence = alone(LIF(beta, threshold, leak, reset, reset=rule))
    v, wanted = leak, []
    for _ in range(60):
        v = v + beta * (leak - v)
        wanted.append(v > threshold)
        if v > threshold:
            v = v - threshold if rule == "subtract" else reset
    got = floating.run(network, silence).spikes["n"][0, :, 0]
    np.testing.assert_array_equal(got, wanted)
    assert got[0] == (leak > threshold) or abs(leak - threshold) < 1e-12


@given(st.floats(0.02, 0.3), st.floats(1.1, 3.0), st.floats(-1.0, 0.8))
def test_integers_keep_the_pace_of_a_pacemaker(beta, leak, reset):
    """The way from reset to threshold, ln((a − r)/(a − θ)) / −ln(1 − β): 12 bits of β and 13 of the drift move it by less than 2 %.

    It is spent in whole ticks, so where it ends at a tick's border 2 % are a tick.
    """
    network, silence = alone(LIF(beta, 1.0, leak, reset), ticks=300)
    way = np.log((leak - reset) / (leak - 1.0)) / -np.log1p(-beta)
    slow, fast = (int(way * factor) + 1 for factor in (1.02, 0.98))
    exact = int(floating.run(network, silence).spikes["n"].sum())
    integer = int(fixed.run(quantize(network, silence)[0], silence).spikes["n"].sum())
    assert 300 // slow - 1 <= integer <= 300 // fast + 2
    assert slow != fast or abs(integer - exact) <= 1


def test_norse_starts_at_v_leak_too():
    """The framework that has a v_leak at all: its LIFBoxCell, in float64, from the first tick."""
    import norse.torch as norse

    leak, threshold, reset = np.array([1.2, 1.0, 0.3, 2.0]), np.array([1.0, 1.0, 1.0, 0.5]), np.array([0.0, 0.2, 0.0, 0.9])
    parameters = norse.LIFBoxParameters(torch.full((4,), 100.0).double(), *(torch.from_numpy(x) for x in (leak, threshold, reset)))
    cell, state, wanted = norse.LIFBoxCell(parameters, dt=1e-3), None, []
    with torch.no_grad():
        for _ in range(60):
            z, state = cell(torch.zeros(1, 4).double(), state)
            wanted.append(z[0].numpy())
    network, silence = alone(LIF(0.1, threshold, leak, reset), size=4)
    got = floating.run(network, silence).spikes["n"][0]
    np.testing.assert_array_equal(got, np.array(wanted))
    assert got[0].tolist() == [1, 0, 0, 1]


@pytest.mark.lava
@pytest.mark.parametrize("dt", [1e-4, 1e-3])
def test_the_graph_of_the_zoo_runs_in_every_engine(shared, lava, dt):
    graph = nir_io.read(shared / "nir_zoo/01_lif/debug_spike_representation/two_lif_neurons.nir")
    network = align_delays(bias_source(lower(interpret(graph, "nir", ticks=300, dt=dt).graph)))
    inputs = {"in": np.random.default_rng(0).random((300, 1)) < 0.1}
    exact = floating.run(network, inputs)
    assert exact.spikes["lif1"][0, 0, 0] == 1 and exact.spikes["lif1"].sum() > 1
    found = compare(network, exact, lava_engine.run(network, inputs, engine="float"))
    assert found.ok and found.ties == 0, found.first_mismatch
    quantized, _ = quantize(network, inputs)
    found = compare(quantized, fixed.run(quantized, inputs), lava_engine.run(quantized, inputs, engine="fixed"), voltages=True)
    assert found.ok, found.first_mismatch


def random_rests(seed, ticks=25, populations=8):
    """Many populations over one source, so that one run in Lava tests them all; half of them feed a second layer, two have loops."""
    rng = np.random.default_rng(seed)
    made = [Population("in", (5,), Source("spikes"))]
    projections = []
    for i in range(populations):
        size = int(rng.integers(1, 5))
        threshold = np.round(rng.uniform(0, 1.5, size), 3)
        leak, reset = np.round(rng.uniform(-1, 2.5, size), 3), np.round(rng.uniform(-1, 2, size), 3)
        beta, rule = rng.choice([0.05, 0.25, 0.6, 1.0], size), str(rng.choice(["value", "subtract"]))
        bias = rng.normal(0, 0.3, size)
        kind = rng.integers(3)
        if kind == 0:
            neuron, bias = CubaLIF(float(rng.choice([0.25, 0.5])), beta, threshold, leak, reset, reset=rule), 0.0
        elif kind == 1:
            neuron = LIF(beta, threshold, leak, reset, reset=rule)
        else:
            neuron = LIF(0.0, threshold, leak, reset, reset=rule, gain=float(rng.uniform(0.5, 2)))
        made.append(Population(f"p{i}", (size,), neuron, bias))
        source = made[0] if i % 2 == 0 else made[i]
        projections.append(Projection(source.name, f"p{i}", Dense(rng.normal(0, 0.8, (size, source.size)))))
        if i in (3, 4):
            projections.append(Projection(f"p{i}", f"p{i}", Dense(rng.normal(0, 0.5, (size, size))), lag=1))
    network = Network({p.name: p for p in made}, tuple(projections), ticks, outputs=(made[-1].name,))
    return align_delays(network), {"in": rng.random((3, ticks, 5)) < 0.3}


@pytest.mark.lava
@pytest.mark.parametrize("seed", range(4))
def test_random_rests_resets_and_thresholds_are_the_same_in_lava(lava, seed):
    network, inputs = random_rests(seed)
    above = [np.any(np.asarray(p.neuron.v_leak) >= np.asarray(p.neuron.threshold)) for p in network.neurons]
    assert sum(above) >= 3
    exact = floating.run(network, inputs)
    in_lava = lava_engine.run(network, inputs, engine="float")
    found = compare(network, exact, in_lava)
    assert found.ok, found.first_mismatch
    for name in exact.voltages:
        if name != "in" and found.ties == 0:
            np.testing.assert_allclose(in_lava.voltages[name], exact.voltages[name], atol=1e-9)
    quantized, _ = quantize(network, inputs)
    found = compare(quantized, fixed.run(quantized, inputs), lava_engine.run(quantized, inputs, engine="fixed"), voltages=True)
    assert found.ok, found.first_mismatch
