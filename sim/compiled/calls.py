"""Calls into the library: programs and buffers as the structures that ``engine.c`` declares."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled.buffers import PER_THREAD, Plan
from neurograph.sim.compiled.library import library
from neurograph.sim.compiled.structures import ARRAYS, TABLES, Memory, Scratch

__all__ = ["Machine"]

Array = NDArray[Any]


class Machine:
    """A program with buffers of its own: what one thread of samples runs.

    ``buffers`` hold what :class:`neurograph.sim.compiled.buffers.Plan` says; an empty one is none to the library.
    """

    def __init__(self, plan: Plan) -> None:
        program = plan.program
        self.arrays = {**program.memory, "populations": plan.populations}
        self.buffers: dict[str, Array] = {key: np.zeros(size, plan.dtype_of(key)) for key, size in plan.sizes.items()}
        self._memory = Memory(
            **{name: self.arrays[name].ctypes.data for name in (*TABLES, *ARRAYS)},
            population_count=len(plan.populations),
            group_count=len(program.memory["groups"]),
        )
        self._scratch = Scratch(
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
