"""stdout and stderr that are pipes, closed, full, or of an encoding without our characters."""

import os
import subprocess
import sys

import pytest


def child(arguments, *, shell="", **environment):
    """Exit status, stdout and stderr as bytes; ``shell`` is what stands behind the command on a shell's line."""
    line = f'"{sys.executable}" -m neurograph {arguments} {shell}'
    done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=120, env={**os.environ, **environment})
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "encoding"),
    [("profiles list", "ascii"), ("profiles list", "cp437"), ("report --help", "latin-1"), ("profiles show loihi1", "ascii")],
)
def test_a_character_that_is_missing_is_spelled(arguments, encoding):
    status, out, _ = child(arguments, PYTHONIOENCODING=encoding)
    whole = child(arguments, PYTHONIOENCODING="utf-8")[1].decode()
    assert status == 0 and len(out.decode(encoding).splitlines()) == len(whole.splitlines()) and "\\u20" not in out.decode(encoding)
    if arguments == "profiles list":
        assert [line.replace("–", "-") for line in whole.splitlines()] == out.decode(encoding).splitlines()


def test_the_c_locale_is_enough():
    status, out, _ = child("profiles list", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert status == 0 and out.isascii() and b"loihi2" in out


def test_names_that_are_no_text_are_spelled(tmp_path):
    name = os.fsencode(tmp_path) + b"/b\xff"
    done = subprocess.run([sys.executable, "-m", "neurograph", "inspect", name], capture_output=True, timeout=120)
    assert done.returncode == 2 and rb"/b\udcff: does not exist" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", ["--help", "--version", "profiles list", "export --help"])
def test_nobody_listens(arguments):
    assert child(arguments, shell=">&-")[0] == 0
    assert child(arguments, shell=">&- 2>&- <&-") == (0, b"", b"")
    assert child(arguments, shell="| true; exit ${PIPESTATUS[0]}")[0] in (0, 1)
    status, _, err = child(arguments, shell="> /dev/full")
    assert status == 2 and err.startswith(b"error: ") and err.count(b"\n") == 1


def test_a_file_that_is_written_does_not_take_the_place_of_a_closed_stdout(tmp_path):
    schema = tmp_path / "schema.json"
    assert child(f"report --format schema -o {schema}", shell=">&- 2>&-")[0] == 0
    assert schema.read_bytes() == child("report --format schema")[1]


def test_progress_is_for_terminals(tmp_path):
    status, out, err = child(f"train spikegraphormer --epochs 2 -o {tmp_path}/m.pt", FORCE_COLOR="", TERM="xterm-256color")
    assert status == 0 and err == b"" and b"\x1b" not in out and b"checkpoint" in out
