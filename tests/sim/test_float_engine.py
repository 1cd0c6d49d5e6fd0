import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from neurograph.errors import InputError, NetworkError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.network import LIF, CubaLIF, Network, Population, Projection, Source, Threshold
from neurograph.nn._norse import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step
from neurograph.sim import floating
from neurograph.weights import Dense, one_to_one


def plain_loop(network, inputs):
    """The canonical order, neuron by neuron as it is written in the design, on expanded matrices."""
    spikes = {name: np.zeros((network.ticks, p.size)) for name, p in network.populations.items()}
    state = {p.name: (np.zeros(p.size), np.full(p.size, getattr(p.neuron, "v_leak", 0.0))) for p in network.neurons}
    for t in range(network.ticks):
        for name in network.order():
            population = network.populations[name]
            if population.is_constant:
                spikes[name][t] = 1
                continue
            if population.is_source:
                spikes[name][t] = (inputs[name] if population.is_static else inputs[name][t]).ravel()
                continue
            neuron, (u, v) = population.neuron, state[name]
            i = np.broadcast_to(population.bias, population.shape).ravel().astype(float)
            for p in network.into(name):
                if t >= p.lag:
                    i = i + p.weights.to_csr().toarray() @ spikes[p.source][t - p.lag]
            alpha, beta = (np.broadcast_to(getattr(neuron, k, 1.0), population.shape).ravel() for k in ("alpha", "beta"))
            gain = beta if getattr(neuron, "gain", None) is None else neuron.gain
            u = (1 - alpha) * u + i
            v = (1 - beta) * v + beta * getattr(neuron, "v_leak", 0.0) + gain * u
            z = v > neuron.threshold
            if getattr(neuron, "reset", "value") == "subtract":
                v = v - neuron.threshold * z
            elif isinstance(neuron, Threshold):
                v = v * 0
            else:
                v = np.where(z, neuron.v_reset, v)
            state[name], spikes[name][t] = (u, v), z
    return spikes


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_float_engine_is_the_plain_loop(seed):
    network, inputs = random_network(seed)
    wanted, got = plain_loop(network, inputs), floating.run(network, inputs)
    for name, spikes in got.spikes.items():
        np.testing.assert_array_equal(spikes[0].reshape(network.ticks, -1), wanted[name], err_msg=name)


def test_cuba_lif_is_the_plain_loop():
    rng = np.random.default_rng(0)
    neuron = CubaLIF(0.3, 0.2, 0.4, v_leak=0.1, v_reset=-0.1)
    projections = (Projection("in", "n", Dense(rng.normal(size=(5, 4)))), Projection("n", "n", Dense(rng.normal(size=(5, 5))), lag=2))
    network = Network({"in": Population("in", (4,), Source()), "n": Population("n", (5,), neuron, bias=0.1)}, projections, 40)
    inputs = {"in": rng.random((40, 4)) < 0.5}
    np.testing.assert_array_equal(floating.run(network, inputs).spikes["n"][0], plain_loop(network, inputs)["n"])


def test_one_lif_is_norses():
    rng = np.random.default_rng(1)
    current = rng.normal(0.5, 1, (200, 32)).cumsum(0) % 3 - 1
    sources = {f"c{t}": Population(f"c{t}", (32,), Source("static")) for t in range(1)}
    network = Network({**sources, "n": Population("n", (32,), LIF(0.4, 0.5))}, (Projection("c0", "n", one_to_one((32,))),), 200)
    got = floating.run(network, {"c0": current[0]}).spikes["n"][0]
    state, parameters = LIFBoxFeedForwardState(v=torch.zeros(32, dtype=torch.float64)), LIFBoxParameters(tau_mem_inv=0.4, v_th=0.5)
    for t in range(200):
        z, state = lif_box_feed_forward_step(torch.from_numpy(current[0]), state, parameters, dt=1.0)
        np.testing.assert_array_equal(got[t], z.numpy())


def test_samples_are_independent_unless_state_is_kept():
    rng = np.random.default_rng(2)
    spikes = rng.random((3, 5, 4)) < 0.6

    def build(state):
        neuron = Population("n", (4,), LIF(0.2, 0.3, state=state))
        return Network({"in": Population("in", (4,), Source()), "n": neuron}, (Projection("in", "n", one_to_one((4,))),), 5)

    together = floating.run(build("cleared"), {"in": spikes}).spikes["n"]
    for sample in range(3):
        np.testing.assert_array_equal(together[sample], floating.run(build("cleared"), {"in": spikes[sample]}).spikes["n"][0])
    kept = floating.run(build("kept"), {"in": spikes}).voltages["n"].reshape(15, 4)
    long = Network(build("cleared").populations, build("cleared").projections, 15)
    np.testing.assert_array_equal(kept, floating.run(long, {"in": spikes.reshape(15, 4)}).voltages["n"][0])


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "input 'in': missing"),
        ({"in": np.zeros((3, 4)), "x": 0}, "input 'x': no such source; the network has in"),
        ({"in": np.zeros((2, 4))}, r"shape \(2, 4\), must be \(3, 4\)"),
        ({"in": np.full((3, 4), 0.5)}, "other than 0 and 1"),
    ],
)
def test_bad_input_is_named(inputs, says):
    network = Network({"in": Population("in", (4,), Source()), "n": Population("n", (4,), LIF(0.5, 1.0))}, (), 3)
    with pytest.raises(InputError, match=says):
        floating.run(network, inputs)


def test_static_input_with_nan_is_refused():
    network = Network({"in": Population("in", (4,), Source("static"))}, (), 3)
    with pytest.raises(InputError, match="NaN"):
        floating.run(network, {"in": np.full(4, np.nan)})


def test_integer_network_is_refused():
    network, inputs = random_network(3)
    quantized, _ = quantize(align_delays(network), inputs)
    with pytest.raises(NetworkError, match="use the fixed engine"):
        floating.run(quantized, inputs)
