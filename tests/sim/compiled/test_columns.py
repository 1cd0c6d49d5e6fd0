"""Sparse matrices in each of their forms: the same spikes, states and counts as NumPy's, and the form that costs least."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from looped_networks import looped_network
from networks import integer_network
from test_compiled_engine import assert_same

from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.compiled import columns
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.bounds import packed_bits
from neurograph.sim.compiled.buffers import plan
from neurograph.sim.compiled.engine import Simulator
from neurograph.sim.compiled.layout import forms, nodes_of
from neurograph.sim.compiled.program import build
from neurograph.sim.compiled.ready import ready
from neurograph.sim.compiled.runs import cut, order_of
from neurograph.sim.compiled.stored import run_stored
from neurograph.weights import Dense, Sparse

SEEDS = st.integers(0, 1_000_000)
COSTS = {  # at which one form is always chosen
    tb.SPARSE: {"RUN": math.inf, "MOST_DENSE": 0},
    tb.DENSE: {"RUN": math.inf, "DENSE_LINE": 0, "MOST_DENSE": math.inf},
    tb.RUNS: {"RUN": 0, "FAR_RUN": 0, "MOST_DENSE": 0},
}


def simulator(network, form):
    """All sparse matrices in one form; those whose sums cannot be packed are never in runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name, cost in COSTS[form].items():
            patch.setattr(columns, name, cost)
        return Simulator(network)


def convolution(rng, channels, side, targets, *, kernel=3, stride=1, padding=1, zeros=0.0, largest=128, signs=(-1, 1)):
    """(out, in) of pictures (channels, side, side), and the shape that comes out."""
    weights = rng.choice(signs, (targets, channels, kernel, kernel)) * rng.integers(1, largest + 1, (targets, channels, kernel, kernel))
    weights[rng.random(weights.shape) < zeros] = 0
    places = (side + 2 * padding - kernel) // stride + 1
    padded = np.zeros((targets, places, places, channels, side + 2 * padding, side + 2 * padding), np.int64)
    for y in range(places):
        for x in range(places):
            padded[:, y, x, :, y * stride : y * stride + kernel, x * stride : x * stride + kernel] = weights
    inside = slice(padding, padding + side)
    return sp.csr_matrix(padded[..., inside, inside].reshape(targets * places**2, -1)), (targets, places, places)


def network_of(matrix, shapes, *more, neuron=None, ticks=6, **projection):
    neuron = neuron or FixedLIF(4000, 300, 900, 5, 1, 1.0)
    populations = {"in": Population("in", shapes[0], Source()), "n": Population("n", shapes[1], neuron)}
    return Network(populations, (Projection("in", "n", Sparse(matrix), **projection), *more), ticks)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([60, 256, 3000, 40_000]), st.integers(1, 6))
def test_convolutions_in_every_form_are_those_of_numpy(seed, largest, at_once):
    rng = np.random.default_rng(seed)
    channels, side, targets = (int(rng.integers(1, high)) for high in (4, 9, 20))
    kernel = int(rng.integers(1, 4))
    shape = (channels, side, side)
    signs = ((-1, 1), (1,), (-1,))[int(rng.integers(3))]
    kinds = {
        "stride": int(rng.integers(1, 3)),
        "padding": int(rng.integers(kernel // 2, kernel)),
        "zeros": float(rng.choice([0, 0.1, 0.6])),
    }
    matrix, target = convolution(rng, channels, side, targets, kernel=kernel, largest=largest, signs=signs, **kinds)
    back, _ = convolution(rng, targets, target[1], targets, largest=largest)
    more = (Projection("n", "n", Sparse(back), lag=int(rng.integers(1, 3)), exponent=-6),) if rng.random() < 0.3 else ()
    network = network_of(matrix, (shape, target), *more, lag=int(rng.integers(0, 4)), exponent=int(rng.integers(-8, 8)))
    inputs = {"in": rng.random((2, 6, *shape)) < rng.choice([0.02, 0.3])}
    expected = fixed.run(network, inputs, counts=True, compiled=False)
    for form in COSTS:
        made = simulator(network, form)
        packs = packed_bits(forms(network, nodes_of(network))[0], made.program.dtype)
        assert made.program.forms[0].kind == (form if matrix.nnz and (packs or form != tb.RUNS) else tb.SPARSE)
        whole = made.run(inputs, counts=True)
        assert_same(expected, whole)
        memory = made.program.nbytes + plan(made.program, at_once, recording=True, counting=True).nbytes
        memory += sum(x.nbytes for part in (whole.spikes, whole.currents, whole.voltages) for x in part.values())
        assert_same(expected, made.run(inputs, counts=True, max_memory=memory))


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from(list(COSTS)), st.sampled_from([60, 256, 3000, 40_000]))
def test_networks_of_all_kinds_in_every_form_are_those_of_numpy(seed, form, largest):
    """Populations that are split into nodes among them."""
    network, inputs = integer_network(seed, ticks=7, largest=largest, samples=2)
    assert_same(fixed.run(network, inputs, counts=True, compiled=False), simulator(network, form).run(inputs, counts=True))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from([tb.SPARSE, tb.DENSE]))
def test_loops_of_numbers_in_every_form_are_those_of_numpy(seed, form):
    network, inputs = looped_network(seed, samples=2)
    expected = floating.run(network, inputs, counts=True, compiled=False)
    assert_same(expected, simulator(network, form).run(inputs, counts=True), exact=False)


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.sampled_from([np.int32, np.int64]))
def test_runs_hold_every_weight_once(seed, dtype):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 12, int(rng.integers(1, 4))).tolist())
    matrix = rng.integers(-9, 10, (math.prod(shape), int(rng.integers(1, 40)))) * (rng.random() > rng.random((math.prod(shape), 1)))
    found, bits = sp.csc_matrix(matrix), 12
    found.eliminate_zeros()
    assume(found.nnz)
    for fastest in (1, shape[0]):
        runs = cut(found, fastest, bits, dtype)
        length = runs.weights.shape[1]
        sums = np.zeros((matrix.shape[1], matrix.shape[0] + length), np.int64)
        for source in range(matrix.shape[1]):
            for start, at in runs.index[runs.pointer[source] : runs.pointer[source + 1]]:
                sums[source, start : start + length] += runs.weights.ravel()[at : at + length]
        assert not sums[:, matrix.shape[0] :].any(), "behind the row are zeros alone"
        placed = matrix.reshape(fastest, -1, matrix.shape[1]).swapaxes(0, 1).reshape(matrix.shape).T
        np.testing.assert_array_equal(sums[:, : matrix.shape[0]], placed + ((placed != 0).astype(np.int64) << bits))
        assert len(np.unique(runs.weights, axis=0)) == len(runs.weights)


@pytest.mark.parametrize(("largest", "kind"), [(1 << 14, tb.RUNS), (16_449, tb.SPARSE)])
def test_sums_at_the_bound_of_packing(largest, kind):
    """255 weights of 2¹⁴ take 23 bits, sign included, and eight more count them: 31. A little more and they do not fit in 32 bits."""
    matrix = np.full((40, 255), largest)
    matrix[20:] = -largest
    matrix[:, 100:150] *= -1
    network = network_of(sp.csr_matrix(matrix), ((255,), (2, 20)), exponent=-8, ticks=4)
    made = simulator(network, tb.RUNS)
    assert made.program.dtype == np.int32 and made.program.forms[0].kind == kind
    spikes = np.ones((4, 255), np.uint8)
    spikes[1, 100:150], spikes[2, 50:100], spikes[3] = 0, 0, 0
    spikes[3, 100] = 1
    assert_same(fixed.run(network, {"in": spikes}, counts=True, compiled=False), made.run({"in": spikes}, counts=True))


@pytest.mark.parametrize(("largest", "bits"), [(1 << 46, 55), (1 << 47, 0)])
def test_the_bound_of_packing_in_64_bits(largest, bits):
    network = network_of(sp.csr_matrix(np.full((4, 255), largest)), ((255,), (4,)))
    assert packed_bits(forms(network, nodes_of(network))[0], np.int64) == bits


def test_a_wide_convolution_by_several_threads():
    rng = np.random.default_rng(0)
    matrix, shape = convolution(rng, 2, 20, 24, zeros=0.1)
    network = network_of(matrix, ((2, 20, 20), shape), ticks=8, exponent=2)
    inputs = {"in": rng.random((8, 2, 20, 20)) < 0.1}
    expected = fixed.run(network, inputs, counts=True, compiled=False)
    assert 0.001 < expected.spikes["n"].mean() < 0.9
    made = Simulator(network)
    assert made.program.forms[0].kind == tb.RUNS
    for threads in (1, 2, 3):
        assert_same(expected, made.run(inputs, counts=True, threads=threads))


def test_a_convolution_runs_from_a_file():
    rng = np.random.default_rng(1)
    matrix, shape = convolution(rng, 2, 12, 16)
    network = network_of(matrix, ((2, 12, 12), shape), exponent=1)
    inputs = {"in": rng.random((6, 2, 12, 12)) < 0.2}
    outcome = run_stored(bytearray(ready(network, inputs)))
    assert outcome.spikes == fixed.run(network, inputs, compiled=False).counts() and outcome.spikes["n"] > 0


def test_a_convolution_stands_by_channels_and_its_kernels_once():
    matrix, shape = convolution(np.random.default_rng(0), 3, 12, 16)
    program = build(network_of(matrix, ((3, 12, 12), shape)))
    runs = program.forms[0].runs
    assert runs.fastest == 16 and len(runs.weights) == 27, "a vector for every weight of a kernel"
    assert runs.weights.nbytes < matrix.data.nbytes / 100


@pytest.mark.parametrize(("share", "kind"), [(0.01, tb.SPARSE), (0.05, tb.SPARSE), (0.2, tb.DENSE), (0.9, tb.DENSE)])
def test_random_matrices_are_dense_from_a_tenth_on(share, kind):
    rng = np.random.default_rng(0)
    matrix = sp.csr_matrix((rng.random((300, 200)) < share) * rng.integers(1, 100, (300, 200)))
    assert build(network_of(matrix, ((200,), (300,)))).forms[0].kind == kind


def test_no_dense_matrix_takes_more_memory_than_is_allowed(monkeypatch):
    rng = np.random.default_rng(0)
    matrix = sp.csr_matrix((rng.random((60, 50)) < 0.5) * rng.integers(1, 100, (60, 50)))
    network = network_of(matrix, ((50,), (60,)))
    for most, kind in ((60 * 50 * 2, tb.DENSE), (60 * 50 * 2 - 1, tb.RUNS)):
        monkeypatch.setattr(columns, "MOST_DENSE", most)
        assert build(network).forms[0].kind == kind


def test_numbers_are_never_in_runs():
    """Their sums hold no count."""
    matrix, shape = convolution(np.random.default_rng(0), 2, 12, 16)
    network = network_of(matrix.astype(np.float64), ((2, 12, 12), shape), neuron=LIF(0.5, 1.0))
    assert build(network).forms[0].kind == tb.SPARSE


def test_stored_zeros_are_no_synapses():
    matrix = sp.csr_matrix(np.array([[4, -4, 1], [0, 0, 1], [2, 0, -2]]))
    matrix[1, 2] = 0
    network = network_of(matrix, ((3,), (3,)), ticks=2)
    spikes = {"in": np.array([[1, 1, 1], [0, 0, 0]])}
    for form in COSTS:
        run = simulator(network, form).run(spikes, record="none", counts=True)
        assert run.tally.updates_active["n"].tolist() == [2]
        assert [events.tolist() for events in run.tally.synaptic_events] == [[5]]


def test_the_order_of_fewest_runs():
    matrix, shape = convolution(np.random.default_rng(0), 1, 10, 16)
    assert order_of(sp.csc_matrix(matrix), shape, np.int32)[0] == 16
    rows = Dense(np.kron(np.eye(16), np.ones((100, 5))).astype(np.int64)).to_csr()
    fastest, expected = order_of(sp.csc_matrix(rows), (16, 10, 10), np.int32)
    assert fastest == 1 and expected == 16 * 5 * 7
