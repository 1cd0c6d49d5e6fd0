"""Ready runs, made of a network and run without it, against the NumPy engine."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import looped_network
from networks import integer_network

from neurograph.errors import InputError
from neurograph.flat import pack, unpack
from neurograph.network import Network
from neurograph.sim import fixed
from neurograph.sim.compiled.ready import LinearReadout, ready
from neurograph.sim.compiled.stored import kind, run_stored

SEEDS = st.integers(0, 1_000_000)


def assert_ready(network, inputs):
    run, outcome = fixed.run(network, inputs, compiled=False), run_stored(bytearray(ready(network, inputs)))
    assert outcome.spikes == run.counts() and outcome.ticks == network.ticks
    assert (outcome.wraps, outcome.clips) == (run.notes["wraps"], run.notes["clips"])
    assert (outcome.right, outcome.tested) == (None, 0)


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.sampled_from([60, 256, 3000, 40_000]))
def test_counts_and_notes_are_those_of_the_engine(seed, largest):
    assert_ready(*integer_network(seed, ticks=7, largest=largest))


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_loops_too(seed):
    network, inputs = looped_network(seed)
    if network.is_integer:
        assert_ready(network, inputs)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.booleans(), st.integers(2, 5))
def test_a_readout_counts_what_it_puts_right(seed, propagated, classes):
    network, inputs = integer_network(seed, ticks=5, layers=5)
    rng = np.random.default_rng(seed)
    neurons = list(network.neurons)
    nodes = max(p.shape[0] for p in neurons)
    rates = {p.name: p.shape[1] for p in neurons if p.shape[0] == nodes}
    weight, bias = rng.normal(size=(classes, sum(rates.values()))), rng.normal(size=classes)
    matrix = sp.random(nodes, nodes, 0.6, "csr", rng=rng) if propagated else None
    labels, tested = rng.integers(0, classes, nodes), rng.random(nodes) < 0.7
    outcome = run_stored(bytearray(ready(network, inputs, LinearReadout(rates, weight, bias, matrix, labels, tested))))
    spikes = fixed.run(network, inputs, compiled=False).spikes
    last = np.concatenate([spikes[name][0].mean(axis=0).reshape(nodes, -1) for name in rates], axis=1)
    logits = (matrix @ last if propagated else last) @ weight.T + bias
    assert (outcome.right, outcome.tested) == (((logits.argmax(axis=1) == labels) & tested).sum(), tested.sum())


def test_what_is_not_one_inference_of_spikes_is_not_made_ready():
    network, inputs = integer_network(4, samples=2)
    assert ready(network, inputs) is None
    network, inputs = integer_network(4)
    assert ready(network, inputs, most_bytes=1000) is None
    assert ready(network, inputs) is not None
    with pytest.raises(InputError, match="no such source"):
        ready(network, {**inputs, "other": np.zeros(3)})


def test_another_version_or_a_damaged_file_is_not_run():
    network, inputs = integer_network(7)
    content = ready(network, inputs)
    assert run_stored(bytearray(content)) is not None
    assert run_stored(bytearray(content[:-1])) is None
    assert run_stored(bytearray()) is None
    other = bytes(content).replace(kind().encode(), b"neurograph ready run 0123456789abcdef")
    assert len(other) == len(content) and run_stored(bytearray(other)) is None


def test_a_network_runs_as_often_as_one_likes():
    network, inputs = integer_network(11)
    content = ready(network, inputs)
    first, second = (run_stored(bytearray(content)) for _ in range(2))
    assert first._replace(wall_s=0.0) == second._replace(wall_s=0.0)
    assert isinstance(network, Network)


@given(
    st.dictionaries(st.text(min_size=1), st.integers() | st.text() | st.none()),
    st.lists(st.sampled_from(["f8", "i8", "i4", "i2", "i1", "u1"])),
)
def test_flat_files_come_back(about, types):
    arrays = {f"a{i}": np.arange(3 * i, dtype=code).reshape(3, i) for i, code in enumerate(types)}
    content = bytearray(pack("test 1", about, arrays))
    back, places = unpack("test 1", content)
    assert back == about and set(places) == set(arrays)
    for name, (first, last) in places.items():
        array = arrays[name]
        assert first % array.itemsize == 0
        np.testing.assert_array_equal(np.frombuffer(content[first:last], array.dtype).reshape(array.shape), array)
    with pytest.raises(InputError, match="is 'test 1', must be 'test 2'"):
        unpack("test 2", content)


@given(st.integers(0, 400), st.binary(max_size=3))
def test_damaged_flat_files_are_refused_or_read_within_bounds(at, put):
    content = pack(kind(), {"a": 1}, {"w": np.arange(5.0)})
    for damaged in (content[: at % len(content)], put, content[:at] + put + content[at + len(put) + 1 :]):
        try:
            _, places = unpack(kind(), bytearray(damaged))
        except InputError as error:
            assert "flat file" in str(error)
        else:
            assert all(0 <= first <= last <= len(damaged) for first, last in places.values())
