"""Samples of a batch in the compiled engine: whoever runs them and in whatever pieces, what NumPy gives."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import looped_network
from networks import integer_network
from test_compiled_engine import assert_same, assert_same_tally

from neurograph.errors import InputError
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.compiled import worker
from neurograph.sim.compiled.buffers import plan
from neurograph.sim.compiled.engine import Simulator
from neurograph.sim.recording import RECORDS
from neurograph.weights import Dense, Identity, Kron

SEEDS = st.integers(0, 1_000_000)
THREADS = st.sampled_from([1, 2, 3, 9])  # of 4 samples: one worker, several, and several of two threads each


class Held:
    """A sink that holds what it takes, and wants the ticks of a sample in their order."""

    def __init__(self, keeps):
        self.keeps, self.samples, self.pieces, self.lock = keeps, 0, {}, threading.Lock()

    def begin(self, samples):
        self.samples = samples

    def append(self, population, samples, ticks, values, *, kind="spikes"):
        with self.lock:
            assert samples.stop == samples.start + 1 and values.shape[:2] == (1, ticks.stop - ticks.start)
            pieces = self.pieces.setdefault((kind, population), [[] for _ in range(self.samples)])[samples.start]
            assert ticks.start == sum(map(len, pieces))
            pieces.append(values[0].copy())

    def of(self, kind):
        return {name: np.array([np.concatenate(p) for p in pieces]) for (of, name), pieces in self.pieces.items() if of == kind}


def memory_for(simulator, samples, at_once, *, record, counts, threads, streams=False):
    """What a run in chunks of so many ticks takes, by so many workers."""
    held = simulator.least_bytes(samples, record=record, counts=counts)
    recording = record == "all" or streams
    small = plan(simulator.program, 1, recording=record == "all", counting=counts).nbytes
    workers = 1 if simulator.program.keeps else min(samples, threads)
    return (
        held - small + workers * plan(simulator.program, at_once, recording=recording, counting=counts, threads=threads // workers).nbytes
    )


def same_kinds(a, b, *, exact):
    for kind in ("spikes", "voltages", "currents"):
        x, y = getattr(a, kind), getattr(b, kind)
        assert list(x) == list(y)
        for name in x:
            assert x[name].shape == y[name].shape
            np.testing.assert_allclose(
                x[name], y[name], rtol=0, atol=0 if exact or kind == "spikes" else 1e-12, err_msg=f"{kind} of {name}"
            )
    assert a.notes == b.notes


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.sampled_from([256, 40_000]), THREADS, st.sampled_from(RECORDS), st.booleans(), st.integers(1, 7), st.booleans())
def test_batches_of_integers_are_those_of_numpy(seed, largest, threads, record, counts, at_once, again):
    network, inputs = integer_network(seed, ticks=7, largest=largest, samples=4)
    wanted = fixed.run(network, inputs, record=record, counts=True, compiled=False)
    simulator = Simulator(network)
    memory = memory_for(simulator, 4, at_once, record=record, counts=counts, threads=threads)
    for _ in range(1 + again):  # a second time with what the first left in the buffers
        got = simulator.run(inputs, record=record, counts=counts, threads=threads, max_memory=memory)
        same_kinds(got, wanted, exact=True)
        if counts:
            assert_same_tally(got.tally, wanted.tally)
        else:
            assert got.tally is None


@settings(max_examples=60, deadline=None)
@given(SEEDS, THREADS, st.sampled_from(RECORDS), st.integers(1, 5), st.booleans())
def test_batches_of_floats_and_their_currents_are_those_of_numpy(seed, threads, record, at_once, alike):
    """Static sources of one row for all samples, and of one for each."""
    network, inputs = looped_network(seed, samples=4)
    for source in network.sources:
        if source.is_static and alike:
            inputs[source.name] = inputs[source.name][:1]
    wanted = floating.run(network, inputs, record=record, counts=True, compiled=False)
    simulator = Simulator(network)
    memory = memory_for(simulator, wanted.samples or 4, at_once, record=record, counts=True, threads=threads)
    got = simulator.run(inputs, record=record, counts=True, threads=threads, max_memory=memory)
    same_kinds(got, wanted, exact=False)
    assert_same_tally(got.tally, wanted.tally)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 7), st.sampled_from(["each", "one", "flat"]), THREADS, st.booleans())
def test_driven_mantissas_are_those_of_numpy(seed, exponent, given_as, threads, wide):
    """Of 32 and of 64 bits, with an exponent, by nodes and over all neurons."""
    rng = np.random.default_rng(seed)
    nodes, width = int(rng.integers(1, 4)), int(rng.integers(1, 40))
    neuron = FixedLIF(1000, 400, 3000, rng.integers(-50, 50, width), exponent, scale=float(0.01 * 2.0**-exponent))
    cross = Dense(rng.normal(0, 1, (nodes * width, 5)))
    populations = [
        Population("own", (nodes, width), Source("static")),
        Population("few", (5,), Source("static")),
        Population("in", (3,), Source()),
        Population("a", (nodes, width), neuron),
        Population("b", (nodes, width), neuron),
    ]
    projections = (
        Projection("own", "a", Kron(Identity(nodes), Identity(width))),
        Projection("few", "b", cross),
        Projection("in", "a", Dense(rng.integers(-9, 9, (nodes * width, 3)) * (40_000 if wide else 1)), sign_mode="mixed"),
        Projection("a", "b", Kron(Identity(nodes), rng.integers(-99, 99, (width, width))), sign_mode="mixed"),
    )
    network = Network({p.name: p for p in populations}, projections, 6)
    samples = {"each": (3,), "one": (1,), "flat": ()}[given_as]
    inputs = {name: rng.normal(0, 0.02, (*samples, *network.populations[name].shape)) for name in ("own", "few")}
    inputs["in"] = rng.random((3, 6, 3)) < 0.5
    simulator = Simulator(network)
    assert simulator.program.dtype == (np.int64 if wide else np.int32)
    got = simulator.run(inputs, counts=True, threads=threads)
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), got)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(["kept", "cleared"]), st.integers(1, 6), THREADS)
def test_states_pass_on_to_the_next_sample_where_they_are_kept(seed, state, at_once, threads):
    rng = np.random.default_rng(seed)
    neuron = FixedLIF(500, 60, 900, 3, 0, 1.0, state=state)
    populations = (Population("in", (4,), Source()), Population("n", (5,), neuron))
    weights = Dense(rng.integers(-20, 40, (5, 4)))
    network = Network({p.name: p for p in populations}, (Projection("in", "n", weights, sign_mode="mixed", lag=2),), 6)
    inputs = {"in": rng.random((5, 6, 4)) < 0.3}
    simulator = Simulator(network)
    memory = memory_for(simulator, 5, at_once, record="all", counts=True, threads=threads)
    for _ in range(2):
        got = simulator.run(inputs, counts=True, threads=threads, max_memory=memory)
        assert_same(fixed.run(network, inputs, counts=True, compiled=False), got)


@settings(max_examples=60, deadline=None)
@given(SEEDS, THREADS, st.sampled_from(RECORDS), st.sampled_from(RECORDS), st.integers(1, 7))
def test_a_sink_takes_chunk_by_chunk_what_is_recorded(seed, threads, keeps, record, at_once):
    network, inputs = integer_network(seed, ticks=7, samples=4)
    simulator, sink = Simulator(network), Held(keeps)
    memory = memory_for(simulator, 4, at_once, record=record, counts=True, threads=threads, streams=keeps == "all")
    got = simulator.run(inputs, record=record, counts=True, threads=threads, max_memory=memory, into=sink)
    wanted = fixed.run(network, inputs, counts=True, compiled=False)
    kept = {"all": wanted.spikes, "spikes": wanted.spikes, "outputs": network.outputs, "none": ()}[keeps]
    assert sink.of("spikes").keys() == set(kept)
    for kind in ("spikes", "voltages", "currents"):
        pieces = sink.of(kind)
        assert keeps == "all" or kind == "spikes" or not pieces
        for name, values in pieces.items():
            np.testing.assert_array_equal(values, getattr(wanted, kind)[name], err_msg=f"{kind} of {name}")
    if keeps == "all":
        assert sink.of("voltages").keys() == wanted.voltages.keys()
    assert got.notes == wanted.notes
    assert_same_tally(got.tally, wanted.tally)


def views(spikes):
    """The same spikes as arrays of other types and layouts."""
    other = np.empty((*spikes.shape, 2), np.uint8)
    other[..., 0] = spikes
    fixed_one = spikes.copy()
    fixed_one.flags.writeable = False
    yield from (spikes.astype(kind) for kind in (bool, np.uint16, np.int32, np.float64))
    yield from (fixed_one, other[..., 0], np.asfortranarray(spikes), spikes[:, ::-1].copy()[:, ::-1], np.repeat(spikes, 2, axis=0)[::2])


def test_inputs_of_any_type_and_layout():
    rng = np.random.default_rng(0)
    network = Network(
        {"in": Population("in", (3, 4), Source()), "n": Population("n", (3, 5), FixedLIF(1000, 400, 300, 0, 0, 1.0))},
        (Projection("in", "n", Kron(Identity(3), rng.integers(-99, 199, (5, 4))), sign_mode="mixed"),),
        6,
    )
    simulator = Simulator(network)
    spikes = (rng.random((3, 6, 3, 4)) < 0.4).astype(np.uint8)
    wanted = fixed.run(network, {"in": spikes}, counts=True, compiled=False)
    for value in views(spikes):
        for threads in (1, 2):
            assert_same(simulator.run({"in": value}, counts=True, threads=threads), wanted)
    one_tick = np.broadcast_to(spikes[:1, :1], (4, 6, 3, 4))
    assert_same(simulator.run({"in": one_tick}, counts=True), fixed.run(network, {"in": one_tick}, counts=True, compiled=False))


@pytest.mark.parametrize("threads", [1, 2])
def test_python_is_asked_between_samples(monkeypatch, threads):
    """So that a Ctrl-C is seen: without patience a lone worker comes back after every chunk, several when each is through with a sample."""
    monkeypatch.setattr(worker, "PATIENCE_S", 0.0)
    network, inputs = integer_network(1, ticks=7, samples=6, kept=False)
    calls, machine = [], worker.Machine

    class Counted(machine):
        def run(self, job, number=0):
            super().run(job, number)
            calls.append(job.sample)

    monkeypatch.setattr(worker, "Machine", Counted)
    simulator = Simulator(network)
    memory = memory_for(simulator, 6, 4, record="all", counts=True, threads=1) if threads == 1 else None
    got = simulator.run(inputs, counts=True, threads=threads, max_memory=memory)
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), got)
    assert calls == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6] if threads == 1 else calls == sorted(calls) and 3 <= len(calls) <= 6


def test_an_interrupted_run_leaves_nothing_behind(monkeypatch):
    network, inputs = integer_network(2, samples=6)
    simulator = Simulator(network)
    wanted = simulator.run(inputs, counts=True)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(worker.Machine, "run", interrupted)
        simulator.run(inputs, counts=True)
    assert_same(simulator.run(inputs, counts=True), wanted)


def test_runs_of_one_simulator_side_by_side():
    network, inputs = integer_network(3, samples=5)
    simulator, found = Simulator(network), []
    wanted = simulator.run(inputs, counts=True)
    threads = [
        threading.Thread(target=lambda: found.extend(simulator.run(inputs, counts=True, threads=2) for _ in range(20))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    for got in found:
        assert_same(got, wanted)


@pytest.mark.parametrize("threads", [1, 2, 9])
@pytest.mark.parametrize("nodes", [1, 3])
def test_bytes_that_are_no_spikes_are_refused_wherever_they_stand(threads, nodes):
    rng = np.random.default_rng(0)
    shape = (nodes, 20)
    populations = (Population("in", shape, Source()), Population("n", shape, FixedLIF(1000, 400, 300, 0, 0, 1.0)))
    weights = Kron(Identity(nodes), rng.integers(0, 199, (20, 20)))
    network = Network({p.name: p for p in populations}, (Projection("in", "n", weights),), 6)
    simulator = Simulator(network)
    spikes = (rng.random((4, 6, *shape)) < 0.4).astype(np.uint8)
    wanted = simulator.run({"in": spikes}, counts=True, threads=threads)
    for place, value in (((0, 0, 0, 0), 2), ((3, 5, nodes - 1, 19), 255), ((2, 3, 0, 7), 128)):
        wrong = spikes.copy()
        wrong[place] = value
        for sink in (None, Held("all")):
            with pytest.raises(InputError, match=rf"input 'in': holds values other than 0 and 1 \(1, the first {value}\)"):
                simulator.run({"in": wrong}, counts=True, threads=threads, into=sink)
            assert sink is None or not sink.pieces
        assert_same(simulator.run({"in": spikes}, counts=True, threads=threads), wanted)


def test_more_samples_than_before_and_fewer_again():
    network, inputs = integer_network(5, samples=6)
    simulator = Simulator(network)
    for samples in (1, 6, 2, 5):
        part = {name: value[:samples] for name, value in inputs.items()}
        assert_same(simulator.run(part, counts=True, threads=4), fixed.run(network, part, counts=True, compiled=False))


def test_a_tally_is_of_dicts():
    network, inputs = integer_network(7, samples=1)
    tally = Simulator(network).run(inputs, record="none", counts=True).tally
    for counts in (tally.spikes, tally.updates_active, tally.messages, tally.reached):
        plain = dict(counts.items())
        assert (
            counts == plain
            and plain == counts
            and list(counts) == list(plain)
            and len(counts) == len(plain)
            and repr(counts) == repr(plain)
        )
        assert "nobody" not in counts and counts.get("nobody") is None
        with pytest.raises(KeyError, match="nobody"):
            counts["nobody"]
        assert all(values.shape == (1,) and values.dtype == np.int64 for values in counts.values())


def test_many_values_are_copied_by_threads():
    """Nodes enough for inputs and recordings to be copied side by side."""
    rng = np.random.default_rng(0)
    shape = (5000, 30)
    neuron = LIF(0.5, 0.9)
    network = Network(
        {"in": Population("in", shape, Source()), "n": Population("n", shape, neuron)},
        (Projection("in", "n", Kron(Identity(5000), rng.normal(0, 1, (30, 30)))),),
        8,
    )
    inputs = {"in": rng.random((1, 8, *shape)) < 0.2}
    got = Simulator(network).run(inputs, counts=True, threads=3)
    assert_same(floating.run(network, inputs, counts=True, compiled=False), got, exact=False)
