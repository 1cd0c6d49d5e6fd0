"""How a Lava script ends: with one line where something went wrong, and with nothing left of it. The standard library only.

Stands beside ``worker.py`` (a bundle's ``run.py``). A process of Lava's that dies would be waited for forever, so it is watched; one whose
script dies would wait forever, so Linux kills it then.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import Any, NoReturn

PREFIX = "neurograph-run-"
SHARED_MEMORY = Path("/dev/shm")  # nosec B108  # looked at, and what carries our tag removed
PR_SET_PDEATHSIG = 1  # linux/prctl.h
LONGEST = 40  # our folder adds 24 characters and multiprocessing's socket in it 32, and a Unix socket's path has 107
_CAUSES = {
    -signal.SIGBUS: "/dev/shm is full, give it more room",  # nosec B108  # a word to the user
    -signal.SIGKILL: "killed, perhaps for lack of memory",
    -signal.SIGTERM: "killed (SIGTERM)",
}
_PERIOD_S = 0.2
_SILENT_S = 1.0  # for the error of a process that ended to be read by whoever waits for it


def begin(tag: str | None, timeout_s: float | None = None) -> None:
    """Make this process one that leaves nothing, whatever ends it.

    Args:
        tag: how the names of all shared-memory segments and semaphores start. Without one a name is made up, and a temporary folder of this
            run's own takes all temporary files.
        timeout_s: fail then.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _signalled)
    prefix = f"/{tag or f'ng{secrets.token_hex(6)}'}_"
    shared_memory._SHM_NAME_PREFIX = prefix  # type: ignore[attr-defined]
    shared_memory._SHM_SAFE_NAME_LENGTH = len(prefix) + 8  # type: ignore[attr-defined]
    multiprocessing.process.current_process()._config["semprefix"] = prefix  # type: ignore[attr-defined]
    if tag is None:
        long = len(tempfile.gettempdir()) > LONGEST
        tempfile.tempdir = tempfile.mkdtemp(prefix=PREFIX, dir="/tmp" if long else None)  # nosec B108  # for mkdtemp
    _bind_children()
    if timeout_s is not None:
        timer = threading.Timer(timeout_s, fail, [f"not done after {timeout_s:g} s, its limit; give a larger one (--timeout)"])
        timer.daemon = True
        timer.start()


def _bind_children() -> None:
    """Let every forked process leave Ctrl-C to this one, and die when this one does."""
    parent = os.getpid()
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # Linux only

    def bind() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    os.register_at_fork(after_in_child=bind)


def _signalled(number: int, _: object) -> None:
    if number == signal.SIGINT:
        os.write(2, b"interrupted\n")  # print may be what was interrupted
    quit_all(128 + number)


class Watch(threading.Thread):
    """Fails when a process of Lava's failed or died: while Lava starts its processes, while they run and while they stop.

    Args:
        process: the Lava process on which ``create_runtime()``, ``run()`` and ``stop()`` are called.
    """

    def __init__(self, process: Any) -> None:
        super().__init__(daemon=True)
        self.process, self.over, self.stopping = process, threading.Event(), False
        self.silent_since: float | None = None
        self.start()

    def run(self) -> None:
        while not self.over.wait(_PERIOD_S):
            self.check()

    def check(self) -> None:
        """Fail with the first error of a process, or if one is gone."""
        actors = self._actors()
        if not self.stopping:  # then Lava reads what they say
            for actor in actors:
                with contextlib.suppress(ValueError, OSError, EOFError):
                    if actor.exception:
                        error, trace = actor.exception
                        say(trace)
                        fail(f"{type(error).__name__}: {error}")
        codes = [code for code in map(_exit_code, actors) if code is not None]
        for code in codes:
            if code != 0:
                fail(f"a Lava process ended with exit code {code}: {_CAUSES.get(code, 'it crashed' if code < 0 else 'it left early')}")
        if not codes or self.stopping:
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = time.monotonic()
        elif time.monotonic() - self.silent_since > _SILENT_S:
            fail("a Lava process ended with exit code 0 before the run did")

    def _actors(self) -> list[Any]:
        infrastructure = getattr(self.process.runtime, "_messaging_infrastructure", None)
        return list(infrastructure.actors) if infrastructure is not None else []

    def stop(self) -> None:
        """The processes may end from now on, if they end well."""
        self.stopping = True

    def end(self) -> None:
        """Watch no more."""
        self.over.set()
        self.join()


def _exit_code(actor: Any) -> int | None:
    """The exit code of a process that has ended, −n for signal n. Not reaped: that is Lava's to do, which fails if another has."""
    try:
        ended = os.waitid(os.P_PID, actor.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ValueError, OSError):  # Lava has closed or reaped it
        return None
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def fail(reason: str) -> NoReturn:
    """Say why, in the one line that whoever started this script looks for, and end everything."""
    say(f"error: {' '.join(reason[:4000].split())[:500]}")
    quit_all(1)


def quit_all(status: int) -> NoReturn:
    """End this script and all that it started, now; nothing is left in /dev/shm and in its own temporary folder."""
    children = multiprocessing.active_children()
    for child in children:
        child.kill()
    for child in children:
        multiprocessing.process.BaseProcess.join(child, 2)  # Lava's own join() takes no time limit
    tracker = getattr(resource_tracker._resource_tracker, "_pid", None)  # type: ignore[attr-defined]
    if tracker is not None:  # it would complain of what is removed here
        with contextlib.suppress(OSError):
            os.kill(tracker, signal.SIGKILL)
            os.waitpid(tracker, 0)
    prefix = shared_memory._SHM_NAME_PREFIX.lstrip("/")  # type: ignore[attr-defined]
    for pattern in (f"{prefix}*", f"sem.{prefix}*"):
        for path in SHARED_MEMORY.glob(pattern):
            path.unlink(missing_ok=True)
    folder = Path(tempfile.gettempdir())
    if folder.name.startswith(PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(status)
