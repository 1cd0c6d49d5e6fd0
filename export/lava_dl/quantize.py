"""Quantisation for a `.net` file: lava-dl's format has no weight exponent, and its biases are whole units of weight.

    vth = θ/S,   w_int = γ w/S in −256 … 254, even,   b_int = γ b/S in −4096 … 4095

So the largest weight of a population bounds its scale S from below, and S is searched upward from there over two octaves for the fewest
spikes that differ from the float network's. Everything else is :mod:`neurograph.export.quantize`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import UnsupportedError
from neurograph.export import quantize as base
from neurograph.export.passes.idle import heard_over_lags, static_into
from neurograph.export.passes.saturate_bias import synaptic_bounds
from neurograph.export.quantize import QuantizationReport, check_integers
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Projection, base_of
from neurograph.sim.lava.chain import loops

__all__ = ["check_netx", "lag_offenders", "quantize_for_netx"]

Array = NDArray[Any]
_STEPS = tuple(2.0 ** (k / 8) for k in range(16))
_BIAS_EXPONENT = fx.V_SHIFT


def quantize_for_netx(network: Network, inputs: Mapping[str, Array], *, bits: int = 8) -> tuple[Network, QuantizationReport]:
    """Quantise a float network so that it can be written as a `.net`.

    Args:
        network: float, aligned.
        inputs: calibration input, source → values.
        bits: weight bits, 2 to 8.

    Returns:
        The integer network, whose exponents are all 0, and what rounding did.

    Raises:
        UnsupportedError: loops, resets other than to rest, a rest above the threshold, real values: all at once.
        QuantizationError: bits out of range, or a value that fits no scale.
    """
    return base.quantize(network, inputs, bits=bits, form=base.Form(_check, _scales, _at_scale, _round))


def _check(network: Network) -> None:
    check_integers(network)
    check_netx(network)


def check_netx(network: Network) -> None:
    """Refuse what a sequential .net file has no place for, before any number is looked at.

    Raises:
        UnsupportedError: every offender by name.
    """
    offenders = [f"projection {p.name}: recurrent" for p in network.spiking_projections if loops(network, p.source, p.target)]
    for p in network.neurons:
        if isinstance(p.neuron, (LIF, CubaLIF)):
            if p.neuron.reset != "value" or np.any(np.asarray(p.neuron.v_reset) != np.asarray(p.neuron.v_leak)):
                offenders.append(f"population {p.name!r}: a reset other than to rest")
            if np.any(np.asarray(base_of(p.neuron)) != np.asarray(p.neuron.v_leak)):
                offenders.append(f"population {p.name!r}: rests at or above its threshold")
            if p.neuron.state != "cleared":
                offenders.append(f"population {p.name!r}: state that is kept between inferences")
    offenders += lag_offenders(network)
    if offenders:
        raise UnsupportedError(
            "a sequential .net file", offenders, "train with a reset to rest and no recurrence, or choose another target"
        )


def lag_offenders(network: Network) -> list[str]:
    """Currents that act before tick 0 where a lag carries what they cause past it: a chain's first layer stands at machine step 2."""
    heard = [p for p in network.neurons if p.name in heard_over_lags(network)]
    return [f"population {p.name!r}: {what}, and a lag behind it" for p in heard for what in static_into(network, p)]


def _scales(network: Network, population: Population, largest_bias: float, bits: int) -> tuple[float, ...]:
    """Candidate scales, finest first."""
    gain, threshold = base.largest_gain(population), float(np.max(base.threshold_above_base(population)))
    positive, negative = synaptic_bounds(network, population)
    reach = gain * float(max(positive.max(), negative.max()))
    if isinstance(population.neuron, CubaLIF):
        reach /= float(np.min(population.neuron.alpha))
    carried = [p for p in network.into(population.name) if not network.populations[p.source].is_static]
    largest = max((float(np.abs(p.weights.values).max(initial=0)) for p in carried), default=0.0)
    # Projections between the same two populations add up in the file's one matrix.
    most = max((sum(q.source == p.source for q in carried) for p in carried), default=1)
    finest = max(
        (threshold + reach + gain * largest_bias) / base.HEADROOM,
        gain * largest_bias / fx.BIAS_MANT_MAX,
        most * gain * largest / fx.weight_limits("mixed", bits)[1],
    )
    return tuple(finest * step for step in _STEPS)


def _at_scale(population: Population, scale: float, largest_bias: float, limits: tuple[float, float] | None) -> Population:
    """The integer population at one scale, its bias in whole units of weight."""
    made = base.at_scale(population, scale, largest_bias, limits)
    gain, neuron = base.largest_gain(population), made.neuron
    assert isinstance(neuron, FixedLIF)
    mantissa = base.rounded_integers(gain * np.asarray(population.bias, dtype=np.float64) / scale)
    cut = None
    if limits is not None:
        low, high = (int(np.clip(math.floor(gain * x / scale), fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX)) for x in limits)
        cut = (low, high)
    return replace(made, neuron=replace(neuron, bias_mant=mantissa, bias_exp=_BIAS_EXPONENT, saturation=cut))


def _round(network: Network, projection: Projection, unit: float, bits: int) -> tuple[Projection, ...]:
    """Integer weights at ``unit`` volts (before γ) a step. Mixed sign throughout: others share the matrix."""
    if network.populations[projection.source].is_static:
        return (projection,)
    weights = projection.weights.map(lambda w: fx.round_weights(w / unit, "mixed", bits))
    return (replace(projection, weights=weights, exponent=0, sign_mode="mixed"),)
