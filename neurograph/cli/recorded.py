"""What simulate records, counts and writes: --record, --counts, --max-memory and -o."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograph.cli.sizes import read_size
from neurograph.errors import InputError
from neurograph.sim.engines import STREAMING_ENGINES

if TYPE_CHECKING:
    from neurograph.network import Network
    from neurograph.sim.recording import Recording

__all__ = ["Wanted", "counts_of", "print_counts"]

_RECORDS = ("all", "spikes", "outputs", "none")


@dataclass(frozen=True)
class Wanted:
    """The options of one run.

    Args:
        engine: its name.
        record: "all", "spikes", "outputs" or "none", None where it was not given.
        counts: print the counts.
        max_memory: as it was given.
        output: the recording's file.
    """

    engine: str
    record: str | None
    counts: bool
    max_memory: str | None
    output: Path | None

    def check(self) -> None:
        """Refuse options that say nothing, or nothing to this engine.

        Raises:
            InputError: with the option and its value.
        """
        if self.record is not None and self.record not in _RECORDS:
            raise InputError(f"--record {self.record}: does not exist; there are {', '.join(_RECORDS)}")
        if self.record == "none" and self.output is not None and not self.counts:
            raise InputError(f"--record none: leaves nothing to write to -o {self.output}; record spikes, or count with --counts")
        if self.engine not in STREAMING_ENGINES:
            known = " and ".join(STREAMING_ENGINES)
            for option, given in (("--counts", self.counts), (f"--max-memory {self.max_memory}", self.max_memory is not None)):
                if given:
                    raise InputError(f"{option}: is for the engines {known}, but --engine is {self.engine!r}; leave one of them out")

    def options(self) -> dict[str, Any]:
        """What the engine is asked for: at least the outputs, for the readout, and the number of spikes of every population."""
        if self.engine not in STREAMING_ENGINES:
            return {}
        record = self.kept if self.kept in ("all", "spikes") else "outputs"
        limit = None if self.max_memory is None else read_size("--max-memory", self.max_memory)
        return {"record": record, "counts": self.counts or record == "outputs", "max_memory": limit}

    @property
    def kept(self) -> str:
        """What goes into the file."""
        return self.record or ("none" if self.output is None else "spikes")

    def stored(self, run: Recording, outputs: Sequence[str], values: Mapping[str, Any]) -> Recording:
        """The recording that is written: of ``run`` what was asked for, and the readout's values."""
        if self.kept == "none":
            spikes: dict[str, Any] = {}
        else:
            spikes = {name: z for name, z in run.spikes.items() if self.kept != "outputs" or name in outputs}
            spikes |= {name: v for name, v in values.items() if name not in spikes}
        state: dict[str, Any] = {} if self.kept == "all" else {"voltages": {}, "currents": {}}
        return replace(run, spikes=spikes, tally=run.tally if self.counts else None, **state)


def counts_of(network: Network, run: Recording) -> dict[str, Any]:
    """Sums over all inferences of what was counted in the run, and ``per_sample``."""
    from neurograph.hw_profiles.counts import count

    counted = count(network, run, host_macs={})
    names = ("synaptic_events", "graded_events", "neuron_updates", "updates_active", "spikes", "messages")
    series = {name: [int(n) for n in getattr(counted, name)] for name in names}
    return {**{name: sum(values) for name, values in series.items()}, "per_sample": series}


def print_counts(counts: Mapping[str, Any]) -> None:
    """One line a count; spikes have theirs already."""
    print(f"{counts['synaptic_events']:>12,}  synaptic events")
    if counts["graded_events"]:
        print(f"{counts['graded_events']:>12,}  graded events")
    print(f"{counts['neuron_updates']:>12,}  neuron updates, {counts['updates_active']:,} of them active")
    print(f"{counts['messages']:>12,}  messages, one a spike and population that it reaches")
