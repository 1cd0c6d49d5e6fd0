"""The integer rules of three public emulators of Loihi, as switches of the fixed engine: they do not agree with one another.

One step of a FixedLIF, in steps of v; w is a stored weight and e the exponent of its projection:

    q ← input( Σ (w s · 2^e << 6) )
    u ← overflow( decay(u, du + 1) + q )
    v ← clip( decay(v, dv) + overflow(u + bias) )
    z = [ v > vth << 6 ],  then v ← 0 where z

Decay, its +1 on u, the strict comparison and the order are the same in all three; they differ in what they make of weights and of values
that do not fit:

    ``lava``         lava-nc 0.10.0, lava/proc/{lif,dense}/models.py: 2^e shifts the sum of a projection, u wraps once at 24 bits, v clips.
                     Lava floors an odd weight in mixed mode; here it is taken as it is, as a network for Lava may hold none.
    ``brian2loihi``  brian2-loihi 0.5.2, loihi_{synapses,neuron_group}.py: each weight is rounded by itself and clipped to 2^15 − 1, and
                     nothing else ever overflows. Its decay_I is du + 1, its decay_v dv, threshold_v_mant vth, refractory 1. It has no bias:
                     here, and in what it was compared with, the bias is added to v between its update and its threshold.
    ``nengo_loihi``  nengo-loihi 1.1.0, builder/discretize.py and emulator/interface.py: weights are always in mixed mode, within ±254;
                     the input of a step wraps at 22 bits, u and u + bias at 24 (strict = True makes them errors). Its decay_u is du,
                     decay_v dv, vth and bias those of v, refract_delay 1, and vmin −2²³ + 1 (nengo's own neurons have min_voltage 0 unless
                     told otherwise).

Both hear a neuron's spikes one step later, as Lava does; nengo-loihi its inputs too, Brian2Loihi in the same step. The engine runs ticks,
in which that is no difference. Each entry is checked against its emulator, slot by slot: benchmarks/emulators.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import InputError, UnsupportedError
from neurograph.network import FixedLIF, Network, Projection
from neurograph.weights import Weights

__all__ = ["RULES", "IntegerRules", "refuse", "rules_named"]

Array = NDArray[Any]
STATE_BITS = 24


@dataclass(frozen=True)
class IntegerRules:
    """One emulator's integer arithmetic.

    Args:
        name: as users choose it.
        emulator: whose rules these are, with the version.
        odd_weights: what becomes of a weight that mixed mode cannot store: kept as it is, rounded "toward zero", or to twice the nearest
            integer to its half, the even one at a tie ("half even": 5 and 3 become 4).
        mixed_only: whether mixed mode is the only one, so that odd weights of one sign are rounded as well.
        largest_weight: |w| is clipped to it.
        shift: 2^e acts on the "sum" of a projection, or on each weight, which is rounded "down" or to the "nearest" (even at a tie).
        synapse_limit: |w · 2^e| is clipped to it.
        exponents: e, smallest and largest.
        input_bits: the input of a step wraps to as many signed bits.
        u_overflow: "once" (one turn, 2²³ itself stays), "modulo" 2²⁴, or never.
        bias_overflows: whether u + bias overflows as u does.
        v_clips: whether v is held within ±(2²³ − 1).
        decay_bits: the part of u or v that decays in a step must fit as many bits beside the sign.
    """

    name: str
    emulator: str
    odd_weights: Literal["kept", "toward zero", "half even"]
    mixed_only: bool
    largest_weight: int | None
    shift: Literal["sum", "down", "nearest"]
    synapse_limit: int | None
    exponents: tuple[int, int]
    input_bits: int | None
    u_overflow: Literal["once", "modulo"] | None
    bias_overflows: bool
    v_clips: bool
    decay_bits: int | None

    def synapses(self, projection: Projection) -> tuple[Weights, int]:
        """What arrives for a spike, in units of weight, and the exponent that is left to shift the sum with."""
        if self.shift == "sum":
            return projection.weights.map(lambda values: np.asarray(values, dtype=np.int64)), projection.exponent
        mode = projection.sign_mode or fx.sign_mode_of(projection.weights.values)
        return projection.weights.map(lambda values: self._each(np.asarray(values, dtype=np.int64), mode, projection.exponent)), 0

    def _each(self, values: Array, mode: str, exponent: int) -> Array:
        stored = self._stored(values, mode)
        if self.shift == "down":
            arriving = fx.shift(stored, exponent)
            return arriving if self.synapse_limit is None else np.clip(arriving, -self.synapse_limit, self.synapse_limit)
        nearest = np.rint(stored * 2.0**exponent).astype(np.int64)
        if self.largest_weight is None:
            return nearest
        ends = fx.shift(np.array([-self.largest_weight, self.largest_weight]), exponent)  # what rounds up past the largest weight does not
        return np.clip(nearest, *ends)

    def _stored(self, values: Array, mode: str) -> Array:
        if mode == "mixed" or self.mixed_only:
            if self.odd_weights == "toward zero":
                values = np.sign(values) * (np.abs(values) // 2 * 2)
            elif self.odd_weights == "half even":
                values = 2 * np.rint(values / 2).astype(np.int64)
        return values if self.largest_weight is None else np.clip(values, -self.largest_weight, self.largest_weight)

    def wrap_input(self, total: Array) -> Array:
        """What is left of the input of a step, in steps of v."""
        return total if self.input_bits is None else _modulo(total, self.input_bits)

    def wrap_current(self, u: Array) -> Array:
        """What is left of u."""
        if self.u_overflow is None:
            return u
        return fx.wrap24(u) if self.u_overflow == "once" else _modulo(u, STATE_BITS)


def _modulo(x: Array, bits: int) -> Array:
    """Two's complement: into −2^(bits − 1) … 2^(bits − 1) − 1."""
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


_LAVA = IntegerRules(
    name="lava",
    emulator="lava-nc 0.10.0",
    odd_weights="kept",
    mixed_only=False,
    largest_weight=None,
    shift="sum",
    synapse_limit=None,
    exponents=(fx.EXPONENT_MIN, fx.EXPONENT_MAX),
    input_bits=None,
    u_overflow="once",
    bias_overflows=False,
    v_clips=True,
    decay_bits=None,
)
_BRIAN2LOIHI = IntegerRules(
    name="brian2loihi",
    emulator="brian2-loihi 0.5.2",
    odd_weights="toward zero",
    mixed_only=False,
    largest_weight=None,
    shift="down",
    synapse_limit=(1 << 15) - 1,
    exponents=(-8, 7),
    input_bits=None,
    u_overflow=None,
    bias_overflows=False,
    v_clips=False,
    decay_bits=31,
)
_NENGO_LOIHI = IntegerRules(
    name="nengo_loihi",
    emulator="nengo-loihi 1.1.0",
    odd_weights="half even",
    mixed_only=True,
    largest_weight=254,
    shift="nearest",
    synapse_limit=None,
    exponents=(-7, 7),
    input_bits=22,
    u_overflow="modulo",
    bias_overflows=True,
    v_clips=True,
    decay_bits=None,
)
RULES: Mapping[str, IntegerRules] = {rules.name: rules for rules in (_LAVA, _BRIAN2LOIHI, _NENGO_LOIHI)}


def rules_named(name: str) -> IntegerRules:
    """An entry of :data:`RULES`.

    Raises:
        InputError: there is none of that name.
    """
    if name not in RULES:
        raise InputError(f"rules {name!r}: do not exist; there are {', '.join(RULES)}")
    return RULES[name]


def refuse(network: Network, rules: IntegerRules) -> None:
    """Refuse what the emulator cannot run, all at once. Rules ``lava`` take every integer network, as the engine always did.

    Raises:
        UnsupportedError: a reset other than to 0, weights or exponents that the emulator does not take.
    """
    if rules.name == "lava":
        return
    offenders = [f"population {p.name!r}: graded spikes" for p in network.populations.values() if p.is_graded]
    for population in network.neurons:
        neuron = population.neuron
        if isinstance(neuron, FixedLIF) and neuron.reset == "subtract":
            offenders.append(f"population {population.name!r}: subtract reset")
        elif isinstance(neuron, FixedLIF) and np.any(neuron.v_reset):
            offenders.append(f"population {population.name!r}: v_reset other than 0")
    for projection in network.spiking_projections:
        offenders += [f"projection {projection.name}: {what}" for what in _bad_synapses(projection, rules)]
    if offenders:
        raise UnsupportedError(f"{rules.emulator} (rules {rules.name!r})", offenders, "use rules 'lava', or change the network")


def _bad_synapses(projection: Projection, rules: IntegerRules) -> list[str]:
    values, found = projection.weights.values, []
    mode = projection.sign_mode or fx.sign_mode_of(values)
    low, high = {"mixed": (-256, 254), "excitatory": (0, 255), "inhibitory": (-256, 0)}[mode]
    if not rules.exponents[0] <= projection.exponent <= rules.exponents[1]:
        found.append(f"exponent {projection.exponent}, limit {rules.exponents[0]} to {rules.exponents[1]}")
    if values.size and (values.min() < low or values.max() > high):
        found.append(f"{mode} weights {values.min():g} to {values.max():g}, limit {low} to {high}")
    if np.any(values != np.rint(values)):
        found.append(f"weight {values[values != np.rint(values)].flat[0]:g}, must be an integer")
    return found
