"""The fixed engine: Lava's fixed-point arithmetic, tick-synchronous, bit for bit (:mod:`neurograph.fixedpoint`).

The rules of two other emulators of Loihi are switches of it (:mod:`neurograph.sim.integer_rules`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError, UnsupportedError
from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.sim import choice
from neurograph.sim.graded import GradedNeurons
from neurograph.sim.inputs import prepare
from neurograph.sim.integer_rules import IntegerRules, refuse, rules_named
from neurograph.sim.recording import Recording, Sink, check_record
from neurograph.sim.tally import tally_of
from neurograph.sim.ticks import Neurons, run_ticks
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow, Weights

__all__ = ["FixedDynamics", "run"]

Array = NDArray[Any]


class FixedNeurons:
    """u and v of one population, int64 holding 24-bit values; counts its wraps and clips."""

    def __init__(self, population: Population, mantissa: Array) -> None:
        neuron = population.neuron
        if not isinstance(neuron, FixedLIF):
            raise NetworkError(f"population {population.name!r}: {type(neuron).__name__} is not an integer neuron; quantise the network")

        def flat(value: Any) -> Array:
            given = np.asarray(value, dtype=np.int64)
            return np.broadcast_to(given, population.shape).ravel() if given.ndim else given  # one value for all stays one

        self.du, self.dv = flat(neuron.du) + 1, flat(neuron.dv)
        self.threshold = flat(neuron.vth) << fx.V_SHIFT
        self.bias_exp, self.v_start = neuron.bias_exp, flat(neuron.v_start)
        self.subtract = neuron.reset == "subtract"
        self.reset_by = self.threshold if neuron.reset_by is None else flat(neuron.reset_by)
        self.v_reset = flat(neuron.v_reset)
        self.synaptic = bool((self.du != fx.DECAY_UNITY).any())  # else u forgets at once
        self.wraps = self.clips = self.largest_u = self.largest_v = 0
        self.start(mantissa)

    def start(self, mantissa: Array) -> None:
        """Clear the state and take the bias of the next inference."""
        self.bias = mantissa.astype(np.int64) << self.bias_exp
        self.u: Array = np.zeros(mantissa.shape, np.int64)
        self.v: Array = np.zeros(mantissa.shape, np.int64)
        self.v += self.v_start
        self._sign = np.empty_like(self.v)

    def step(self, current: Array) -> Array:
        """In the memory of u and v, without new arrays of their size: of those a run would spend most of its time in page faults."""
        if self.synaptic:
            self._decay(self.u, self.du)
            self.u += np.left_shift(current, fx.V_SHIFT, out=self._sign)
        else:
            np.left_shift(current, fx.V_SHIFT, out=self.u)
        low, high = int(self.u.min(initial=0)), int(self.u.max(initial=0))
        self.largest_u = max(self.largest_u, high, -low)
        if high > fx.STATE_LIMIT or low <= -fx.STATE_LIMIT:
            wrapped = fx.wrap24(self.u)
            self.wraps += int(np.count_nonzero(wrapped != self.u))
            self.u[...] = wrapped
        self._decay(self.v, self.dv)
        self.v += self.u
        self.v += self.bias
        low, high = int(self.v.min(initial=0)), int(self.v.max(initial=0))
        self.largest_v = max(self.largest_v, high, -low)
        if max(high, -low) >= fx.STATE_LIMIT:
            clipped = fx.clip24(self.v)
            self.clips += int(np.count_nonzero(clipped != self.v))
            self.v[...] = clipped
        z: Array = self.v > self.threshold
        if self.subtract:
            np.subtract(self.v, self.reset_by, out=self.v, where=z)
        else:
            np.copyto(self.v, self.v_reset, where=z)
        return z

    def _decay(self, x: Array, constant: Array) -> None:
        """:func:`neurograph.fixedpoint.decay` in place: a shift rounds down, so what is negative gets 4095 first to round toward zero."""
        np.right_shift(x, 63, out=self._sign)
        self._sign &= fx.DECAY_UNITY - 1
        x *= fx.DECAY_UNITY - constant
        x += self._sign
        x >>= 12


class _RuledNeurons(FixedNeurons):
    """The same under other rules, as they are written down; wraps of the input and of u + bias are counted with those of u, one a slot."""

    def __init__(self, population: Population, mantissa: Array, rules: IntegerRules) -> None:
        super().__init__(population, mantissa)
        self.rules, self.name = rules, population.name

    def step(self, current: Array) -> Array:
        rules = self.rules
        total = current << fx.V_SHIFT
        arrived = rules.wrap_input(total)
        u = fx.decay(self.u, self.du) + arrived
        self.u = rules.wrap_current(u)
        drive = self.u + self.bias
        taken = rules.wrap_current(drive) if rules.bias_overflows else drive
        v = fx.decay(self.v, self.dv) + taken
        return self._fire(u, v, fx.clip24(v) if rules.v_clips else v, (arrived != total) | (self.u != u) | (taken != drive))

    def _fire(self, u: Array, v: Array, clipped: Array, wrapped: Array) -> Array:
        """Count what did not fit, compare, reset."""
        self.wraps += int(np.count_nonzero(wrapped))
        self.clips += int(np.count_nonzero(clipped != v))
        self.largest_u = max(self.largest_u, int(np.abs(u).max(initial=0)))
        self.largest_v = max(self.largest_v, int(np.abs(v).max(initial=0)))
        z = clipped > self.threshold
        self.v = np.where(z, clipped - self.reset_by if self.subtract else self.v_reset, clipped)
        return z

    def beyond(self) -> list[str]:
        """States whose decay the emulator cannot compute."""
        bits = self.rules.decay_bits
        if bits is None:
            return []
        seen = (("u", self.largest_u, self.du), ("v", self.largest_v, self.dv))
        return [
            f"population {self.name!r}: |{what}| {most}, which decays by more than {bits} bits"
            for what, most, constant in seen
            if most * int(constant.max()) >> 12 >= 1 << bits
        ]


class FixedDynamics:
    """Integers, see :class:`neurograph.sim.ticks.Dynamics`; ``notes`` says what they ran into."""

    name = "lava"

    def __init__(self) -> None:
        self.states: dict[str, FixedNeurons] = {}
        self._weights: dict[int, tuple[Projection, Weights]] = {}

    def contribution(self, projection: Projection, spikes: Array) -> Array:
        # Integer sums stay far below 2^53, so the products may run in floats, where BLAS and SciPy are fast, and stay exact.
        if id(projection) not in self._weights:  # once a run, not once a tick; the projection is held so that its id stays its own
            self._weights[id(projection)] = projection, _as_floats(projection.weights)
        weights = self._weights[id(projection)][1]
        kind = weights.values.dtype if spikes.dtype == np.uint8 else np.float64
        return fx.shift(weights.apply(spikes.astype(kind)).astype(np.int64), projection.exponent)

    def neurons(self, population: Population, bias: Array) -> Neurons:
        if population.is_graded:
            return GradedNeurons(population, len(bias), np.int64)
        return self._counted(FixedNeurons(population, bias), population.name)

    def _counted(self, state: FixedNeurons, name: str) -> FixedNeurons:
        """Fresh neurons that go on with the counts of those of the samples before."""
        if name in self.states:
            before = self.states[name]
            state.wraps, state.clips = before.wraps, before.clips
            state.largest_u, state.largest_v = before.largest_u, before.largest_v
        self.states[name] = state
        return state

    def notes(self) -> dict[str, Any]:
        """The name of the rules; wraps of u, clips of v, and the largest |u| and |v| before them, by population."""
        return {
            "rules": self.name,
            "wraps": {name: s.wraps for name, s in self.states.items() if s.wraps},
            "clips": {name: s.clips for name, s in self.states.items() if s.clips},
            "largest_u": {name: s.largest_u for name, s in self.states.items()},
            "largest_v": {name: s.largest_v for name, s in self.states.items()},
        }


def _as_floats(weights: Weights) -> Weights:
    """float32 where no sum over binary spikes can leave 2²⁴, below which float32 holds every integer; else float64."""
    parts = (weights.left, weights.right) if isinstance(weights, Kron) else (weights.matrix,)
    narrow = math.prod(_largest_sum(part) for part in parts) <= 1 << 24
    return weights.map(lambda values: values.astype(np.float32 if narrow else np.float64))


def _largest_sum(factor: Any) -> float:
    """A bound of Σ |w| over any row."""
    if isinstance(factor, (Identity, OnesColumn)):
        return 1
    if isinstance(factor, OnesRow):
        return factor.size
    if isinstance(factor, np.ndarray):
        sizes = np.abs(factor)
        return float((sizes if factor.ndim == 1 else sizes.sum(axis=1)).max(initial=0))
    return float(np.abs(factor.data).max(initial=0) * np.diff(factor.indptr).max(initial=0))


class _RuledDynamics(FixedDynamics):
    def __init__(self, rules: IntegerRules) -> None:
        super().__init__()
        self.rules, self.name = rules, rules.name
        self._synapses: dict[int, tuple[Projection, Weights, int]] = {}

    def contribution(self, projection: Projection, spikes: Array) -> Array:
        if id(projection) not in self._synapses:
            weights, exponent = self.rules.synapses(projection)
            self._synapses[id(projection)] = projection, weights.map(lambda values: values.astype(np.float64)), exponent
        _, weights, exponent = self._synapses[id(projection)]
        return fx.shift(weights.apply(spikes.astype(np.float64)).astype(np.int64), exponent)

    def neurons(self, population: Population, bias: Array) -> _RuledNeurons:
        state = _RuledNeurons(population, bias, self.rules)
        self._counted(state, population.name)
        return state

    def check(self) -> None:
        """Refuse a run in which the emulator itself would have lost bits that it has no rule for."""
        beyond = [what for state in self.states.values() if isinstance(state, _RuledNeurons) for what in state.beyond()]
        if beyond:
            raise UnsupportedError(f"{self.rules.emulator} (rules {self.rules.name!r})", beyond, "use rules 'lava', or smaller exponents")


def run(
    network: Network,
    inputs: Mapping[str, Array],
    *,
    rules: str = "lava",
    record: str = "all",
    counts: bool = False,
    max_memory: int | None = None,
    compiled: bool | None = None,
    into: Sink | None = None,
) -> Recording:
    """Run an integer network.

    Args:
        network: populations are FixedLIF, Graded, Product or Source; weights are integers.
        inputs: source → values, see :mod:`neurograph.sim.inputs`.
        rules: whose integer arithmetic: "lava", "brian2loihi" or "nengo_loihi", see :mod:`neurograph.sim.integer_rules`.
        record: what to keep, see :data:`neurograph.sim.recording.RECORDS`.
        counts: whether to gather a tally, which needs no recorded spikes.
        max_memory: bytes that the engine's buffers may take; samples and ticks are run in as many pieces as that asks for.
        compiled: True runs the compiled kernels, False NumPy; None the kernels where there is a C compiler and they know the network. The
            results are the same; NumPy keeps no max_memory.
        into: takes what it ``keeps`` while the engine runs, beside what ``record`` holds in memory.

    Returns:
        Recording with spikes, u and v (int64, 64 steps to one unit of weight); ``notes`` counts wraps of u and clips of v by population and
        holds the largest |u| and |v| before them, and the name of the rules. A graded population has integers for spikes, and neither u
        nor v.

    Raises:
        InputError: inputs that do not fit, or no rules of that name. NetworkError: a float network. UnsupportedError: what the emulator of
            these rules cannot run, or a limit of memory in NumPy. QuantizationError: a value that no graded message holds.
            MemoryLimitError: a limit that one tick at a time does not fit.
    """
    start = time.perf_counter()
    chosen = rules_named(rules)
    check_record(record)
    if rules == "lava":
        simulator = choice.simulator(network, compiled, integer=True)
        if simulator is not None:
            return simulator.run(inputs, record=record, counts=counts, max_memory=max_memory, into=into)
    choice.refuse_limit(max_memory)
    prepared = prepare(network, inputs)
    refuse(network, chosen)
    dynamics = FixedDynamics() if rules == "lava" else _RuledDynamics(chosen)
    traces = run_ticks(network, prepared, dynamics, states="all" in (record, into.keeps if into else None))
    if isinstance(dynamics, _RuledDynamics):
        dynamics.check()
    if into is not None:
        traces.send(network, into)
    tally = tally_of(network, traces.spikes) if counts else None
    return Recording(
        "fixed",
        network.ticks,
        *traces.shaped(network, record),
        machine_steps=network.ticks,
        wall_s=time.perf_counter() - start,
        notes=dynamics.notes(),
        tally=tally,
    )
