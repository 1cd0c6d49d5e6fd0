"""What the samples of a run give: recorded spikes and states, counts, notes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.calls import address
from neurograph.sim.compiled.program import Program
from neurograph.sim.compiled.structures import Kept
from neurograph.sim.recording import Sink
from neurograph.sim.tally import Columns, Tally

__all__ = ["Results"]

Array = NDArray[Any]


@dataclass
class Results:
    """What all samples give; the library writes it, each sample its own rows.

    ``counts`` of a sample are spikes and active updates by population, messages and those that reach any by population, and synaptic events
    by projection, as ``jobs.h`` has them. ``seen`` are the notes of every worker.
    """

    spikes: dict[str, Array]
    u: dict[str, Array]
    v: dict[str, Array]
    counts: Array | None
    seen: list[Array] = field(default_factory=list)
    sink: Sink | None = None

    @classmethod
    def empty(cls, program: Program, samples: int, record: str, counts: bool) -> Results:
        network = program.network
        counted = np.zeros((samples, 4 * len(program.names) + len(program.forms)), np.int64) if counts else None
        if record == "none":
            return cls({}, {}, {}, counted)

        def empty(chosen: Any, dtype: Any) -> dict[str, Array]:
            return {name: np.empty((samples, network.ticks, *network.populations[name].shape), dtype) for name in chosen}

        states = [name for _, name in program.computing] if record == "all" else []
        dtype = np.int64 if program.dtype == np.int32 else program.dtype
        spikes = empty(network.outputs if record == "outputs" else program.names, np.uint8)
        return cls(spikes, empty(states, dtype), empty(states, dtype), counted)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for part in (self.spikes, self.u, self.v) for array in part.values())

    def kept(self, names: tuple[str, ...]) -> Any:
        """Where each population is recorded, as the library takes it; None if none is."""
        if not self.spikes:
            return None
        places = [
            Kept(*(address(part[name]) if name in part else None for part in (self.spikes, self.u, self.v)))  # type: ignore[arg-type]
            for name in names
        ]
        return (Kept * len(names))(*places)

    def new_notes(self, workers: int, populations: int) -> Array:
        """Room for the notes of some workers."""
        notes = np.zeros((workers, populations, 4), np.int64)
        self.seen.append(notes)
        return notes

    def notes(self, program: Program) -> dict[str, Any]:
        """Wraps and clips where there are any, and the largest |u| and |v| before them, by population."""
        if program.dtype == np.float64:
            return {}
        every = self.seen[0] if len(self.seen) == 1 else np.concatenate(self.seen)
        whole = every[0]
        if len(every) > 1:
            whole = np.concatenate([every[:, :, : tb.LARGEST_U].sum(axis=0), every[:, :, tb.LARGEST_U :].max(axis=0)], axis=1)
        names = [name for _, name in program.computing]
        wraps, clips, largest_u, largest_v = whole[len(program.names) - len(names) :].T.tolist()  # sources come first, and have none
        return {
            "rules": "lava",
            "wraps": {name: count for name, count in zip(names, wraps, strict=True) if count} if any(wraps) else {},
            "clips": {name: count for name, count in zip(names, clips, strict=True) if count} if any(clips) else {},
            "largest_u": dict(zip(names, largest_u, strict=True)),
            "largest_v": dict(zip(names, largest_v, strict=True)),
        }

    def tally(self, program: Program) -> Tally | None:
        """The counts, if they were asked for."""
        if self.counts is None:
            return None
        names, count = program.names, len(program.names)
        first = count - len(program.computing)
        return Tally(
            spikes=Columns(names, self.counts[:, :count]),
            updates_active=Columns(names[first:], self.counts[:, count + first : 2 * count]),
            synaptic_events=tuple(self.counts[:, 4 * count :].T),
            messages=Columns(names, self.counts[:, 2 * count : 4 * count : 2]),
            reached=Columns(names, self.counts[:, 2 * count + 1 : 4 * count : 2]),
        )
