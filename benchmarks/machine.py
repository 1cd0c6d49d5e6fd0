"""What a figure was measured on, and how much memory a process tree takes."""

from __future__ import annotations

import os
import platform
import threading
import time
from importlib import metadata
from pathlib import Path
from types import TracebackType


def describe() -> str:
    """One line: processor, cores, memory, Python, the packages that matter."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0.0)
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "scipy"))
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, {packages}"


class PeakMemory:
    """Samples the proportional memory (PSS: shared pages are divided among those who share them) of this process and all below it.

    Use as a context manager; ``gib`` is the peak.
    """

    def __init__(self, period_s: float = 0.2) -> None:
        self.gib = 0.0
        self._period_s = period_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.gib = max(self.gib, sum(_pss_kib(pid) for pid in _tree(os.getpid())) / 2**20)
            time.sleep(self._period_s)


def _tree(root: int) -> list[int]:
    """Process numbers of ``root`` and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = next(iter(_lines(entry / "stat")), "")
            if ")" in stat:
                children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, stack = [], [root]
    while stack:
        found.append(stack.pop())
        stack += children.get(found[-1], [])
    return found


def _pss_kib(pid: int) -> int:
    return next((int(line.split()[1]) for line in _lines(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")), 0)


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
