"""What the samples of a run give: recorded spikes and states, counts, notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.sim.compiled.calls import address
from neurograph.sim.compiled.program import Program
from neurograph.sim.compiled.structures import Kept
from neurograph.sim.recording import Sink
from neurograph.sim.tally import Tally

__all__ = ["Results", "notes_of"]

Array = NDArray[Any]


@dataclass
class Results:
    """What all samples give; the library writes it, each sample its own rows.

    ``counts`` of a sample are spikes and active updates by population, messages and those that reach any by population, and synaptic events
    by projection, as ``jobs.h`` has them.
    """

    spikes: dict[str, Array]
    u: dict[str, Array]
    v: dict[str, Array]
    counts: Array | None
    sink: Sink | None = None

    @classmethod
    def empty(cls, program: Program, samples: int, record: str, counts: bool) -> Results:
        network = program.network
        counted = np.zeros((samples, 4 * len(program.names) + len(program.forms)), np.int64) if counts else None
        if record == "none":
            return cls({}, {}, {}, counted)

        def empty(chosen: Any, dtype: Any) -> dict[str, Array]:
            return {name: np.empty((samples, network.ticks, *network.populations[name].shape), dtype) for name in chosen}

        states = program.names_of_computing if record == "all" else ()
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
        kinds = {"spikes": self.spikes, "u": self.u, "v": self.v}
        return (Kept * len(names))(*(Kept(**{kind: address(part[name]) for kind, part in kinds.items() if name in part}) for name in names))

    def tally(self, program: Program) -> Tally | None:
        """The counts, if they were asked for."""
        return None if self.counts is None else Tally.of_table(program.names, program.names_of_computing, self.counts)


def notes_of(program: Program, seen: Array) -> dict[str, Any]:
    """Wraps and clips where there are any, and the largest |u| and |v| before them, by population.

    Args:
        program: what ran. seen: (populations, 4).
    """
    if program.dtype == np.float64:
        return {}
    names = program.names_of_computing
    wraps, clips, largest_u, largest_v = seen[-len(names) :].T.tolist() if names else ([], [], [], [])
    return {
        "rules": "lava",
        "wraps": {name: count for name, count in zip(names, wraps, strict=True) if count} if any(wraps) else {},
        "clips": {name: count for name, count in zip(names, clips, strict=True) if count} if any(clips) else {},
        "largest_u": dict(zip(names, largest_u, strict=True)),
        "largest_v": dict(zip(names, largest_v, strict=True)),
    }
