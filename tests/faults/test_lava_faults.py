"""Faults around the Lava worker: each is one line of our own error tree, in time, and nothing is left. benchmarks/lava_faults.py has more."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import lava_fault_run
import lava_faults
import pytest

pytestmark = [pytest.mark.lava, pytest.mark.usefixtures("lava")]


def assert_as_promised(tried):
    if tried is None:
        pytest.skip("needs a mount namespace of its own (unshare -m)")
    assert tried.ok, tried


@pytest.mark.parametrize("fault", ["start-segv", "flood", "daemon", "model-segv", "model-exit-0", "stop-kill", "log-huge"])
def test_a_fault_in_the_worker_is_told_and_leaves_nothing(fault):
    assert_as_promised(lava_faults.worker_fault(fault))


@pytest.mark.parametrize("fault", ["start-hang-deaf", "model-hang-deaf", "stop-hang"])
def test_what_hangs_ends_with_its_limit(fault):
    assert_as_promised(lava_faults.worker_fault(fault, hang_s=1.0 if fault.startswith("start") else 5.0))


@pytest.mark.parametrize("what", list(lava_faults.INTERPRETERS))
def test_an_interpreter_that_is_none_is_told(what):
    assert_as_promised(lava_faults.interpreter_fault(what))


@pytest.mark.parametrize(("index", "who"), [(0, "keeper"), (1, "worker")])
def test_whoever_is_killed_is_told(index, who):
    assert_as_promised(lava_faults.signalled(signal.SIGKILL, index, ["LavaError"], 60.0))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_with_its_starter_a_run_is_gone_too(number):
    assert_as_promised(lava_faults.starter(number, None))


def test_a_starter_killed_while_lava_is_imported_leaves_nothing():
    assert_as_promised(lava_faults.starter(signal.SIGKILL, 1.5))


def test_lavas_processes_do_not_outlive_the_worker_where_all_above_them_are_killed():
    tried = lava_faults.starter(signal.SIGKILL, None, keeper_too=True)
    assert tried.left.processes == 0  # nobody is left to remove the folder


@pytest.mark.parametrize("length", [40, 60])
def test_a_long_path_of_the_temporary_folder_is_no_fault(length, monkeypatch):
    """A Unix socket's path has 107 characters."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        long = Path(folder, "x" * (length - len(folder) - 1))
        long.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(long))
        assert lava_fault_run.ended(8, 90.0)["error"] is None
        assert not any(long.iterdir())


@pytest.mark.parametrize("what", list(lava_faults.FULL))
def test_a_full_disk_is_told(what):
    mounts, expected, ticks = lava_faults.FULL[what]
    assert_as_promised(lava_faults.in_namespace(what, mounts, expected, ticks))
