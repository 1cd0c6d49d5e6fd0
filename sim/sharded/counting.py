"""Counting on a rank: what its own neurons send, and which of them are active. Summed over ranks it is the tally of one process.

Synaptic events, messages and spikes are counted where they are sent, by the rank that owns the neuron (rank 0 of a replicated one), with
the fan-outs over the whole network that the cut has noted; whether a neuron got a spike is known where its row is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.sim.sharded.partition import Part
from neurograph.sim.sharded.world import World
from neurograph.sim.tally import Tally

__all__ = ["Counter"]

Array = NDArray[Any]


class Counter:
    """Counts of a rank, sample by sample.

    What is kept by population counts replicated ones on every rank; :meth:`tally` takes these from rank 0. ``events``, an array for each of
    the part's shares, counts no event that another rank counts.

    Args:
        part: the rank's part.
        samples: how many there will be.
    """

    def __init__(self, part: Part, samples: int) -> None:
        self.part, self.network = part, part.network
        computing = [p.name for p in self.network.neurons]
        self.sending = [p.name for p in self.network.sources if not p.is_static] + computing

        def nothing(names: list[str]) -> dict[str, Array]:
            return {name: np.zeros(samples, dtype=np.int64) for name in names}

        self.spikes, self.messages, self.reached = nothing(self.sending), nothing(self.sending), nothing(self.sending)
        self.active = nothing(computing)
        self.events = [np.zeros(samples, dtype=np.int64) for _ in part.shares]
        self._by_neuron: dict[str, Tensor] = {}

    def sent(self, name: str, spikes: Tensor) -> None:
        """Spikes (samples, ticks, own size) of some ticks."""
        counts = (spikes != 0).sum(dim=1)
        self._by_neuron[name] = self._by_neuron[name] + counts if name in self._by_neuron else counts

    def worked(self, name: str, samples: slice, spikes: Tensor, arrived: Tensor | None) -> None:
        """Spikes of some ticks, and whether anything arrived, of the same shape."""
        active = spikes != 0
        if arrived is not None:
            active |= arrived
        self.active[name][samples] += active.sum(dim=(1, 2)).cpu().numpy()

    def end_of(self, samples: slice) -> None:
        """These samples have no more ticks."""
        for name, counts in self._by_neuron.items():
            self.count(name, samples, counts.cpu().numpy(), events=True)
        self._by_neuron = {}

    def count(self, name: str, samples: slice, by_neuron: Array, *, events: bool) -> None:
        """What follows from the spikes of each own neuron over all ticks, (samples, own size); ``events``: its synaptic events as well."""
        reach = self._reach(name)
        self.spikes[name][samples] = by_neuron.sum(axis=1, dtype=np.int64)
        self.messages[name][samples] = [np.multiply(row, reach).sum(dtype=np.int64) for row in by_neuron]
        self.reached[name][samples] = [row[reach > 0].sum(dtype=np.int64) for row in by_neuron]
        for found, share in zip(self.events, self.part.shares, strict=True):
            if events and share.projection.source == name and self.part.is_mine(name):
                found[samples] = share.fan_out.events(by_neuron)

    def tally(self, world: World) -> Tally:
        """The sum over all ranks; a collective."""
        rows = [self._mine(name, kind[name]) for kind in (self.spikes, self.messages, self.reached) for name in self.sending]
        rows += [self._mine(name, counts) for name, counts in self.active.items()]
        rows += self.events
        total = list(world.sum_integers(torch.from_numpy(np.stack(rows)).to(world.device)).cpu().numpy())

        def taken(names: list[str]) -> Mapping[str, Array]:
            return {name: total.pop(0) for name in names}

        spikes, messages, reached = taken(self.sending), taken(self.sending), taken(self.sending)
        return Tally(spikes, taken(list(self.active)), tuple(total), messages, reached)

    def _mine(self, name: str, counts: Array) -> Array:
        return counts if self.part.is_mine(name) else np.zeros_like(counts)

    def _reach(self, name: str) -> Array:
        """How many populations a spike of each own neuron reaches, anywhere."""
        size = self.network.populations[name].size
        reaches: dict[str, Array] = {}
        for share in self.part.shares:
            if share.projection.source == name:
                found = share.fan_out.per_neuron() > 0
                target = share.projection.target
                reaches[target] = reaches[target] | found if target in reaches else found
        total = np.zeros(size, dtype=np.int32)
        for found in reaches.values():
            total += found
        return total
