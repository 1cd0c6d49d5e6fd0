"""Matrices of at most 64 inputs, whose spikes in a tick are one word: the numbers of the NumPy engine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_compiled_engine import assert_same

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.compiled import tables
from neurograph.sim.compiled.engine import Simulator
from neurograph.weights import Dense

SHAPES = st.sampled_from([1, 7, 8, 31, 33, 63, 64, 65, 130])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1_000_000), SHAPES, st.sampled_from([1, 16, 32, 40, 64, 100, 300]), st.integers(-9, 3), st.integers(0, 3))
def test_few_inputs(seed, inputs, outputs, exponent, lag):
    """First and second projection, with a lag and without, heard by one population and by a loop."""
    rng = np.random.default_rng(seed)

    def matrix(targets, sources):
        dense = rng.choice([0.1, 0.9, 1.0])
        return Dense(rng.integers(-500, 501, (targets, sources)) * (rng.random((targets, sources)) < dense))

    neuron = FixedLIF(int(rng.choice([4095, 700])), 300, 900, 5, 1, 1.0)
    sizes = {"a": outputs, "b": outputs, "c": 20}
    projections = (
        Projection("in", "a", matrix(outputs, inputs), exponent=exponent),
        Projection("in", "b", matrix(outputs, inputs), exponent=exponent, lag=lag),
        Projection("a", "b", matrix(outputs, outputs), exponent=-1),
        Projection("b", "c", matrix(20, outputs)),
        Projection("c", "c", matrix(20, 20), exponent=-2, lag=1),
    )
    neurons = {name: Population(name, (size,), neuron) for name, size in sizes.items()}
    network = Network({"in": Population("in", (inputs,), Source()), **neurons}, projections, 9, outputs=("c",))
    spikes = {"in": rng.random((3, 9, inputs)) < rng.choice([0.05, 0.4, 1.0])}
    simulator = Simulator(network)
    whole = simulator.run(spikes, counts=True)
    assert_same(fixed.run(network, spikes, counts=True, compiled=False), whole)
    assert_same(whole, simulator.run(spikes, counts=True, max_memory=simulator.least_bytes(3, counts=True)))
    by_words = simulator.program.memory["operations"][:, tables.O_WORDS] >= 0
    small = simulator.program.dtype == np.int32
    assert by_words.tolist() == [small and size <= 64 for size in (inputs, inputs, outputs, outputs, 20)]


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_sums_fit_sixteen_bits(more, fits):
    matrix = np.full((3, 64), -500)
    matrix[:, 63] = -(32_767 - 63 * 500 + more)
    network = Network(
        {"in": Population("in", (64,), Source()), "n": Population("n", (3,), FixedLIF(4095, 4095, 100, 0, 0, 1.0))},
        (Projection("in", "n", Dense(matrix), exponent=-8),),
        2,
        outputs=("n",),
    )
    simulator, spikes = Simulator(network), {"in": np.ones((2, 2, 64))}
    assert (simulator.program.memory["operations"][0, tables.O_WORDS] >= 0) == fits
    assert_same(fixed.run(network, spikes, counts=True, compiled=False), simulator.run(spikes, counts=True))
