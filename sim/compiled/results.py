"""What the samples of a run give: recorded spikes and states, counts, notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.program import Program
from neurograph.sim.tally import Tally

__all__ = ["Results"]

Array = NDArray[Any]


@dataclass
class Results:
    """What all samples give: every thread writes its own samples' rows."""

    record: str
    spikes: dict[str, Array]
    u: dict[str, Array]
    v: dict[str, Array]
    counted: dict[str, Array]
    seen: list[Array] = field(default_factory=list)

    @classmethod
    def empty(cls, program: Program, samples: int, record: str, counts: bool) -> Results:
        network = program.network
        names = {"all": program.names, "spikes": program.names, "outputs": network.outputs, "none": ()}[record]

        def zeros(chosen: Any, dtype: Any) -> dict[str, Array]:
            return {name: np.empty((samples, network.ticks, *network.populations[name].shape), dtype) for name in chosen}

        states = [p.name for p in network.neurons] if record == "all" else []
        dtype = np.int64 if program.dtype == np.int32 else program.dtype
        count = len(program.names)
        shapes = {"spikes": count, "active": count, "events": len(program.forms), "messages": count, "reached": count}
        counted = {key: np.zeros((samples, size), np.int64) for key, size in shapes.items()} if counts else {}
        return cls(record, zeros(names, np.uint8), zeros(states, dtype), zeros(states, dtype), counted)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for part in (self.spikes, self.u, self.v) for array in part.values())

    def notes(self, program: Program) -> dict[str, Any]:
        if not program.network.is_integer:
            return {}
        total = np.zeros((len(program.names), 4), np.int64)
        for notes in self.seen:
            total[:, : tb.LARGEST_U] += notes[:, : tb.LARGEST_U]
            total[:, tb.LARGEST_U :] = np.maximum(total[:, tb.LARGEST_U :], notes[:, tb.LARGEST_U :])
        of = {name: total[i].tolist() for i, name in enumerate(program.names) if not program.network.populations[name].is_source}
        return {
            "rules": "lava",
            "wraps": {name: note[tb.WRAPS] for name, note in of.items() if note[tb.WRAPS]},
            "clips": {name: note[tb.CLIPS] for name, note in of.items() if note[tb.CLIPS]},
            "largest_u": {name: note[tb.LARGEST_U] for name, note in of.items()},
            "largest_v": {name: note[tb.LARGEST_V] for name, note in of.items()},
        }

    def tally(self, program: Program) -> Tally:
        counted, populations = self.counted, program.network.populations

        def by_name(key: str, *, sources: bool = True) -> dict[str, Array]:
            return {n: counted[key][:, i] for i, n in enumerate(program.names) if sources or not populations[n].is_source}

        return Tally(
            spikes=by_name("spikes"),
            updates_active=by_name("active", sources=False),
            synaptic_events=tuple(counted["events"].T),
            messages=by_name("messages"),
            reached=by_name("reached"),
        )
