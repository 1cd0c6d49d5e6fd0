"""Inputs of a run: biases from static currents, in blocks or whole, and how little memory they take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.errors import InputError, QuantizationError
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.sim import static_currents
from neurograph.sim.inputs import plain_spikes, prepare
from neurograph.weights import Identity, Kron, Sparse


def two_currents(rng, nodes, features, mantissa, *, first="choice", mixing=False):
    """An integer population that hears two static sources and a spike source.

    The first by a choice of its features or a matrix over them; ``mixing``: the second over a matrix of all neurons.
    """
    shape = (nodes, features)
    neuron = FixedLIF(du=4095, dv=2048, vth=100, bias_mant=mantissa, bias_exp=int(rng.integers(0, 4)), scale=0.25, gain=0.5)
    second = Kron(Identity(nodes), rng.normal(0, 1, features))
    if mixing:
        second = Sparse(second.to_csr())
    width = features + 2
    choice = np.eye(features, width, int(rng.integers(0, 3)))
    weights = {"a": Kron(Identity(nodes), choice if first == "choice" else rng.normal(0, 1, (features, width))), "b": second}
    populations = [
        Population("a", (nodes, width), Source("static")),
        Population("b", shape, Source("static")),
        Population("p", shape, neuron),
    ]
    populations.append(Population("z", shape, Source("spikes")))
    projections = (*(Projection(k, "p", w) for k, w in weights.items()), Projection("z", "p", Kron(Identity(nodes), np.ones(features))))
    return Network({p.name: p for p in populations}, projections, ticks=2), weights


def by_hand(network, weights, inputs, samples):
    """Mantissas neuron by neuron out of the expanded matrices."""
    neuron = network.populations["p"].neuron
    unit = neuron.scale / 64 * 2.0**neuron.bias_exp
    current = 0
    for name, value in inputs.items():
        rows = np.broadcast_to(value.reshape(-1, network.populations[name].size), (samples, network.populations[name].size))
        current = current + (weights[name].to_csr() @ rows.T).T
    own = np.broadcast_to(neuron.bias_mant, network.populations["p"].shape).ravel()
    return np.rint(neuron.gain * current / unit).astype(int) + own


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 40),
    st.sampled_from(["choice", "matrix"]),
    st.booleans(),
)
def test_blocks_of_any_size_give_the_mantissas_of_the_whole(seed, nodes, features, samples, block, first, mixing):
    rng = np.random.default_rng(seed)
    mantissa = rng.integers(-50, 50, [(), (features,), (nodes, 1), (nodes, features)][seed % 4])
    network, weights = two_currents(rng, nodes, features, mantissa, first=first, mixing=mixing)
    static = {"a": rng.normal(0, 1, (samples, nodes, features + 2)), "b": rng.normal(0, 1, (nodes, features)).astype(np.float32)}
    spikes = {"z": np.zeros((samples, 2, nodes, features))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(static_currents, "_BLOCK", block)
        got = prepare(network, {**static, **spikes}).bias["p"]
    assert got.shape == (samples, nodes, features) and got.dtype == np.int32
    np.testing.assert_array_equal(got.reshape(samples, -1), by_hand(network, weights, static, samples))


def test_a_current_given_once_serves_all_samples_and_takes_the_memory_of_one():
    network, weights = two_currents(np.random.default_rng(0), 5, 2, 3)
    static = {"a": np.ones((5, 4)), "b": np.ones((5, 2))}
    prepared = prepare(network, {**static, "z": np.zeros((4, 2, 5, 2))})
    np.testing.assert_array_equal(prepared.bias["p"].reshape(4, -1), by_hand(network, weights, static, 4))
    assert prepared.flat_bias("p").shape == (1, 10)
    np.testing.assert_array_equal(prepared.flat_bias("p"), prepared.bias["p"][0].reshape(1, -1))
    assert prepared.sample(2).flat_bias("p").shape == (1, 10)


@pytest.mark.parametrize(("own", "shape"), [(7, (1, 1)), (np.arange(3), (1, 6)), (np.arange(6).reshape(2, 3), (1, 6))])
def test_a_population_without_static_input_holds_only_its_own_bias(own, shape):
    neuron = FixedLIF(du=4095, dv=4095, vth=10, bias_mant=own, bias_exp=0, scale=1.0)
    network = Network({"p": Population("p", (2, 3), neuron), "s": Population("s", (1,), Source("spikes"))}, (), ticks=1)
    prepared = prepare(network, {"s": np.zeros((100, 1, 1))})
    bias = prepared.bias["p"]
    assert bias.shape == (100, 2, 3) and bias.base is not None and np.asarray(bias.base).size == np.size(own)
    np.testing.assert_array_equal(bias[99], np.broadcast_to(own, (2, 3)))
    assert prepared.flat_bias("p").shape == shape
    np.testing.assert_array_equal(np.broadcast_to(prepared.flat_bias("p"), (1, 6))[0], np.broadcast_to(own, (2, 3)).ravel())


def test_volts_of_a_float_population_are_the_sum_of_current_and_bias():
    rng = np.random.default_rng(1)
    own, current = rng.normal(0, 1, 3), rng.normal(0, 1, (4, 5, 2))
    weight = rng.normal(0, 1, (3, 2))
    populations = {"x": Population("x", (5, 2), Source("static")), "p": Population("p", (5, 3), LIF(0.5, 1.0), bias=own)}
    network = Network(populations, (Projection("x", "p", Kron(Identity(5), weight)),), ticks=1)
    prepared = prepare(network, {"x": current})
    np.testing.assert_allclose(prepared.bias["p"], current @ weight.T + own, rtol=1e-12)
    assert prepared.flat_bias("p").shape == (4, 15)


@pytest.mark.parametrize(("value", "low", "high"), [(1e300, "1280", "1.*"), (-5000.0, "-", "1280")])
def test_a_mantissa_past_13_bits_is_refused_with_its_range_whatever_block_it_is_in(value, low, high, monkeypatch):
    monkeypatch.setattr(static_currents, "_BLOCK", 2)
    neuron = FixedLIF(du=4095, dv=4095, vth=10, bias_mant=0, bias_exp=0, scale=0.05)
    populations = {"x": Population("x", (6, 2), Source("static")), "p": Population("p", (6, 2), neuron)}
    network = Network(populations, (Projection("x", "p", Kron(Identity(6), np.ones(2))),), ticks=1)
    current = np.ones((6, 2))
    current[1, 1] = value
    with pytest.raises(QuantizationError, match=rf"population 'p': bias mantissa {low}.* to {high}.* at exponent 0, limit -4096 to 4095"):
        prepare(network, {"x": current})


@pytest.mark.parametrize("bad", [2, -1, 0.5, np.nan])
def test_what_is_no_spike_is_refused(bad):
    network = Network({"s": Population("s", (3,), Source("spikes"))}, (), ticks=2)
    values = np.zeros((2, 3))
    values[1, 2] = bad
    with pytest.raises(InputError, match="input 's': holds values other than 0 and 1"):
        prepare(network, {"s": values})
    assert prepare(network, {"s": np.ones((2, 3), bool)}).spikes["s"].dtype == np.uint8


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_a_current_that_is_not_finite_is_refused_and_any_number_type_is_taken(kind):
    network, _ = two_currents(np.random.default_rng(0), 2, 2, 0)
    inputs = {"a": np.ones((2, 4), kind), "b": np.ones((2, 2), kind), "z": np.zeros((2, 2, 2))}
    first = prepare(network, inputs).bias["p"]
    np.testing.assert_array_equal(first, prepare(network, {**inputs, "a": np.ones((2, 4))}).bias["p"])
    if kind is not np.int64:
        inputs["a"][0, 1] = np.inf
        with pytest.raises(InputError, match="input 'a': holds NaN or infinity"):
            prepare(network, inputs)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["uint8", "bool", "int64"]),
    st.sampled_from([None, "value", "shape", "samples", "other", "missing", "flat", "list"]),
)
def test_plain_spikes_are_what_preparing_makes_of_them_or_none(seed, kind, wrong):
    rng = np.random.default_rng(seed)
    sources = [Population(name, shape, Source()) for name, shape in (("a", (2, 3)), ("b", (4,)))]
    network = Network({p.name: p for p in (*sources, Population("n", (2,), LIF(0.5, 1.0)))}, (), ticks=3)
    inputs = {p.name: (rng.random((2, 3, *p.shape)) < 0.5).astype(kind) for p in sources}
    if wrong == "value":
        inputs["b"] = inputs["b"] + np.uint8(2)
    elif wrong == "shape":
        inputs["a"] = inputs["a"].reshape(2, 3, 6)
    elif wrong == "samples":
        inputs["b"] = inputs["b"][:0] if seed % 2 else np.concatenate([inputs["b"], inputs["b"]])
    elif wrong == "other":
        inputs["c"] = inputs["a"]
    elif wrong == "missing":
        del inputs["a"]
    elif wrong == "flat":
        inputs = {name: value[0] for name, value in inputs.items()}
    elif wrong == "list":
        inputs["a"] = inputs["a"].tolist()
    found = plain_spikes([(p.name, (3, *p.shape)) for p in sources], inputs)
    assert (found is not None) == (wrong in (None, "value") and kind == "uint8")
    if found is not None and wrong is None:
        wanted = prepare(network, inputs, biased=())
        assert found.samples == wanted.samples and found.bias == wanted.bias and found.spikes.keys() == wanted.spikes.keys()
        for name, values in found.spikes.items():
            assert values.dtype == np.uint8
            np.testing.assert_array_equal(values, wanted.spikes[name])
