"""Running other programs so that nothing of them is left: no process, pipe, shared memory or temporary folder, however it ends.

Between this process and the child stands :mod:`neurograph.keeper`, a small process that outlives both. So it cleans up where this process
cannot: after SIGTERM, after SIGKILL, and when a child's own children are left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from neurograph import keeper

__all__ = ["GRACE_S", "Ended", "Kept"]

GRACE_S = keeper.ASK_S + keeper.KILL_S + 5.0
"""Seconds past its time limit within which a child and all below it are gone, on a machine that is not overloaded."""
_OUT_BYTES, _ERR_BYTES = 1 << 24, 1 << 16
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Args:
        status: its exit status, −n where signal n ended it, None where it ran past its time limit.
        out, err: the last 16 MiB of its standard output and the last 64 KiB of its standard error.
    """

    status: int | None
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it said last that is not blank, of 64 KiB each; standard error after standard output."""
        return [line.strip() for text in (self.out, self.err) for line in text[-_ERR_BYTES:].splitlines() if line.strip()]

    @property
    def last_line(self) -> str:
        """Its last word, if any."""
        return (self.lines or ["it said nothing"])[-1]

    @property
    def how(self) -> str:
        """The status in words."""
        if self.status is None or self.status >= 0:
            return f"ended with status {self.status}"
        causes = {
            signal.SIGKILL: "killed (SIGKILL), perhaps for lack of memory",
            signal.SIGBUS: "crashed (SIGBUS), perhaps because /dev/shm or the temporary folder is full",
            signal.SIGXCPU: "killed (SIGXCPU) for its limit of processor time",
        }
        try:
            number = signal.Signals(-self.status)
        except ValueError:
            return f"ended by signal {-self.status}"
        crashes = (signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
        return causes.get(number, f"{'crashed' if number in crashes else 'killed'} ({number.name})")


class Kept:
    """A temporary folder and the children that work in it; a context manager, at whose end there are neither.

    Args:
        prefix: how the folder's name starts.
        where: the folder around it, by default Python's temporary one.
        show: let standard output and standard error of the children go to our standard error, instead of keeping them.

    Raises:
        OSError: the folder cannot be made.

    ``tag`` is how the names of the children's segments and semaphores in /dev/shm must start in order to be removed too. ``TMPDIR`` of the
    children is the folder.
    """

    def __init__(self, prefix: str, *, where: str | None = None, show: bool = False, environment: Mapping[str, str] | None = None) -> None:
        self.tag = f"ng{secrets.token_hex(6)}"
        self.folder = Path(where or tempfile.gettempdir()).absolute() / f"{prefix}{secrets.token_hex(6)}"
        self._show, self._environment = show, {**os.environ, **(environment or {}), "TMPDIR": str(self.folder)}

    def __enter__(self) -> Kept:
        self._control, theirs = socket.socketpair()
        pipe = None if self._show else subprocess.PIPE
        command = [sys.executable, "-I", "-S", keeper.__file__, str(os.getpid()), str(self.folder), self.tag]
        try:
            with theirs:
                self._keeper = subprocess.Popen(
                    command, stdin=theirs.fileno(), stdout=pipe or 2, stderr=pipe, env=self._environment, start_new_session=True
                )
        except BaseException:
            self._control.close()
            raise
        self._pipes = [stream for stream in (self._keeper.stdout, self._keeper.stderr) if stream is not None]
        self._tails = [_Tail(_OUT_BYTES), _Tail(_ERR_BYTES)]
        try:
            # Only now, so that no moment is left in which this process could be killed and nobody would remove it.
            self.folder.mkdir(mode=0o700)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(self, command: Sequence[str], timeout_s: float) -> Ended:
        """Run a command to its end, or to its time limit, after which no other can be run.

        Raises:
            OSError: it cannot be started, or the keeper is gone. KeyboardInterrupt: Ctrl-C.
        """
        deadline = time.monotonic() + timeout_s
        for tail in self._tails:
            tail.clear()
        with _control_c() as interrupted:
            try:
                self._control.sendall(json.dumps(list(command)).encode() + b"\n")
                said = self._answer(deadline, interrupted)
            except ConnectionError:
                said = b""
        if interrupted.is_set():
            raise KeyboardInterrupt
        if not said:  # past its limit, or the keeper was killed
            self.close()
            return Ended(None if said is None else -signal.SIGKILL, *(tail.text() for tail in self._tails))
        about = json.loads(said)
        if "cannot" in about:
            raise OSError(0, about["cannot"], str(command[0]))
        self._drain()
        return Ended(about["status"], *(tail.text() for tail in self._tails))

    def close(self) -> None:
        """End what still runs, and remove the folder."""
        with contextlib.suppress(OSError):  # closing it would not do where a process that we forked holds it too
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._wait(keeper.ASK_S + keeper.KILL_S + 1.0)
        finally:
            # Its number is the group's, and not given away before it is reaped. The rest is for a keeper that was killed or stopped.
            if self._keeper.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.wait()
            if self._keeper.returncode != 0:
                self._wait_for_group()
            for stream in self._pipes:
                stream.close()
            keeper.clean(str(self.folder), self.tag)

    def _wait(self, seconds: float) -> None:
        """Wait for the keeper without reaping it."""
        deadline = time.monotonic() + seconds
        while self._keeper.returncode is None and os.waitid(os.P_PID, self._keeper.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)

    def _wait_for_group(self) -> None:
        """Wait until what was killed in a group that we are not the parent of is gone."""
        deadline = time.monotonic() + keeper.KILL_S
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while time.monotonic() < deadline:
                os.killpg(self._keeper.pid, 0)
                time.sleep(0.01)

    def _answer(self, deadline: float, interrupted: threading.Event) -> bytes | None:
        """The keeper's line; None at the deadline or on Ctrl-C; nothing if it was killed. Meanwhile what the child says is read."""
        said, streams = b"", dict(zip(self._pipes, self._tails, strict=False))
        while not interrupted.is_set() and time.monotonic() < deadline:
            heard: list[socket.socket | IO[bytes]] = [self._control, *streams]
            ready, _, _ = select.select(heard, [], [], max(0.0, min(0.1, deadline - time.monotonic())))
            for stream in [s for s in streams if s in ready]:
                if not streams[stream].read(stream):
                    del streams[stream]
            if self._control in ready:
                data = self._control.recv(_BLOCK)
                said += data
                if not data or said.endswith(b"\n"):
                    return said if data else b""
        return None

    def _drain(self) -> None:
        """Read what is still in the pipes: all who could write to them have ended."""
        for stream, tail in zip(self._pipes, self._tails, strict=False):
            while select.select([stream], [], [], 0)[0] and tail.read(stream):
                pass


class _Tail:
    """The last bytes of a stream, whatever comes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size, self.blocks = limit, 0, deque[bytes]()

    def clear(self) -> None:
        self.blocks.clear()
        self.size = 0

    def read(self, stream: IO[bytes]) -> int:
        block = os.read(stream.fileno(), _BLOCK)
        self.blocks.append(block)
        self.size += len(block)
        while self.size > self.limit:
            self.size -= len(self.blocks.popleft())
        return len(block)

    def text(self) -> str:
        return b"".join(self.blocks).decode(errors="replace")


@contextlib.contextmanager
def _control_c() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets: an exception could be raised inside some finaliser, where Python drops it and the run would go on."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread() or not callable(signal.getsignal(signal.SIGINT)):
        yield pressed  # only the main thread hears of signals, and some are told to ignore this one
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.set())
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
