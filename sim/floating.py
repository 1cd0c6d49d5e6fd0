"""The float engine: tick-synchronous, float64, the canonical order of operations.

i = Σ weights · spikes + bias;  u ← (1−α)u + i;  v ← (1−β)v + β(v_leak + u);  z = [v > θ];  reset
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import NetworkError
from neurograph.network import LIF, CubaLIF, Integrator, Network, Population, Projection, Threshold, gain_of
from neurograph.sim import choice
from neurograph.sim.graded import GradedNeurons
from neurograph.sim.inputs import prepare
from neurograph.sim.recording import Recording, Sink, check_record
from neurograph.sim.tally import tally_of
from neurograph.sim.ticks import Neurons, run_ticks

__all__ = ["FloatDynamics", "run"]

Array = NDArray[Any]


class FloatNeurons:
    """u and v of one population in float64; :class:`Threshold` is the case α = β = γ = 1 that forgets at once."""

    def __init__(self, population: Population, bias: Array) -> None:
        neuron = population.neuron
        if not isinstance(neuron, (LIF, CubaLIF, Integrator, Threshold)):
            raise NetworkError(f"population {population.name!r}: {type(neuron).__name__} is not a float neuron; use the fixed engine")

        def flat(value: Any) -> Array:
            return np.broadcast_to(np.asarray(value, dtype=np.float64), population.shape).ravel()

        self.memoryless, self.real = isinstance(neuron, Threshold), isinstance(neuron, Integrator)
        self.threshold = flat(getattr(neuron, "threshold", np.inf))
        self.alpha, self.beta = flat(getattr(neuron, "alpha", 1.0)), flat(getattr(neuron, "beta", 1.0))
        self.gain = None if getattr(neuron, "gain", None) is None else flat(gain_of(neuron))
        self.v_leak, self.v_reset = flat(getattr(neuron, "v_leak", 0.0)), flat(getattr(neuron, "v_reset", 0.0))
        self.subtract = getattr(neuron, "reset", "value") == "subtract"
        taken = getattr(neuron, "reset_by", None)  # what a spike subtracts, θ if not given
        self.reset_by = self.threshold if taken is None else flat(taken)
        self.synaptic = bool((self.alpha != 1).any())
        self.start(bias)

    def start(self, bias: Array) -> None:
        """Clear the state and take the bias of the next inference."""
        self.bias = bias
        self.u: Array = np.zeros(bias.shape)
        self.v: Array = np.tile(self.v_leak, (len(bias), 1))  # neurons start at rest, as Norse's do

    def step(self, current: Array) -> Array:
        current = current + self.bias
        self.u = (1 - self.alpha) * self.u + current if self.synaptic else current
        if self.memoryless:
            self.v = self.u
            return self.v > self.threshold
        if self.gain is None:
            v = self.v + self.beta * (self.u + self.v_leak - self.v)
        else:
            v = self.v + self.beta * (self.v_leak - self.v) + self.gain * self.u
        if self.real:
            self.v = v
            return v
        z = v > self.threshold
        self.v = np.where(z, v - self.reset_by if self.subtract else self.v_reset, v)
        return z


class FloatDynamics:
    """float64, see :class:`neurograph.sim.ticks.Dynamics`."""

    def contribution(self, projection: Projection, spikes: Array) -> Array:
        return projection.weights.apply(spikes.astype(np.float64))

    def neurons(self, population: Population, bias: Array) -> Neurons:
        return GradedNeurons(population, len(bias), np.float64) if population.is_graded else FloatNeurons(population, bias)


def run(
    network: Network,
    inputs: Mapping[str, Array],
    *,
    record: str = "all",
    counts: bool = False,
    max_memory: int | None = None,
    compiled: bool | None = None,
    into: Sink | None = None,
) -> Recording:
    """Run a float network.

    Args:
        network: float parameters.
        inputs: source → values, see :mod:`neurograph.sim.inputs`.
        record: what to keep, see :data:`neurograph.sim.recording.RECORDS`.
        counts: whether to gather a tally, which needs no recorded spikes.
        max_memory: bytes that the engine's buffers may take; samples and ticks are run in as many pieces as that asks for.
        compiled: True runs the compiled kernels, False NumPy; None the kernels where there is a C compiler and they know the network. The
            results are the same; NumPy keeps no max_memory.
        into: takes what it ``keeps`` while the engine runs, beside what ``record`` holds in memory.

    Returns:
        Recording with spikes, u (total current, bias included) and v (after the reset); a graded population has integers for spikes, and
        neither u nor v.

    Raises:
        InputError: inputs that do not fit. NetworkError: an integer network. QuantizationError: a value that no graded message holds.
        UnsupportedError: a limit of memory in NumPy. MemoryLimitError: one that one tick at a time does not fit.
    """
    if network.is_integer:
        raise NetworkError("network: it is an integer network, which the float engine cannot run; use the fixed engine")
    check_record(record)
    simulator = choice.simulator(network, compiled, integer=False)
    if simulator is not None:
        return simulator.run(inputs, record=record, counts=counts, max_memory=max_memory, into=into)
    choice.refuse_limit(max_memory)
    start = time.perf_counter()
    prepared = prepare(network, inputs)
    traces = run_ticks(network, prepared, FloatDynamics(), states="all" in (record, into.keeps if into else None))
    if into is not None:
        traces.send(network, into)
    tally = tally_of(network, traces.spikes) if counts else None
    wall = time.perf_counter() - start
    return Recording("float", network.ticks, *traces.shaped(network, record), machine_steps=network.ticks, wall_s=wall, tally=tally)
