"""`neurograph lava status|install` where the interpreter is none, hangs or lies."""

from __future__ import annotations

import json
import sys
import time

import pytest

from neurograph.child import GRACE_S
from neurograph.cli.main import run_command
from neurograph.errors import LavaError, LavaMissingError
from neurograph.sim.lava import runtime


@pytest.fixture(autouse=True)
def no_lava_here(monkeypatch):
    monkeypatch.setitem(sys.modules, "lava.magma", None)  # this interpreter is one without Lava


def script(tmp_path, text):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit 0", "does not answer as a Python with Lava would"),
        ("yes", "does not answer as a Python with Lava would"),
        ("echo 0.10.0; kill -SEGV $$", "crashed (SIGSEGV)"),
        (f'exec {sys.executable} -I -S "$@"', "ModuleNotFoundError: No module named 'lava'"),
    ],
)
def test_status_tells_what_is_wrong(counter, tmp_path, monkeypatch, capsys, text, problem):
    monkeypatch.setenv(runtime.VARIABLE, str(script(tmp_path, f"{text} | head -c 40000000" if text == "yes" else text)))
    assert run_command(["lava", "status", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["version"] is None and problem in found["problem"] and "neurograph lava install" in found["way_out"]
    assert counter.left().nothing


@pytest.mark.parametrize(("what", "problem"), [("", "Permission denied"), ("none", "No such file")])
def test_status_of_a_folder_and_of_nothing(counter, tmp_path, monkeypatch, what, problem):
    monkeypatch.setenv(runtime.VARIABLE, str(tmp_path / what))
    assert problem in runtime.status()["problem"]
    assert counter.left().nothing


def test_status_waits_for_no_interpreter_for_ever(counter, tmp_path, monkeypatch):
    monkeypatch.setenv(runtime.VARIABLE, str(script(tmp_path, "setsid sleep 1000 & sleep 1000")))
    start = time.monotonic()
    assert "no answer within 0.5 s" in runtime.status(timeout_s=0.5)["problem"]
    assert time.monotonic() - start < 0.5 + GRACE_S
    assert counter.left().nothing


def test_install_passes_over_interpreters_that_do_not_run(counter, tmp_path, monkeypatch):
    (tmp_path / "python3.10").symlink_to(script(tmp_path, "exit 127"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "version_info", (3, 12, 0, "final", 0))
    with pytest.raises(LavaMissingError, match="no Python 3.10 on PATH"):
        runtime.install()
    assert counter.left().nothing


def test_an_install_that_fails_leaves_no_half_environment(counter, tmp_path, monkeypatch):
    python = script(tmp_path, 'test "$1" = -c && echo "(3, 10)" && exit; mkdir -p "$3/bin"; exit 9')
    (tmp_path / "python3.10").symlink_to(python)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "version_info", (3, 12, 0, "final", 0))
    with pytest.raises(LavaError, match="-m venv .* ended with status 9"):
        runtime.install()
    assert not runtime.cache_folder().exists()
    assert counter.left().nothing
