"""What a run leaves behind: processes, open files, shared memory, sockets and temporary files, counted by /proc before and after."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
MARK = "NEUROGRAPH_FAULT"


def hear_signals() -> None:
    """Children hear Ctrl-C and hang-ups, though background jobs and nohup have them ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass(frozen=True)
class Left:
    """Counts of what was not there before: zero, all of them, is what is promised."""

    processes: int
    files: int
    segments: int
    sockets: int
    folders: int

    def __str__(self) -> str:
        return f"{self.processes} {self.files} {self.segments} {self.sockets} {self.folders}"

    @property
    def nothing(self) -> bool:
        """Whether nothing is left."""
        return not any((self.processes, self.files, self.segments, self.sockets, self.folders))


class Counter:
    """A temporary folder of its own, a mark in the environment that every process below inherits, and the state before."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nf-", dir="/tmp"))
        self.mark = secrets.token_hex(8)
        self.environment = {MARK: self.mark, "TMPDIR": str(self.folder)}
        self.files, self.threads, self.segments = len(names(Path("/proc/self/fd"))), threading.active_count(), names(SHARED_MEMORY)

    def processes(self) -> list[int]:
        """Processes with the mark, and zombies of this process."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                stat = (entry / "stat").read_bytes().rsplit(b")", 1)[1].split()
                zombie = stat[0] == b"Z" and int(stat[1]) == os.getpid()
                if zombie or (f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid()):
                    found.append(int(entry.name))
            except OSError:
                continue
        return sorted(found)

    def _leaked_segments(self) -> int:
        """New ones that no living process maps; another run's go away or are mapped."""
        deadline = time.monotonic() + 3.0
        new = names(SHARED_MEMORY) - self.segments - _mapped()
        while new and time.monotonic() < deadline:
            time.sleep(0.1)
            new &= names(SHARED_MEMORY) - _mapped()
        return len(new)

    def left(self) -> Left:
        """What is there now."""
        processes = len(self.processes())
        files = max(0, len(names(Path("/proc/self/fd"))) - self.files) + max(0, threading.active_count() - self.threads)
        sockets = Path("/proc/net/unix").read_text().count(str(self.folder))
        folders = len(names(self.folder))
        return Left(processes, files, self._leaked_segments(), sockets, folders)

    def wait(self, seconds: float, folders: bool = True) -> tuple[Left, float]:
        """What is there when no process is left (and no folder), or after so many seconds, and after how many."""
        start = time.monotonic()
        while self.processes() or (folders and names(self.folder)):
            if time.monotonic() - start > seconds:
                break
            time.sleep(0.02)
        took = time.monotonic() - start
        return self.left(), took

    def close(self) -> None:
        """Remove the folder; whatever still runs is killed."""
        for pid in self.processes():
            os.kill(pid, 9)
        shutil.rmtree(self.folder, ignore_errors=True)


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


def _mapped() -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/maps"):
        try:
            found |= {line.split("/dev/shm/", 1)[1].split()[0] for line in path.read_text().splitlines() if "/dev/shm/" in line}
        except OSError:
            continue
    return found
