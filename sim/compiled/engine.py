"""The simulator: a compiled network, run sample by sample in chunks of ticks, with its recording, tally and notes.

Samples are shared among workers; each has buffers of its own. What a run may take of memory decides how many ticks are run at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError, MemoryLimitError, UnsupportedError
from neurograph.network import Network, Source
from neurograph.sim.compiled.buffers import Plan, plan
from neurograph.sim.compiled.library import library
from neurograph.sim.compiled.mantissas import currents
from neurograph.sim.compiled.program import build, unsupported
from neurograph.sim.compiled.results import Results, notes_of
from neurograph.sim.compiled.worker import Workers
from neurograph.sim.inputs import plain_spikes, prepare
from neurograph.sim.recording import Recording, Sink, check_record

__all__ = ["Simulator"]

Array = NDArray[Any]
ASKED_FROM = 1 << 28  # bytes
LARGE = 1 << 22  # neurons times ticks whose tiles are shared among the cores rather than too few samples


class Simulator:
    """A network made ready to run many times.

    Args:
        network: float or integer, of binary spikes.

    Raises:
        UnsupportedError: graded or real-valued populations, which the NumPy engines run. CompilerMissingError: no C compiler.
        QuantizationError: a bias that does not fit a mantissa.
    """

    def __init__(self, network: Network) -> None:
        offenders = unsupported(network)
        if offenders:
            raise UnsupportedError("the compiled engine", offenders, "run it with neurograph.sim.fixed or neurograph.sim.floating")
        library()
        self.network = network
        self.program = build(network)
        plain = all(isinstance(s.neuron, Source) and s.neuron.kind == "spikes" for s in network.sources) and not self.program.driven
        self._plain = [(s.name, (network.ticks, *s.shape)) for s in network.sources] if plain else []
        self._large = sum(p.size for p in network.neurons) * network.ticks >= LARGE
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._idle: dict[int, Workers] = {}  # by plan, which is held above: made once for many runs

    def run(
        self,
        inputs: Mapping[str, Array],
        *,
        record: str = "all",
        counts: bool = False,
        max_memory: int | None = None,
        threads: int | None = None,
        into: Sink | None = None,
    ) -> Recording:
        """Run it, see :func:`neurograph.sim.fixed.run` and :func:`neurograph.sim.floating.run`.

        Raises:
            InputError: inputs that do not fit. MemoryLimitError: one tick at a time needs more than ``max_memory`` bytes.
        """
        check_record(record)
        start = time.perf_counter()
        plain = plain_spikes(self._plain, inputs) if self._plain and into is None else None  # a sink takes nothing before all is checked
        cores = threads or _cores()
        prepared = plain or prepare(self.network, inputs, biased=self.program.driven, later=currents)
        alone = self.program.keeps or (prepared.samples < cores and self._large)
        wanted = 1 if alone else min(prepared.samples, cores)
        results = Results.empty(self.program, prepared.samples, record, counts)
        if into is not None:
            into.begin(prepared.samples)
            results.sink = into
        chosen, count = self._fit(
            "all" in (record, into and into.keeps), counts, results.nbytes, max_memory, wanted, cores if wanted == 1 else 1
        )
        workers = self._idle.pop(id(chosen), None)  # another run at the same time makes its own
        if workers is None or workers.count < count:
            del workers  # before others are made in its place
            workers = Workers(chosen, count)
        seen = workers.run(prepared, results, count)
        if seen is None:
            prepare(self.network, inputs, biased=self.program.driven)  # says what is wrong
            raise InputError("inputs: were changed while they were run; give arrays that stay as they are")
        notes = notes_of(self.program, seen)
        self._idle[id(chosen)] = workers
        return Recording(
            "float" if self.program.dtype == np.float64 else "fixed",
            self.network.ticks,
            results.spikes,
            results.v,
            results.u,
            machine_steps=self.network.ticks,
            wall_s=time.perf_counter() - start,
            notes=notes,
            tally=results.tally(self.program),
        )

    def release(self) -> None:
        """Let go of the buffers, which the next run makes again."""
        self._idle.clear()

    def least_bytes(self, samples: int, *, record: str = "all", counts: bool = False) -> int:
        """Below which :meth:`run` refuses to run so many samples: one tick at a time in one thread, and what is recorded of all."""
        kept = Results.empty(self.program, samples, record, counts).nbytes
        return kept + self.program.nbytes + self._plan(1, record == "all", counts, 1).nbytes

    def _plan(self, ticks: int, recording: bool, counting: bool, threads: int) -> Plan:
        key = ticks, recording, counting, threads
        if key not in self._plans:
            self._plans[key] = plan(self.program, ticks, recording=recording, counting=counting, threads=threads)
        return self._plans[key]

    def _fit(self, recording: bool, counting: bool, kept: int, max_memory: int | None, workers: int, threads: int) -> tuple[Plan, int]:
        """The most ticks at once, then the most workers, or threads of a lone one, that fit beside ``kept`` bytes of results."""
        ticks = self.network.ticks
        while True:
            made = self._plan(ticks, recording, counting, threads)
            need = kept + self.program.nbytes + made.nbytes * workers
            if need <= (_free(need) if max_memory is None else max_memory):
                return made, workers
            if workers > 1:
                workers -= 1
            elif threads > 1:
                threads -= 1
            elif ticks > 1:
                ticks = (ticks + 1) // 2
            else:
                limit = f"limit {max_memory:,}; raise max_memory (--max-memory)" if max_memory else "more than is free"
                raise MemoryLimitError(
                    f"network of {sum(p.size for p in self.network.neurons):,} neurons: one tick at a time takes {need:,} bytes, {limit}, "
                    "record less, or run it on several machines (--sharded)"
                )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free(need: int) -> int:
    """Bytes that the machine has free; what is small is not worth asking."""
    if need < ASKED_FROM:
        return need
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return need
