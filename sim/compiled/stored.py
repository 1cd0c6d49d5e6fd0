"""Running a ready run (:mod:`neurograph.sim.compiled.ready`) in the compiled library, without NumPy."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from neurograph.errors import InputError
from neurograph.flat import unpack
from neurograph.sim.compiled import structures, tables
from neurograph.sim.compiled.library import library

__all__ = ["Outcome", "kind", "run_stored"]

_ALIGNED = 64


class Outcome(NamedTuple):
    """What a ready run gave.

    Args:
        ticks: T.
        spikes: population → how often it spiked.
        wraps, clips: by population, where there are any.
        right, tested: nodes that the readout puts right, of so many; None and 0 without a readout.
        wall_s: seconds.
    """

    ticks: int
    spikes: dict[str, int]
    wraps: dict[str, int]
    clips: dict[str, int]
    right: int | None
    tested: int
    wall_s: float


@functools.cache
def kind() -> str:
    """What such a file is: another one with any change of the sources that make it or give its tables a meaning."""
    here = Path(__file__).parent
    sources = [*sorted(here.glob("*.[chp]*")), *(here.parent / name for name in ("inputs.py", "static_currents.py"))]
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.read_bytes())
    return f"neurograph ready run {digest.hexdigest()[:16]}"


def run_stored(content: bytearray) -> Outcome | None:
    """Run it; None where it was made for another version of the program.

    Raises:
        CompilerMissingError: there is no library, and no compiler to make it.
    """
    try:
        about, places = unpack(kind(), content)
    except InputError:
        return None
    start = time.perf_counter()
    run = _Run(about, places, content)
    run.run()
    counts = run.counts()
    right, tested = run.right() if about["classes"] else (None, 0)
    wraps, clips = (run.noted(column) for column in (tables.WRAPS, tables.CLIPS))
    return Outcome(about["ticks"], counts, wraps, clips, right, tested, time.perf_counter() - start)


class _Run:
    """Program and buffers in memory, as the library takes them."""

    def __init__(self, about: dict[str, Any], places: dict[str, tuple[int, int]], content: bytearray) -> None:
        self.about, self.places, self._content = about, places, content
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(content))
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        buffers = self._allocated({key: size * (threads if key in about["per_thread"] else 1) for key, size in about["sizes"].items()})
        self.buffers = {**buffers, "bias": self._place("bias")}
        memory = {name: self._place(f"memory/{name}") for name in (*structures.TABLES, *structures.ARRAYS)}
        self.memory = structures.Memory(**memory, population_count=len(about["names"]), group_count=about["groups"])
        sizes = {f"{key}_size": size for key, size in about["per_thread"].items() if key != "active"}
        self.scratch = structures.Scratch(**self.buffers, **sizes, ticks=about["ticks"], threads=threads)
        self._both = ctypes.byref(self.memory), ctypes.byref(self.scratch)
        for name, at in about["sent"].items():
            first, last = places[f"sent/{name}"]
            ctypes.memmove((self.buffers["spikes"] or 0) + at, self._base + first, last - first)

    def run(self) -> None:
        """Run all ticks."""
        for function, value in (("begin", 1), ("run_chunk", self.about["ticks"])):
            getattr(library(), f"{function}_{self.about['type']}")(*self._both, ctypes.c_int64(value))

    def counts(self) -> dict[str, int]:
        """Population → spikes."""
        names = self.about["names"]
        counts = (ctypes.c_int64 * len(names))()
        library().count_spikes(*self._both, ctypes.c_int64(self.about["ticks"]), counts)
        return dict(zip(names, counts, strict=True))

    def noted(self, column: int) -> dict[str, int]:
        """Population → a note of it that is not 0."""
        names = self.about["names"]
        notes = (ctypes.c_int64 * (4 * len(names))).from_address(self.buffers["notes"] or 0)
        return {name: notes[4 * i + column] for i, name in enumerate(names) if notes[4 * i + column]}

    def right(self) -> tuple[int, int]:
        """Nodes that the readout puts right, and how many were tested."""
        places, classes = self.places, self.about["classes"]
        first, last = places["readout/tested"]
        nodes = last - first
        sums = (ctypes.c_double * (nodes * classes))()
        arrays = ("sources", "weight", "bias", "pointer", "index", "values", "labels", "tested")
        parts = (places["readout/sources"][1] - places["readout/sources"][0]) // 16
        readout = structures.Readout(
            nodes=nodes,
            classes=classes,
            parts=parts,
            ticks=self.about["ticks"],
            sums=ctypes.addressof(sums),
            **{name: self._place(f"readout/{name}") for name in arrays if f"readout/{name}" in places},
        )
        count = library().count_right
        count.restype = ctypes.c_int64
        return int(count(*self._both, ctypes.byref(readout))), sum(self._content[first:last])

    def _place(self, name: str) -> int | None:
        first, last = self.places[name]
        return self._base + first if last > first else None

    def _allocated(self, sizes: dict[str, int]) -> dict[str, int | None]:
        """Zeros: where each buffer begins."""
        total = sum(-(-size // _ALIGNED) * _ALIGNED for size in sizes.values())
        self._zeros = mmap.mmap(-1, max(total, 1))
        at, found = ctypes.addressof(ctypes.c_char.from_buffer(self._zeros)), dict[str, "int | None"]()
        for name, size in sizes.items():
            found[name] = at if size else None
            at += -(-size // _ALIGNED) * _ALIGNED
        return found
