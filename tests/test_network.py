from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from neurograph.errors import NetworkError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim import floating
from neurograph.storage import load_network, save_network
from neurograph.weights import Dense


def network(*projections, **populations):
    return Network({name: Population(name, (2,), neuron) for name, neuron in populations.items()}, projections, 3)


def test_unknown_end_is_named():
    with pytest.raises(NetworkError, match=r"projection a→b: no population 'b'"):
        network(Projection("a", "b", Dense(np.eye(2))), a=Source())


def test_shape_of_weights_is_named():
    with pytest.raises(NetworkError, match=r"shape \(3, 2\), must be \(2, 2\)"):
        network(Projection("a", "b", Dense(np.ones((3, 2)))), a=Source(), b=LIF(0.5, 1.0))


@pytest.mark.parametrize(
    ("neuron", "says"),
    [
        (LIF(0.0, 1.0), "beta is 0 to 0"),
        (LIF(1.5, 1.0), "beta is 1.5 to 1.5"),
        (LIF(0.5, np.nan), "threshold holds NaN"),
        (LIF(np.ones(3), 1.0), "does not broadcast"),
    ],
)
def test_bad_parameters_are_named(neuron, says):
    with pytest.raises(NetworkError, match=says):
        network(a=neuron)


def test_nan_weight_is_refused():
    with pytest.raises(NetworkError, match="NaN"):
        network(Projection("a", "b", Dense(np.full((2, 2), np.nan))), a=Source(), b=LIF(0.5, 1.0))


def test_loop_without_lag_is_refused_with_its_path():
    eye = Dense(np.eye(2))
    with pytest.raises(NetworkError, match=r"loop .*a.*b.* has no lag"):
        network(Projection("a", "b", eye), Projection("b", "a", eye), a=LIF(0.5, 1.0), b=LIF(0.5, 1.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_storage_round_trip_runs_the_same(seed):
    original, inputs = random_network(seed)
    with h5py.File("never-on-disk", "w", driver="core", backing_store=False) as file:
        save_network(original, file.create_group("n"))
        back = load_network(file["n"])
        assert back.outputs == original.outputs and set(back.populations) == set(original.populations)
        one, two = floating.run(original, inputs), floating.run(back, inputs)
        for name in one.spikes:
            np.testing.assert_array_equal(one.voltages.get(name, 0), two.voltages.get(name, 0))
        quantized, _ = quantize(align_delays(original), inputs)
        save_network(quantized, file.create_group("q"))
        again = load_network(file["q"])
    for before, after in zip(quantized.projections, again.projections, strict=True):
        assert (before.exponent, before.sign_mode, before.delay, before.lag) == (after.exponent, after.sign_mode, after.delay, after.lag)
        np.testing.assert_array_equal(before.weights.to_csr().toarray(), after.weights.to_csr().toarray())
    for name, population in quantized.populations.items():
        assert again.populations[name].depth == population.depth
        for key, value in vars(population.neuron).items():
            np.testing.assert_array_equal(getattr(again.populations[name].neuron, key), value)


def test_the_clock_is_stored_and_old_files_have_the_plain_one():
    original = replace(random_network(3)[0], steps_per_tick=3, gated=False)
    with h5py.File("never-on-disk", "w", driver="core", backing_store=False) as file:
        group = file.create_group("n")
        save_network(original, group)
        back = load_network(group)
        assert (back.steps_per_tick, back.gated) == (3, False)
        del group.attrs["steps_per_tick"], group.attrs["gated"]
        old = load_network(group)
    assert (old.steps_per_tick, old.gated) == (1, True)
    with pytest.raises(NetworkError, match="steps_per_tick is 0, must be at least 1"):
        replace(original, steps_per_tick=0)


def test_another_version_is_refused():
    with h5py.File("never-on-disk", "w", driver="core", backing_store=False) as file:
        file.attrs["version"] = 99
        with pytest.raises(NetworkError, match="version 99"):
            load_network(file)
