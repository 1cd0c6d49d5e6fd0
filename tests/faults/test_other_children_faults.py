"""Faults of the other children: the C compiler of the compiled engine, and SANA-FE's interpreter."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from neurograph.child import GRACE_S
from neurograph.errors import CompilerMissingError, InputError, UnsupportedError
from neurograph.reporting import sanafe_child
from neurograph.sim.compiled import library


@pytest.fixture
def compile_with(counter, tmp_path, monkeypatch):
    """Compile with a script as the compiler; its last argument is the library."""

    def run(text):
        cc = tmp_path / "cc"
        cc.write_text(f"#!/bin/sh\nfor last; do :; done\n{text}\n")
        cc.chmod(0o755)
        monkeypatch.setenv("CC", str(cc))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        library.library.cache_clear()
        try:
            with pytest.raises(CompilerMissingError, match="Until then the NumPy engines run") as caught:
                library.library()
        finally:
            library.library.cache_clear()
        assert list((tmp_path / "cache" / "neurograph").iterdir()) == []
        assert counter.left().nothing
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return run


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kill -SEGV $$", "crashed (SIGSEGV)"),
        ("exit 0", "it wrote nothing"),
        ("echo rubbish > $last", "what it wrote cannot be loaded"),
        ("cp $(ls /lib/*/libm.so.6 /lib64/libm.so.6 2>/dev/null | head -1) $last", "what it wrote cannot be loaded"),
        ("yes error | head -c 40000000 >&2; exit 1", "(error)"),
    ],
)
def test_a_compiler_that_crashes_or_lies_is_told_and_leaves_nothing(compile_with, text, reason):
    assert reason in compile_with(text)


def test_a_compiler_that_hangs_is_ended_with_its_family(compile_with, monkeypatch):
    monkeypatch.setattr(library, "TIME_LIMIT_S", 0.5)
    start = time.monotonic()
    assert "not done after 0.5 s, its limit" in compile_with("setsid sleep 1000 & sleep 1000")
    assert time.monotonic() - start < 0.5 + GRACE_S


def test_a_compile_dies_with_its_starter(counter, tmp_path, monkeypatch):
    cc = tmp_path / "cc"
    cc.write_text("#!/bin/sh\nsleep 1000 & sleep 1000\n")
    cc.chmod(0o755)
    monkeypatch.setenv("CC", str(cc))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    starter = subprocess.Popen([sys.executable, "-c", "from neurograph.sim.compiled.library import library; library()"])
    while len(counter.processes()) < 5:  # starter, keeper, compiler and its two
        assert starter.poll() is None
        time.sleep(0.02)
    starter.send_signal(signal.SIGKILL)
    starter.wait(30)
    assert counter.wait(GRACE_S)[0].nothing
    assert list((tmp_path / "cache" / "neurograph").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exit 0", "does not answer as a Python with it would"),
        ("kill -SEGV $$", "cannot import it"),
        ("sleep 1000 & sleep 1000", "no answer within 0.5 s"),
    ],
)
def test_an_interpreter_without_sanafe_is_told(counter, tmp_path, text, message):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{text}\n")
    python.chmod(0o755)
    with pytest.raises(InputError, match=message):
        sanafe_child.sanafe_python(python, probe_limit_s=0.5 if "sleep" in text else 20.0)
    assert counter.left().nothing


@pytest.fixture(scope="module")
def placed():
    from lava_fault_run import network

    from neurograph.export.placement import Limits, place
    from neurograph.hw_profiles.schema import load, placement_limits
    from neurograph.reporting.sanafe import PROFILE
    from neurograph.sim import fixed

    integer, profile = network(4, integer=True), load(PROFILE)
    recording = fixed.run(integer, {"x": [[1, 1, 1]] * 4})
    return place(integer, Limits.of(PROFILE, placement_limits(profile)), recording=recording), recording, profile


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("kill -SEGV $$", InputError, r"crashed \(SIGSEGV\)"),
        ("yes | head -c 40000000", InputError, "ended with status 0"),
        ("echo '{'", InputError, "ended with status 0"),
        ("setsid sleep 1000 & sleep 1000", UnsupportedError, "in 0.5 s, its time limit"),
    ],
)
def test_a_sanafe_that_fails_is_told_and_leaves_nothing(counter, placed, tmp_path, text, error, message):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{text}\n")
    python.chmod(0o755)
    with pytest.raises(error, match=message):
        sanafe_child.replay(*placed, python, time_limit_s=0.5 if "sleep" in text else 20.0)
    assert counter.left().nothing
