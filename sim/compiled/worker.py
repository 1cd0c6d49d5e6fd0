"""A worker: buffers of a plan, and the samples that one thread runs in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import FixedLIF
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.buffers import Plan
from neurograph.sim.compiled.calls import Machine
from neurograph.sim.compiled.results import Results
from neurograph.sim.inputs import Prepared
from neurograph.sim.recording import Sink

__all__ = ["Worker"]

Array = NDArray[Any]


class Worker:
    """Runs samples one after the other, each in chunks of as many ticks as the plan says."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.machine = plan, Machine(plan)
        buffers, program = self.machine.buffers, plan.program
        table = dict(zip(program.names, plan.populations.tolist(), strict=True))
        for name, rows in program.biased.items():
            buffers["bias"][plan.bias_at[name] : plan.bias_at[name] + rows.size] = rows.ravel()

        def ticks_of(buffer: str, row: list[int], at: int, length: int, history: int = 0) -> Array:
            """Ticks of a population without those of its history, (ticks, nodes, width)."""
            size = row[tb.P_NODES] * length * row[tb.P_WIDTH]
            part = buffers[buffer][at : at + size].reshape(row[tb.P_NODES], length, row[tb.P_WIDTH])
            return part[:, history:].transpose(1, 0, 2)

        self.spikes = {n: ticks_of("spikes", r, r[tb.P_SPIKES], r[tb.P_LENGTH], r[tb.P_HISTORY]) for n, r in table.items()}
        self.states: dict[str, dict[str, Array]] = {"u": {}, "v": {}}
        if buffers["recorded_v"].size:
            for kind, views in self.states.items():
                for name in program.names:
                    if table[name][tb.P_STATE] >= 0:
                        row = table[name]
                        views[name] = ticks_of(f"recorded_{kind}", row, row[tb.P_STATE] * plan.ticks, plan.ticks)
        self.sources = [name for name in program.names if program.network.populations[name].is_source]
        messages = buffers["message_counts"].reshape(-1, 2)
        self.counts = {"messages": messages[:, 0], "reached": messages[:, 1]}
        self.counts.update(
            {key: buffers[f"{kind}_counts"] for key, kind in (("spikes", "spike"), ("active", "active"), ("events", "event"))}
        )

    def run(self, samples: range, given: Prepared, results: Results) -> None:
        """Run these samples of ``given``; their rows of ``results`` are written."""
        total = self.plan.program.network.ticks
        notes = self.machine.buffers["notes"]
        notes[:] = 0
        for sample in samples:
            self.machine.begin(first=sample == samples[0])
            self.drive(sample, given)
            for first in range(0, total, self.plan.ticks):
                self._chunk(sample, slice(first, min(total, first + self.plan.ticks)), given, results)
        results.seen.append(notes.reshape(-1, 4).copy())

    def drive(self, sample: int, given: Prepared) -> None:
        """Write the currents that static sources drive."""
        program, bias = self.plan.program, self.machine.buffers["bias"]
        for name in program.driven:
            population = program.network.populations[name]
            value: Any = given.bias[name][sample].reshape(-1)
            if isinstance(population.neuron, FixedLIF):
                value = value << population.neuron.bias_exp
            bias[self.plan.bias_at[name] : self.plan.bias_at[name] + population.size] = value

    def put(self, sample: int, window: slice, given: Prepared) -> None:
        """Write what the sources send in some ticks."""
        for name in self.sources:
            rows = self.spikes[name][: window.stop - window.start]
            rows[:] = given.spikes[name][sample, window].reshape(rows.shape)

    def _chunk(self, sample: int, window: slice, given: Prepared, results: Results) -> None:
        ticks = window.stop - window.start
        self.put(sample, window, given)
        self.machine.run(ticks)
        for kept, views in ((results.spikes, self.spikes), (results.u, self.states["u"]), (results.v, self.states["v"])):
            for name, values in kept.items():
                rows = values[sample, window]
                rows.reshape(views[name][:ticks].shape)[:] = views[name][:ticks]
        if results.sink is not None:
            self._send(results.sink, sample, window)
        for key, counted in results.counted.items():
            counted[sample] += self.counts[key]
            self.counts[key][:] = 0

    def _send(self, sink: Sink, sample: int, window: slice) -> None:
        network, ticks = self.plan.program.network, window.stop - window.start
        kinds = {"spikes": self.spikes, "voltages": self.states["v"], "currents": self.states["u"]} if sink.keeps == "all" else {}
        if sink.keeps in ("spikes", "outputs"):
            kinds = {"spikes": {name: z for name, z in self.spikes.items() if sink.keeps == "spikes" or name in network.outputs}}
        for kind, views in kinds.items():
            for name, view in views.items():
                values = view[:ticks].reshape(1, ticks, *network.populations[name].shape)
                if kind != "spikes" and values.dtype == np.int32:
                    values = values.astype(np.int64)  # as they are recorded
                sink.append(name, slice(sample, sample + 1), window, values, kind=kind)
