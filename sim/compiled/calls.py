"""Calls into the library: programs and buffers as the structures that ``engine.c`` declares."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled.buffers import PER_THREAD, Plan
from neurograph.sim.compiled.library import library

__all__ = ["Machine"]

Array = NDArray[Any]
_TABLES = ("populations", "operations", "order", "groups", "fans")
_ARRAYS = ("weights", "index", "pointer", "parameters", "counts")
_BUFFERS = ("spikes", "events", "rows", "u", "v", "current", "active", "loop", "loop_active", "row", "wide", "local", "bias")
_BUFFERS += ("notes", "spike_counts", "active_counts", "event_counts", "message_counts", "recorded_u", "recorded_v")
_SIZES = ("current_size", "row_size", "wide_size", "local_size", "ticks", "threads")


class _Memory(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in _TABLES),
        *((name, ctypes.c_int64) for name in ("population_count", "group_count")),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
    ]


class _Scratch(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_void_p) for name in _BUFFERS), *((name, ctypes.c_int64) for name in _SIZES)]


class Machine:
    """A program with buffers of its own: what one thread of samples runs.

    ``buffers`` hold what :class:`neurograph.sim.compiled.buffers.Plan` says; an empty one is none to the library.
    """

    def __init__(self, plan: Plan) -> None:
        program = plan.program
        self.arrays = {**program.memory, "populations": plan.populations}
        self.buffers: dict[str, Array] = {key: np.zeros(size, plan.dtype_of(key)) for key, size in plan.sizes.items()}
        self._memory = _Memory(
            **{name: self.arrays[name].ctypes.data for name in (*_TABLES, *_ARRAYS)},
            population_count=len(plan.populations),
            group_count=len(program.memory["groups"]),
        )
        self._scratch = _Scratch(
            **{name: buffer.ctypes.data if buffer.size else None for name, buffer in self.buffers.items()},
            **{f"{name}_size": plan.sizes[name] // plan.threads for name in PER_THREAD if name != "active"},
            ticks=plan.ticks,
            threads=plan.threads,
        )
        type_name = np.dtype(program.dtype).name
        self._begin, self._run = (getattr(library(), f"{name}_{type_name}") for name in ("begin", "run_chunk"))
        self._both = ctypes.byref(self._memory), ctypes.byref(self._scratch)

    def begin(self, *, first: bool) -> None:
        """Begin a sample: clear spikes under way and states; those that are kept only before the first one."""
        self._begin(*self._both, ctypes.c_int64(first))

    def run(self, ticks: int) -> None:
        """Run a chunk; other threads of Python go on meanwhile."""
        self._run(*self._both, ctypes.c_int64(ticks))
