"""A network as a ``Scan`` over its ticks, in float64 throughout.

What passes from tick to tick: u and v, and of populations that are heard with a lag what they sent in the last ticks. Static currents are
turned into biases before the Scan. Populations, their inputs and the operations of a neuron come in the float engine's order, so that
rounding can differ inside a sum only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurograph.export.targets.onnx_neurons import Neurons
from neurograph.export.targets.onnx_nodes import BOOL, DOUBLE, Nodes, value_info
from neurograph.export.targets.onnx_scan import Scan
from neurograph.export.targets.onnx_weights import Product
from neurograph.network import Network, Population, Projection
from neurograph.sim.groups import groups
from neurograph.sim.onnx_engine import END, SPIKES, START, VALUES, VOLTAGES

__all__ = ["SAMPLES", "Ticks"]

SAMPLES = "samples"


class Ticks:
    """The network as a Scan over ticks. ``outputs`` and ``optional`` inputs of the model are known once it was run."""

    def __init__(self, network: Network, outer: Nodes, everything: bool, samples: str) -> None:
        self.network, self.outer, self.everything, self.samples = network, outer, everything, samples
        self.scan = Scan(outer)
        self.body = self.scan.body
        self.products = {i: Product(outer, p, f"/{i}") for i, p in enumerate(network.projections) if p.lag < network.ticks}
        self.outputs: list[Any] = []
        self.optional: list[Any] = []
        self.sent: dict[str, str] = {}  # population → what it sends in this tick, (samples, size) float64
        self.history: dict[str, str] = {}  # population → what it sent in the ticks before, (lag, samples, size)

    def run(self) -> None:
        """Make all nodes."""
        lags = self._longest_lags()
        for name, lag in lags.items():
            self._remember(self.network.populations[name], lag)
        for source in self.network.sources:
            if not source.is_static:
                self._send(source)
        if not any(not s.is_static and not s.is_constant for s in self.network.sources):
            # A Scan must walk over something.
            self.scan.take(self.outer.constant(np.zeros((1, self.network.ticks)), "/ticks"), DOUBLE, (1,))
        near = {name: set(group) for group in groups(self.network) for name in group}
        neurons = {name: self.network.populations[name] for name in self.network.order() if name in near}
        for name, population in neurons.items():
            self._step(population, near[name])
        for name, lag in lags.items():
            self._shift(self.network.populations[name], lag)
        self.scan.close()
        for population in neurons.values():
            if _is_kept(population):
                self._end(population)

    def _send(self, source: Population) -> None:
        """This tick's spikes or values of a source, as float64."""
        name = source.name
        if source.is_constant:
            self.sent[name] = self._filled(1.0, source.size, name)
        else:
            kind = DOUBLE if source.is_real else BOOL
            flat = self.body.reshape(self.scan.take(name, kind, (SAMPLES, *source.shape)), (source.size,), f"{name}/flat")
            self.sent[name] = flat if source.is_real else self.body.add("Cast", flat, name=f"{name}/sent", to=DOUBLE)
        if name in self.network.outputs:
            self._put(source, self.sent[name] if source.is_real else self._as_bool(name), VALUES if source.is_real else SPIKES)

    def _as_bool(self, name: str) -> str:
        return self.body.add("Cast", self.sent[name], name=f"{name}/fired", to=BOOL)

    def _step(self, population: Population, near: set[str]) -> None:
        """One tick of a population: its input in the order in which the float engine adds it, then its neurons."""
        name, size = population.name, population.size
        made = Neurons(self.outer, population)
        state = {key: self._state(population, key, first) for key, first in made.states.items()}
        sent, after = made.step(self.body, self._current(population, near), state)
        for key in state:
            self.scan.leave(f"{name}/{key}", after[key], DOUBLE, (SAMPLES, size))
        real = population.is_real
        if self.everything or name in self.network.outputs:
            self._put(population, sent, VALUES if real else SPIKES)
        if self.everything and not real:
            self._put(population, after["v"], VOLTAGES)
        if self.network.out_of(name):
            self.sent[name] = sent if real else self.body.add("Cast", sent, name=f"{name}/sent", to=DOUBLE)

    def _current(self, population: Population, near: set[str]) -> str:
        into = [(i, p) for i, p in enumerate(self.network.projections) if p.target == population.name and i in self.products]
        into = [(i, p) for i, p in into if not self.network.populations[p.source].is_static]
        total = ""
        for index, projection in sorted(into, key=lambda item: item[1].source in near):
            current = self.products[index].apply(self.body, self._arriving(index, projection))
            total = self.body.add("Add", total, current, name=f"{population.name}/input") if total else current
        bias = self._bias(population)
        if total and bias:
            return self.body.add("Add", total, bias, name=f"{population.name}/current")
        return total or bias or self._filled(0.0, population.size, population.name)

    def _arriving(self, index: int, projection: Projection) -> str:
        """What the source sent ``lag`` ticks ago, 0 before the first tick."""
        if projection.lag == 0:
            return self.sent[projection.source]
        place = self.outer.constant(np.array(projection.lag - 1), f"/{index}/lag")
        return self.body.add("Gather", self.history[projection.source], place, name=f"/{index}/delayed", axis=0)

    def _bias(self, population: Population) -> str:
        """Total static current in the order of :func:`neurograph.sim.inputs.prepare`: (samples, size), (1, size) or "" for none."""
        total = ""
        for index, projection in enumerate(self.network.projections):
            source = self.network.populations[projection.source]
            if projection.target != population.name or not source.is_static or index not in self.products:
                continue
            current = self.products[index].apply(self.outer, self.outer.reshape(source.name, (source.size,), f"/{index}/flat"))
            total = self.outer.add("Add", total, current, name=f"{population.name}/static") if total else current
        own = np.asarray(population.bias, dtype=np.float64)
        if not own.any():
            return total
        bias = self.outer.constant(np.broadcast_to(own, population.shape).reshape(1, -1), f"{population.name}/bias")
        if total:
            return self.outer.add("Add", total, bias, name=f"{population.name}/static")
        return self._expanded(bias, population.size, population.name)

    def _state(self, population: Population, key: str, first: Any) -> str:
        """A carried state; one that is kept starts from an optional input of the model."""
        name, size = f"{population.name}/{key}", population.size
        if _is_kept(population):
            start = self.outer.name(name + START)
            rest = np.asarray(first).reshape(population.shape if np.ndim(first) else ())
            self.outer.constants[start] = np.broadcast_to(rest, (1, *population.shape)).astype(np.float64)
            doc = f"{key} before the first tick; at rest if not given"
            self.optional.append(value_info(start, DOUBLE, ("carried", *population.shape), doc))
            first = self._expanded(self.outer.reshape(start, (size,), f"{name}/rest"), size, name)
        else:
            first = self._filled(first, size, name)
        return self.scan.carry(name, first, DOUBLE, (SAMPLES, size))

    def _end(self, population: Population) -> None:
        for key in Neurons(Nodes(), population).states:
            name = f"{population.name}/{key}"
            shape = self.outer.constant(np.array([-1, *population.shape]), f"{name}/end_shape")
            self.outer.add("Reshape", self.scan.last(name), shape, name=name, outputs=[self.outer.name(name + END)])
            self.outputs.append(value_info(name + END, DOUBLE, (SAMPLES, *population.shape), f"{key} after the last tick"))

    def _remember(self, population: Population, lag: int) -> None:
        """Carry what the population sent in the last ``lag`` ticks."""
        name = population.name
        longest, size = (self.outer.constant(np.array([n]), f"{name}/size") for n in (lag, population.size))
        shape = self.outer.add("Concat", longest, self.samples, size, name=f"{name}/history_shape", axis=0)
        empty = self.outer.add("Expand", self.outer.constant(0.0, f"{name}/silence"), shape, name=f"{name}/no_history")
        self.history[name] = self.scan.carry(f"{name}/history", empty, DOUBLE, (lag, SAMPLES, population.size))

    def _shift(self, population: Population, lag: int) -> None:
        name = population.name
        first = self.outer.constant(np.array([0]), f"{name}/first")
        newest = self.body.add("Unsqueeze", self.sent[name], first, name=f"{name}/newest")
        if lag > 1:
            until = self.outer.constant(np.array([lag - 1]), f"{name}/until")
            older = self.body.add("Slice", self.history[name], first, until, name=f"{name}/older")
            newest = self.body.add("Concat", newest, older, name=f"{name}/shifted", axis=0)
        self.scan.leave(f"{name}/history", newest, DOUBLE, (lag, SAMPLES, population.size))

    def _put(self, population: Population, value: str, suffix: str) -> None:
        """Put out a value of each tick, (samples, size), as an output of the model."""
        kind, shape = BOOL if suffix == SPIKES else DOUBLE, population.shape
        shaped = self.body.reshape(value, shape, f"{population.name}{suffix}_now")
        name = self.scan.put(population.name + suffix, shaped, kind, (SAMPLES, *shape))
        about = {SPIKES: "spikes", VALUES: "the value that goes out", VOLTAGES: "v after the reset"}
        self.outputs.append(value_info(name, kind, (SAMPLES, self.network.ticks, *shape), f"{about[suffix]}, tick by tick"))

    def _filled(self, value: Any, size: int, name: str) -> str:
        """(samples, size) of ``value``, in the outer graph."""
        return self._expanded(self.outer.constant(np.asarray(value, dtype=np.float64), f"{name}/fill"), size, name)

    def _expanded(self, value: str, size: int, name: str) -> str:
        width = self.outer.constant(np.array([size]), f"{name}/size")
        shape = self.outer.add("Concat", self.samples, width, name=f"{name}/shape", axis=0)
        return self.outer.add("Expand", value, shape, name=f"{name}/expanded")

    def _longest_lags(self) -> dict[str, int]:
        """Population → the longest lag with which it is heard, where that is more than 0."""
        lags: dict[str, int] = {}
        for index in self.products:
            projection = self.network.projections[index]
            if projection.lag and not self.network.populations[projection.source].is_static:
                lags[projection.source] = max(lags.get(projection.source, 0), projection.lag)
        return lags


def _is_kept(population: Population) -> bool:
    return getattr(population.neuron, "state", "cleared") == "kept"
