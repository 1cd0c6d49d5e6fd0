"""The tick loop that the float and the fixed engine share: who is evaluated when, on which spikes.

Populations that hear each other within a loop are stepped together, tick by tick. All others see the whole of their input at once: one
product per projection over all samples and ticks, then a scan over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurograph.network import Network, Population, Projection
from neurograph.sim.graded import MESSAGE
from neurograph.sim.groups import groups
from neurograph.sim.inputs import Prepared
from neurograph.sim.recording import Sink

__all__ = ["Dynamics", "Neurons", "Traces", "at_port", "run_ticks", "sent_type"]

Array = NDArray[Any]


class Neurons(Protocol):
    """The state of one population, for all samples at once; u and v of shape (samples, size)."""

    u: Array
    v: Array

    def start(self, bias: Array) -> None:
        """Clear the state and take the bias of the next inference, (samples, size)."""
        ...

    def step(self, current: Array) -> Array:
        """Take the input of one tick, (samples, ports · size), and return the spikes."""
        ...


class Dynamics(Protocol):
    """An arithmetic: how weights act on spikes, and how neurons act on currents."""

    def contribution(self, projection: Projection, spikes: Array) -> Array:
        """What ``spikes`` (batch, source size) bring to the target (batch, target size)."""
        ...

    def neurons(self, population: Population, bias: Array) -> Neurons:
        """Fresh neurons; bias of shape (samples, size)."""
        ...


class Traces:
    """Spikes of every population, u and v of those that have them: (samples, T, size)."""

    def __init__(self) -> None:
        self.spikes: dict[str, Array] = {}
        self.u: dict[str, Array] = {}
        self.v: dict[str, Array] = {}

    def shaped(self, network: Network, record: str = "all") -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """What :data:`neurograph.sim.recording.RECORDS` names of spikes, v and u, as (samples, T, *shape); a Recording takes them so."""

        def shape(values: Mapping[str, Array]) -> dict[str, Array]:
            return {name: value.reshape(*value.shape[:2], *network.populations[name].shape) for name, value in values.items()}

        if record == "all":
            return shape(self.spikes), shape(self.v), shape(self.u)
        names = {"spikes": tuple(self.spikes), "outputs": network.outputs, "none": ()}[record]
        return shape({name: self.spikes[name] for name in names}), {}, {}

    def send(self, network: Network, into: Sink) -> None:
        """Append to a sink what it keeps."""
        into.begin(len(next(iter(self.spikes.values()))))
        for kind, arrays in zip(("spikes", "voltages", "currents"), self.shaped(network, into.keeps), strict=True):
            for name, values in arrays.items():
                into.append(name, slice(0, len(values)), slice(0, network.ticks), values, kind=kind)


def run_ticks(network: Network, prepared: Prepared, dynamics: Dynamics, *, states: bool = True) -> Traces:
    """Run ``prepared.samples`` inferences of T ticks. State that is "kept" passes from one sample to the next.

    ``states``: record u and v too.
    """
    if prepared.samples > 1 and any(getattr(p.neuron, "state", "") == "kept" for p in network.neurons):
        return _one_by_one(network, prepared, dynamics, states)
    return _run(network, prepared, dynamics, {}, states)


def _one_by_one(network: Network, prepared: Prepared, dynamics: Dynamics, states: bool) -> Traces:
    kept: dict[str, Neurons] = {}
    runs = [_run(network, prepared.sample(i), dynamics, kept, states) for i in range(prepared.samples)]
    joined = Traces()
    for kind in ("spikes", "u", "v"):
        parts = [getattr(run, kind) for run in runs]
        getattr(joined, kind).update({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return joined


def _run(network: Network, prepared: Prepared, dynamics: Dynamics, kept: dict[str, Neurons], states: bool) -> Traces:
    samples, ticks = prepared.samples, network.ticks
    traces = Traces()
    for name, values in prepared.spikes.items():
        traces.spikes[name] = values.reshape(samples, ticks, -1)
    neurons: dict[str, Neurons] = {}
    for population in network.neurons:
        state = dynamics.neurons(population, prepared.bias[population.name].reshape(samples, -1))
        if getattr(population.neuron, "state", "cleared") == "kept":
            before = kept.get(population.name, state)
            state.u, state.v = before.u, before.v
            kept[population.name] = state
        neurons[population.name] = state
        shape = (samples, ticks, population.size)
        traces.spikes[population.name] = np.zeros(shape, dtype=sent_type(population))
        if states and not population.is_graded:
            traces.u[population.name], traces.v[population.name] = np.zeros(shape, state.u.dtype), np.zeros(shape, state.v.dtype)
    for group in groups(network):
        _run_group(network, group, neurons, dynamics, traces)
    return traces


def _run_group(network: Network, group: list[str], neurons: Mapping[str, Neurons], dynamics: Dynamics, traces: Traces) -> None:
    inside = set(group)
    ticks = network.ticks
    outer = {name: _outer_current(network, name, inside, dynamics, traces, neurons[name].v.dtype) for name in group}
    inner = {name: [p for p in network.into(name) if p.source in inside] for name in group}
    for t in range(ticks):
        for name in group:
            current = outer[name][:, t]
            for projection in inner[name]:
                if t >= projection.lag:
                    brought = dynamics.contribution(projection, traces.spikes[projection.source][:, t - projection.lag])
                    current = current + at_port(network, projection, brought)
            state = neurons[name]
            traces.spikes[name][:, t] = state.step(current)
            if name in traces.v:
                traces.u[name][:, t], traces.v[name][:, t] = state.u, state.v


def sent_type(population: Population) -> type[Any]:
    """The type of what goes out."""
    return np.float64 if population.is_real else MESSAGE if population.is_graded else np.uint8


def at_port(network: Network, projection: Projection, brought: Array) -> Array:
    """(batch, size) as (batch, ports · size), 0 at the other port."""
    if network.populations[projection.target].ports == 1:
        return brought
    nothing = np.zeros_like(brought)
    return np.concatenate([nothing, brought] if projection.port else [brought, nothing], axis=1)


def _outer_current(network: Network, name: str, inside: set[str], dynamics: Dynamics, traces: Traces, dtype: Any) -> Array:
    """Input from populations that are already done: every projection once, for all samples and ticks."""
    samples, ticks, size = traces.spikes[name].shape
    ports = network.populations[name].ports
    total: Array | None = None if ports == 1 else np.zeros((samples, ticks, ports * size), dtype)
    for projection in network.into(name):
        if projection.source in inside or network.populations[projection.source].is_static:
            continue
        spikes = traces.spikes[projection.source]
        if projection.lag:
            spikes = np.concatenate([np.zeros_like(spikes[:, : projection.lag]), spikes[:, : ticks - projection.lag]], axis=1)[:, :ticks]
        brought = dynamics.contribution(projection, spikes.reshape(samples * ticks, -1)).reshape(samples, ticks, size)
        if total is None:  # the first sum is the memory for all of them
            total = np.require(brought, dtype, ["W"])
        else:
            start = projection.port * size
            total[..., start : start + size] += brought
    return np.zeros((samples, ticks, size), dtype) if total is None else total
