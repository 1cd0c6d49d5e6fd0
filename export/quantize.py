"""Quantisation: a float Network becomes one of Lava's integers.

One scale S a population (volts in 64 integer steps of v) serves its threshold, its bias and all its projections:

    vth = θ/S,   w_int · 2^e = γ w/S,   mantissa · 2^exp = 64 γ b/S

S starts at the smallest value that keeps every bound of Lava's arithmetic (no wrap of u, no clip of v below threshold, 17-bit threshold,
13-bit bias) for whatever spikes may come, and is then searched over one octave for the fewest spikes that differ from the float network's
on the calibration input, upstream populations already being integer. Candidates are eighths of the octave, and the scales that suit one of
the projections (:mod:`neurograph.export.weight_scales`). Each projection gets the exponent at which its weights fill the range, or the
one of least error, which may clip a few. What mean input is lost all the same goes into the bias where that helps
(:mod:`neurograph.export.bias_correction`).

A neuron is counted from :func:`~neurograph.network.base_of`, its rest if that lies below its threshold. If not, the leak is a constant
drift d·(v_leak − base) a tick in its bias, d being the integer decay: it settles where the float neuron settles, whatever d was rounded to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.export.integer_check import check_integers
from neurograph.export.integer_search import Form, Search, largest_gain
from neurograph.export.passes.fold_gain import fold_gain
from neurograph.export.passes.saturate_bias import synaptic_bounds
from neurograph.export.rounding_report import (
    PopulationReport,
    ProjectionReport,
    QuantizationReport,
    overflow_warnings,
    projection_report,
    rounding_report,
)
from neurograph.export.weight_scales import suited_units
from neurograph.graded import check_messages
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Projection, Threshold, base_of
from neurograph.sim import floating, timing
from neurograph.sim.groups import groups
from neurograph.sim.inputs import prepare

__all__ = [
    "HEADROOM",
    "Form",
    "PopulationReport",
    "ProjectionReport",
    "QuantizationReport",
    "at_scale",
    "check_integers",
    "drift",
    "integer_projections",
    "largest_gain",
    "overflow_warnings",
    "projection_report",
    "quantize",
    "rounded_integers",
    "rounding_report",
    "scales",
    "threshold_above_base",
]

Array = NDArray[Any]
_OCTAVE = tuple(2.0 ** (k / 8) for k in range(8))
HEADROOM = 131_000  # units of 64 steps of v below the 24-bit limit of 131,072
_BIAS_UNITS = fx.BIAS_MANT_MAX * (1 << fx.BIAS_EXP_MAX) / (1 << fx.V_SHIFT)
_CUT_LATER = 1 << 40  # a bias that saturation cuts to 13 bits when the input is known; before that it only has to fit int64
_GATE_SUM = 32  # a Threshold is memoryless below 64 units: see semantics, gates 16 + 16 against 24


def quantize(
    network: Network,
    inputs: Mapping[str, Array],
    *,
    bits: int = 8,
    sign_modes: Mapping[str, fx.SignMode] | None = None,
    form: Form | None = None,
) -> tuple[Network, QuantizationReport]:
    """Quantise a float network.

    Args:
        network: float; no integer population.
        inputs: calibration input, source → values.
        bits: weight bits, 2 to 8.
        sign_modes: projection name → mode, where it is not to be the one that keeps most bits.
        form: of the integers, Lava's own if not given.

    Returns:
        The integer network, and what rounding did.

    Raises:
        UnsupportedError: neurons that Lava's fixed point has no process for, all at once.
        QuantizationError: bits out of range, a sign mode that cannot hold the weights, a value that fits no scale, or graded
            values that no message holds.
    """
    if not 2 <= bits <= 8:
        raise QuantizationError(f"weight bits: {bits}, must be 2 to 8; use --weight-bits 8")
    network = _with_sign_modes(fold_gain(network), sign_modes or {})
    given = form or Form(check_integers, scales, at_scale, integer_projections)
    form = replace(given, population=lambda *arguments: _forgets(network, given.population(*arguments)))
    form.check(network)
    check_messages(network)
    reference = floating.run(network, inputs)
    biases = prepare(network, inputs).bias
    done: dict[str, Population] = {p.name: p for p in network.sources}
    projections: dict[int, Projection] = {}
    quiet = network.gated or not timing.has_lags(network)  # else a new bias would act between ticks, or before tick 0 over a lag
    search = Search(network, form, bits, inputs, reference.spikes, dict(reference.spikes))
    for group in groups(network):
        for name in group:
            population = network.populations[name]
            fit = search.exact(population) if population.is_graded else search.best(population, biases[name])
            if fit.mismatch and len(group) == 1 and not population.is_graded and quiet:
                fit = search.corrected(fit, population, biases[name])
            done[name], search.heard[name] = fit.population, fit.spikes
            projections.update(fit.projections)
    ordered = tuple(projections[i] for i in range(len(network.projections)))
    quantized = replace(network, populations={name: done[name] for name in network.populations}, projections=ordered)
    return quantized, rounding_report(network, quantized, inputs, bits=bits, reference=reference)


def _with_sign_modes(network: Network, modes: Mapping[str, fx.SignMode]) -> Network:
    """The network with the sign modes that were asked for."""
    names = {p.name for p in network.spiking_projections}
    for name, mode in modes.items():
        if name not in names:
            raise QuantizationError(f"sign mode of {name!r}: no such projection of spikes; there are {', '.join(sorted(names))}")
        if mode not in ("mixed", "excitatory", "inhibitory"):
            raise QuantizationError(f"sign mode of {name!r}: {mode!r}, must be mixed, excitatory or inhibitory")
    projections = []
    for p in network.projections:
        asked, own = modes.get(p.name), fx.sign_mode_of(p.weights.values)
        if asked not in (None, "mixed", own) and np.any(p.weights.values):
            raise QuantizationError(f"sign mode of {p.name!r}: {asked}, but its weights are {own}; use {own} or mixed")
        projections.append(replace(p, sign_mode=asked))
    return replace(network, projections=tuple(projections))


def threshold_above_base(population: Population) -> Array:
    """θ counted from the neuron's base."""
    neuron = population.neuron
    assert isinstance(neuron, (LIF, CubaLIF, Threshold))
    return np.asarray(neuron.threshold, dtype=np.float64) - np.asarray(base_of(neuron))


def _start(population: Population) -> Array:
    """Where v starts, at v_leak, counted from the base: 0 for a neuron that rests below its threshold."""
    return np.asarray(getattr(population.neuron, "v_leak", 0.0), dtype=np.float64) - np.asarray(base_of(population.neuron))


def drift(population: Population) -> Array:
    """What the leak brings each tick beside the decay toward the base, in volts."""
    return np.asarray(_decay(getattr(population.neuron, "beta", 1.0), 0)) / fx.DECAY_UNITY * _start(population)


def _farthest(population: Population) -> float:
    """How far from the base a spike can put v: to v_reset, or by what it takes off beyond the threshold."""
    neuron = population.neuron
    if not isinstance(neuron, (LIF, CubaLIF)):
        return 0.0
    if neuron.reset == "value":
        return float(np.max(np.abs(np.asarray(neuron.v_reset) - np.asarray(base_of(neuron)))))
    return float(np.max(np.asarray(neuron.threshold if neuron.reset_by is None else neuron.reset_by) - threshold_above_base(population)))


def scales(network: Network, population: Population, largest_bias: float, bits: int) -> tuple[float, ...]:
    """Candidate scales, all within an octave: those that lose nothing or fill a range, then eighths."""
    gain, threshold = largest_gain(population), float(np.max(threshold_above_base(population)))
    positive, negative = synaptic_bounds(network, population)
    reach = gain * float(max(positive.max(), negative.max()))
    if isinstance(population.neuron, Threshold):
        return (max(reach, threshold) / _GATE_SUM,)
    if isinstance(population.neuron, CubaLIF):
        reach /= float(np.min(population.neuron.alpha))
    carried = [p for p in network.into(population.name) if _carries_spikes(network, p)]
    weights = (float(np.abs(p.weights.values).max(initial=0)) / _top(_mode(p), bits) for p in carried)
    bias = gain * largest_bias + float(drift(population).max())
    finest = max(
        (max(threshold, float(_start(population).max()), _farthest(population)) + reach + bias) / HEADROOM,
        bias / _BIAS_UNITS,
        gain * max(weights, default=0.0) / (1 << fx.EXPONENT_MAX),
    )
    suited = (unit for p in carried for unit in suited_units(p.weights.values, _mode(p), bits))
    return (*(finest * 2.0 ** (math.log2(gain * unit / finest) % 1) for unit in suited), *(finest * step for step in _OCTAVE))


def _top(mode: fx.SignMode, bits: int) -> int:
    """The largest weight that either sign can have."""
    low, high, _ = fx.weight_limits(mode, bits)
    return high or -low


def _mode(projection: Projection) -> fx.SignMode:
    return projection.sign_mode or fx.sign_mode_of(projection.weights.values)


def _carries_spikes(network: Network, projection: Projection) -> bool:
    return not network.populations[projection.source].is_static


def at_scale(population: Population, scale: float, largest_bias: float, limits: tuple[float, float] | None) -> Population:
    """The integer population at one scale."""
    gain, neuron = largest_gain(population), population.neuron
    vth = np.rint(threshold_above_base(population) / scale)
    if not (vth.max() <= fx.VTH_MAX and vth.min() >= 1):
        raise QuantizationError(
            f"population {population.name!r}: vth {vth.min():g} to {vth.max():g}, must be 1 to {fx.VTH_MAX}: rescale its weights"
        )
    unit = scale / (1 << fx.V_SHIFT)
    drifts, start = drift(population), _start(population)
    largest = gain * largest_bias + float(drifts.max())
    exponent = max(0, math.ceil(math.log2(max(largest / unit, 1) / fx.BIAS_MANT_MAX) - 1e-12))
    if exponent > fx.BIAS_EXP_MAX:
        raise QuantizationError(
            f"population {population.name!r}: bias {largest_bias:g} V, at most {_BIAS_UNITS * scale / gain:g}: rescale its input"
        )
    step = unit * 2.0**exponent
    mantissa = np.clip(np.rint((gain * np.asarray(population.bias, dtype=np.float64) + drifts) / step), -_CUT_LATER, _CUT_LATER)
    cut = None if limits is None else tuple(int(np.clip(math.floor(gain * x / step), fx.BIAS_MANT_MIN, fx.BIAS_MANT_MAX)) for x in limits)
    integer = FixedLIF(
        du=_decay(getattr(neuron, "alpha", 1.0), 1),
        dv=_decay(getattr(neuron, "beta", 1.0), 0),
        vth=rounded_integers(vth),
        bias_mant=rounded_integers(mantissa),
        bias_exp=exponent,
        scale=scale,
        gain=gain,
        v_reset=_reset_to(neuron, unit),
        reset=getattr(neuron, "reset", "value"),
        state=getattr(neuron, "state", "cleared"),
        saturation=cut,  # type: ignore[arg-type]
        reset_by=_reset_by(neuron, unit),
        v_start=rounded_integers(start / unit),
    )
    return replace(population, neuron=integer, bias=0.0)


def _forgets(network: Network, population: Population) -> Population:
    """A neuron that forgets at once, where chips step it k ≥ 2 times a tick.

    The dv of 4095 that a chip takes leaves 1/4096 of v, rounded toward zero, for the next step; after two it leaves nothing of 24 bits.
    So a tick is as good as dv = 4096, which the program writes as 4095.
    """
    neuron = population.neuron
    if network.steps_per_tick == 1 or network.gated or not isinstance(neuron, FixedLIF):
        return population
    dv = np.asarray(neuron.dv)
    return replace(population, neuron=replace(neuron, dv=rounded_integers(np.where(dv == fx.DECAY_UNITY - 1, fx.DECAY_UNITY, dv))))


def _reset_to(neuron: Any, unit: float) -> Any:
    """Where a spike puts v, counted from the base."""
    if isinstance(neuron, Threshold) or neuron.reset == "subtract":
        return 0
    return rounded_integers((np.asarray(neuron.v_reset) - np.asarray(base_of(neuron))) / unit)


def _reset_by(neuron: Any, unit: float) -> Any:
    """What a spike takes off v, in steps of v, where it is not the integer threshold: that is counted from the base."""
    if getattr(neuron, "reset", "value") != "subtract" or (neuron.reset_by is None and not np.any(base_of(neuron))):
        return None
    return rounded_integers(np.asarray(neuron.threshold if neuron.reset_by is None else neuron.reset_by) / unit)


def _decay(rate: Any, offset: int) -> Any:
    """A rate in 1/4096, less what the hardware adds to it itself (1 for u, 0 for v)."""
    return rounded_integers(np.clip(np.rint(fx.DECAY_UNITY * np.asarray(rate, dtype=np.float64)) - offset, 0, fx.DECAY_UNITY - 1))


def rounded_integers(values: Any) -> Any:
    """Rounded; a plain int where there is one."""
    rounded = np.rint(np.asarray(values)).astype(np.int64)
    return int(rounded) if rounded.ndim == 0 else rounded


def integer_projections(network: Network, projection: Projection, unit: float, bits: int) -> tuple[Projection, ...]:
    """Integer weights at ``unit`` volts (before γ) a step: with the exponent that fills the range, and with the one of least error."""
    if not _carries_spikes(network, projection):
        return (projection,)
    values, mode = projection.weights.values / unit, _mode(projection)
    if isinstance(network.populations[projection.target].neuron, Threshold):
        exponents = [_exact_exponent(values, mode, bits)]
    else:
        exponents = [fx.widest_exponent(values, mode, bits), fx.least_error_exponent(values, mode, bits)]

    def at(exponent: int) -> Projection:
        weights = projection.weights.map(lambda w: fx.round_weights(w / (unit * 2.0**exponent), mode, bits))
        return replace(projection, weights=weights, exponent=exponent, sign_mode=mode)

    return tuple(at(exponent) for exponent in dict.fromkeys(int(np.clip(e, fx.EXPONENT_MIN, fx.EXPONENT_MAX)) for e in exponents))


def _exact_exponent(values: Array, mode: fx.SignMode, bits: int) -> int:
    """A gate adds few weights that must be exact: the exponent nearest to 0 at which rounding changes least."""

    def error(exponent: int) -> float:
        return float(np.abs(fx.round_weights(values / 2.0**exponent, mode, bits) * 2.0**exponent - values).max(initial=0))

    return min(range(0, fx.EXPONENT_MIN - 1, -1), key=lambda exponent: (error(exponent), -exponent))
