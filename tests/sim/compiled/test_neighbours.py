"""Sums over the edges of a graph, out of bits where that is possible: the numbers of the NumPy engine."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_compiled_engine import assert_same

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.compiled import tables
from neurograph.sim.compiled.engine import Simulator
from neurograph.weights import Identity, Kron


def graph_of(rng, targets, sources, most, signs):
    weights = rng.integers(1, most + 1, (targets, sources)) * rng.choice(signs, (targets, sources))
    return sp.csr_matrix(weights * (rng.random((targets, sources)) < rng.choice([0.02, 0.2, 0.8])))


def rows_of(simulator):
    operations = simulator.program.memory["operations"]
    return operations[operations[:, tables.O_KIND] == tables.AGGREGATE]


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 1_000_000),
    st.sampled_from([2, 37, 150]),
    st.sampled_from([5, 8, 16, 24, 40, 64]),
    st.integers(1, 9),
    st.integers(0, 3),
    st.sampled_from([(1,), (1, -1)]),
)
def test_edges(seed, nodes, width, ticks, lag, signs):
    """From a source and from a population that computes, in one population and in a loop, in all ticks at once and one at a time."""
    rng = np.random.default_rng(seed)
    neuron = FixedLIF(4095, 300, 700, 5, 1, 1.0)
    projections = (
        Projection("in", "a", Kron(graph_of(rng, nodes, nodes, 120, signs), Identity(width)), lag=lag),
        Projection("a", "b", Kron(graph_of(rng, nodes, nodes, 120, signs), Identity(width)), exponent=-1),
        Projection("in", "b", Kron(graph_of(rng, nodes, nodes, 20, signs), Identity(width)), lag=1),
        Projection("b", "c", Kron(Identity(nodes), rng.integers(-99, 99, (width, width)))),
        Projection("c", "c", Kron(graph_of(rng, nodes, nodes, 50, signs), Identity(width)), lag=1),
    )
    neurons = {name: Population(name, (nodes, width), neuron) for name in "abc"}
    network = Network({"in": Population("in", (nodes, width), Source()), **neurons}, projections, ticks, outputs=("c",))
    spikes = {"in": rng.random((2, ticks, nodes, width)) < rng.choice([0.05, 0.4, 1.0])}
    simulator = Simulator(network)
    whole = simulator.run(spikes, counts=True)
    assert_same(fixed.run(network, spikes, counts=True, compiled=False), whole)
    assert_same(whole, simulator.run(spikes, counts=True, max_memory=simulator.least_bytes(2, counts=True)))
    if simulator.program.dtype == np.int32 and width % 8 == 0:
        stored = [p.weights.left.nnz > 0 for p in projections if p.target in "ab"]
        assert rows_of(simulator)[: len(stored), tables.O_BITS].tolist() == stored
        assert not rows_of(simulator)[len(stored) :, tables.O_BITS].any()  # what hears itself is stepped tick by tick


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_sums_fit_sixteen_bits(more, fits):
    left = sp.csr_matrix(np.array([[-16_383, -16_384 - more], [5, 0]]))
    network = Network(
        {"in": Population("in", (2, 8), Source()), "n": Population("n", (2, 8), FixedLIF(4095, 4095, 100, 0, 0, 1.0))},
        (Projection("in", "n", Kron(left, Identity(8)), exponent=-8),),
        2,
        outputs=("n",),
    )
    simulator, spikes = Simulator(network), {"in": np.ones((2, 2, 2, 8))}
    assert rows_of(simulator)[:, tables.O_BITS].tolist() == [fits]
    assert_same(fixed.run(network, spikes, counts=True, compiled=False), simulator.run(spikes, counts=True))
