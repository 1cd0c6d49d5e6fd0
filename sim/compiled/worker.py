"""Workers: the buffers of a plan, as many times as samples are run side by side, and the samples of a run in them.

The loop over samples and chunks of ticks is the library's (``samples.h``). It comes back now and then, so that Python sees a Ctrl-C, and
after every chunk where a sink takes what there is.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import FixedLIF
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.buffers import Plan
from neurograph.sim.compiled.calls import Machine, address
from neurograph.sim.compiled.pieces import Pieces
from neurograph.sim.compiled.results import Results
from neurograph.sim.compiled.structures import Given, Job
from neurograph.sim.compiled.turns import Turns
from neurograph.sim.inputs import Prepared
from neurograph.sim.recording import Sink

__all__ = ["Workers"]

Array = NDArray[Any]
PATIENCE_S = 0.2  # how long a Ctrl-C may wait, beside the sample or chunk that is running


class Workers:
    """So many workers of a plan."""

    def __init__(self, plan: Plan, count: int) -> None:
        self.plan, self.count, self.machine = plan, count, Machine(plan, count)
        program = plan.program
        for buffers in self.machine.buffers:
            for name, rows in program.biased.items():
                buffers["bias"][plan.bias_at[name] : plan.bias_at[name] + rows.size] = rows.ravel()
        populations = program.network.populations
        self.sources = tuple((i, name) for i, name in enumerate(program.names) if populations[name].is_source)
        neurons = [(i, name, populations[name].neuron) for i, name in program.computing if name in program.driven]
        self._driven = [(i, name, neuron.bias_exp if isinstance(neuron, FixedLIF) else 0) for i, name, neuron in neurons]
        self._given = (Given * len(program.names))()
        self._job = Job(given=ctypes.addressof(self._given), step=1, ticks=program.network.ticks, patience_s=PATIENCE_S)
        self._notes = [buffers["notes"].reshape(-1, 4) for buffers in self.machine.buffers]

    def run(self, given: Prepared, results: Results, count: int) -> Array | None:
        """Run all samples of ``given`` by so many of these workers, which write ``results``; the notes come back, (populations, 4).

        None comes back where a spike source was given bytes other than 0 and 1, whose results are worth nothing.
        """
        held, kept = self._give(given), results.kept(self.plan.program.names)
        for notes in self._notes:
            notes.fill(0)
        job, counts = self._job, results.counts
        job.sample, job.tick, job.samples, job.workers = 0, 0, given.samples, count
        job.kept = None if kept is None else ctypes.addressof(kept)
        job.counts, job.counts_step = (None, 0) if counts is None else (address(counts), counts.shape[1])
        sink = results.sink
        if sink is None:
            fine = self._finish(job)
        elif count == 1:
            fine = self._alone(0, 1, job, sink, Turns([(0, 0, 0)]))
        else:
            from concurrent.futures import ThreadPoolExecutor

            turns = Turns([(0, 0, worker) for worker in range(count)])
            with ThreadPoolExecutor(count) as pool:
                fine = all(list(pool.map(lambda worker: self._alone(worker, count, job, sink, turns), range(count))))
        del held
        return self._seen() if fine else None

    def place(self, given: Prepared) -> None:
        """Write what the first sample is given where the first worker reads it; all ticks are run at once."""
        held = self._give(given)
        self.machine.place(self._job)
        del held

    def _give(self, given: Prepared) -> list[Array]:
        """Say where the inputs stand; what is returned has to be held until the run is over."""
        held = []
        for i, name in self.sources:
            spikes, of = given.spikes[name], self._given[i]
            if not spikes.flags.c_contiguous and not spikes[0, 0].flags.c_contiguous:
                spikes = np.ascontiguousarray(spikes)
            held.append(spikes)
            of.spikes = address(spikes)
            of.sample_step, of.tick_step = spikes.strides[:2]
        for i, name, shift in self._driven:
            of = self._given[i]
            of.bias, of.bias_shift, of.currents = None, shift, None
            if name in given.later:
                of.currents = ctypes.addressof(given.later[name][0])
                continue
            bias = given.bias[name]
            if not bias[0].flags.c_contiguous:
                bias = np.ascontiguousarray(bias)
            held.append(bias)
            of.bias, of.bias_step = address(bias), bias.strides[0] // bias.itemsize
        return held

    def _finish(self, job: Job) -> bool:
        job.refused = 0
        while job.sample < job.samples and not job.refused:
            self.machine.run(job, 0)
        return not job.refused

    def _alone(self, worker: int, step: int, whole: Job, sink: Sink, turns: Turns) -> bool:
        """What one thread of Python runs: every ``step``-th sample, handed on in the order of rounds, then of ticks, then of workers."""
        try:
            return self._in_turn(worker, step, whole, sink, turns)
        finally:
            turns.leave(worker)

    def _in_turn(self, worker: int, step: int, whole: Job, sink: Sink, turns: Turns) -> bool:
        job = Job.from_buffer_copy(whole)
        job.sample, job.step, job.workers = worker, step, 1
        job.patience_s = 0  # back after every chunk
        pieces = Pieces(self.plan, self.machine.buffers[worker], sink)
        while job.sample < job.samples:
            sample, first = job.sample, job.tick
            self.machine.run(job, worker)
            if job.refused:
                return False
            with turns.taken(worker, (job.sample // step, job.tick, worker)):
                pieces.send(sample, slice(first, min(first + self.plan.ticks, job.ticks)))
        return True

    def _seen(self) -> Array:
        """The notes of all workers."""
        if self.count == 1:
            return self._notes[0]
        every = np.array(self._notes)
        return np.concatenate([every[:, :, : tb.LARGEST_U].sum(axis=0), every[:, :, tb.LARGEST_U :].max(axis=0)], axis=1)
