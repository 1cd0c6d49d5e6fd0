"""Scales, exponents, sign modes and bias correction, one by one."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.export.integer_search import Search
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.export.weight_scales import grid_of, suited_units
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.lava import runtime
from neurograph.sim.parity import compare
from neurograph.weights import Dense, Kron, OnesRow

BITS = st.integers(2, 8)
FLOATS = st.floats(-50, 50).map(lambda w: round(w, 6))


@given(st.lists(FLOATS, min_size=1).map(np.array), BITS)
def test_the_widest_exponent_is_the_smallest_that_clips_nothing(values, bits):
    assume(np.any(values))
    mode = fx.sign_mode_of(values)
    _, _, step = fx.weight_limits(mode, bits)

    def clips(exponent):
        scaled = values / 2.0**exponent
        return bool((np.abs(fx.nearest_weights(scaled, mode, bits) - scaled) > step / 2 * (1 + 1e-12)).any())

    exponent = fx.widest_exponent(values, mode, bits)
    assert not clips(exponent) and clips(exponent - 1)


@given(st.lists(FLOATS, min_size=1).map(np.array), BITS)
def test_least_error_is_no_larger_than_at_the_widest_exponent(values, bits):
    mode = fx.sign_mode_of(values)

    def error(exponent):
        return np.square(fx.nearest_weights(values / 2.0**exponent, mode, bits) * 2.0**exponent - values).sum()

    assert error(fx.least_error_exponent(values, mode, bits)) <= error(fx.widest_exponent(values, mode, bits)) * (1 + 1e-12)


def test_few_large_weights_are_clipped_for_the_many_small_ones():
    values = np.concatenate([np.random.default_rng(0).normal(0, 1, 200), [9.0]])
    assert fx.least_error_exponent(values, "mixed", 3) < fx.widest_exponent(values, "mixed", 3)
    assert fx.least_error_exponent(values, "mixed", 8) == fx.widest_exponent(values, "mixed", 8)


@given(st.lists(st.integers(-256, 255), min_size=1).map(np.array), st.floats(1e-6, 1e6), BITS)
def test_a_grid_is_found_and_loses_nothing(levels, unit, bits):
    assume(np.any(levels))
    values = levels * unit
    found = grid_of(values)
    assert found is not None
    np.testing.assert_allclose(np.rint(values / found) * found, values, rtol=1e-6)
    mode = fx.sign_mode_of(values)
    low, high, step = fx.weight_limits(mode, bits)
    multiples = np.rint(values / found)
    if (multiples * step >= low).all() and (multiples * step <= high).all():
        (only,) = suited_units(values, mode, bits)
        np.testing.assert_array_equal(fx.round_weights(values / only, mode, bits), (multiples * step).astype(int))


def test_no_grid_where_there_is_none():
    assert grid_of(np.random.default_rng(0).normal(size=16)) is None
    assert grid_of(np.zeros(4)) is None
    assert suited_units(np.zeros(4), "excitatory", 8) == ()


@given(st.lists(FLOATS, min_size=4, max_size=40).map(np.array), BITS)
def test_other_units_fill_the_range_or_are_nearest(values, bits):
    assume(np.any(values) and grid_of(values) is None)
    mode = fx.sign_mode_of(values)
    low, high, _ = fx.weight_limits(mode, bits)
    *full, nearest = suited_units(values, mode, bits)
    assert full == [pytest.approx(end / limit) for end, limit in ((values.max(), high), (values.min(), low)) if limit and end / limit > 0]

    def error(unit):
        return np.square(fx.nearest_weights(values / unit, mode, bits) * unit - values).sum()

    assert error(nearest) <= error(max(full)) * (1 + 1e-12)


@given(st.lists(FLOATS, min_size=1).map(np.array), BITS)
def test_bits_used_are_enough_and_not_more_than_asked_for(values, bits):
    mode = fx.sign_mode_of(values)
    stored = fx.round_weights(values / 2.0 ** fx.widest_exponent(values, mode, bits), mode, bits)
    used = fx.bits_used(stored)
    assert used <= bits
    if used:
        common = np.gcd.reduce(np.abs(stored))
        again = stored // (common & -common) * fx.weight_limits(fx.sign_mode_of(stored), used)[2]
        np.testing.assert_array_equal(fx.round_weights(again.astype(float), fx.sign_mode_of(stored), used), again)


def test_bits_used_by_hand():
    assert [fx.bits_used(np.array(w)) for w in ([0, 0], [16, 16], [0, 48, -32], [-256, 128], [255, 3], [-7], [254, -256])] == [
        0,
        1,
        3,
        2,
        8,
        3,
        8,
    ]


def lone(weights, neuron=None, bias=0.0, ticks=16):
    out, size = weights.shape
    return Network(
        {"in": Population("in", (size,), Source()), "n": Population("n", (out,), neuron or LIF(0.5, 0.8), bias)},
        (Projection("in", "n", Dense(weights)),),
        ticks,
    )


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_on_a_grid_lose_nothing_at_any_scale(bits):
    rng = np.random.default_rng(bits)
    low, high, step = fx.weight_limits("mixed", bits)
    levels = rng.integers(low // step, high // step + 1, (9, 12))
    levels[0, :2] = low // step, high // step
    network = lone(levels * 0.0731)
    inputs = {"in": rng.random((16, 12)) < 0.5}
    quantized, report = quantize(network, inputs, bits=bits)
    (row,) = report.projections
    assert row.relative_error < 1e-12 and row.bits == bits
    np.testing.assert_array_equal(quantized.projections[0].weights.matrix, levels * step)
    assert report.populations[0].mismatch == 0


def test_mean_input_that_rounding_takes_is_given_back():
    """At two bits one large weight rounds fifty small ones to 0."""
    rng = np.random.default_rng(0)
    weights = np.full((6, 51), 0.1)
    weights[:, 0] = 1.5
    network, inputs = lone(weights, LIF(0.5, 1.2)), {"in": rng.random((40, 51)) < 0.4}
    network = replace(network, ticks=40)
    quantized, report = quantize(network, inputs, bits=2)
    wanted = floating.run(network, inputs).spikes["n"].mean()
    plain = quantized.with_populations(
        [replace(quantized.populations["n"], neuron=replace(quantized.populations["n"].neuron, bias_mant=0))]
    )
    without, with_it = (fixed.run(q, inputs).spikes["n"].mean() for q in (plain, quantized))
    assert np.all(quantized.populations["n"].neuron.bias_mant > 0) and report.projections[0].rounded_to_zero == 300
    assert abs(with_it - wanted) < abs(without - wanted) / 5


def test_correction_is_one_value_a_feature_where_nodes_share_weights():
    rng = np.random.default_rng(1)
    shape, ticks = (30, 4), 8
    network = Network(
        {
            "in": Population("in", shape, Source()),
            "n": Population("n", shape, LIF(0.5, 0.6)),
            "m": Population("m", (1, 4), LIF(0.5, 2.0)),
        },
        (
            Projection("in", "n", Dense(np.kron(np.eye(30), rng.normal(0.3, 0.4, (4, 4))))),
            Projection("n", "m", Kron(OnesRow(30), np.array([0.3, 0.11, 0.05, 0.02]))),
        ),
        ticks,
    )
    inputs = {"in": rng.random((ticks, *shape)) < 0.5}
    quantized, _ = quantize(network, inputs, bits=2)
    mantissa = np.broadcast_to(quantized.populations["n"].neuron.bias_mant, shape)
    assert np.any(mantissa) and (mantissa == mantissa[0]).all()


def test_a_search_is_never_worse_for_its_correction(monkeypatch):
    rng = np.random.default_rng(5)
    network = lone(rng.normal(0, 0.3, (20, 30)))
    inputs = {"in": rng.random((16, 30)) < 0.4}
    _, with_it = quantize(network, inputs, bits=3)
    monkeypatch.setattr(Search, "corrected", lambda self, fit, population, bias: fit)
    _, without = quantize(network, inputs, bits=3)
    assert with_it.populations[0].mismatch <= without.populations[0].mismatch


MODES = ("mixed", "excitatory", "inhibitory")
SIGNS = {"mixed": (-1, 1), "excitatory": (0, 1), "inhibitory": (-1, 0)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("own", MODES)
def test_sign_modes_that_are_asked_for(own, mode):
    rng = np.random.default_rng(3)
    network, inputs = lone(rng.uniform(*SIGNS[own], (5, 7)), bias=0.5), {"in": rng.random((16, 7)) < 0.5}
    if mode in ("mixed", own):
        quantized, _ = quantize(network, inputs, sign_modes={"in→n": mode})
        (made,) = quantized.projections
        low, high, step = fx.weight_limits(mode)
        values = made.weights.values
        assert made.sign_mode == mode and ((values >= low) & (values <= high) & (values % step == 0)).all()
    else:
        with pytest.raises(QuantizationError, match=f"sign mode of 'in→n': {mode}, but its weights are {own}; use {own} or mixed"):
            quantize(network, inputs, sign_modes={"in→n": mode})


def test_sign_modes_of_nothing_are_refused():
    network, inputs = lone(np.ones((2, 2))), {"in": np.ones((16, 2))}
    with pytest.raises(QuantizationError, match="sign mode of 'x→n': no such projection of spikes; there are in→n"):
        quantize(network, inputs, sign_modes={"x→n": "mixed"})
    with pytest.raises(QuantizationError, match="sign mode of 'in→n': 'both', must be mixed, excitatory or inhibitory"):
        quantize(network, inputs, sign_modes={"in→n": "both"})


TRUNCATE = """
import sys
import numpy as np
from lava.utils.weightutils import SignMode, clip_weights, truncate_weights
made = {}
with np.load(sys.argv[1]) as file:
    for name in file.files:
        mode, bits = name.split("-")
        kind = SignMode[mode.upper()]
        made[name] = truncate_weights(clip_weights(file[name], kind, num_bits=8), kind, int(bits))
np.savez(sys.argv[2], **made)
"""


@pytest.mark.lava
def test_lava_stores_our_weights_as_they_are_in_every_mode_and_width(lava, tmp_path):
    values = np.linspace(-300, 300, 4801)
    given_ = {f"{mode}-{bits}": fx.round_weights(values, mode, bits) for mode in MODES for bits in range(2, 9)}
    np.savez(tmp_path / "in.npz", **given_)
    command = [runtime.find(), "-c", TRUNCATE, tmp_path / "in.npz", tmp_path / "out.npz"]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    with np.load(tmp_path / "out.npz") as made:
        for name, weights in given_.items():
            np.testing.assert_array_equal(made[name], weights, err_msg=name)
            assert len(np.unique(weights)) == 2 ** int(name.split("-")[1]), "every level is tried"


@pytest.mark.lava
def test_corrected_few_bit_networks_are_lava_s_bit_for_bit(lava):
    rng = np.random.default_rng(8)
    signs = {"a": (0, 1), "b": (-1, 0), "c": (-0.5, 0.5)}
    populations = {"in": Population("in", (12,), Source())}
    populations |= {name: Population(name, (9,), LIF(0.5, 0.5), np.full(9, 2.0 if name == "b" else 0.2)) for name in signs}
    projections = [Projection("in", name, Dense(rng.uniform(*sign, (9, 12)))) for name, sign in signs.items()]
    projections += [Projection("a", "c", Dense(rng.normal(0, 0.4, (9, 9))))]
    network = align_delays(Network(populations, tuple(projections), 12))
    inputs = {"in": (rng.random((12, 12)) < 0.4).astype(np.uint8)}
    quantized, report = quantize(network, inputs, bits=3)
    assert {row.sign_mode for row in report.projections} == set(MODES)
    run = fixed.run(quantized, inputs)
    assert all(run.spikes[name].any() for name in signs)
    assert compare(quantized, run, lava_engine.run(quantized, inputs, engine="fixed"), voltages=True).ok
