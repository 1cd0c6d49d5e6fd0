"""Engines that append to a file while they run: the same recording as the one that they would have held."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network
from recordings import KINDS, same_arrays

from neurograph.errors import InputError, MemoryLimitError
from neurograph.export.quantize import quantize
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim import choice, fixed, floating
from neurograph.sim.recording import RECORDS
from neurograph.sim.recording_file import RecordingWriter, load
from neurograph.weights import Dense


def streamed(engine, network, inputs, keeps, **more):
    """What an engine leaves in a file, without holding it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.h5")
        with RecordingWriter(path, engine="fixed", ticks=network.ticks, keeps=keeps, buffer_bytes=500) as writer:
            run = engine(network, inputs, record="none", into=writer, **more)
            assert not run.spikes and not run.voltages and not run.currents
            writer.finish(machine_steps=run.machine_steps, wall_s=run.wall_s, notes=run.notes, tally=run.tally)
        return load(path)


@settings(max_examples=15)
@given(st.integers(0, 2**20), st.booleans(), st.sampled_from([None, False]), st.sampled_from(RECORDS), st.integers(1, 5))
def test_a_streamed_recording_is_the_one_that_would_be_held(seed, integers, compiled, keeps, samples):
    network, inputs = random_network(seed, static=False)
    rng = np.random.default_rng(seed)
    inputs = {name: np.stack([values, *(rng.random((samples - 1, *values.shape)) < 0.5)]) for name, values in inputs.items()}
    if integers:
        network, _ = quantize(network, {name: values[0] for name, values in inputs.items()})
    engine = fixed.run if integers else floating.run
    held = engine(network, inputs, record=keeps, compiled=compiled)
    found = streamed(engine, network, inputs, keeps, compiled=compiled)
    assert found.samples == (0 if keeps == "none" else samples) and found.ticks == network.ticks
    for kind in KINDS:
        theirs, ours = getattr(held, kind), getattr(found, kind)
        assert theirs.keys() == ours.keys() and same_arrays({name: ours[name] for name in theirs}, theirs)


def wide():
    """One population of 4,000 neurons over 64 ticks, 6 samples: 1.5 MB of spikes of the neurons."""
    rng = np.random.default_rng(0)
    weights = np.where(rng.random((4000, 10)) < 0.3, rng.normal(0, 1, (4000, 10)), 0)
    populations = (Population("in", (10,), Source()), Population("p", (4000,), LIF(0.5, 0.4)))
    network = Network({p.name: p for p in populations}, (Projection("in", "p", Dense(weights)),), 64, outputs=("p",))
    return network, {"in": rng.random((6, 64, 10)) < 0.3}


def test_what_does_not_fit_the_memory_fits_the_file(tmp_path):
    network, inputs = wide()
    if choice.simulator(network, None, integer=False) is None:
        pytest.skip("needs a C compiler: NumPy takes no max_memory")
    whole = floating.run(network, inputs, record="spikes")
    limit = 1_200_000
    with pytest.raises(MemoryLimitError, match="limit 1,200,000; raise max_memory"):
        floating.run(network, inputs, record="spikes", max_memory=limit)
    found = streamed(floating.run, network, inputs, "spikes", max_memory=limit)
    np.testing.assert_array_equal(found.spikes["p"], whole.spikes["p"])
    assert whole.spikes["p"].any()


def test_threads_append_side_by_side(tmp_path):
    network, inputs = wide()
    simulator = choice.simulator(network, None, integer=False)
    if simulator is None:
        pytest.skip("needs a C compiler: NumPy runs in one thread")
    whole = simulator.run(inputs, record="all")
    with RecordingWriter(tmp_path / "r.h5", engine="float", ticks=64, buffer_bytes=1000) as writer:
        simulator.run(inputs, record="none", into=writer, threads=3)
    found = load(tmp_path / "r.h5")
    for kind in KINDS:
        theirs = getattr(whole, kind)
        assert same_arrays({name: getattr(found, kind)[name] for name in theirs}, theirs)


def test_a_run_that_fails_leaves_no_file(tmp_path):
    network, inputs = wide()
    with pytest.raises(InputError, match="input 'in': holds"), RecordingWriter(tmp_path / "r.h5", engine="float", ticks=64) as writer:
        floating.run(network, {"in": inputs["in"] * 0.5}, record="none", into=writer)
    with (
        pytest.raises(InputError, match="6 samples of 64 ticks after 5"),
        RecordingWriter(tmp_path / "r.h5", engine="float", ticks=64, samples=5) as writer,
    ):
        floating.run(network, inputs, record="none", into=writer)
    with (
        pytest.raises(InputError, match="'p': cannot be|for samples 0 to 6 and ticks 0 to 32"),
        RecordingWriter(tmp_path / "r.h5", engine="float", ticks=32) as writer,
    ):
        floating.run(replace(network), inputs, record="none", into=writer, compiled=False)
    assert list(tmp_path.iterdir()) == []
