"""A bundle's lava/run.py by itself, where nobody stands behind it: Ctrl-C, kill, hang, and a dead process of Lava's."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import numpy as np
import pytest
from lava_fault_run import network

from neurograph.sim.inputs import prepare
from neurograph.sim.lava import program, runtime

pytestmark = [pytest.mark.lava, pytest.mark.usefixtures("lava")]
TICKS = 10**6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    for name, path in program.SCRIPTS.items():
        (folder / name).write_bytes(path.read_bytes())
    endless = network(TICKS)
    program.write(endless, prepare(endless, {"x": np.ones((TICKS, 3), np.uint8)}), folder / "program.npz")
    return folder


def start(bundle, counter, *options):
    command = [str(runtime.find()), str(bundle / "run.py"), *options]
    environment = {**os.environ, **counter.environment}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_lava(counter):
    """run.py, the resource tracker, Lava's memory manager and runtime service, a source, two populations and two projections."""
    deadline = time.monotonic() + 60
    while len(counter.processes()) < 9 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)


def assert_ended(child, counter, status):
    out, err = child.communicate(timeout=60)
    assert child.returncode == status, err
    assert counter.wait(5.0)[0].nothing
    return out + err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_by_a_signal_it_leaves_nothing(bundle, counter, number, status):
    child = start(bundle, counter)
    wait_for_lava(counter)
    os.killpg(child.pid, number) if number == signal.SIGINT else child.send_signal(number)  # a terminal tells the whole group
    said = assert_ended(child, counter, status)
    assert "Traceback" not in said and "resource_tracker" not in said
    assert ("interrupted" in said) == (number == signal.SIGINT)


def test_control_c_while_lava_is_imported_is_no_traceback(bundle, counter):
    child = start(bundle, counter)
    time.sleep(0.4)
    os.killpg(child.pid, signal.SIGINT)
    assert "Traceback" not in assert_ended(child, counter, -signal.SIGINT if child.poll() is None else child.returncode)


def test_killed_it_leaves_no_process_and_no_memory(bundle, counter):
    child = start(bundle, counter)
    wait_for_lava(counter)
    child.kill()
    child.communicate(timeout=60)
    deadline = time.monotonic() + 5
    while counter.processes() and time.monotonic() < deadline:
        time.sleep(0.02)
    left = counter.left()
    assert (left.processes, left.segments) == (0, 0)


def test_a_dead_process_of_lavas_ends_it_with_one_line(bundle, counter):
    child = start(bundle, counter)
    wait_for_lava(counter)
    os.kill(counter.processes()[-1], signal.SIGKILL)
    said = assert_ended(child, counter, 1)
    assert "error: a Lava process ended with exit code -9: killed, perhaps for lack of memory" in said


def test_a_time_limit_ends_what_hangs(bundle, counter):
    child = start(bundle, counter, "--timeout", "4")
    said = assert_ended(child, counter, 1)
    assert "error: not done after 4 s, its limit; give a larger one (--timeout)" in said
