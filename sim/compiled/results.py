"""What the samples of a run give: recorded spikes and states, counts, notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.program import Program
from neurograph.sim.recording import Sink
from neurograph.sim.tally import Tally

__all__ = ["Results"]

Array = NDArray[Any]


@dataclass
class Results:
    """What all samples give: every thread writes its own samples' rows, and appends them to the sink where there is one."""

    record: str
    spikes: dict[str, Array]
    u: dict[str, Array]
    v: dict[str, Array]
    counted: dict[str, Array]
    seen: list[Array] = field(default_factory=list)
    sink: Sink | None = None

    @classmethod
    def empty(cls, program: Program, samples: int, record: str, counts: bool) -> Results:
        network = program.network
        names = {"all": program.names, "spikes": program.names, "outputs": network.outputs, "none": ()}[record]

        def zeros(chosen: Any, dtype: Any) -> dict[str, Array]:
            return {name: np.empty((samples, network.ticks, *network.populations[name].shape), dtype) for name in chosen}

        states = [name for _, name in program.computing] if record == "all" else []
        dtype = np.int64 if program.dtype == np.int32 else program.dtype
        count = len(program.names)
        shapes = {"spikes": count, "active": count, "events": len(program.forms), "messages": count, "reached": count}
        counted = {key: np.zeros((samples, size), np.int64) for key, size in shapes.items()} if counts else {}
        return cls(record, zeros(names, np.uint8), zeros(states, dtype), zeros(states, dtype), counted)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for part in (self.spikes, self.u, self.v) for array in part.values())

    def notes(self, program: Program) -> dict[str, Any]:
        """Wraps and clips where there are any, and the largest |u| and |v| before them, by population."""
        if program.dtype == np.float64:
            return {}
        every = np.array(self.seen)
        counts, largest = every[:, :, : tb.LARGEST_U].sum(axis=0).tolist(), every[:, :, tb.LARGEST_U :].max(axis=0).tolist()
        return {
            "rules": "lava",
            "wraps": {name: counts[i][tb.WRAPS] for i, name in program.computing if counts[i][tb.WRAPS]},
            "clips": {name: counts[i][tb.CLIPS] for i, name in program.computing if counts[i][tb.CLIPS]},
            "largest_u": {name: largest[i][0] for i, name in program.computing},
            "largest_v": {name: largest[i][1] for i, name in program.computing},
        }

    def tally(self, program: Program) -> Tally:
        counted = {key: list(values.T) for key, values in self.counted.items()}

        def by_name(key: str) -> dict[str, Array]:
            return dict(zip(program.names, counted[key], strict=True))

        return Tally(
            spikes=by_name("spikes"),
            updates_active={name: counted["active"][i] for i, name in program.computing},
            synaptic_events=tuple(counted["events"]),
            messages=by_name("messages"),
            reached=by_name("reached"),
        )
