"""A part on its device: weights of own rows, neurons, and in which type each sum is exact."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from neurograph.graded import message_limit
from neurograph.network import Population, Source
from neurograph.sim.device.bounds import INT64_EXACT, exact_type, largest_sum, shifted_bound
from neurograph.sim.device.chunks import Costs
from neurograph.sim.device.counting import Arrivals
from neurograph.sim.device.neurons import DeviceNeurons, FixedDeviceNeurons, neurons_on
from neurograph.sim.device.plan import Synapses, sent_dtype
from neurograph.sim.device.products import DeviceWeights
from neurograph.sim.groups import groups
from neurograph.sim.sharded.partition import Part, Share
from neurograph.sim.sharded.world import World

__all__ = ["PartPlan", "ShareOn", "most_sent"]


class ShareOn:
    """A share of a projection on a device.

    Args:
        share: what the rank holds.
        source: the local population that sends.
        world: the ranks; its device takes the weights.
        integer: as :class:`~neurograph.sim.device.products.DeviceWeights`.
        counts: whether :meth:`brought` will be asked where spikes arrive.

    Attributes:
        parts: what acts on own neurons of the source and, where there is one, on the halo.
        largest: of the sum before the shift, of this rank's parts alone.
    """

    def __init__(self, share: Share, source: Population, world: World, *, integer: bool, counts: bool) -> None:
        p = share.projection
        self.projection, self.summed, self.world, self.integer = p, share.summed, world, integer
        most, device = most_sent(source), world.device
        pieces = [p] if share.remote is None else [p, replace(p, weights=share.remote)]
        self.parts = [
            Synapses(
                piece,
                DeviceWeights(piece.weights, device, integer=integer, exponent=p.exponent, most=most, name=p.name),
                Arrivals(piece, source, device) if counts else None,
            )
            for piece in pieces
        ]
        self.largest = sum(largest_sum(piece.weights, most) for piece in pieces) << max(p.exponent, 0) if integer else 0
        self.dtype: torch.dtype = getattr(torch, exact_type(self.largest, f"projection {p.name}") if integer else "float64")

    def brought(self, seen: list[Tensor], arrived: Tensor | None) -> Tensor:
        """The contribution of own spikes and of those of the halo, each (samples, ticks, size), to own target neurons.

        The sum is whole, over the halo and over all ranks, before the exponent shifts it right. Where spikes arrive is added to ``arrived``
        (samples, ticks, target size), if it is given. A collective if ``summed``.
        """
        total, here = self._product(0, seen[0], arrived)
        for i in range(1, len(self.parts)):
            more, met = self._product(i, seen[i], arrived)
            total += more
            here = here | met if here is not None and met is not None else None
        if self.summed:
            total = self.world.sum_integers(total) if self.integer else self.world.sum_floats(total)
            here = self.world.most(here) != 0 if here is not None else None
        if arrived is not None and here is not None:
            arrived |= here
        return self.parts[0].weights.shifted(total)

    @property
    def row_bytes(self) -> int:
        """Memory that a product takes beside spikes, for each row of them."""
        return sum(s.weights.row_bytes + (s.arrivals.row_bytes if s.arrivals else 0) for s in self.parts)

    @property
    def weight_bytes(self) -> int:
        """Memory that the weights take."""
        return sum(s.weights.weight_bytes + (s.arrivals.weight_bytes if s.arrivals else 0) for s in self.parts)

    def _product(self, i: int, x: Tensor, arrived: Tensor | None) -> tuple[Tensor, Tensor | None]:
        part = self.parts[i]
        sums = part.weights.sums(x)
        met = part.arrivals.at(x, sums) if part.arrivals is not None and arrived is not None else None
        return sums.to(self.dtype), met


@dataclass(frozen=True)
class PartPlan:
    """What a rank's run needs beside its inputs and its halos.

    Args:
        part, world: which part, among whom.
        shares: in the order of the part's; those into the populations that are planned.
        heard: population → the shares into it.
        neurons: population → its own neurons.
        currents: population → the type in which what arrives is summed, exactly.
        groups: of populations that hear each other in a loop, upstream first.
        history: population → the largest lag of what it sends, T at most.
    """

    part: Part
    world: World
    shares: tuple[ShareOn, ...]
    heard: Mapping[str, list[ShareOn]]
    neurons: Mapping[str, DeviceNeurons]
    currents: Mapping[str, torch.dtype]
    groups: list[list[str]]
    history: Mapping[str, int]

    @staticmethod
    def of(part: Part, shares: tuple[ShareOn, ...], world: World, names: Collection[str], *, samples: int, scan: str) -> PartPlan:
        """Neurons of the populations ``names``, which ``shares`` lead to.

        A collective, because what the sums over ranks can reach is itself a sum over ranks.

        Raises:
            NetworkError: neurons of another arithmetic. UnsupportedError: sums that no type holds exactly.
        """
        network = part.network
        mine = torch.tensor([min(s.largest, INT64_EXACT + 1) for s in shares], dtype=torch.int64, device=world.device)
        in_all = world.sum_integers(mine).tolist()
        heard: dict[str, list[ShareOn]] = {p.name: [] for p in network.neurons if p.name in names}
        largest = dict.fromkeys(heard, 0)
        for share, total in zip(shares, in_all, strict=True):
            p = share.projection
            heard[p.target].append(share)
            largest[p.target] += shifted_bound(total if share.summed else share.largest, min(p.exponent, 0))
        neurons, currents = {}, {}
        for name, bound in largest.items():
            population = network.populations[name]
            kind = exact_type(bound, f"population {name!r}") if network.is_integer else "float64"
            currents[name] = getattr(torch, kind)
            ticks = network.ticks * (samples if getattr(population.neuron, "state", "") == "kept" else 1)
            neurons[name] = neurons_on(world.device, population, scan=scan, largest_current=bound, ticks=ticks)
        lags = {name: [p.lag for p in network.out_of(name)] for name in network.populations}
        history = {name: min(max(found, default=0), network.ticks) for name, found in lags.items()}
        return PartPlan(part, world, shares, heard, neurons, currents, groups(network), history)

    def inner(self, group: list[str]) -> dict[str, list[ShareOn]]:
        """Population of ``group`` → what it hears from within the group."""
        return {name: [s for s in self.heard[name] if s.projection.source in group] for name in group}

    def costs(self, *, states: bool) -> Costs:
        """Bytes on the device; ``states``: whether u and v of every tick are wanted."""
        populations, part = self.part.network.populations, self.part
        halo = {name: len(nodes) * populations[name].size // populations[name].shape[0] for name, nodes in part.halo.items()}
        sent = {name: sent_dtype(p).itemsize * (p.size + halo.get(name, 0)) for name, p in populations.items() if not p.is_static}
        state = {name: 0 if n.state is None else n.state.itemsize * n.size for name, n in self.neurons.items()}
        current = {name: self.currents[name].itemsize * populations[name].ports * populations[name].size for name in self.neurons}
        working = []
        for group in self.groups:
            products = [s.row_bytes + 2 * current[name] for name in group for s in self.heard[name]]
            kept = [2 * state[name] for name in group if states]
            working.append(sum(current[name] for name in group) + max([*products, *kept], default=0))
        return Costs(
            fixed=sum(s.weight_bytes for s in self.shares) + 6 * sum(state.values()),
            sample=3 * sum(state.values()) + sum(self.history[name] * size for name, size in sent.items()),
            tick=sum(sent.values()) + 2 * max(sent.values(), default=0) + max(working, default=0),
            together=any(heard for group in self.groups for heard in self.inner(group).values()),
        )

    def notes(self) -> dict[str, Any]:
        """Those of the fixed engine, over all ranks; a collective."""
        if not self.part.network.is_integer:
            return {}
        names = [name for name, n in self.neurons.items() if isinstance(n, FixedDeviceNeurons)]
        seen = torch.tensor([self._overflow(name) for name in names], dtype=torch.int64, device=self.world.device).reshape(-1, 4)
        counted = seen * torch.tensor(
            [[int(self.part.is_mine(name))] for name in names], dtype=torch.int64, device=self.world.device
        ).reshape(-1, 1)
        sums, most = self.world.sum_integers(counted[:, :2]).tolist(), self.world.most(seen[:, 2:]).tolist()
        return {
            "rules": "lava",
            "wraps": {name: row[0] for name, row in zip(names, sums, strict=True) if row[0]},
            "clips": {name: row[1] for name, row in zip(names, sums, strict=True) if row[1]},
            "largest_u": {name: row[0] for name, row in zip(names, most, strict=True)},
            "largest_v": {name: row[1] for name, row in zip(names, most, strict=True)},
        }

    def _overflow(self, name: str) -> tuple[int, ...]:
        neurons = self.neurons[name]
        assert isinstance(neurons, FixedDeviceNeurons)
        return neurons.overflow()


def most_sent(source: Population) -> int:
    """The largest magnitude that a population sends."""
    if isinstance(source.neuron, Source) and source.is_graded:
        return message_limit(source.neuron.bits)
    return message_limit() if source.is_graded else 1
