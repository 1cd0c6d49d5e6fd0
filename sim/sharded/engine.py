"""A rank's run: chunks of samples and ticks through its part, with the halo exchanged and the sums of replicated populations reduced.

As :mod:`neurograph.sim.device.engine`: populations in no loop take a chunk at once; those of a loop go on together in blocks of as many
ticks as the shortest lag within it, and exchange their halo block by block. What a population sends sets out as soon as it is there and is
waited for where it is first heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.network import Network
from neurograph.sim.device.arriving import Arriving
from neurograph.sim.device.chunks import Chunks
from neurograph.sim.device.plan import sent_dtype
from neurograph.sim.sharded.counting import Counter
from neurograph.sim.sharded.halo import Halo
from neurograph.sim.sharded.plan import PartPlan, ShareOn
from neurograph.sim.sharded.static import driven_biases
from neurograph.sim.static_currents import bias_from
from neurograph.sim.ticks import sent_type

__all__ = ["PartRun", "sending"]

Array = NDArray[Any]


def sending(network: Network) -> list[str]:
    """Populations that send something tick by tick, sources first, as a recording lists them."""
    return [p.name for p in (*network.sources, *network.neurons) if not p.is_static]


class _Trace:
    """What a population sent: ``lead`` ticks of before, then those of the chunk; own neurons, and the halo where there is one."""

    def __init__(self, lead: int, samples: int, ticks: int, size: int, dtype: torch.dtype, device: torch.device, halo: Halo | None) -> None:
        self.lead, self.halo = lead, halo
        self.own = torch.zeros((samples, lead + ticks, size), dtype=dtype, device=device)
        self.remote = torch.zeros((samples, lead + ticks, halo.size), dtype=dtype, device=device) if halo is not None else None
        self._coming: list[tuple[int, int, Any]] = []

    def window(self, first: int, count: int, lag: int = 0) -> Tensor:
        """Own spikes of ``count`` ticks from tick ``first`` of the chunk on, as heard ``lag`` ticks later."""
        return self.own[:, self.lead + first - lag : self.lead + first - lag + count]

    def remote_window(self, first: int, count: int, lag: int) -> Tensor:
        """The same of the halo, waited for."""
        self.arrive()
        assert self.remote is not None
        return self.remote[:, self.lead + first - lag : self.lead + first - lag + count]

    def send(self, first: int, count: int) -> None:
        """Let the halo set out; all ranks together."""
        if self.halo is not None:
            self._coming.append((first, count, self.halo.start(self.window(first, count))))

    def arrive(self) -> None:
        """Wait for what is under way."""
        for first, count, received in self._coming:
            assert self.remote is not None
            self.remote[:, self.lead + first : self.lead + first + count] = received()
        self._coming = []

    def next_chunk(self, count: int) -> None:
        """The last ticks of this chunk, of ``count`` ticks, become those of before."""
        self.arrive()
        for kept in (self.own, self.remote):
            if kept is not None and self.lead:
                kept[:, : self.lead] = kept[:, count : count + self.lead].clone()


class PartRun:
    """One run of a part over the inputs of all samples.

    Args:
        plan: the part on its device.
        halos: of the sources that any rank hears across the cut.
        values: source → inputs of the whole network, (samples, …); constant sources have none.
        samples: how many.
        recorded: populations whose spikes are kept; on ranks other than 0 only their split ones are.
        states: whether u and v are kept as well.
        counter: of what is sent and active; None if nothing is counted.
        chunks: how many samples and ticks at a time, the same on every rank.
    """

    def __init__(
        self,
        plan: PartPlan,
        halos: Mapping[str, Halo],
        values: Mapping[str, Array],
        samples: int,
        *,
        recorded: list[str],
        states: bool,
        counter: Counter | None,
        chunks: Chunks,
    ) -> None:
        self.plan, self.part, self.network, self.halos = plan, plan.part, plan.part.network, halos
        self.values, self.states, self.counter, self.chunks = values, states, counter, chunks
        self.kept = {p.name for p in self.network.neurons if getattr(p.neuron, "state", "") == "kept"}
        self.driven = driven_biases(self.network.populations, self.part.statics, values, samples, plan.neurons)
        self.fired = {name: torch.zeros((), dtype=torch.int64, device=plan.world.device) for name in sending(self.network)}
        self.spikes: dict[str, Array] = {}
        self.u: dict[str, Array] = {}
        self.v: dict[str, Array] = {}
        for name in recorded:
            if self.part.is_mine(name):
                population = self.network.populations[name]
                shape = (samples, self.network.ticks, population.size)
                self.spikes[name] = np.zeros(shape, sent_type(population))
                neurons = plan.neurons.get(name)
                if states and neurons is not None and neurons.state is not None:
                    kind = np.float64 if neurons.state == torch.float64 else np.int64
                    self.u[name], self.v[name] = np.zeros(shape, kind), np.zeros(shape, kind)

    def notes(self) -> dict[str, Any]:
        """Those of the fixed engine, over all ranks; a collective."""
        return self.plan.notes()

    def all_samples(self) -> None:
        """Run every chunk of samples, and of ticks within it."""
        for samples in self.chunks.samples():
            for name, neurons in self.plan.neurons.items():
                neurons.start(self._bias(name, samples), keep=name in self.kept and samples.start > 0)
            traces = self._traces(samples.stop - samples.start)
            for ticks in self.chunks.ticks():
                self._chunk(samples, ticks, traces)
            if self.counter is not None:
                self.counter.end_of(samples)

    def spikes_in_all(self) -> dict[str, int]:
        """Spikes of every population but static sources, over all ranks, samples and ticks; a collective."""
        mine = [fired * int(self.part.is_mine(name)) for name, fired in self.fired.items()]
        return dict(zip(self.fired, self.plan.world.sum_integers(torch.stack(mine)).tolist(), strict=True))

    def _bias(self, name: str, samples: slice) -> Array:
        """Bias and static currents of own neurons, (samples, own size)."""
        count = samples.stop - samples.start
        bias = self.driven[name][samples] if name in self.driven else bias_from(self.network.populations[name], [], count)
        return np.array(bias.reshape(count, -1))

    def _traces(self, samples: int) -> dict[str, _Trace]:
        made = {}
        for name in self.fired:
            p, lead, device = self.network.populations[name], self.plan.history[name], self.plan.world.device
            made[name] = _Trace(lead, samples, self.chunks.most_ticks, p.size, sent_dtype(p), device, self.halos.get(name))
        return made

    def _chunk(self, samples: slice, ticks: slice, traces: Mapping[str, _Trace]) -> None:
        count = ticks.stop - ticks.start
        for source in self.network.sources:
            if not source.is_static:
                self._put(source.name, samples, ticks, traces[source.name].window(0, count))
                traces[source.name].send(0, count)
                if self.counter is not None:
                    self.counter.sent(source.name, traces[source.name].window(0, count))
        for group in self.plan.groups:
            self._group(group, samples, ticks, traces)
        for name, fired in self.fired.items():
            fired += torch.count_nonzero(traces[name].window(0, count))
        for name, spikes in self.spikes.items():
            spikes[samples, ticks] = traces[name].window(0, count).cpu().numpy()
        for trace in traces.values():
            trace.next_chunk(count)

    def _put(self, name: str, samples: slice, ticks: slice, window: Tensor) -> None:
        """The inputs of own nodes."""
        if self.network.populations[name].is_constant:
            window.fill_(1)
            return
        given = self.part.own(name, self.values[name][samples, ticks], 2)
        window.copy_(torch.from_numpy(np.ascontiguousarray(given.reshape(*given.shape[:2], -1))))

    def _group(self, group: list[str], samples: slice, ticks: slice, traces: Mapping[str, _Trace]) -> None:
        count, inner = ticks.stop - ticks.start, self.plan.inner(group)
        arriving = {}
        for name in group:
            arriving[name] = self._nothing(name, samples.stop - samples.start, count)
            heard = [s for s in self.plan.heard[name] if s.projection.source not in group]
            self._hear(heard, arriving[name], 0, count, traces)
        block = min((s.projection.lag for heard in inner.values() for s in heard if s.projection.lag), default=count)
        for first in range(0, count, block):
            some = min(block, count - first)
            for name in group:
                now = arriving[name].ticks(first, some)
                self._hear(inner[name], now, first, some, traces)
                self._scan(name, samples, slice(ticks.start + first, ticks.start + first + some), first, now, traces[name])

    def _scan(self, name: str, samples: slice, at: slice, first: int, now: Arriving, trace: _Trace) -> None:
        window, keep = trace.window(first, at.stop - at.start), name in self.u
        scanned = self.plan.neurons[name].scan(now.current, window, states=keep)
        trace.send(first, at.stop - at.start)
        if keep and scanned.u is not None and scanned.v is not None:
            self.u[name][samples, at], self.v[name][samples, at] = scanned.u.cpu().numpy(), scanned.v.cpu().numpy()
        if self.counter is not None:
            self.counter.sent(name, window)
            self.counter.worked(name, samples, window, now.arrived)

    def _nothing(self, name: str, samples: int, ticks: int) -> Arriving:
        population, device = self.network.populations[name], self.plan.world.device
        shape = (samples, ticks, population.size)
        current = torch.zeros((*shape[:2], population.ports * population.size), dtype=self.plan.currents[name], device=device)
        arrived = torch.zeros(shape, dtype=torch.bool, device=device) if self.counter is not None else None
        return Arriving(current, arrived, population.size)

    def _hear(self, shares: list[ShareOn], now: Arriving, first: int, count: int, traces: Mapping[str, _Trace]) -> None:
        """Add what some shares bring in ``count`` ticks."""
        for share in shares:
            p = share.projection
            trace, lag = traces[p.source], min(p.lag, self.network.ticks)
            seen = [trace.window(first, count, lag)]
            if len(share.parts) > 1:
                seen.append(trace.remote_window(first, count, lag))
            now.add(p.port, share.brought(seen, now.arrived))
