"""Biases made by the library: those of NumPy, wherever it makes any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.network import FixedLIF, Population, Projection
from neurograph.sim.compiled.mantissas import mantissas
from neurograph.sim.static_currents import bias_from
from neurograph.weights import Identity, Kron


def heard(nodes, width, first, extra, right=None, **changed):
    options = {"gain": 0.5, "bias_mant": 0, "bias_exp": 1, "scale": 0.25, "saturation": (-300, 900), **changed}
    population = Population("p", (nodes, width), FixedLIF(4095, 2048, 100, **options))
    picked = np.eye(width, width + extra, first) if right is None else right
    return population, Projection("x", "p", Kron(Identity(nodes), picked))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(0, 5),
    st.sampled_from(["one", "row", "column", "all"]),
    st.integers(1, 3),
)
def test_are_those_of_numpy(seed, nodes, width, extra, own, samples):
    rng = np.random.default_rng(seed)
    shape = {"one": (), "row": (1, width), "column": (nodes, 1), "all": (nodes, width)}[own]
    population, projection = heard(
        nodes, width, int(rng.integers(0, extra + 1)), extra, bias_mant=rng.integers(-50, 50, shape), gain=float(rng.choice([0.5, 0.37]))
    )
    value = rng.integers(-60, 60, (samples, nodes, width + extra)) / 64 * rng.choice([1.0, 3.0, 1e12])  # halves on the way
    made = mantissas(population, [(projection, value)], samples)
    assert made is not None and made.dtype == np.int32
    np.testing.assert_array_equal(made, bias_from(population, [(projection, value)], samples))


@pytest.mark.parametrize(
    "changed",
    [{"saturation": None}, {"saturation": (-5000, 10)}, {"saturation": (0, 4096)}, {"right": np.ones((3, 4))}, {"kind": np.float32}],
)
def test_leaves_the_rest_to_numpy(changed):
    kind = changed.pop("kind", np.float64) if "kind" in changed else np.float64
    population, projection = heard(5, 3, 0, 1, **changed)
    assert mantissas(population, [(projection, np.ones((1, 5, 4), kind))], 1) is None


def test_single_precision_is_read_as_it_stands():
    """What is divided and rounded is double precision, whatever the input was given in."""
    rng = np.random.default_rng(0)
    population, projection = heard(50, 40, 2, 5, gain=0.37)
    value = rng.normal(0, 1, (2, 50, 45)).astype(np.float32)
    for given_twice in ([(projection, value)], [(projection, value), (projection, value)]):
        doubles = [(p, x.astype(np.float64)) for p, x in given_twice]
        np.testing.assert_array_equal(bias_from(population, given_twice, 2), bias_from(population, doubles, 2))
