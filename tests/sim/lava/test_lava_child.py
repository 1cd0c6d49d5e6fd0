"""The child process: what is left of it when it ends, is killed, crashes or is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from lava_networks import LIF, build, needs_lava, source

from neurograph.child import GRACE_S, Kept
from neurograph.errors import LavaError, LavaMissingError, LavaTimeoutError
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import engine, program, running, runtime
from neurograph.weights import Dense

pytestmark = needs_lava


def alive(mark: str) -> list[int]:
    """All processes that run with ``mark`` in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for_processes(mark: str, count: int) -> list[int]:
    deadline = time.monotonic() + 40
    while len(found := alive(mark)) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(found) >= count
    return found


tags: list[str] = []


def segments() -> list[Path]:
    return [path for tag in tags for path in Path("/dev/shm").glob(f"*{tag}*")]


def run_worker(folder: Path, command: list[str], timeout_s: float) -> None:
    """Its processes have ``folder`` in their environment; sockets need a shorter path."""
    with Kept("x", where="/tmp", environment={"NG_TEST": str(folder)}) as child:
        tags.append(child.tag)
        running.run_worker(child, command, timeout_s)


def chain(ticks: int):
    return build([("a", (3,), LIF(0.5, 0.2), 0.3), ("b", (3,), LIF(0.5, 0.2))], [("a", "b", Dense(np.eye(3)))], ticks)


def command(folder: Path, network, *, edit=None) -> list[str]:
    path, out = folder / "program.npz", folder / "out"
    out.mkdir()
    program.write(network, prepare(network, {}), path)
    if edit:
        with np.load(path) as file:
            arrays = dict(file)
        about = json.loads(str(arrays.pop("program")))
        edit(about)
        np.savez(path, program=np.array(json.dumps(about)), **arrays)
    return [str(runtime.find()), str(engine.WORKER), str(path), str(out), "--engine", "float"]


def test_a_timeout_leaves_nothing(tmp_path):
    start = time.monotonic()
    with pytest.raises(LavaTimeoutError, match=r"killed after 6 s, its limit \((built|compiled) 3 processes.*--timeout"):
        run_worker(tmp_path, command(tmp_path, chain(10**6)), 6.0)
    assert time.monotonic() - start < 6 + GRACE_S
    assert alive(str(tmp_path)) == []
    assert segments() == []


def test_a_worker_that_ignores_being_asked_is_killed(tmp_path):
    script = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    script += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('x' * 10**7); time.sleep(60)"
    with pytest.raises(LavaTimeoutError):
        run_worker(tmp_path, [sys.executable, "-c", script], 1.0)
    assert alive(str(tmp_path)) == []


def test_a_crash_in_a_lava_process_is_told_at_once(tmp_path):
    def edit(about):
        about["populations"][1]["vth"] = "not a number"

    start = time.monotonic()
    with pytest.raises(LavaError, match=r"ended with status 1.*(TypeError|UFuncTypeError)"):
        run_worker(tmp_path, command(tmp_path, chain(4), edit=edit), 60.0)
    assert time.monotonic() - start < 20
    assert alive(str(tmp_path)) == []
    assert segments() == []


def test_a_killed_lava_process_is_told_at_once(tmp_path):
    def kill():
        # The worker, Python's resource tracker, Lava's memory manager and runtime service, two populations and a projection.
        wait_for_processes(str(tmp_path), 7)
        time.sleep(1)
        os.kill(max(alive(str(tmp_path))), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(LavaError, match="exit code -9"):
        run_worker(tmp_path, command(tmp_path, chain(10**6)), 60.0)
    killer.join()
    assert alive(str(tmp_path)) == []


def test_control_c_ends_the_group_too(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_lava_child import chain\nfrom neurograph.sim.lava import engine\nengine.run(chain(10**6), {}, engine='float')\n",
        encoding="utf-8",
    )
    mark = f"NG_TEST={tmp_path}"
    child = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "NG_TEST": str(tmp_path), "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for_processes(mark, 6)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert b"KeyboardInterrupt" in stderr
    assert alive(mark) == []
    assert not list(tmp_path.glob("*-lava-*"))


def test_a_folder_with_the_scripts_runs_by_itself(tmp_path):
    network = build([source("x", 3), ("a", (3,), LIF(0.5, 0.2))], [("x", "a", Dense(np.eye(3)))], 4)
    inputs = {"x": np.ones((4, 3))}
    expected = {"a": np.tile(np.array([[1], [1], [1], [1]], dtype=np.uint8), 3)[None]}  # 0.5 · 1 > 0.2 at every tick
    for name, path in program.SCRIPTS.items():
        (tmp_path / name).write_bytes(path.read_bytes())

    def run(spikes):
        program.write(network, prepare(network, inputs), tmp_path / "program.npz", expected=spikes)
        return subprocess.run([str(runtime.find()), "run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    done = run(expected)
    assert (done.returncode, done.stdout) == (0, f"a: {int(expected['a'].sum())} spikes, 0 of 12 differ from what is expected\n")
    done = run({"a": 1 - expected["a"]})
    assert done.returncode == 1
    assert "12 of 12 differ" in done.stdout


def test_an_interpreter_without_lava_is_named(tmp_path):
    script = "import lava_that_is_not_there"
    with pytest.raises(LavaMissingError, match="No module named 'lava_that_is_not_there'; run 'neurograph lava install'"):
        run_worker(tmp_path, [sys.executable, "-c", script], 20.0)
    with pytest.raises(LavaMissingError, match=r"/no/python cannot be run"):
        run_worker(tmp_path, ["/no/python"], 20.0)
