"""The float and the fixed engine on a torch device: all ticks and samples of a chunk in one product per projection, then one time scan.

Populations that hear each other in a loop go on together in blocks of as many ticks as the shortest lag within the loop; all others take
a chunk at once. A chunk is as many samples and ticks as fit into the memory that is given (:mod:`.chunks`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.network import Network
from neurograph.sim.device.arriving import Arriving
from neurograph.sim.device.chunks import Chunks
from neurograph.sim.device.counting import Counter
from neurograph.sim.device.devices import described, device_named, exact_products, memory_named, synchronize
from neurograph.sim.device.neurons import scan_module
from neurograph.sim.device.plan import Plan, sent_dtype
from neurograph.sim.device.results import Results
from neurograph.sim.inputs import Prepared, prepare
from neurograph.sim.recording import Recording, Sink, check_record

__all__ = ["Simulator", "run"]

Array = NDArray[Any]


def run(
    network: Network,
    inputs: Mapping[str, Array],
    *,
    device: str = "cuda",
    record: str = "all",
    counts: bool = False,
    max_memory: int | None = None,
    scan: str = "auto",
    into: Sink | None = None,
) -> Recording:
    """Run a float network or an integer one, by Lava's rules, on a torch device.

    Args:
        network: any that :func:`neurograph.sim.floating.run` or :func:`neurograph.sim.fixed.run` takes.
        inputs, record, counts, max_memory, into: see :meth:`Simulator.run`.
        device, scan: see :class:`Simulator`.

    Returns:
        Recording of engine "fixed" or "float": bit for bit that of the NumPy engine in integers, in floats the same spikes but for ties, as
        sums are taken in another order. ``notes`` names the device and the scan.

    Raises:
        As :class:`Simulator` and :meth:`Simulator.run`.
    """
    start = time.perf_counter()
    check_record(record)
    place = device_named(device)
    prepared = prepare(network, inputs)
    made = Simulator(network, device=str(place), scan=scan)._run(prepared, record, counts, max_memory, into)
    return replace(made, wall_s=time.perf_counter() - start)


class Simulator:
    """A network on a device, made ready to run many times.

    Args:
        network: float or integer.
        device: "cuda", "cuda:N" or "cpu".
        scan: "triton", "torch" or "auto", see :func:`neurograph.sim.device.neurons.scan_module`.

    Raises:
        InputError: no such device. UnsupportedError: sums that no type holds exactly. NetworkError: weights or neurons of another
            arithmetic. MemoryLimitError: the weights alone do not fit.
    """

    def __init__(self, network: Network, *, device: str = "cuda", scan: str = "auto") -> None:
        self.network, self.device = network, device_named(device)
        self._scan = scan_module(scan, self.device).__name__.rpartition(".")[2]
        with torch.no_grad(), memory_named(self.device):
            self._plan = Plan.of(network, self.device, scan)
        self._counting: Plan | None = None

    def run(
        self,
        inputs: Mapping[str, Array],
        *,
        record: str = "all",
        counts: bool = False,
        max_memory: int | None = None,
        into: Sink | None = None,
    ) -> Recording:
        """Run it, see :func:`run`.

        Args:
            inputs: source → values, see :mod:`neurograph.sim.inputs`.
            record: what to keep, see :data:`neurograph.sim.recording.RECORDS`.
            counts: whether to gather a tally, which needs no recorded spikes.
            max_memory: bytes for what the run holds on the device, weights included; if not given, seven tenths of what is free on a GPU,
                1 GiB beside the weights on a CPU. Samples and ticks are run in as many pieces as that asks for.
            into: takes what it ``keeps`` while the network runs, beside what ``record`` holds in memory.

        Raises:
            InputError: inputs that do not fit, no such record. MemoryLimitError: one tick of one sample does not fit.
            QuantizationError: a value that no graded message holds.
        """
        start = time.perf_counter()
        check_record(record)
        made = self._run(prepare(self.network, inputs), record, counts, max_memory, into)
        return replace(made, wall_s=time.perf_counter() - start)

    def _run(self, prepared: Prepared, record: str, counts: bool, max_memory: int | None, into: Sink | None) -> Recording:
        with torch.no_grad(), exact_products(), memory_named(self.device):
            if counts and self._counting is None:
                self._counting = self._plan.counting()
            plan = self._counting if counts and self._counting else self._plan
            plan.forget()
            types = {name: n.state for name, n in plan.neurons.items() if n.state is not None}
            results = Results(self.network, types, prepared.samples, record, into)
            counter = Counter(self.network) if counts else None
            _Run(plan, prepared, results, max_memory, counter).all_samples()
            synchronize(self.device)
            return Recording(
                "fixed" if self.network.is_integer else "float",
                self.network.ticks,
                results.spikes,
                results.v,
                results.u,
                machine_steps=self.network.ticks,
                notes={"device": described(self.device), "scan": self._scan, **plan.notes()},
                tally=counter.tally() if counter else None,
            )


class _Run:
    """One run of a plan over prepared inputs, chunk by chunk."""

    def __init__(self, plan: Plan, prepared: Prepared, results: Results, max_memory: int | None, counter: Counter | None) -> None:
        self.plan, self.prepared, self.results, self.counter = plan, prepared, results, counter
        self.kept = {p.name for p in plan.network.neurons if getattr(p.neuron, "state", "") == "kept"}
        samples, ticks = prepared.samples, plan.network.ticks
        costs = plan.costs(states=results.has_states)
        self.chunks = Chunks.of(costs, plan.device, max_memory, samples, ticks, one_by_one=bool(self.kept))

    def all_samples(self) -> None:
        """Run every chunk of samples, and of ticks within it."""
        for samples in self.chunks.samples():
            count = samples.stop - samples.start
            for name, neurons in self.plan.neurons.items():
                bias = self.prepared.flat_bias(name)
                bias = bias[samples] if len(bias) > 1 else bias
                neurons.start(bias, samples=count, keep=name in self.kept and samples.start > 0)
            buffers = self._buffers(count)
            if self.counter:
                self.counter.start(count, self.plan.device)
            for ticks in self.chunks.ticks():
                self._chunk(samples, ticks, buffers)
            if self.counter:
                self.counter.finish()

    def _buffers(self, samples: int) -> dict[str, Tensor]:
        """Of each population's spikes, the last ticks of the chunk before, as far as a lag reaches, then those of this chunk."""
        made = {}
        for name, population in self.plan.network.populations.items():
            if not population.is_static:
                shape = (samples, self.plan.history[name] + self.chunks.most_ticks, population.size)
                made[name] = torch.zeros(shape, dtype=sent_dtype(population), device=self.plan.device)
        return made

    def _chunk(self, samples: slice, ticks: slice, buffers: Mapping[str, Tensor]) -> None:
        count = ticks.stop - ticks.start
        for name, values in self.prepared.spikes.items():
            given = np.ascontiguousarray(values[samples, ticks].reshape(samples.stop - samples.start, count, -1))
            self._window(buffers, name, 0, count).copy_(torch.from_numpy(given))
        for group in self.plan.groups:
            self._group(group, samples, ticks, buffers)
        if self.counter is not None:
            for name in buffers:
                self.counter.sent(name, self._window(buffers, name, 0, count))
        for name in self.results.sending:
            self.results.take_spikes(name, samples, ticks, self._window(buffers, name, 0, count))
        for name, buffer in buffers.items():
            history = self.plan.history[name]
            if history:
                buffer[:, :history] = buffer[:, count : count + history].clone()

    def _window(self, buffers: Mapping[str, Tensor], name: str, first: int, count: int, lag: int = 0) -> Tensor:
        """Spikes of ``count`` ticks from tick ``first`` of the chunk on, as heard ``lag`` ticks later."""
        start = self.plan.history[name] + first - lag
        return buffers[name][:, start : start + count]

    def _group(self, group: list[str], samples: slice, ticks: slice, buffers: Mapping[str, Tensor]) -> None:
        plan, count = self.plan, ticks.stop - ticks.start
        inner = plan.inner(group)
        arriving = {name: self._outer(name, group, samples.stop - samples.start, count, buffers) for name in group}
        states = self._states(group, samples, count)
        block = min((s.projection.lag for heard in inner.values() for s in heard if s.projection.lag), default=count)
        for first in range(0, count, block):
            some = min(block, count - first)
            for name in group:
                now = arriving[name].ticks(first, some)
                for synapses in inner[name]:
                    p = synapses.projection
                    spikes = self._window(buffers, p.source, first, some, p.lag)
                    now.add(p.port, synapses.brought(spikes, now.arrived))
                plan.neurons[name].scan(now.current, self._window(buffers, name, first, some), states=_ticks(states.get(name), first, some))
        for name, (u, v) in states.items():
            self.results.take_states(name, samples, ticks, u, v)
        if self.counter is not None:
            for name in group:
                self.counter.active(name, self._window(buffers, name, 0, count), arriving[name].arrived)

    def _states(self, group: list[str], samples: slice, ticks: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Where u and v of a chunk go, of those of the group that have them."""
        made = {}
        for name in group if self.results.has_states else ():
            neurons = self.plan.neurons[name]
            if neurons.state is not None:
                shape = (2, samples.stop - samples.start, ticks, neurons.size)
                u, v = torch.empty(shape, dtype=neurons.state, device=self.plan.device)
                made[name] = u, v
        return made

    def _outer(self, name: str, group: list[str], samples: int, ticks: int, buffers: Mapping[str, Tensor]) -> Arriving:
        """What arrives from outside the group in a chunk."""
        population, dtype = self.plan.network.populations[name], self.plan.currents[name]
        heard = [s for s in self.plan.heard[name] if s.projection.source not in group]
        windows = [self._window(buffers, s.projection.source, 0, ticks, s.projection.lag) for s in heard]
        shape = (samples, ticks, population.size)
        arrived = torch.zeros(shape, dtype=torch.bool, device=self.plan.device) if self.counter else None
        if len(heard) == 1 and population.ports == 1 and heard[0].weights.dtype == dtype:
            return Arriving(heard[0].brought(windows[0], arrived), arrived, population.size)
        total = torch.zeros((*shape[:2], population.ports * population.size), dtype=dtype, device=self.plan.device)
        found = Arriving(total, arrived, population.size)
        for synapses, spikes in zip(heard, windows, strict=True):
            found.add(synapses.projection.port, synapses.brought(spikes, arrived))
        return found


def _ticks(states: tuple[Tensor, Tensor] | None, first: int, count: int) -> tuple[Tensor, Tensor] | None:
    """u and v of some ticks."""
    return None if states is None else (states[0][:, first : first + count], states[1][:, first : first + count])
