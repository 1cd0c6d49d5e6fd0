"""Calls into the library: programs and buffers as the structures that ``engine.c`` declares."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled.buffers import PER_THREAD, Plan
from neurograph.sim.compiled.library import library
from neurograph.sim.compiled.structures import ARRAYS, TABLES, Job, Memory, Scratch

__all__ = ["Machine", "address"]

Array = NDArray[Any]


def address(array: Array) -> int:
    """Where it begins; the caller keeps it alive."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError):  # read-only, in pieces or empty
        place: int = array.__array_interface__["data"][0]
        return place


class Machine:
    """A program with the buffers of some workers, each of which runs one sample at a time.

    ``buffers`` of a worker hold what :class:`neurograph.sim.compiled.buffers.Plan` says; an empty one is none to the library.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        program = plan.program
        self.arrays = {**program.memory, "populations": plan.populations}
        self.buffers: tuple[dict[str, Array], ...] = tuple(
            {key: np.zeros(size, plan.dtype_of(key)) for key, size in plan.sizes.items()} for _ in range(workers)
        )
        self._memory = Memory(
            **{name: address(self.arrays[name]) for name in (*TABLES, *ARRAYS)},
            population_count=len(plan.populations),
            group_count=len(program.memory["groups"]),
        )
        sizes = {f"{name}_size": plan.sizes[name] // plan.threads for name in PER_THREAD if name != "active"}
        self._scratch = (Scratch * workers)(
            *(
                Scratch(
                    **{name: address(buffer) if buffer.size else None for name, buffer in buffers.items()},
                    **sizes,
                    ticks=plan.ticks,
                    threads=plan.threads,
                )
                for buffers in self.buffers
            )
        )
        type_name = np.dtype(program.dtype).name
        self._run, self._place = (getattr(library(), f"{name}_{type_name}") for name in ("run_samples", "place"))
        memory = ctypes.byref(self._memory)
        self._from = [(memory, ctypes.byref(self._scratch, i * ctypes.sizeof(Scratch))) for i in range(workers)]

    def run(self, job: Job, worker: int = 0) -> None:
        """Go on with a job until it is done or its patience is over; workers from this one on take part, other threads of Python go on."""
        memory, scratch = self._from[worker]
        self._run(memory, scratch, ctypes.byref(job))

    def place(self, job: Job) -> None:
        """Write what the first sample is given into the buffers of the first worker, which runs all ticks at once."""
        nothing = ctypes.c_int64(0)
        self._place(*self._from[0], ctypes.byref(job), nothing, nothing, ctypes.c_int64(job.ticks))
