"""The compiled kernels against the NumPy engines: the same spikes, u, v, notes and counts, however the run is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import looped_network
from networks import integer_network, random_network

from neurograph.errors import InputError, MemoryLimitError, NetworkError, QuantizationError, UnsupportedError
from neurograph.network import LIF, FixedLIF, Graded, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.compiled import tables
from neurograph.sim.compiled.buffers import plan
from neurograph.sim.compiled.engine import Simulator
from neurograph.weights import Dense, Identity, Kron, OnesRow, Sparse, one_to_one

SEEDS = st.integers(0, 1_000_000)


def assert_same(a, b, *, exact=True):
    for kind in ("spikes", "voltages", "currents"):
        x, y = getattr(a, kind), getattr(b, kind)
        assert list(x) == list(y)
        for name in x:
            if exact or kind == "spikes":
                np.testing.assert_array_equal(x[name], y[name], err_msg=f"{kind} of {name}")
            else:
                np.testing.assert_allclose(x[name], y[name], atol=1e-12, err_msg=f"{kind} of {name}")
    assert a.notes == b.notes
    assert_same_tally(a.tally, b.tally)


def assert_same_tally(a, b):
    for kind in ("spikes", "updates_active", "messages", "reached"):
        x, y = getattr(a, kind), getattr(b, kind)
        assert set(x) == set(y)
        for name in x:
            np.testing.assert_array_equal(x[name], y[name], err_msg=f"{kind} of {name}")
    np.testing.assert_array_equal(np.array(a.synaptic_events), np.array(b.synaptic_events))


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.sampled_from([60, 256, 3000, 40_000]), st.integers(1, 3), st.integers(1, 7))
def test_integers_are_those_of_numpy(seed, largest, samples, at_once):
    network, inputs = integer_network(seed, ticks=7, largest=largest, samples=samples)
    simulator = Simulator(network)
    whole = simulator.run(inputs, counts=True)
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), whole)
    memory = simulator.program.nbytes + plan(simulator.program, at_once, recording=True, counting=True).nbytes
    memory += sum(x.nbytes for part in (whole.spikes, whole.currents, whole.voltages) for x in part.values())
    assert_same(whole, simulator.run(inputs, counts=True, max_memory=memory))


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_floats_are_those_of_numpy(seed):
    network, inputs = random_network(seed, ticks=7)
    assert_same(
        floating.run(network, inputs, counts=True, compiled=False), floating.run(network, inputs, counts=True, compiled=True), exact=False
    )


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_loops_are_those_of_numpy(seed):
    network, inputs = looped_network(seed, samples=2)
    assert_same(
        floating.run(network, inputs, counts=True, compiled=False), floating.run(network, inputs, counts=True, compiled=True), exact=False
    )


@pytest.mark.parametrize("width", [1, 63, 64, 65, 255, 256, 257, 600, 1100])
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_every_width_of_a_row(width, rate):
    """Vectors, their remainders, tiles of features, and threads."""
    rng = np.random.default_rng(width)
    neuron = FixedLIF(100, 300, 900, 5, 1, 1.0)
    weights, loop = Dense(rng.integers(-128, 128, (width, width)) * 2), Dense(rng.integers(0, 128, (width, width)))
    network = chain(width, neuron, Projection("in", "n", weights, exponent=-2), Projection("n", "n", loop, lag=2, exponent=-5), ticks=30)
    inputs = {"in": rng.random((30, width)) < rate}
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), Simulator(network).run(inputs, counts=True))


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.integers(1, 150), st.integers(0, 7), st.sampled_from([100, 256, 40_000]), st.booleans(), st.booleans(), st.booleans())
def test_rows_within_their_limits_and_beyond(seed, width, exponent, largest, synaptic, subtract, recorded):
    """Vectors of neurons, with parameters of their own; u wraps and v is clipped where exponents are large."""
    rng = np.random.default_rng(seed)
    neuron = FixedLIF(
        du=rng.integers(0, 4096, width) if synaptic else 4095,
        dv=rng.integers(0, 4096, width),
        vth=rng.integers(1, 100_000, width),
        bias_mant=rng.integers(-4096, 4096, width),
        bias_exp=int(rng.integers(0, 8)),
        scale=1.0,
        reset="subtract" if subtract else "value",
    )
    weights = Dense(rng.integers(-largest, largest, (width, 20)))
    network = chain(width, neuron, Projection("in", "n", weights, exponent=exponent), ticks=9, inputs=20)
    inputs = {"in": rng.random((2, 9, 20)) < 0.4}
    record = "all" if recorded else "spikes"
    whole = Simulator(network).run(inputs, record=record, counts=True)
    plain = fixed.run(network, inputs, record=record, counts=True, compiled=False)
    assert_same(plain, whole)


@pytest.mark.parametrize(
    ("largest", "dtype"),
    [(127, np.int32), (128, np.int32), (254, np.int32), (255, np.int32), (256, np.int32), (32_767, np.int32), (32_768, np.int64)],
)
def test_sums_at_the_bounds_of_sixteen_bits(largest, dtype):
    """As many events as sixteen bits hold and more, all of the largest weight, and both signs one after the other; weights of eight bits
    and of a power of two times eight bits too."""
    weights = np.full((70, 300), largest)
    weights[:, 150:] = -largest
    weights[35:] = -weights[35:]
    network = chain(70, FixedLIF(4095, 4095, 100, 0, 0, 1.0), Projection("in", "n", Dense(weights), exponent=-8), ticks=3, inputs=300)
    spikes = np.ones((3, 300), np.uint8)
    spikes[1, 150:] = spikes[2, :150] = 0
    simulator = Simulator(network)
    assert simulator.program.dtype == dtype
    assert_same(fixed.run(network, {"in": spikes}, counts=True, compiled=False), simulator.run({"in": spikes}, counts=True))


@pytest.mark.parametrize(("more", "dtype"), [(0, np.int32), (1, np.int64)])
def test_inputs_at_the_bound_of_thirty_two_bits(more, dtype):
    """Σ|w| · 64 = 2²⁴ is the most that a step may bring for u to stay within 32 bits; u wraps on the way."""
    weights = np.concatenate([np.full(1023, 256), [256 + more]])[None]
    network = chain(1, FixedLIF(0, 0, 131_071, 4095, 7, 1.0), Projection("in", "n", Dense(weights)), ticks=20, inputs=1024)
    simulator = Simulator(network)
    assert simulator.program.dtype == dtype
    spikes = np.ones((20, 1024), np.uint8)
    whole = simulator.run({"in": spikes}, counts=True)
    assert whole.notes["wraps"] == {"n": whole.notes["wraps"]["n"]} and whole.notes["wraps"]["n"] > 0
    assert_same(fixed.run(network, {"in": spikes}, counts=True, compiled=False), whole)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([8, 16, 24, 64, 70]), st.sampled_from([16, 32, 48, 70]), st.integers(-9, 7), st.sampled_from([100, 5000]))
def test_a_matrix_that_nodes_share(seed, inputs, outputs, exponent, largest):
    """Looked up by patterns of eight inputs where it is small, by events elsewhere; with zeros, whole rows of them, and full rows."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-largest, largest + 1, (outputs, inputs)) * (rng.random((outputs, inputs)) < rng.choice([0.1, 0.9, 1.0]))
    neuron = FixedLIF(4095, 300, 900, 5, 1, 1.0)
    neurons = {name: Population(name, (37, width), neuron) for name, width in (("a", outputs), ("b", outputs))}
    projections = (
        Projection("in", "a", Kron(Identity(37), matrix), exponent=exponent),
        Projection("a", "b", one_to_one((37, outputs), int(rng.integers(-300, 300))), exponent=exponent, lag=1),
    )
    network = Network({"in": Population("in", (37, inputs), Source()), **neurons}, projections, 6, outputs=("b",))
    given = {"in": rng.random((2, 6, 37, inputs)) < rng.choice([0.05, 0.4, 1.0])}
    assert_same(fixed.run(network, given, counts=True, compiled=False), Simulator(network).run(given, counts=True))


@pytest.mark.parametrize(("more", "looked_up"), [(0, True), (1, False)])
def test_sums_that_are_looked_up_fit_sixteen_bits(more, looked_up):
    matrix = np.full((16, 8), 4095)
    matrix[:, 7] = 32_767 - 7 * 4095 + more
    network = Network(
        {"in": Population("in", (3, 8), Source()), "n": Population("n", (3, 16), FixedLIF(4095, 4095, 100, 0, 0, 1.0))},
        (Projection("in", "n", Kron(Identity(3), matrix), exponent=-8),),
        2,
        outputs=("n",),
    )
    simulator, spikes = Simulator(network), {"in": np.ones((2, 3, 8))}
    assert (simulator.program.memory["operations"][0, tables.O_TABLES] >= 0) == looked_up
    assert_same(fixed.run(network, spikes, counts=True, compiled=False), simulator.run(spikes, counts=True))


def test_weights_that_cancel_are_met_all_the_same():
    """A sum of 0 is an active update if a spike arrived, sparse or dense, and none if the weight met is 0."""
    matrix = np.array([[4, -4, 0], [0, 0, 0], [2, 0, -2]])
    for weights in (Dense(matrix), Sparse(Dense(matrix).to_csr())):
        network = chain(3, FixedLIF(4095, 4095, 100, 0, 0, 1.0), Projection("in", "n", weights), ticks=2, inputs=3)
        spikes = np.array([[1, 1, 1], [0, 0, 0]])
        run = Simulator(network).run({"in": spikes}, record="none", counts=True)
        assert run.tally.updates_active["n"].tolist() == [2]
        assert [events.tolist() for events in run.tally.synaptic_events] == [[4]]
        assert run.spikes == {} and run.voltages == {}


def test_graph_of_many_nodes_in_tiles():
    rng = np.random.default_rng(0)
    nodes, width = 3000, 70
    shape = (nodes, width)
    edges = Sparse(Dense((rng.random((nodes, nodes)) < 0.002) * rng.integers(1, 100, (nodes, nodes))).to_csr()).matrix
    q, k = (Kron(Identity(nodes), rng.integers(-128, 128, (width, width)) * 2) for _ in range(2))
    neurons = {name: Population(name, shape, FixedLIF(4095, 300, 300, 0, 0, 1.0)) for name in ("q", "k", "out")}
    neurons["out"] = Population("out", shape, FixedLIF(4095, 300, 120, 0, 0, 1.0))
    mask = Population("mask", (1, width), FixedLIF(4095, 300, 40_000, 0, 0, 1.0))
    projections = (
        Projection("in", "q", q, exponent=-1),
        Projection("in", "k", k, exponent=-1),
        Projection("k", "mask", Kron(OnesRow(nodes), np.full(width, 7))),
        Projection("mask", "out", Kron(_column(nodes), np.full(width, 200))),
        Projection("q", "out", one_to_one(shape, 100)),
        Projection("q", "out", Kron(edges, Identity(width)), exponent=1),
    )
    network = Network({"in": Population("in", shape, Source()), **neurons, "mask": mask}, projections, 5, outputs=("out",))
    inputs = {"in": rng.random((2, 5, *shape)) < 0.1}
    whole = Simulator(network).run(inputs, counts=True)
    assert 0.01 < whole.spikes["out"].mean() < 0.9
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), whole)
    assert_same(whole, Simulator(network).run(inputs, counts=True, threads=1))


def test_records_what_is_asked_for():
    network, inputs = integer_network(5)
    whole = fixed.run(network, inputs)
    assert list(fixed.run(network, inputs, record="outputs").spikes) == list(network.outputs)
    spikes = fixed.run(network, inputs, record="spikes")
    assert spikes.spikes.keys() == whole.spikes.keys() and not spikes.voltages
    with pytest.raises(InputError, match="record 'some': does not exist; there are all, spikes, outputs, none"):
        fixed.run(network, inputs, record="some")


@pytest.mark.parametrize("lag", [1, 6, 7, 8, 100])
def test_lags_as_long_as_an_inference_and_longer(lag):
    rng = np.random.default_rng(lag)
    weights = Dense(rng.integers(1, 128, (5, 5)))
    own, loop = Projection("in", "n", weights, lag=lag), Projection("n", "n", weights, lag=lag)
    network = chain(5, FixedLIF(4095, 400, 300, 30, 2, 1.0), Projection("in", "n", weights), own, loop, ticks=7)
    inputs = {"in": rng.random((2, 7, 5)) < 0.4}
    whole = Simulator(network).run(inputs, counts=True)
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), whole)
    least = Simulator(network).least_bytes(2, counts=True)  # a tick at a time
    assert_same(whole, Simulator(network).run(inputs, counts=True, max_memory=least))


def test_a_kept_state_hears_the_currents_of_its_own_sample():
    neuron = LIF(0.25, 1.0, state="kept")
    network = Network(
        {"current": Population("current", (2,), Source("static")), "n": Population("n", (2,), neuron)},
        (Projection("current", "n", Dense(np.eye(2))),),
        4,
    )
    inputs = {"current": np.array([[0.5, 3.0], [2.0, 0.0]])}
    by_numpy = floating.run(network, inputs, counts=True, compiled=False)
    assert by_numpy.voltages["n"][1, 0, 0] == pytest.approx(0.75 * by_numpy.voltages["n"][0, -1, 0] + 0.25 * 2.0)
    assert_same(by_numpy, floating.run(network, inputs, counts=True, compiled=True), exact=False)


def test_runs_again_from_a_clean_start():
    network, inputs = integer_network(11, samples=2)
    simulator = Simulator(network)
    first, again = (simulator.run(inputs, counts=True) for _ in range(2))
    assert_same(first, again)


def test_too_little_memory_is_said_with_what_it_takes():
    network, inputs = integer_network(1)
    with pytest.raises(MemoryLimitError, match=r"neurons: one tick at a time takes [\d,]+ bytes, limit 100; raise max_memory"):
        fixed.run(network, inputs, max_memory=100)


def test_refuses_what_it_does_not_know():
    relay = Network(
        {"in": Population("in", (2,), Source()), "n": Population("n", (2,), Graded())},
        (Projection("in", "n", Dense(np.eye(2)), sign_mode="mixed"),),
        3,
    )
    with pytest.raises(UnsupportedError, match="the compiled engine cannot take population 'n'"):
        Simulator(relay)
    assert fixed.run(relay, {"in": np.ones((3, 2))}).spikes["n"].sum() == 6  # NumPy does
    with pytest.raises(NetworkError, match="integer network"):
        floating.run(integer_network(0)[0], {})
    with pytest.raises(NetworkError, match="LIF is not an integer neuron"):
        fixed.run(chain(1, LIF(0.5, 1.0), ticks=2), {"in": np.ones((2, 1))})


def test_a_bias_that_does_not_fit_is_refused_as_numpy_does():
    network = chain(1, FixedLIF(0, 0, 1, 5000, 0, 1.0), ticks=2)
    for compiled in (True, False):
        with pytest.raises(QuantizationError, match="bias mantissa 5000"):
            fixed.run(network, {"in": np.ones((2, 1))}, compiled=compiled)


def chain(size, neuron, *projections, ticks, inputs=None):
    inputs = inputs or size
    projections = projections or (Projection("in", "n", Dense(np.ones((size, inputs)))),)
    return Network({"in": Population("in", (inputs,), Source()), "n": Population("n", (size,), neuron)}, projections, ticks)


def _column(nodes):
    from neurograph.weights import OnesColumn

    return OnesColumn(nodes)
