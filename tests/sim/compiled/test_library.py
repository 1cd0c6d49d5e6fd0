"""The C library: made once, found again, and done without where there is no compiler."""

import os
import subprocess
import sys

import pytest

from neurograph.errors import CompilerMissingError
from neurograph.sim import fixed
from neurograph.sim.compiled import library

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from networks import integer_network
from neurograph.sim import fixed
network, inputs = integer_network(3)
run = fixed.run(network, inputs, compiled={"yes": True, "auto": None}[sys.argv[2]])
print(sum(int(z.sum()) for z in run.spikes.values()))
"""


def child(tmp_path, way, **environment):
    from pathlib import Path

    tests = str(Path(__file__).parents[2])
    command = [sys.executable, "-W", "error", "-c", PROGRAM, tests, way]
    return subprocess.run(
        command, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), **environment}, capture_output=True, text=True, timeout=250
    )


def spikes_of_numpy():
    from networks import integer_network

    network, inputs = integer_network(3)
    return sum(int(z.sum()) for z in fixed.run(network, inputs, compiled=False).spikes.values())


def test_is_made_once_and_found_again(tmp_path):
    first = child(tmp_path, "yes")
    assert (first.returncode, first.stdout) == (0, f"{spikes_of_numpy()}\n"), first.stderr
    made = list((tmp_path / "neurograph").iterdir())
    assert [path.suffix for path in made] == [".so"]
    stamp = made[0].stat().st_mtime_ns
    assert child(tmp_path, "yes", CC="").returncode == 0
    assert [path.stat().st_mtime_ns for path in (tmp_path / "neurograph").iterdir()] == [stamp]


def test_without_a_compiler_numpy_runs(tmp_path):
    run = child(tmp_path, "auto", CC="no-such-compiler")
    assert (run.returncode, run.stdout) == (0, f"{spikes_of_numpy()}\n"), run.stderr
    asked = child(tmp_path, "yes", CC="no-such-compiler")
    assert asked.returncode == 1
    assert "compiled engine: no C compiler (no-such-compiler) on this machine; install gcc or clang" in asked.stderr


def test_a_compiler_that_fails_is_said(tmp_path):
    asked = child(tmp_path, "yes", CC="false")
    assert "CompilerMissingError: compiled engine:" in asked.stderr and "fails" in asked.stderr
    assert list((tmp_path / "neurograph").iterdir()) == []


def test_a_spoilt_library_is_named(tmp_path, monkeypatch):
    spoilt = tmp_path / "engine.so"
    spoilt.write_bytes(b"no library")
    monkeypatch.setattr(library, "_path", lambda: spoilt)
    library.library.cache_clear()
    try:
        with pytest.raises(CompilerMissingError, match="cannot be loaded"):
            library.library()
    finally:
        library.library.cache_clear()


def test_constants_of_c_are_those_of_python():
    from neurograph.sim.compiled import tables

    lines = tables.definitions().splitlines()
    assert "#define STATE_LIMIT 8388608" in lines and f"#define P_COLUMNS {tables.P_COLUMNS}" in lines
    assert len(lines) == len({line.split()[1] for line in lines})
