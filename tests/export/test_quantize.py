import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError, UnsupportedError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.saturate_bias import saturation
from neurograph.export.quantize import quantize
from neurograph.network import LIF, CubaLIF, FixedLIF, Integrator, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.inputs import prepare
from neurograph.weights import Dense, one_to_one


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 8))
def test_every_integer_is_one_that_lava_keeps(seed, bits):
    network, inputs = random_network(seed)
    quantized, _ = quantize(align_delays(network), inputs, bits=bits)
    for p in quantized.spiking_projections:
        low, high, step = fx.weight_limits(p.sign_mode, bits)
        values = p.weights.values
        assert values.dtype == np.int64 and ((values >= low) & (values <= high) & (values % step == 0)).all()
        assert fx.EXPONENT_MIN <= p.exponent <= fx.EXPONENT_MAX
    for p in quantized.neurons:
        assert isinstance(p.neuron, FixedLIF)
        assert np.min(p.neuron.vth) >= 1 and np.max(p.neuron.vth) <= fx.VTH_MAX
    for mantissa in prepare(quantized, inputs).bias.values():
        assert mantissa.min() >= fx.BIAS_MANT_MIN and mantissa.max() <= fx.BIAS_MANT_MAX


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 8))
def test_no_input_makes_u_wrap(seed, bits):
    network, inputs = random_network(seed)
    quantized, _ = quantize(align_delays(network), inputs, bits=bits)
    loudest = {name: np.ones_like(v) if network.populations[name].neuron.kind == "spikes" else v for name, v in inputs.items()}
    assert fixed.run(quantized, loudest).notes["wraps"] == {}


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_weights_that_all_round_up_do_not_make_u_wrap(bits):
    """One large weight and 800 that are a little more than half a step of two or three bits: their sum nearly doubles."""
    _, top, step = fx.weight_limits("excitatory", bits)
    weights = np.full((2, 801), 0.55 * step)
    weights[:, 0] = top
    populations = {"in": Population("in", (801,), Source()), "n": Population("n", (2,), LIF(0.5, 1.0))}
    network = Network(populations, (Projection("in", "n", Dense(weights)),), 6)
    quiet = {"in": np.random.default_rng(0).random((6, 801)) < 0.02}
    quantized, _ = quantize(network, quiet, bits=bits)
    assert fixed.run(quantized, {"in": np.ones((6, 801))}).notes["wraps"] == {}


def test_eight_bits_keep_almost_every_spike(compiled):
    before = floating.run(compiled.network, compiled.inputs)
    after = fixed.run(compiled.quantized, compiled.inputs)
    share = {name: float((before.spikes[name] != after.spikes[name]).mean()) for name in after.spikes}
    assert max(share.values()) < 0.02, share
    reported = {p.population: p.mismatch for p in compiled.report.populations}
    assert reported == pytest.approx({name: share[name] for name in reported})


def test_gates_are_exact(compiled):
    for p in compiled.quantized.neurons:
        if p.name.endswith(("_kv", "_gate")):
            assert (p.neuron.vth, p.neuron.du, p.neuron.dv) == (24, 4095, 4095)
            assert {int(v) for j in compiled.quantized.into(p.name) for v in j.weights.values} == {16}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_saturation_moves_no_spike(seed):
    rng = np.random.default_rng(seed)
    bias = rng.normal(0, 20, 8)
    weights = Dense(rng.normal(0, 1, (8, 5)))

    def build(value):
        return Network(
            {"in": Population("in", (5,), Source()), "n": Population("n", (8,), LIF(0.5, 0.6), bias=value)},
            (Projection("in", "n", weights),),
            12,
        )

    low, high = saturation(build(bias), build(bias).populations["n"])
    assert low < 0 < high
    spikes = {"in": rng.random((12, 5)) < 0.5}
    cut = floating.run(build(np.clip(bias, low, high)), spikes)
    np.testing.assert_array_equal(cut.spikes["n"], floating.run(build(bias), spikes).spikes["n"])


def lone(neuron, bias=0.0):
    return Network(
        {"in": Population("in", (2,), Source()), "n": Population("n", (2,), neuron, bias)}, (Projection("in", "n", one_to_one((2,))),), 4
    )


@pytest.mark.parametrize(
    ("neuron", "bias", "says"),
    [
        (Integrator(0.5, 0.5), 0.0, "real values in place of spikes"),
        (CubaLIF(0.5, 0.5, 1.0), 1.0, "bias current into a neuron with synaptic state"),
    ],
)
def test_what_lava_has_no_integers_for_is_refused_by_name(neuron, bias, says):
    with pytest.raises(UnsupportedError, match=f"population 'n': .*{says}"):
        quantize(lone(neuron, bias), {"in": np.ones((4, 2))})


def test_bits_out_of_range():
    with pytest.raises(QuantizationError, match="weight bits: 9, must be 2 to 8"):
        quantize(lone(LIF(0.5, 1.0)), {"in": np.ones((4, 2))}, bits=9)


def test_rest_potential_is_shifted_away():
    network = lone(LIF(0.5, 1.2, v_leak=0.5, v_reset=0.5))
    inputs = {"in": np.random.default_rng(0).random((4, 2)) < 0.7}
    quantized, _ = quantize(network, inputs)
    np.testing.assert_array_equal(fixed.run(quantized, inputs).spikes["n"], floating.run(network, inputs).spikes["n"])


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gates_stay_exact_at_any_width(compiled, bits):
    quantized, report = quantize(compiled.network, compiled.inputs, bits=bits)
    gates = {p.name for p in quantized.neurons if p.name.endswith(("_kv", "_gate"))}
    assert len(gates) == 2
    for row in report.projections:
        if row.projection.split("→")[1] in gates:
            assert row.relative_error == 0 and row.stored > 0, row


def test_a_huge_current_saturates_and_does_not_overflow(compiled):
    (name,) = compiled.inputs
    huge = {name: np.sign(compiled.inputs[name]) * 1e30}
    before, after = floating.run(compiled.network, huge), fixed.run(compiled.quantized, huge)
    for population in ("gnn_neuron", "attention_blocks_0_neuron"):
        np.testing.assert_array_equal(before.spikes[population], after.spikes[population])
