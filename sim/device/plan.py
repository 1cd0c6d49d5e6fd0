"""A network on a device: the weights of each projection, the neurons of each population, and what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from neurograph.graded import message_limit
from neurograph.network import Network, Population, Projection, Source
from neurograph.sim.device.bounds import exact_type
from neurograph.sim.device.chunks import Costs
from neurograph.sim.device.counting import Arrivals
from neurograph.sim.device.neurons import DeviceNeurons, FixedDeviceNeurons, neurons_on
from neurograph.sim.device.products import DeviceWeights
from neurograph.sim.groups import groups

__all__ = ["Plan", "Synapses", "sent_dtype"]


@dataclass(frozen=True)
class Synapses:
    """A projection that carries spikes, its weights on the device and, where counts are wanted, where its spikes arrive."""

    projection: Projection
    weights: DeviceWeights
    arrivals: Arrivals | None = None

    def brought(self, spikes: Tensor, arrived: Tensor | None) -> Tensor:
        """The contribution of ``spikes`` (..., in); where they arrive is added to ``arrived`` (..., out), if it is given."""
        sums = self.weights.sums(spikes)
        if arrived is not None and self.arrivals is not None:
            arrived |= self.arrivals.at(spikes, sums)
        return self.weights.shifted(sums)

    @property
    def row_bytes(self) -> int:
        """Memory for each row of spikes."""
        if self.arrivals is None:
            return self.weights.row_bytes
        return self.weights.row_bytes + self.arrivals.row_bytes + 2 * self.weights.shape[0]

    @property
    def weight_bytes(self) -> int:
        """Memory for however few rows."""
        return self.weights.weight_bytes + (self.arrivals.weight_bytes if self.arrivals else 0)


@dataclass(frozen=True)
class Plan:
    """What a run needs beside its inputs.

    Args:
        network, device: what runs where.
        heard: population → the projections into it that carry spikes.
        neurons: population → its neurons; sources have none.
        currents: population → the type in which what arrives is summed, exactly.
        groups: of populations that hear each other in a loop, upstream first.
        history: population → the largest lag of what it sends.
    """

    network: Network
    device: torch.device
    heard: Mapping[str, list[Synapses]]
    neurons: Mapping[str, DeviceNeurons]
    currents: Mapping[str, torch.dtype]
    groups: list[list[str]]
    history: Mapping[str, int]

    @staticmethod
    def of(network: Network, device: torch.device, scan: str = "auto") -> Plan:
        """Move ``network`` to ``device``.

        Raises:
            NetworkError: weights or neurons of another arithmetic. UnsupportedError: sums that no type holds exactly.
        """
        heard: dict[str, list[Synapses]] = {p.name: [] for p in network.neurons}
        for projection in network.spiking_projections:
            heard[projection.target].append(Synapses(projection, _weights(network, projection, device)))
        neurons: dict[str, DeviceNeurons] = {}
        currents: dict[str, torch.dtype] = {}
        for population in network.neurons:
            name = population.name
            largest = sum(s.weights.bound or 0 for s in heard[name])
            summed = exact_type(largest, f"population {name!r}") if network.is_integer else "float64"
            currents[name] = getattr(torch, summed)
            ticks = None if getattr(population.neuron, "state", "") == "kept" else network.ticks
            neurons[name] = neurons_on(device, population, integer=network.is_integer, scan=scan, largest_current=largest, ticks=ticks)
        history = {name: max((p.lag for p in network.out_of(name)), default=0) for name in network.populations}
        return Plan(network, device, heard, neurons, currents, groups(network), history)

    def counting(self) -> Plan:
        """The same, which also knows where spikes arrive."""

        def counted(s: Synapses) -> Synapses:
            return replace(s, arrivals=Arrivals(s.projection, self.network.populations[s.projection.source], self.device))

        return replace(self, heard={name: [counted(s) for s in heard] for name, heard in self.heard.items()})

    def inner(self, group: list[str]) -> dict[str, list[Synapses]]:
        """Population of ``group`` → what it hears from within the group."""
        return {name: [s for s in self.heard[name] if s.projection.source in group] for name in group}

    def forget(self) -> None:
        """Begin to count wraps and clips anew."""
        for neurons in self.neurons.values():
            if isinstance(neurons, FixedDeviceNeurons):
                neurons.forget()

    def notes(self) -> dict[str, Any]:
        """Those of the fixed engine: the rules, wraps and clips by population, the largest |u| and |v|."""
        if not self.network.is_integer:
            return {}
        seen = {name: n.overflow() for name, n in self.neurons.items() if isinstance(n, FixedDeviceNeurons)}
        wraps, clips, u, v = ({name: values[i] for name, values in seen.items()} for i in range(4))

        def some(counts: dict[str, int]) -> dict[str, int]:
            return {name: count for name, count in counts.items() if count}

        return {"rules": "lava", "wraps": some(wraps), "clips": some(clips), "largest_u": u, "largest_v": v}

    def costs(self, *, states: bool) -> Costs:
        """Bytes on the device; ``states``: whether u and v of every tick are wanted."""
        populations = self.network.populations
        sent = {name: sent_dtype(p).itemsize * p.size for name, p in populations.items() if not p.is_static}
        state = {name: 0 if n.state is None else n.state.itemsize * n.size for name, n in self.neurons.items()}
        current = {name: self.currents[name].itemsize * populations[name].ports * populations[name].size for name in self.neurons}
        size = {name: p.size for name, p in populations.items() if not p.is_static}
        counted = any(s.arrivals for heard in self.heard.values() for s in heard)
        # In a chunk: currents of a group, then what one product, scan or count after another takes; and a copy from or to the host.
        working = [2 * max(size.values(), default=0)] if counted else [0]
        for group in self.groups:
            held = sum(current[name] + size[name] * counted + 2 * state[name] * states for name in group)
            products = [s.row_bytes + current[name] for name in group for s in self.heard[name]]
            scans = [self.neurons[name].tick_bytes for name in group]
            counts = [2 * size[name] for name in group if counted]
            working.append(held + max([*products, *scans, *counts]))
        return Costs(
            fixed=sum(s.weight_bytes for heard in self.heard.values() for s in heard) + sum(8 * n + 40 for n in state.values()),
            sample=3 * sum(state.values())
            + max((n.scan_bytes for n in self.neurons.values()), default=0)
            + sum(self.history[name] * 2 * n for name, n in sent.items())
            + 8 * (sum(size.values()) + len(size)) * counted,
            tick=sum(sent.values()) + max(sent.values(), default=0) + max(working),
            together=any(heard for group in self.groups for heard in self.inner(group).values()),
        )


def sent_dtype(population: Population) -> torch.dtype:
    """What goes out: a real value, a message or a spike."""
    return torch.float64 if population.is_real else torch.int32 if population.is_graded else torch.uint8


def _weights(network: Network, projection: Projection, device: torch.device) -> DeviceWeights:
    most = _most(network.populations[projection.source])
    integer = network.is_integer
    return DeviceWeights(projection.weights, device, integer=integer, exponent=projection.exponent, most=most, name=projection.name)


def _most(source: Population) -> int:
    """The largest magnitude that a population sends."""
    if isinstance(source.neuron, Source) and source.is_graded:
        return message_limit(source.neuron.bits)
    return message_limit() if source.is_graded else 1
