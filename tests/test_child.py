"""Children of any kind: what they say is kept up to a limit, and nothing of them is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from neurograph import child
from neurograph.child import Kept


def kept(counter, **options):
    return Kept("x-", where=str(counter.folder), **options)


def python(program):
    return [sys.executable, "-I", "-S", "-c", program]


def test_several_commands_share_a_folder(counter):
    with kept(counter) as one:
        first = one.run(python("import os; open(os.environ['TMPDIR'] + '/a', 'w').write('ä'); print('out'); os.write(2, b'err')"), 20.0)
        second = one.run(["cat", str(one.folder / "a")], 20.0)
        assert (first.status, first.out, first.err) == (0, "out\n", "err")
        assert (second.status, second.out, second.err) == (0, "ä", "")
        assert oct(one.folder.stat().st_mode)[-3:] == "700"
    assert counter.left().nothing


@pytest.mark.parametrize(
    ("program", "status", "how"),
    [
        ("import sys; sys.exit(7)", 7, "ended with status 7"),
        ("import os; os.kill(os.getpid(), 11)", -11, "crashed (SIGSEGV)"),
        ("import os; os.kill(os.getpid(), 9)", -9, "killed (SIGKILL), perhaps for lack of memory"),
    ],
)
def test_the_end_is_told_in_words(counter, program, status, how):
    with kept(counter) as one:
        ended = one.run(python(program), 20.0)
    assert (ended.status, ended.how, ended.last_line) == (status, how, "it said nothing")
    assert counter.left().nothing


def test_what_cannot_be_started_is_an_error_and_the_next_runs(counter):
    with kept(counter) as one:
        with pytest.raises(OSError, match="Permission denied"):
            one.run([str(counter.folder)], 20.0)
        with pytest.raises(OSError, match="null byte"):
            one.run(["a\0b"], 20.0)
        assert one.run(["true"], 20.0).status == 0
    assert counter.left().nothing


def test_of_endless_output_the_end_is_kept(counter, monkeypatch):
    monkeypatch.setattr(child, "_OUT_BYTES", 100_000)
    with kept(counter) as one:
        ended = one.run(["sh", "-c", "yes | head -c 50000000; echo end"], 60.0)
    assert ended.out.endswith("y\nend\n") and len(ended.out) <= 100_000
    assert counter.left().nothing


def test_past_its_limit_a_family_is_gone(counter):
    script = "trap '' TERM; setsid sleep 1000 & (setsid sleep 1000 &); sleep 1000"
    start = time.monotonic()
    with kept(counter) as one:
        assert one.run(["sh", "-c", script], 0.5).status is None
        assert counter.left().nothing
    assert time.monotonic() - start < 0.5 + child.GRACE_S


def test_who_outlives_the_command_does_not_outlive_the_run(counter):
    with kept(counter) as one:
        assert one.run(["sh", "-c", "setsid sleep 1000 & exit 3"], 20.0).status == 3
        assert len(counter.processes()) == 1  # the keeper
    assert counter.left().nothing


def test_a_folder_that_cannot_be_made_leaves_no_process(counter):
    with pytest.raises(FileNotFoundError), Kept("x-", where=str(counter.folder / "none")):
        pass
    assert counter.left().nothing


def test_shared_memory_of_its_name_goes_with_it(counter):
    with kept(counter) as one:
        names = [Path("/dev/shm", one.tag + "_1"), Path("/dev/shm", f"sem.{one.tag}_2")]
        one.run(["touch", *map(str, names)], 20.0)
        assert all(path.exists() for path in names)
    assert not any(path.exists() for path in names)


def test_runs_in_threads_do_not_mix(counter):
    said = {}

    def run(number):
        with kept(counter) as one:
            said[number] = one.run(["sh", "-c", f"sleep 0.2; echo {number}"], 60.0).out

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {number: f"{number}\n" for number in range(8)}
    assert counter.left().nothing


STARTER = """
import os, sys, time
from neurograph.child import Kept
with Kept("x-", where=sys.argv[1]) as one:
    if os.fork() == 0:  # holds all that the starter holds, and outlives it
        time.sleep(20)
        os._exit(0)
    one.run(["sh", "-c", "trap '' TERM INT HUP; sleep 1000 & sleep 1000"], 100)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_with_its_starter_a_child_is_gone_though_a_fork_of_the_starter_lives(counter, number):
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(counter.folder)], stderr=subprocess.DEVNULL)
    while len(counter.processes()) < 6:  # two starters, the keeper, the shell and its two
        assert starter.poll() is None
        time.sleep(0.02)
    starter.send_signal(number)
    starter.wait(30)
    deadline = time.monotonic() + 10 * child.GRACE_S  # on a machine that may be overloaded; benchmarks/lava_faults.py has the seconds
    while (left := len(counter.processes())) > 1 and time.monotonic() < deadline:  # the fork itself sleeps on
        time.sleep(0.02)
    assert left <= 1
    assert not any(counter.folder.iterdir())
