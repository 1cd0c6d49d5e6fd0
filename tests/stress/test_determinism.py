"""The same bytes whatever the threads, the hash seed, the locale, the time zone, the folder and the process."""

from __future__ import annotations

import determinism
import numpy as np
import pytest
import soak
from determinism import ENVIRONMENTS, differing, digest
from networks import integer_network, random_network
from spiky import karate_checkpoint
from threadpoolctl import threadpool_limits

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.data.walks import walk_features
from neurograph.errors import CompilerMissingError
from neurograph.export.rounding_report import projection_report
from neurograph.network import FixedLIF, Population, Projection
from neurograph.sim.compiled.engine import Simulator
from neurograph.sim.recording_file import RecordingWriter
from neurograph.training import save
from neurograph.weights import Dense


@pytest.fixture(scope="module")
def simulator():
    try:
        return Simulator(soak.network())
    except CompilerMissingError as error:
        pytest.skip(f"needs a C compiler: {error}")


def test_a_streamed_recording_has_the_same_bytes_for_any_number_of_threads(simulator, tmp_path):
    given = {"in": np.stack([soak.sample(simulator.network, number) for number in range(1, 60)])}
    path, seen = tmp_path / "r.h5", set()
    for threads in (1, 2, 4, 2, 4, 4):
        with RecordingWriter(path, engine="fixed", ticks=8, keeps="all", buffer_bytes=20_000) as writer:
            run = simulator.run(given, record="none", into=writer, threads=threads, counts=True)
            writer.finish(machine_steps=8, notes=run.notes, tally=run.tally)
        seen.add(path.read_bytes())
    assert len(seen) == 1


@pytest.mark.parametrize("integer", [True, False])
def test_spikes_states_and_counts_are_those_of_one_thread(integer):
    for seed in range(6):
        if integer:
            network, inputs = integer_network(seed, samples=5)
        else:
            network, inputs = random_network(seed, static=False)
            inputs = {name: np.stack([values] * 5) for name, values in inputs.items()}
        try:
            runs = [Simulator(network).run(inputs, counts=True, threads=threads) for threads in (1, 2, 4)]
        except CompilerMissingError as error:
            pytest.skip(f"needs a C compiler: {error}")
        for run in runs[1:]:
            assert run.notes == runs[0].notes
            for quantity in ("spikes", "voltages", "currents"):
                for name, values in getattr(runs[0], quantity).items():
                    assert values.tobytes() == getattr(run, quantity)[name].tobytes()
            np.testing.assert_array_equal(np.array(run.tally.synaptic_events), np.array(runs[0].tally.synaptic_events))


def test_rounding_errors_do_not_depend_on_threads_of_blas():
    rng = np.random.default_rng(0)
    before = Projection("a", "b", Dense(rng.normal(0, 1, (400, 400))))
    after = Projection("a", "b", Dense(rng.integers(-127, 127, (400, 400)) * 2), sign_mode="mixed")
    target = Population("b", (400,), FixedLIF(0, 0, 1, 0, 0, 0.01))
    found = set()
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            found.add(projection_report(before, after, target).relative_error)
    assert len(found) == 1


def test_features_out_of_walks_do_not_depend_on_threads_of_blas():
    rng = np.random.default_rng(0)
    steps = tuple(canonical_edges(rng.integers(0, 1500, (2, 3000))) for _ in range(2))
    graph = DynamicGraph("random", steps, np.zeros(1500, np.int64), 2)
    found = set()
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            found.add(b"".join(x.tobytes() for x in walk_features(graph, 64)))
    assert len(found) == 1


def test_two_processes_of_unlike_environments_make_the_same_files(tmp_path):
    """Train, export, simulate into recordings, report: all bytes but the seconds on the clock."""
    made = karate_checkpoint()
    model = save(tmp_path / "model.pt", made.model, made.graph)
    chosen = ["1 thread", "4 threads, hash seed 1, another locale, zone and folder"]
    found = determinism.compare(tmp_path, chosen, model, target="lava", epochs=3, threads=[1], formats=["json"], verify=False)
    first, second = (found[name] for name in chosen)
    assert differing(first, second) == []
    assert {"trained-1.pt", "bundle/manifest.json", "bundle/network.h5", "run.h5", "float.h5", "simulate.json", "report.json"} <= set(first)
    assert (
        len({ENVIRONMENTS[name]["PYTHONHASHSEED"] for name in chosen})
        == len({ENVIRONMENTS[name]["OMP_NUM_THREADS"] for name in chosen})
        == 2
    )


def test_a_file_that_differs_is_named(tmp_path):
    (tmp_path / "a").write_text("1")
    assert differing({"a": digest(tmp_path / "a"), "b": "x"}, {"a": "y", "b": "x", "c": "z"}) == ["a", "c"]
