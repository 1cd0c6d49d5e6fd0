"""Recording: what an engine saw, the same for every engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError

if TYPE_CHECKING:
    from neurograph.sim.tally import Tally

__all__ = ["RECORDS", "Recording", "Sink", "check_record", "send"]

Array = NDArray[Any]
RECORDS = ("all", "spikes", "outputs", "none")  # spikes, u and v of every population; spikes of every one, of the outputs; nothing


@dataclass(frozen=True)
class Recording:
    """Spikes of every population, model tick by model tick.

    Args:
        engine: "torch", or one of :data:`neurograph.sim.check.ENGINES`.
        ticks: T.
        spikes: population → uint8 array of shape (samples, T, *shape), sources of spikes included; int32 of a graded population, where
            what is not 0 is a message, and float64 of a real-valued one. Populations that were not asked for are missing.
        voltages: population → v after the reset, same shape (float64, or int32 of integer engines); may be empty.
        currents: population → u, as voltages.
        machine_steps: steps that a pipelined machine ran, fill and drain included; T for a tick-synchronous engine.
        wall_s: seconds that the run took, without start-up where the engine can tell.
        notes: what the engine wants known (wraps and clips by population, start-up seconds).
        tally: exact counts, of an engine that was asked to count.
    """

    engine: str
    ticks: int
    spikes: Mapping[str, Array]
    voltages: Mapping[str, Array] = field(default_factory=dict)
    currents: Mapping[str, Array] = field(default_factory=dict)
    machine_steps: int = 0
    wall_s: float = 0.0
    notes: Mapping[str, Any] = field(default_factory=dict)
    tally: Tally | None = None

    def __repr__(self) -> str:
        counts = self.counts()
        spikes = f"{sum(counts.values()):,} spikes of {len(counts)} populations"
        return f"<Recording of engine {self.engine}: {self.samples} samples, {self.ticks} ticks, {spikes}>"

    @property
    def samples(self) -> int:
        held = self.spikes or (self.tally.spikes if self.tally else {})
        return len(next(iter(held.values()))) if held else 0

    def counts(self) -> dict[str, int]:
        """Spikes in all, by population: those that were counted in the run, else those that were recorded."""
        if self.tally is not None:
            return {name: int(counted.sum()) for name, counted in self.tally.spikes.items()}
        return {name: int(np.count_nonzero(spikes)) for name, spikes in self.spikes.items()}


class Sink(Protocol):
    """What takes a recording piece by piece while it is made, so that no engine has to hold it; ``keeps`` is one of :data:`RECORDS`.

    :class:`neurograph.sim.recording_writer.RecordingWriter` is one. Engines may append from several threads.
    """

    keeps: str

    def begin(self, samples: int) -> None:
        """Say how many samples there will be, before the first piece."""
        ...

    def append(self, population: str, samples: slice, ticks: slice, values: Array, *, kind: str = "spikes") -> None:
        """Take a piece (samples, ticks, *shape) of "spikes", "voltages" or "currents"; the ticks of a sample come in their order."""
        ...


def send(recording: Recording, outputs: Collection[str], into: Sink) -> None:
    """Append to a sink what it keeps of a recording that is in memory."""
    into.begin(recording.samples)
    kinds = {"all": ("spikes", "voltages", "currents"), "spikes": ("spikes",), "outputs": ("spikes",), "none": ()}[into.keeps]
    for kind in kinds:
        for name, values in getattr(recording, kind).items():
            if into.keeps != "outputs" or name in outputs:
                into.append(name, slice(0, recording.samples), slice(0, recording.ticks), values, kind=kind)


def check_record(record: str) -> None:
    """Refuse what is none of :data:`RECORDS`.

    Raises:
        InputError: with what there is.
    """
    if record not in RECORDS:
        raise InputError(f"record {record!r}: does not exist; there are {', '.join(RECORDS)}")
