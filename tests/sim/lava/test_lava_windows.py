"""Windows of a dynamic model in real Lava, one after another, against our engines."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from lava_networks import needs_lava
from onchip_windows import SNAPSHOTS, compiled, lively, lively_paper, ring, steps_of

from neurograph.export import targets
from neurograph.export.bundle.windows_write import write_dynamic
from neurograph.sim.windows import compare_windows, joined, run_windows

pytestmark = needs_lava


@pytest.mark.parametrize("kind", ["fixed", "float"])
def test_every_spike_u_and_v_of_every_window(kind):
    """The second window is empty, nodes 5 to 10 come later, 0 to 2 pause; Lava goes on with the membranes that Lava itself left."""
    made = compiled(lively(4), steps_of(SNAPSHOTS))
    dynamic = made.quantized if kind == "fixed" else made.network
    ours, lava = (list(run_windows(dynamic, engine)) for engine in (kind, f"lava-{kind}"))
    found = joined(compare_windows(ours, lava))
    assert found.ok, found.first_mismatch
    assert (found.compared, found.ties, found.skipped) == (4 * 4 * 3 * (5 + 4 + 7), 0, 0)
    assert found.compared_voltages == (2 * found.compared if kind == "fixed" else 0)
    for one, other in zip(ours, lava, strict=True):
        assert (one.recording is None) == (other.recording is None)
        for name in ("p1", "q1", "p2", "q2") if one.recording else ():
            assert np.abs(one.recording.voltages[name] - other.recording.voltages[name]).max() < 1e-9
    rates = [run.recording.spikes[name].mean() for run in lava if run.recording for name in ("p1", "q1", "p2", "q2")]
    assert 0.1 < np.mean(rates) < 0.9


def test_a_reset_to_a_value_on_one_layer():
    steps = steps_of((ring(0, 1, 2), ring(1, 2, 3, 4)))
    made = compiled(lively(2, layers=1, reset="value"), steps)
    found = joined(compare_windows(list(run_windows(made.quantized, "fixed")), list(run_windows(made.quantized, "lava-fixed"))))
    assert found.ok, found.first_mismatch


@pytest.mark.parametrize("kind", ["fixed", "float"])
def test_the_paper_build_whose_rates_lava_itself_feeds_back(kind):
    made = compiled(lively_paper(4), steps_of(SNAPSHOTS))
    dynamic = made.quantized if kind == "fixed" else made.network
    ours, lava = (list(run_windows(dynamic, engine)) for engine in (kind, f"lava-{kind}"))
    found = joined(compare_windows(ours, lava))
    assert found.ok, found.first_mismatch
    assert (found.compared, found.ties, found.skipped) == (2 * 5 * 3 * (5 + 4 + 7), 0, 0)
    assert found.compared_voltages == (2 * found.compared if kind == "fixed" else 0)
    for one, other in zip(ours, lava, strict=True):
        for name in one.inputs:
            np.testing.assert_array_equal(one.inputs[name], other.inputs[name])
    assert 0.1 < np.mean([run.recording.spikes[name].mean() for run in lava if run.recording for name in ("p1", "p2")]) < 0.9


def test_the_programs_of_a_bundle_run_by_themselves(tmp_path):
    """Each starts where those before it ended; the worker compares with the spikes that are stored in it."""
    from neurograph.sim.lava import runtime

    made = compiled(lively(4), steps_of(SNAPSHOTS))
    write_dynamic(made, targets.find("loihi2"), tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "b" / "lava").glob("*.npz"))
    assert names == ["window_00000.npz", "window_00002.npz", "window_00003.npz"]
    command = [str(runtime.find()), str(tmp_path / "b/lava/run.py"), str(tmp_path / "b/lava/window_00003.npz")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"0 of {4 * 7 * 3} differ" in done.stdout and done.stdout.count("0 of ") == 4
