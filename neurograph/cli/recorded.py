"""What simulate records, counts and writes: --record, --counts, --max-memory and -o."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neurograph.errors import InputError
from neurograph.sim.engines import STREAMING_ENGINES

if TYPE_CHECKING:
    from neurograph.sim.recording import Recording

__all__ = ["Wanted", "counts_of", "print_counts"]


class Wanted(NamedTuple):
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
        if self.record is not None:
            from neurograph.sim.recording import check_record

            check_record(self.record)
        if self.record == "none" and self.output is not None and not self.counts:
            raise InputError(f"--record none: leaves nothing to write to -o {self.output}; record spikes, or count with --counts")
        if self.engine not in STREAMING_ENGINES:
            known = " and ".join(STREAMING_ENGINES)
            for option, given in (("--counts", self.counts), (f"--max-memory {self.max_memory}", self.max_memory is not None)):
                if given:
                    raise InputError(f"{option}: is for the engines {known}, but --engine is {self.engine!r}; leave one of them out")

    def options(self) -> dict[str, Any]:
        """What the engine is asked for: in memory at least the outputs, for the readout, and the number of spikes of every population."""
        if self.engine not in STREAMING_ENGINES:
            return {}
        record = self.kept if self.output is None and self.kept in ("all", "spikes") else "outputs"
        return {"record": record, "counts": self.counts or record == "outputs", "max_memory": self._limit()}

    def _limit(self) -> int | None:
        if self.max_memory is None:
            return None
        from neurograph.cli.sizes import read_size

        return read_size("--max-memory", self.max_memory)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for but the numbers of spikes and the accuracy."""
        return self.record is None and not self.counts and self.max_memory is None and self.output is None

    @property
    def kept(self) -> str:
        """What goes into the file."""
        return self.record or ("none" if self.output is None else "spikes")

    def run(self, bundle: Any, network: Any, start: Callable[..., Recording]) -> tuple[Recording, Mapping[str, Any]]:
        """Run it, write the recording where there is to be one, and compute the readout.

        Args:
            bundle: whose readout hears the run.
            network: what is run.
            start: runs it; its options are those of :func:`neurograph.sim.check.run_engine`.

        Returns:
            What the engine holds in memory, and the values of the readout: population → (samples, T, *shape).
        """
        if self.output is None:
            run = start(**self.options())
            return run, _readout(bundle, network, run)
        from neurograph.sim.recording import send
        from neurograph.sim.recording_writer import RecordingWriter

        with RecordingWriter(self.output, engine=self.engine, ticks=network.ticks, keeps=self.kept) as writer:
            if self.engine in STREAMING_ENGINES:
                run = start(**self.options(), into=writer)
            else:
                run = start()
                send(run, network.outputs, writer)
            readout = _readout(bundle, network, run)
            for name, values in readout.items():
                if self.kept != "none" and name not in network.populations:
                    writer.append(name, slice(None), slice(None), values)
            writer.finish(machine_steps=run.machine_steps, wall_s=run.wall_s, notes=run.notes, tally=run.tally)
        return run, readout


def _readout(bundle: Any, network: Any, run: Recording) -> Mapping[str, Any]:
    """What the readout on the host gives, or the real-valued outputs of the network."""
    return bundle.values(run) or {
        name: v for name, v in run.spikes.items() if name in network.outputs and network.populations[name].is_real
    }


def counts_of(network: Any, run: Recording) -> dict[str, Any]:
    """Sums over all inferences of what was counted in the run, and ``per_sample``.

    ``network`` has populations and spiking_projections.
    """
    tally: Any = run.tally
    projections = list(zip(network.spiking_projections, tally.synaptic_events, strict=True))
    graded = [events for p, events in projections if network.populations[p.source].sends_numbers]
    neurons = sum(p.size for p in network.populations.values() if not p.is_source)
    series = {
        "synaptic_events": _sums(tally.synaptic_events, run.samples) - _sums(graded, run.samples),
        "graded_events": _sums(graded, run.samples),
        "neuron_updates": _sums([], run.samples) + neurons * run.ticks,
        "updates_active": _sums(tally.updates_active.values(), run.samples),
        "spikes": _sums(tally.spikes.values(), run.samples),
        "messages": _sums(tally.messages.values(), run.samples),
    }
    return {**{name: int(values.sum()) for name, values in series.items()}, "per_sample": {k: v.tolist() for k, v in series.items()}}


def _sums(counts: Iterable[Any], samples: int) -> Any:
    """Σ of counts, one integer a sample."""
    import numpy as np

    return sum(counts, np.zeros(samples, np.int64))


def print_counts(counts: Mapping[str, Any]) -> None:
    """One line a count; spikes have theirs already."""
    print(f"{counts['synaptic_events']:>12,}  synaptic events")
    if counts["graded_events"]:
        print(f"{counts['graded_events']:>12,}  graded events")
    print(f"{counts['neuron_updates']:>12,}  neuron updates, {counts['updates_active']:,} of them active")
    print(f"{counts['messages']:>12,}  messages, one a spike and population that it reaches")
