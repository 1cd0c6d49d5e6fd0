import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from places import INTERPRETED, PLACES, SCANS

from neurograph.errors import InputError, NetworkError
from neurograph.network import LIF, CubaLIF, FixedLIF, Integrator, Population, Source, Threshold
from neurograph.sim.device import neurons_on
from neurograph.sim.device.neurons import scan_module
from neurograph.sim.fixed import FixedNeurons
from neurograph.sim.floating import FloatNeurons

EXAMPLES = 40 if INTERPRETED else 100  # Triton's interpreter takes its time
EXTREMES = [-1, 0, 1, 5, 4094, 4095]


def alike(rng, samples, size):
    """Shape of a bias: of each neuron and sample, of each neuron, or of all."""
    return [(samples, size), (1, size), (1, 1)][int(rng.integers(3))]


def random_fixed(rng, size, *, wild):
    """Any FixedLIF; ``wild``: thresholds and resets far beyond the 24 bits of v."""
    return FixedLIF(
        du=rng.choice(EXTREMES, size),
        dv=rng.choice([*EXTREMES[1:], 4096], size),
        vth=rng.integers(-100, 131_072, size),
        bias_mant=0,
        bias_exp=int(rng.integers(0, 8)),
        scale=1.0,
        v_reset=int(rng.choice([0, -70, 1 << 33 if wild else 1 << 20])),
        reset=str(rng.choice(["value", "subtract"])),
        reset_by=None if rng.random() < 0.5 else int(rng.integers(0, 1 << 24)),
        v_start=int(rng.integers(-1000, 1000)),
    )


@pytest.mark.parametrize(("place", "scan"), SCANS)
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 100_000), bits=st.integers(2, 28), wild=st.booleans())
def test_a_scan_is_the_step_of_the_fixed_engine(seed, bits, wild, place, scan):
    """u, v, spikes and what overflowed; currents up to a bound that decides whether the state is int32 or int64."""
    rng = np.random.default_rng(seed)
    samples, ticks, size, bound = 2, 9, 4, 1 << bits
    population = Population("n", (size,), random_fixed(rng, size, wild=wild))
    current = rng.choice([-bound, bound, 0, bound - 1, bound // 3], (samples, ticks, size))
    shown = rng.integers(-4096, 4096, alike(rng, samples, size))
    mantissa = np.broadcast_to(shown, (samples, size))
    wanted = FixedNeurons(population, mantissa)
    got = neurons_on(place, population, scan=scan, largest_current=bound, ticks=ticks)
    got.start(shown, samples=samples)
    assert got.state == torch.int32 or bits > 18 or wild or population.neuron.bias_exp > 5
    first = got.scan(torch.from_numpy(current[:, :4]).to(place, torch.float64))
    second = got.scan(torch.from_numpy(current[:, 4:]).to(place))
    for t in range(ticks):
        part, at = (first, t) if t < 4 else (second, t - 4)
        z = wanted.step(current[:, t])
        np.testing.assert_array_equal(part.spikes[:, at].cpu().numpy(), z)
        np.testing.assert_array_equal(part.u[:, at].cpu().numpy(), wanted.u)
        np.testing.assert_array_equal(part.v[:, at].cpu().numpy(), wanted.v)
    assert got.overflow() == (wanted.wraps, wanted.clips, wanted.largest_u, wanted.largest_v)


def test_small_currents_are_scanned_in_int32():
    def state(bound, ticks=100, **more):
        neuron = FixedLIF(**{"du": 4095, "dv": 100, "vth": 1000, "bias_mant": 0, "bias_exp": 0, "scale": 1.0, **more})
        return neurons_on("cpu", Population("n", (3,), neuron), largest_current=bound, ticks=ticks).state

    assert state(1 << 18) == torch.int32  # 2^24 steps of v: one wrap takes all of it back
    assert state(1 << 18, ticks=None) == torch.int32
    assert state((1 << 18) + 1, ticks=None) == torch.int64
    assert state(1 << 19) == torch.int32  # 99 ticks leave 2^24 each
    assert state(1 << 19, ticks=1000) == torch.int64
    assert state(None) == torch.int64
    assert state(1, dv=4097) == torch.int64
    assert state(1, v_reset=1 << 31) == torch.int64
    assert state(1, bias_exp=20) == torch.int64


def random_float(rng, size):
    leak = rng.choice([0.0, 0.1])
    more = {"v_leak": leak, "reset": str(rng.choice(["value", "subtract"])), "v_reset": rng.normal(size=size)}
    if rng.random() < 0.3:
        more["reset_by"] = rng.random(size)
    gain = None if rng.random() < 0.5 else rng.random(size)
    return [
        LIF(rng.uniform(0.1, 1, size), rng.random(size), gain=gain, **more),
        CubaLIF(rng.uniform(0.1, 1, size), rng.uniform(0.1, 1, size), rng.random(size), gain=gain, **more),
        Integrator(rng.uniform(0.1, 1, size), rng.random(size), alpha=float(rng.choice([0.3, 1.0])), v_leak=leak),
        Threshold(rng.random(size)),
    ][int(rng.integers(4))]


@pytest.mark.parametrize(("place", "scan"), SCANS)
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 100_000))
def test_a_scan_is_the_step_of_the_float_engine_to_the_last_bit(seed, place, scan):
    rng = np.random.default_rng(seed)
    samples, ticks, size = 2, 9, 4
    population = Population("n", (size,), random_float(rng, size))
    current, bias = rng.normal(0.3, 1, (samples, ticks, size)), rng.normal(size=alike(rng, samples, size))
    wanted, got = FloatNeurons(population, np.broadcast_to(bias, (samples, size))), neurons_on(place, population, scan=scan)
    got.start(bias, samples=samples)
    parts = [got.scan(torch.from_numpy(current[:, some]).to(place)) for some in (slice(0, 5), slice(5, 9))]
    sent, u, v = (torch.cat([getattr(p, key) for p in parts], dim=1).cpu().numpy() for key in ("spikes", "u", "v"))
    for t in range(ticks):
        np.testing.assert_array_equal(sent[:, t], wanted.step(current[:, t]))
        np.testing.assert_array_equal(u[:, t], wanted.u)
        np.testing.assert_array_equal(v[:, t], wanted.v)


@pytest.mark.parametrize("place", PLACES)
def test_a_scan_writes_where_it_is_told_and_nothing_else(place):
    population = Population("n", (3,), FixedLIF(4095, 0, 5, 0, 0, 1.0))
    neurons = neurons_on(place, population)
    neurons.start(np.zeros((2, 3), np.int64))
    wide = torch.full((2, 6, 3), 9, dtype=torch.uint8, device=place)
    scanned = neurons.scan(torch.full((2, 2, 3), 6, device=place), wide[:, 2:4], states=False)
    assert scanned.u is None and scanned.v is None
    assert wide[0, :, 0].tolist() == [9, 9, 1, 1, 9, 9]


def test_state_that_is_kept_goes_on_under_the_next_bias():
    population = Population("n", (1,), FixedLIF(4095, 0, 100, 0, 0, 1.0))
    neurons = neurons_on("cpu", population)
    zero = torch.zeros((1, 2, 1))
    neurons.start(np.array([[7]]))
    neurons.scan(zero)
    neurons.start(np.array([[-3]]), keep=True)
    assert neurons.scan(zero).v.flatten().tolist() == [11, 8]
    neurons.start(np.array([[-3]]))
    assert neurons.scan(zero).v.flatten().tolist() == [-3, -6]


def test_ways_to_scan_that_are_not_there_are_refused(monkeypatch):
    population = Population("n", (1,), Threshold(1.0))
    with pytest.raises(InputError, match="scan 'numba': does not exist; there are auto, torch and triton"):
        neurons_on("cpu", population, scan="numba")
    monkeypatch.setattr("neurograph.sim.device.triton_scan.triton", None)
    with pytest.raises(InputError, match="scan 'triton': needs Triton and a C compiler"):
        neurons_on("cpu", population, scan="triton")
    assert scan_module("auto", torch.device("cuda")).__name__.endswith("torch_scan")


def test_a_source_has_no_neurons():
    with pytest.raises(NetworkError, match="population 'x': Source is not a float neuron"):
        neurons_on("cpu", Population("x", (1,), Source()))
