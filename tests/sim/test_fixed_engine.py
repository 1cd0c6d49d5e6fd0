import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.errors import QuantizationError
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.weights import Dense


def scalar_step(u, v, a, du, dv, vth, bias, subtract):
    """One neuron in plain Python integers, from the table of Lava's rules."""

    def decay(x, d):
        return (1 if x > 0 else -1) * (abs(x) * (4096 - d) // 4096)

    u = decay(u, du + 1) + a * 64
    if u > 1 << 23:
        u -= 1 << 24
    elif u <= -(1 << 23):
        u += 1 << 24
    v = max(min(decay(v, dv) + u + bias, (1 << 23) - 1), -(1 << 23) + 1)
    z = v > vth * 64
    return u, (v - vth * 64 if subtract else 0) if z else v, z


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 100_000),
    st.integers(0, 4095),
    st.integers(0, 4095),
    st.sampled_from([1, 60, 5000, 131_071]),
    st.integers(-8, 7),
    st.booleans(),
)
def test_fixed_engine_is_plain_python_integers(seed, du, dv, vth, exponent, subtract):
    rng = np.random.default_rng(seed)
    weights, loop = rng.integers(-128, 128, (3, 6)) * 2, rng.integers(-128, 128, (3, 3)) * 2
    mantissa, exp = rng.integers(-4096, 4096, 3), int(rng.integers(0, 8))
    neuron = FixedLIF(du, dv, vth, mantissa, exp, 1.0, reset="subtract" if subtract else "value")
    projections = (
        Projection("in", "n", Dense(weights), exponent=exponent, sign_mode="mixed"),
        Projection("n", "n", Dense(loop), lag=1, exponent=exponent, sign_mode="mixed"),
    )
    network = Network({"in": Population("in", (6,), Source()), "n": Population("n", (3,), neuron)}, projections, 30)
    spikes = rng.random((30, 6)) < 0.5
    got = fixed.run(network, {"in": spikes})
    state, last = [(0, 0)] * 3, [False] * 3
    for t in range(30):
        z = []
        for n in range(3):
            sums = (int(weights[n] @ spikes[t]), int(sum(w for w, s in zip(loop[n], last, strict=True) if s)))
            a = sum(s << exponent if exponent >= 0 else s >> -exponent for s in sums)
            u, v, fired = scalar_step(*state[n], a, du, dv, vth, int(mantissa[n]) << exp, subtract)
            state[n] = (u, v)
            z.append(fired)
            assert (got.currents["n"][0, t, n], got.voltages["n"][0, t, n], bool(got.spikes["n"][0, t, n])) == (u, v, fired)
        last = z


def test_wraps_and_clips_are_counted():
    neuron = FixedLIF(4095, 0, 131_071, 4095, 7, 1.0)
    projection = Projection("in", "n", Dense(np.full((1, 100), 254)), exponent=3, sign_mode="excitatory")
    network = Network({"in": Population("in", (100,), Source()), "n": Population("n", (1,), neuron)}, (projection,), 1)
    notes = fixed.run(network, {"in": np.ones((1, 100))}).notes
    assert notes["wraps"] == {"n": 1}
    assert notes["largest_u"]["n"] == 100 * 254 * 8 * 64


def one_lif(weight, dv, vth, ticks):
    projection = Projection("in", "n", Dense(np.array([[weight]])), sign_mode="excitatory")
    return Network(
        {"in": Population("in", (1,), Source()), "n": Population("n", (1,), FixedLIF(4095, dv, vth, 0, 0, 1.0))}, (projection,), ticks
    )


@pytest.mark.parametrize(("platform", "same_voltages"), [("lava_loihi_fixed", 996), ("lava_cpu_fixed", 1000)])
def test_published_trace_of_a_real_loihi(shared, platform, same_voltages):
    """Spikes at 1,000 of 1,000 steps; the chip's probe shows 128 at the four spike steps, where the rules (and Lava's CPU) reset to 0."""
    with (shared / f"nir_zoo/01_lif/lif_{platform}.csv").open() as file:
        trace = np.array([[float(x) for x in row] for row in csv.reader(file)])
    inputs, voltage, spikes = (trace[:, c] for c in range(3))
    late = np.concatenate([[0], inputs[:-1]])[:, None]
    got = fixed.run(one_lif(10, 163, 25, len(trace)), {"in": late})
    assert (got.spikes["n"][0, :, 0] == spikes).sum() == 1000
    assert spikes.sum() > 0
    assert (got.voltages["n"][0, :, 0] == voltage).sum() == same_voltages


def test_current_beyond_the_mantissa_is_refused():
    neuron = FixedLIF(4095, 2048, 100, 0, 0, 1.0)
    projection = Projection("c", "n", Dense(np.eye(1)))
    network = Network({"c": Population("c", (1,), Source("static")), "n": Population("n", (1,), neuron)}, (projection,), 2)
    with pytest.raises(QuantizationError, match="bias mantissa 64000 to 64000 at exponent 0, limit -4096 to 4095"):
        fixed.run(network, {"c": np.array([1000.0])})
