"""Keeps a child's processes, temporary folder and shared memory: once the child or whoever started it is gone, so are they.

    python -I -S keeper.py PARENT FOLDER TAG        started by neurograph.child; the standard library only

Standard input is a socket. A line in is a command (a JSON list), which runs in the keeper's own session; the line out says how it ended:
``{"status": n}`` (−n: by signal n) or ``{"cannot": reason}``. When the socket is closed, PARENT is gone or SIGTERM comes, every process
below is ended and FOLDER and the segments and semaphores whose names start with TAG are removed. All that is orphaned below becomes the
keeper's own child (PR_SET_CHILD_SUBREAPER), so no process escapes it by a fork or a session of its own. If it is killed itself, Linux kills
its child (PR_SET_PDEATHSIG; its only thread starts the child, so that the signal cannot come early).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
SHARED_MEMORY = Path("/dev/shm")  # nosec B108  # looked at, and what carries our tag removed
ASK_S = 2.0  # for the child to end after SIGTERM, before all is killed
KILL_S = 3.0  # for the kernel to take away what was killed
_POLL_S = 0.02


class Over(Exception):  # noqa: N818
    """Whoever started this is gone, or wants no more."""


class Lines:
    """The lines of the socket, waited for."""

    def __init__(self, control: socket.socket, parent: int) -> None:
        self.control, self.parent, self.buffer = control, parent, b""

    def next(self) -> bytes:
        """The next line. Raises Over."""
        while b"\n" not in self.buffer:
            self.look(0.2)
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def look(self, seconds: float) -> None:
        """Wait so long for something to read. Raises Over."""
        ready, _, _ = select.select([self.control], [], [], seconds)
        # A process that the parent forked may hold the other end of the socket, so its end alone would not tell.
        if os.getppid() != self.parent:
            raise Over
        if ready:
            data = self.control.recv(1 << 16)
            if not data:
                raise Over
            self.buffer += data


def prctl(option: int, value: int) -> None:
    """Linux's prctl; nothing elsewhere."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def below(root: int) -> list[int]:
    """Every process below ``root``, by /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            children.setdefault(int(path.read_bytes().rsplit(b")", 1)[1].split()[1]), []).append(int(path.parent.name))
    found, stack = [], list(children.get(root, []))
    while stack:
        found.append(stack.pop())
        stack += children.get(found[-1], [])
    return found


def run(command: list[str], lines: Lines) -> dict[str, object]:
    """Run a command to its end, and end what it leaves."""
    try:
        # The one thread of this process forks, so preexec_fn is safe.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    except OSError as error:
        return {"cannot": error.strerror or str(error)}
    except (ValueError, subprocess.SubprocessError) as error:
        return {"cannot": str(error)}
    try:
        while child.poll() is None:
            lines.look(_POLL_S)
    finally:
        end(child)
    return {"status": child.returncode}


def end(child: subprocess.Popen[bytes]) -> None:
    """Ask the child to end, so that it is in the middle of nothing; then kill all that is left and reap it."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(ASK_S)
    deadline = time.monotonic() + KILL_S
    for _ in _until(deadline):
        if not Path("/proc/self/stat").exists():  # no Linux: the group then
            os.killpg(0, signal.SIGTERM)
        for pid in below(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if child.poll() is not None and _reaped():
            return


def _until(deadline: float) -> Iterator[None]:
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(0.005)


def _reaped() -> bool:
    """Reap what has ended; whether nothing is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def clean(folder: str, tag: str) -> None:
    """Remove the folder, the segments and the semaphores."""
    for pattern in (f"{tag}_*", f"sem.{tag}*"):
        for path in SHARED_MEMORY.glob(pattern):
            with contextlib.suppress(OSError):
                path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Command line."""

    def over(number: int, frame: object) -> None:
        lines.parent = -1

    parent, folder, tag = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    with socket.socket(fileno=0) as control:
        lines = Lines(control, parent)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, over)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            while True:
                said = run(json.loads(lines.next()), lines)
                control.sendall(json.dumps(said).encode() + b"\n")
        except (Over, OSError):  # OSError: nobody listens any more
            return 0
        finally:
            clean(folder, tag)


if __name__ == "__main__":
    sys.exit(main())
