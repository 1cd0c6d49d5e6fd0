"""The simulator: a compiled network, run sample by sample in chunks of ticks, with its recording, tally and notes.

Samples are shared among threads; each has buffers of its own. What a run may take of memory decides how many ticks are run at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import MemoryLimitError, UnsupportedError
from neurograph.network import FixedLIF, Network
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.buffers import Plan, plan
from neurograph.sim.compiled.calls import Machine
from neurograph.sim.compiled.library import library
from neurograph.sim.compiled.program import Program, build, unsupported
from neurograph.sim.inputs import Prepared, prepare
from neurograph.sim.recording import Recording, check_record
from neurograph.sim.tally import Tally

__all__ = ["Simulator"]

Array = NDArray[Any]
ASKED_FROM = 1 << 28  # bytes


class Simulator:
    """A network made ready to run many times.

    Args:
        network: float or integer, of binary spikes.

    Raises:
        UnsupportedError: graded or real-valued populations, which the NumPy engines run. CompilerMissingError: no C compiler.
    """

    def __init__(self, network: Network) -> None:
        offenders = unsupported(network)
        if offenders:
            raise UnsupportedError("the compiled engine", offenders, "run it with neurograph.sim.fixed or neurograph.sim.floating")
        library()
        self.network = network
        self.program = build(network)

    def run(
        self,
        inputs: Mapping[str, Array],
        *,
        record: str = "all",
        counts: bool = False,
        max_memory: int | None = None,
        threads: int | None = None,
    ) -> Recording:
        """Run it, see :func:`neurograph.sim.fixed.run` and :func:`neurograph.sim.floating.run`.

        Raises:
            InputError: inputs that do not fit. MemoryLimitError: one tick at a time needs more than ``max_memory`` bytes.
        """
        check_record(record)
        start = time.perf_counter()
        prepared = prepare(self.network, inputs)
        kept = any(getattr(p.neuron, "state", "") == "kept" for p in self.network.neurons)
        cores = threads or _cores()
        wanted = 1 if kept else min(prepared.samples, cores)
        results = _Results.empty(self.program, prepared.samples, record, counts)
        chosen, workers = _fit(self.program, record == "all", counts, results.nbytes, max_memory, wanted, cores // wanted)
        if workers == 1:
            _Worker(self.program, chosen, prepared, results).run(range(prepared.samples))
        else:
            parts = [range(first, prepared.samples, workers) for first in range(workers)]
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda part: _Worker(self.program, chosen, prepared, results).run(part), parts))
        return Recording(
            "fixed" if self.network.is_integer else "float",
            self.network.ticks,
            *results.recorded(self.program),
            machine_steps=self.network.ticks,
            wall_s=time.perf_counter() - start,
            notes=results.notes(self.program),
            tally=results.tally(self.program) if counts else None,
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fit(
    program: Program, recording: bool, counting: bool, kept: int, max_memory: int | None, workers: int, threads: int
) -> tuple[Plan, int]:
    """The most ticks at once, then the most workers with so many threads each, that fit beside ``kept`` bytes of results."""
    ticks = program.network.ticks
    while True:
        made = plan(program, ticks, recording=recording, counting=counting, threads=threads)
        need = kept + program.nbytes + made.nbytes * workers
        if need <= (_free(need) if max_memory is None else max_memory):
            return made, workers
        if workers > 1:
            workers -= 1
        elif threads > 1:
            threads -= 1
        elif ticks > 1:
            ticks = (ticks + 1) // 2
        else:
            limit = f"limit {max_memory:,}; raise max_memory (--max-memory)" if max_memory else "which is not free; use a larger machine"
            raise MemoryLimitError(
                f"network of {sum(p.size for p in program.network.neurons):,} neurons: one tick at a time takes {need:,} bytes, {limit}, "
                "record less, or run it on several machines (--sharded)"
            )


def _free(need: int) -> int:
    """Bytes that the machine has free; what is small is not worth asking."""
    if need < ASKED_FROM:
        return need
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return need


@dataclass
class _Results:
    """What all samples give: every thread writes its own samples' rows."""

    record: str
    spikes: dict[str, Array]
    u: dict[str, Array]
    v: dict[str, Array]
    counted: dict[str, Array]
    seen: list[Array] = field(default_factory=list)

    @classmethod
    def empty(cls, program: Program, samples: int, record: str, counts: bool) -> _Results:
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

    def recorded(self, program: Program) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        return self.spikes, self.v, self.u

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


class _Worker:
    """One thread's buffers and the samples that it runs."""

    def __init__(self, program: Program, chosen: Plan, prepared: Prepared, results: _Results) -> None:
        self.program, self.plan, self.prepared, self.results = program, chosen, prepared, results
        self.machine = Machine(chosen)
        self.buffers = self.machine.buffers
        self.table = dict(zip(program.names, chosen.populations.tolist(), strict=True))
        for name, rows in program.biased.items():
            self.buffers["bias"][chosen.bias_at[name] : chosen.bias_at[name] + rows.size] = rows.ravel()
        self.started = False

    def run(self, samples: range) -> None:
        for sample in samples:
            self._start(sample)
            for first in range(0, self.program.network.ticks, self.plan.ticks):
                self._chunk(sample, first, min(self.plan.ticks, self.program.network.ticks - first))
        self.results.seen.append(self.buffers["notes"].reshape(-1, 4))

    def _start(self, sample: int) -> None:
        """Clear states and spikes under way; write the currents that static sources drive."""
        b, network = self.buffers, self.program.network
        for name, row in self.table.items():
            population = network.populations[name]
            nodes, width, history = row[tb.P_NODES], row[tb.P_WIDTH], row[tb.P_HISTORY]
            if history:
                self._spikes(row)[:, :history] = 0
            if population.is_source:
                continue
            if name in self.program.driven:
                value: Any = self.prepared.bias[name][sample].ravel()
                if isinstance(population.neuron, FixedLIF):
                    value = value << population.neuron.bias_exp
                b["bias"][row[tb.P_BIAS] : row[tb.P_BIAS] + nodes * width] = value
            if self.started and getattr(population.neuron, "state", "cleared") == "kept":
                continue
            if row[tb.P_SYNAPTIC] >= 0:
                b["u"][row[tb.P_SYNAPTIC] : row[tb.P_SYNAPTIC] + nodes * width] = 0
            step = row[tb.P_START_STEP]
            start = self.program.memory["parameters"][row[tb.P_START] : row[tb.P_START] + (nodes if step else 1) * width]
            b["v"][row[tb.P_STATE] : row[tb.P_STATE] + nodes * width].reshape(-1, start.size)[:] = start
        self.started = True

    def _spikes(self, row: list[int]) -> Array:
        """Spikes of a population as (nodes, rows, width)."""
        nodes, width, length = row[tb.P_NODES], row[tb.P_WIDTH], row[tb.P_LENGTH]
        return self.buffers["spikes"][row[tb.P_SPIKES] : row[tb.P_SPIKES] + nodes * length * width].reshape(nodes, length, width)

    def _ticks(self, row: list[int], ticks: int) -> Array:
        """The same without history and what lies behind the last tick."""
        return self._spikes(row)[:, row[tb.P_HISTORY] : row[tb.P_HISTORY] + ticks]

    def _chunk(self, sample: int, first: int, ticks: int) -> None:
        results, network = self.results, self.program.network
        for name in self.program.names:
            if network.populations[name].is_source:
                row = self.table[name]
                given = self.prepared.spikes[name][sample, first : first + ticks]
                rows = self._ticks(row, ticks)
                rows[:] = given.reshape(ticks, row[tb.P_NODES], row[tb.P_WIDTH]).transpose(1, 0, 2)
        self.machine.run(ticks)
        window = slice(first, first + ticks)
        for name, spikes in results.spikes.items():
            row = self.table[name]
            rows = self._ticks(row, ticks)
            spikes[sample, window] = rows.transpose(1, 0, 2).reshape(ticks, *network.populations[name].shape)
        for kept, buffer in ((results.u, self.buffers["recorded_u"]), (results.v, self.buffers["recorded_v"])):
            for name, values in kept.items():
                row = self.table[name]
                nodes, width, at = row[tb.P_NODES], row[tb.P_WIDTH], row[tb.P_STATE] * self.plan.ticks
                part = buffer[at : at + nodes * self.plan.ticks * width].reshape(nodes, self.plan.ticks, width)[:, :ticks]
                values[sample, window] = part.transpose(1, 0, 2).reshape(ticks, *network.populations[name].shape)
        self._count(sample)

    def _count(self, sample: int) -> None:
        counted = self.results.counted
        if not counted:
            return
        messages = self.buffers["message_counts"].reshape(-1, 2)
        parts = {
            "spikes": self.buffers["spike_counts"],
            "active": self.buffers["active_counts"],
            "events": self.buffers["event_counts"],
            "messages": messages[:, 0],
            "reached": messages[:, 1],
        }
        for key, part in parts.items():
            counted[key][sample] += part
            part[:] = 0
