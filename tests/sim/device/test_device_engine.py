"""The device engine against the NumPy engines: bit for bit in integers, the same spikes in floats."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from live_memory import LiveMemory
from looped_networks import looped_network
from networks import integer_network, random_network
from places import GPU, INTERPRETED, PLACES, SCANS

from neurograph.errors import InputError, MemoryLimitError, NetworkError, QuantizationError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.network import LIF, CubaLIF, FixedLIF, Graded, Integrator, Network, Population, Product, Projection, Source
from neurograph.sim import device, fixed, floating
from neurograph.sim.parity import compare
from neurograph.weights import Dense, Identity, Kron, OnesRow, one_to_one

EXAMPLES = 15 if INTERPRETED else 60  # Triton's interpreter takes its time


def assert_equal(got, wanted):
    """Spikes, u, v and notes, types included."""
    for kind in ("spikes", "voltages", "currents"):
        ours, theirs = getattr(got, kind), getattr(wanted, kind)
        assert ours.keys() == theirs.keys()
        for name, values in theirs.items():
            np.testing.assert_array_equal(ours[name], values, err_msg=f"{kind} of {name}")
            assert ours[name].dtype == values.dtype
    for key, value in wanted.notes.items():
        assert got.notes[key] == value


def assert_same_tally(got, wanted):
    for field in fields(wanted):
        ours, theirs = (getattr(tally, field.name) for tally in (got, wanted))
        if isinstance(theirs, tuple):
            ours, theirs = dict(enumerate(ours)), dict(enumerate(theirs))
        assert ours.keys() == theirs.keys()
        for key, counts in theirs.items():
            np.testing.assert_array_equal(ours[key], counts, err_msg=f"{field.name} of {key}")
            assert ours[key].dtype == counts.dtype


def quantised(seed, samples=3):
    network, inputs = looped_network(seed, samples=samples) if seed % 2 else random_network(seed)
    return quantize(align_delays(network), inputs)[0], inputs


@pytest.mark.parametrize(("place", "scan"), SCANS)
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 100_000))
def test_integer_networks_are_equal_bit_for_bit(seed, place, scan):
    network, inputs = quantised(seed)
    assert_equal(device.run(network, inputs, device=place, scan=scan), fixed.run(network, inputs))


@pytest.mark.parametrize(("place", "scan"), SCANS)
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 100_000), largest=st.sampled_from([3, 256, 1 << 20]))
def test_integers_that_wrap_and_clip_are_equal_bit_for_bit(seed, largest, place, scan):
    network, inputs = integer_network(seed, largest=largest, samples=2, kept=False)
    assert_equal(device.run(network, inputs, device=place, scan=scan), fixed.run(network, inputs))


@pytest.mark.parametrize(("place", "scan"), SCANS)
@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 100_000))
def test_float_networks_have_the_same_spikes(seed, place, scan):
    network, inputs = looped_network(seed, samples=2) if seed % 2 else random_network(seed)
    got, wanted = device.run(network, inputs, device=place, scan=scan), floating.run(network, inputs)
    assert compare(network, got, wanted).ok
    if all((got.spikes[name] == z).all() for name, z in wanted.spikes.items()):
        for name, values in wanted.voltages.items():
            np.testing.assert_allclose(got.voltages[name], values, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(got.currents[name], wanted.currents[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=40)
@given(seed=st.integers(0, 100_000), share=st.floats(0, 1))
def test_pieces_of_any_size_make_the_same_run(seed, share, place):
    """Down to one tick of one sample at a time, lags reaching over the cuts; and no piece takes more than it may."""
    network, inputs = quantised(seed) if seed % 3 else looped_network(seed, samples=3)
    run = fixed.run if network.is_integer else floating.run
    wanted = run(network, inputs, counts=True)
    with pytest.raises(MemoryLimitError) as refused:
        device.run(network, inputs, device=place, max_memory=1, counts=True)
    least = int(str(refused.value).split(" takes ")[1].split()[0].replace(",", ""))
    got = device.run(network, inputs, device=place, max_memory=least + int(share * 2000), counts=True)
    assert_same_tally(got.tally, wanted.tally)
    if network.is_integer:
        assert_equal(got, wanted)
    else:
        assert compare(network, got, wanted).ok


@settings(max_examples=40)
@given(seed=st.integers(0, 100_000), share=st.floats(0, 1), counts=st.booleans(), record=st.sampled_from(["all", "none"]))
def test_memory_stays_below_what_is_given(seed, share, counts, record):
    network, inputs = quantised(seed) if seed % 3 else looped_network(seed, samples=3)
    with pytest.raises(MemoryLimitError) as refused:
        device.run(network, inputs, device="cpu", max_memory=1, counts=counts, record=record)
    least = int(str(refused.value).split(" takes ")[1].split()[0].replace(",", ""))
    with LiveMemory() as live:
        device.run(network, inputs, device="cpu", max_memory=least + int(share * 4000), counts=counts, record=record)
    assert 0 < live.peak <= least + int(share * 4000)


def wide(samples, ticks=30):
    """A dense, a sparse-over-nodes and a recurrent projection, large enough that memory is what their products take."""
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    graph = sp.random(100, 100, 0.1, "csr", rng=rng, data_rvs=lambda n: rng.integers(-50, 50, n) * 2)
    neuron = FixedLIF(4095, 500, 300, 5, 2, 1.0)
    shape = (100, 4)
    populations = [Population("in", shape, Source()), *(Population(n, shape, neuron) for n in "abc")]
    projections = (
        Projection("in", "a", Dense(rng.integers(-40, 40, (400, 400)) * 2), sign_mode="mixed"),
        Projection("a", "b", Kron(graph, Identity(4)), exponent=-1, sign_mode="mixed"),
        Projection("b", "c", Kron(Identity(100), rng.integers(-40, 40, (4, 4)) * 2), exponent=1, sign_mode="mixed"),
        Projection("c", "c", Dense(rng.integers(-9, 9, (400, 400)) * 2), lag=1, sign_mode="mixed"),
    )
    network = Network({p.name: p for p in populations}, projections, ticks, outputs=("c",))
    return network, {"in": (rng.random((samples, ticks, *shape)) < 0.2).astype(np.uint8)}


@pytest.mark.parametrize("limit", [3 << 20, 5 << 20, 20 << 20])
def test_large_products_stay_below_what_is_given(limit):
    network, inputs = wide(64)
    with LiveMemory() as live:
        got = device.run(network, inputs, device="cpu", max_memory=limit, record="outputs", counts=True)
    assert live.peak <= limit
    assert live.peak > limit // 3  # and what is given is made use of
    np.testing.assert_array_equal(got.spikes["c"], fixed.run(network, inputs).spikes["c"])
    assert got.spikes["c"].any()


@GPU
def test_memory_on_a_gpu_stays_below_what_is_given():
    network, inputs = wide(200)
    limit = 40 << 20
    device.run(network, inputs, device="cuda", max_memory=limit, record="none")  # libraries keep some for themselves from here on
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    device.run(network, inputs, device="cuda", max_memory=limit, record="none", counts=True)
    assert torch.cuda.max_memory_allocated() - before <= limit


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=40)
@given(seed=st.integers(0, 100_000))
def test_counts_are_those_of_the_recording(seed, place):
    network, inputs = quantised(seed) if seed % 2 else looped_network(seed, samples=2)
    run = fixed.run if network.is_integer else floating.run
    got = device.run(network, inputs, device=place, record="none", counts=True)
    assert got.spikes == got.voltages == got.currents == {}
    assert_same_tally(got.tally, run(network, inputs, counts=True).tally)


@pytest.mark.parametrize("place", PLACES)
def test_counts_of_full_matrices_and_of_weights_of_one_sign(place):
    rng = np.random.default_rng(0)
    full = rng.integers(1, 9, (3, 2)) * np.array([[1], [-1], [1]])
    some = np.array([[0, 2], [4, 0]])
    nearly_full = rng.choice([-2, 2], (9, 10))
    nearly_full[range(5), [3, 3, 0, 1, 9]] = 0
    shapes = {"in": (5, 2), "a": (5, 3), "b": (5, 2), "c": (1, 2), "d": (1, 9)}
    neuron = FixedLIF(4095, 4095, 3, 0, 0, 1.0)
    populations = {n: Population(n, s, Source() if n == "in" else neuron) for n, s in shapes.items()}
    projections = (
        Projection("in", "a", Kron(Identity(5), full), sign_mode="mixed", exponent=-2),
        Projection("in", "b", Kron(Identity(5), some), sign_mode="excitatory", exponent=-8),
        Projection("a", "b", Dense(rng.integers(0, 2, (10, 15)) * rng.choice([-2, 2], (10, 15))), sign_mode="mixed", lag=1),
        Projection("b", "c", Kron(OnesRow(5), np.array([-3, 0])), sign_mode="inhibitory"),
        Projection("c", "c", Dense(np.array([[5, -5], [1, 1]])), lag=2, sign_mode="mixed"),
        Projection("in", "d", Dense(nearly_full), sign_mode="mixed", exponent=-6),
    )
    network = Network(populations, projections, 7)
    inputs = {"in": rng.random((4, 7, 5, 2)) < 0.1}
    got = device.run(network, inputs, device=place, counts=True).tally
    assert_same_tally(got, fixed.run(network, inputs, counts=True).tally)
    assert got.updates_active["b"].any() and (got.updates_active["d"] % 9 != 0).any()


def test_records_are_what_was_asked_for():
    network, inputs = quantised(5)
    whole = device.run(network, inputs, device="cpu")
    spikes = device.run(network, inputs, device="cpu", record="spikes")
    assert spikes.spikes.keys() == whole.spikes.keys() and not spikes.voltages and not spikes.currents
    outputs = device.run(network, inputs, device="cpu", record="outputs")
    assert tuple(outputs.spikes) == network.outputs and outputs.tally is None
    np.testing.assert_array_equal(outputs.spikes[network.outputs[0]], whole.spikes[network.outputs[0]])
    assert whole.engine == "fixed" and whole.notes["device"] == "cpu" and whole.notes["scan"] == "torch_scan"
    with pytest.raises(InputError, match="record 'some': does not exist; there are all, spikes, outputs, none"):
        device.run(network, inputs, device="cpu", record="some")


@pytest.mark.parametrize("place", PLACES)
@given(seed=st.integers(0, 10_000), exponent=st.integers(0, 3), lag=st.integers(0, 2))
def test_graded_populations_are_equal(seed, exponent, lag, place):
    rng = np.random.default_rng(seed)
    populations = [
        Population("in", (5,), Source()),
        Population("numbers", (3,), Source("graded", bits=6)),
        Population("sum", (4,), Graded()),
        Population("product", (4,), Product(exponent)),
        Population("out", (4,), LIF(1.0, 300.0)),
    ]
    ends = [("in", "sum"), ("numbers", "sum"), ("sum", "product")]
    projections = [Projection(a, b, Dense(rng.integers(-3, 4, (4, {"in": 5, "numbers": 3, "sum": 4}[a])).astype(float))) for a, b in ends]
    projections += [Projection("numbers", "product", Dense(rng.integers(-3, 4, (4, 3)).astype(float)), lag=lag, port=1)]
    projections += [Projection("product", "out", one_to_one((4,)))]
    network = Network({p.name: p for p in populations}, tuple(projections), 6, outputs=("out",))
    inputs = {"in": rng.random((2, 6, 5)) < 0.5, "numbers": rng.integers(-31, 32, (2, 6, 3))}
    integer, _ = quantize(network, inputs)
    for run, given_network in ((floating.run, network), (fixed.run, integer)):
        wanted = run(given_network, inputs, counts=True)
        got = device.run(given_network, inputs, device=place, counts=True)
        assert_equal(got, wanted)
        assert_same_tally(got.tally, wanted.tally)


@pytest.mark.parametrize("place", PLACES)
def test_a_simulator_begins_anew_with_each_run(place):
    network, inputs = integer_network(9, samples=2, kept=False, largest=1 << 20)
    simulator = device.Simulator(network, device=place)
    wanted = fixed.run(network, inputs, counts=True)
    assert wanted.notes["clips"]
    nothing = {name: np.zeros_like(z) for name, z in inputs.items()}
    for _ in range(2):
        assert_equal(simulator.run(inputs), wanted)
        assert_same_tally(simulator.run(inputs, counts=True, record="none").tally, wanted.tally)
        assert_equal(simulator.run(nothing), fixed.run(network, nothing))


def test_a_message_too_large_is_refused():
    populations = {"x": Population("x", (1,), Source("graded")), "y": Population("y", (1,), Graded())}
    network = Network(populations, (Projection("x", "y", Dense(np.array([[2]])), sign_mode="excitatory"),), 2)
    with pytest.raises(QuantizationError, match=r"population 'y': a value of magnitude 10,000,000, limit 8,388,607"):
        device.run(network, {"x": np.full((2, 1), 5_000_000)}, device="cpu")


@pytest.mark.parametrize("place", PLACES)
def test_real_values_are_those_of_the_float_engine(place):
    rng = np.random.default_rng(4)
    populations = [
        Population("x", (4,), Source("values")),
        Population("a", (4,), CubaLIF(0.3, 0.2, 0.1)),
        Population("readout", (3,), Integrator(0.1, 1.0, alpha=0.5), bias=0.2),
    ]
    projections = (
        Projection("x", "a", one_to_one((4,))),
        Projection("x", "readout", Dense(rng.normal(size=(3, 4)))),
        Projection("a", "readout", Dense(rng.normal(size=(3, 4))), lag=1),
        Projection("readout", "readout", Dense(0.1 * rng.normal(size=(3, 3))), lag=1),
    )
    network = Network({p.name: p for p in populations}, projections, 20, outputs=("readout",))
    inputs = {"x": rng.normal(0.1, 1, (3, 20, 4))}
    got, wanted = device.run(network, inputs, device=place), floating.run(network, inputs)
    np.testing.assert_array_equal(got.spikes["a"], wanted.spikes["a"])
    np.testing.assert_allclose(got.spikes["readout"], wanted.spikes["readout"], rtol=1e-12)
    assert got.spikes["readout"].dtype == np.float64


@pytest.mark.parametrize("place", PLACES)
def test_state_that_is_kept_passes_from_sample_to_sample(place):
    rng = np.random.default_rng(2)
    neuron = FixedLIF(2000, 200, 90, 3, 2, 1.0, state="kept")

    def network(ticks):
        populations = {"in": Population("in", (4,), Source()), "n": Population("n", (4,), neuron)}
        return Network(populations, (Projection("in", "n", one_to_one((4,), 14), sign_mode="excitatory"),), ticks)

    spikes = (rng.random((3, 5, 4)) < 0.6).astype(np.uint8)
    got = device.run(network(5), {"in": spikes}, device=place)
    long = fixed.run(network(15), {"in": spikes.reshape(15, 4)})
    np.testing.assert_array_equal(got.voltages["n"].reshape(15, 4), long.voltages["n"][0])
    np.testing.assert_array_equal(got.spikes["n"].reshape(15, 4), long.spikes["n"][0])
    assert got.spikes["n"].any()
    assert got.notes["largest_v"] == long.notes["largest_v"]


def test_what_the_numpy_engines_refuse_is_refused():
    network, inputs = quantised(4)
    with pytest.raises(InputError, match="input 'in': missing"):
        device.run(network, {}, device="cpu")
    mixed = replace(network, populations={**network.populations, "p0": replace(network.populations["p0"], neuron=LIF(0.5, 1.0))})
    with pytest.raises(NetworkError, match="population 'p0': LIF is not an integer neuron; quantise the network"):
        device.run(mixed, inputs, device="cpu")


def test_tf32_is_off_in_a_run_only(monkeypatch):
    seen = []
    network, inputs = quantised(4)
    product = device.DeviceWeights.sums

    def sums(self, x):
        seen.append(torch.get_float32_matmul_precision())
        return product(self, x)

    monkeypatch.setattr(device.DeviceWeights, "sums", sums)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        device.run(network, inputs, device="cpu")
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert set(seen) == {"highest"}
