"""Ctrl-C and SIGTERM at random moments: one word, status 130 or 143, no traceback, nothing left."""

import os
import random
import signal
import subprocess
import sys

import pytest
from fault_runs import Place, again, moment, stopped

COMMANDS = ("train", "export", "simulate", "report", "place", "sweep")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_stopped_command_ends_with_one_word(place, seconds, name):
    dice, length_s = random.Random(name), 3 * seconds("export") if name == "sweep" else seconds(name)
    assert [stopped(place, name, dice, length_s, number) for number in (signal.SIGINT, signal.SIGTERM)] == ["", ""]


@pytest.mark.lava
def test_a_stopped_check_leaves_no_worker(place, seconds, lava):
    dice, length_s = random.Random(0), seconds("check")
    assert [stopped(place, "check", dice, length_s, number) for number in (signal.SIGINT, signal.SIGTERM)] == ["", ""]


def test_a_command_is_stopped_while_it_loads(place):
    """From the program's own first line on, with libraries that are not loaded yet."""
    cold, dice = Place(place.folder), random.Random(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        assert stopped(cold, "report", dice, 0.5, number) == ""
    assert again(place, "report") == ""


def test_an_ignored_signal_stays_ignored(place):
    """nohup and a shell's background jobs start programs so."""
    code = "import signal, subprocess, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.exit(subprocess.call(sys.argv[1:]))"
    command = [sys.executable, "-c", code, sys.executable, "-m", "neurograph", "report", "bundle"]  # takes seconds
    running = subprocess.Popen(
        command, cwd=place.folder, env=place.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    moment(place, running, random.Random(1), 0.5, heard=False)
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(timeout=60) == 0


def test_what_python_would_drop_is_raised_again():
    """An interrupt in a finaliser; and one that a library turned into another exception."""
    program = """
import signal, sys, time
from neurograph import stopping
from neurograph.cli.main import main
class Finalised:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)
def dropped():
    Finalised()
    time.sleep(30)
def turned():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        raise ImportError("something") from None
main.__globals__["plain_call"] = lambda words: {"dropped": dropped, "turned": turned}[words[0]]
main(sys.argv[1:])
"""
    for what, status, word in (("dropped", 130, "interrupted\n"), ("turned", 143, "terminated\n")):
        done = subprocess.run([sys.executable, "-c", program, what], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (status, word)


def test_what_a_frame_held_is_put_in_order_before_the_end(tmp_path):
    """A signal in the moment after a file was made and before a ``with`` has it in hand."""
    program = """
import os, pathlib, signal, sys, time
from neurograph import siblings, stopping
from neurograph.cli.main import main
def made():
    held = siblings.sibling(pathlib.Path(sys.argv[1], "a"))
    held.__enter__()
    assert len(os.listdir(sys.argv[1])) == 1
    signal.raise_signal(signal.SIGTERM)
main.__globals__["plain_call"] = lambda words: made
stopping.at_once = lambda: print(os.listdir(sys.argv[1]), flush=True)
main(["x"])
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, "[]\n", "terminated\n")


@pytest.mark.parametrize("when", ["often", "0", "99"])
def test_a_signal_in_what_hdf5_calls_back_is_raised_when_hdf5_is_done(tmp_path, when):
    """Raised in there, it was printed as a traceback, or the process crashed."""
    program = """
import itertools, os, pathlib, signal, sys, numpy
counted = itertools.count()
from neurograph import hdf5_stream
from neurograph.cli.main import main
write = hdf5_stream._Disk.write
def signalled(self, data):
    if len(data) > 1000 and sys.argv[2] in ("often", str(next(counted))):
        signal.raise_signal(signal.SIGTERM)
    return write(self, data)
hdf5_stream._Disk.write = signalled
hdf5_stream.never_in(signalled)
def streamed():
    with hdf5_stream.stream_hdf5(pathlib.Path(sys.argv[1], "a")) as (file, check):
        for number in range(100 if sys.argv[2] == "99" else 20_000):
            file[f"{number}"] = numpy.ones(2000, "u1")
main.__globals__["plain_call"] = lambda words: streamed
main(["x"])
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path), when], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr, os.listdir(tmp_path) in ([], ["a"])) == (143, "", "terminated\n", True)


@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_of_a_sweep_leaves_without_a_word_though_python_drops_its_exit(busy, tmp_path):
    """In a task, whose files are put in order, and between tasks."""
    program = """
import contextlib, os, signal, sys, tempfile, time
from neurograph.reporting.sweep import engines
class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)
def work(task):
    with tempfile.TemporaryDirectory(dir=task):
        Finalised()
        time.sleep(30)
engines._begin()
if sys.argv[1] == "True":
    engines._one(work, sys.argv[2])
else:
    with contextlib.suppress(SystemExit, Exception):
        Finalised()
        time.sleep(30)
"""
    done = subprocess.run([sys.executable, "-c", program, str(busy), str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (143, "", [])
