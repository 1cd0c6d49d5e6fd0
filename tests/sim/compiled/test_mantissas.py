"""Biases made by the library: those of NumPy, wherever it makes any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim.compiled.engine import Simulator
from neurograph.sim.compiled.mantissas import currents
from neurograph.sim.static_currents import bias_from
from neurograph.weights import Identity, Kron


def heard(nodes, width, first, extra, right=None, **changed):
    options = {"gain": 0.5, "bias_mant": 0, "bias_exp": 1, "scale": 0.25, "saturation": (-300, 900), **changed}
    population = Population("p", (nodes, width), FixedLIF(4095, 2048, 100, **options))
    picked = np.eye(width, width + extra, first) if right is None else right
    return population, Projection("x", "p", Kron(Identity(nodes), picked))


def placed(population, projection, value, threads):
    """The bias as it stands before the run of the last sample."""
    static = Population("x", value.shape[1:], Source("static"))
    simulator = Simulator(Network({"x": static, "p": population}, (projection,), 2))
    simulator.run({"x": value}, threads=threads)
    (workers,) = simulator._idle.values()
    return workers.machine.buffers[0]["bias"].reshape(population.shape)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 7, 40, 5000]),
    st.integers(1, 70),
    st.integers(0, 5),
    st.sampled_from(["one", "row", "column", "all"]),
    st.integers(1, 3),
    st.sampled_from([np.float32, np.float64]),
)
def test_are_those_of_numpy(seed, nodes, width, extra, own, samples, kind):
    rng = np.random.default_rng(seed)
    shape = {"one": (), "row": (1, width), "column": (nodes, 1), "all": (nodes, width)}[own]
    population, projection = heard(
        nodes, width, int(rng.integers(0, extra + 1)), extra, bias_mant=rng.integers(-50, 50, shape), gain=float(rng.choice([0.5, 0.37]))
    )
    value = rng.integers(-60, 60, (samples, nodes, width + extra)) / 64 * rng.choice([1.0, 3.0, 1e12])  # halves on the way
    value = value.astype(kind)
    wanted = bias_from(population, [(projection, value)], samples) << population.neuron.bias_exp
    assert currents(population, [(projection, value)]) is not None
    np.testing.assert_array_equal(placed(population, projection, value, 1), wanted[-1])
    np.testing.assert_array_equal(placed(population, projection, value[:1], 2), wanted[0])


@pytest.mark.parametrize(
    "changed",
    [{"saturation": None}, {"saturation": (-5000, 10)}, {"saturation": (0, 4096)}, {"right": np.ones((3, 4))}, {"kind": np.float16}],
)
def test_leaves_the_rest_to_numpy(changed):
    kind = changed.pop("kind", np.float64) if "kind" in changed else np.float64
    population, projection = heard(5, 3, 0, 1, **changed)
    assert currents(population, [(projection, np.ones((1, 5, 4), kind))]) is None


def test_single_precision_is_read_as_it_stands():
    """What is divided and rounded is double precision, whatever the input was given in."""
    rng = np.random.default_rng(0)
    population, projection = heard(50, 40, 2, 5, gain=0.37)
    value = rng.normal(0, 1, (2, 50, 45)).astype(np.float32)
    for given_twice in ([(projection, value)], [(projection, value), (projection, value)]):
        doubles = [(p, x.astype(np.float64)) for p, x in given_twice]
        np.testing.assert_array_equal(bias_from(population, given_twice, 2), bias_from(population, doubles, 2))
