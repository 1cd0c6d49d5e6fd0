"""Quantisation: a float Network becomes one of Lava's integers.

One scale S a population (volts in 64 integer steps of v) serves its threshold, its bias and all its projections:

    vth = θ/S,   w_int · 2^e = γ w/S,   mantissa · 2^exp = 64 γ b/S

S starts at the smallest value that keeps every bound of Lava's arithmetic (no wrap of u, no clip of v below threshold, 17-bit threshold,
13-bit bias) for whatever spikes may come, and is then searched over one octave for the fewest spikes that differ from the float network's
on the calibration input, upstream populations already being integer. Each projection gets the exponent that fills its weight range.

A neuron is counted from :func:`~neurograph.network.base_of`, its rest if that lies below its threshold. If not, the leak is a constant
drift d·(v_leak − base) a tick in its bias, d being the integer decay: it settles where the float neuron settles, whatever d was rounded to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError, UnsupportedError
from neurograph.export.passes.fold_gain import fold_gain
from neurograph.export.passes.saturate_bias import saturation, synaptic_bounds
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Projection, Source, Threshold, base_of, gain_of
from neurograph.sim import fixed, floating
from neurograph.sim.inputs import prepare
from neurograph.sim.ticks import groups

__all__ = [
    "HEADROOM",
    "Form",
    "PopulationReport",
    "ProjectionReport",
    "QuantizationReport",
    "at_scale",
    "check_integers",
    "largest_gain",
    "projection_report",
    "quantize",
    "rounded_integers",
    "threshold_above_base",
]

Array = NDArray[Any]
_OCTAVE = tuple(2.0 ** (k / 8) for k in range(8))
HEADROOM = 131_000  # units of 64 steps of v below the 24-bit limit of 131,072
_BIAS_UNITS = fx.BIAS_MANT_MAX * (1 << fx.BIAS_EXP_MAX) / (1 << fx.V_SHIFT)
_CUT_LATER = 1 << 40  # a bias that saturation cuts to 13 bits when the input is known; before that it only has to fit int64
_GATE_SUM = 32  # a Threshold is memoryless below 64 units: see semantics, gates 16 + 16 against 24


@dataclass(frozen=True)
class ProjectionReport:
    """What rounding did to one projection; ``relative_error`` is ‖w_int·2^e·S/γ − w‖ / ‖w‖."""

    projection: str
    exponent: int
    sign_mode: str
    stored: int
    clipped: int
    rounded_to_zero: int
    relative_error: float


@dataclass(frozen=True)
class PopulationReport:
    """The scale of one population and how often it spikes differently on the calibration input (share of all slots)."""

    population: str
    scale: float
    vth: int
    bias_exp: int
    mismatch: float


@dataclass(frozen=True)
class QuantizationReport:
    """All of it, in network order."""

    bits: int
    projections: tuple[ProjectionReport, ...]
    populations: tuple[PopulationReport, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Form:
    """What differs between formats of integers.

    Args:
        check: refuses, by name, what has no such integers.
        scales: candidates for a population with this largest bias, finest first.
        population: the integer population at a scale.
        projection: the integer projection at a unit of weight in volts, with so many bits.
    """

    check: Callable[[Network], None]
    scales: Callable[[Network, Population, float], tuple[float, ...]]
    population: Callable[[Population, float, float, tuple[float, float] | None], Population]
    projection: Callable[[Network, Projection, float, int], Projection]


def quantize(
    network: Network, inputs: Mapping[str, Array], *, bits: int = 8, form: Form | None = None
) -> tuple[Network, QuantizationReport]:
    """Quantise a float network.

    Args:
        network: float; no integer population.
        inputs: calibration input, source → values.
        bits: weight bits, 2 to 8.
        form: of the integers, Lava's own if not given.

    Returns:
        The integer network, and what rounding did.

    Raises:
        UnsupportedError: neurons that Lava's fixed point has no process for, all at once.
        QuantizationError: bits out of range, or a value that fits no scale.
    """
    if not 2 <= bits <= 8:
        raise QuantizationError(f"weight bits: {bits}, must be 2 to 8; use --weight-bits 8")
    form = form or Form(check_integers, _scales, at_scale, _round)
    network = fold_gain(network)
    form.check(network)
    reference = floating.run(network, inputs)
    biases = prepare(network, inputs).bias
    done: dict[str, Population] = {p.name: p for p in network.sources}
    projections: dict[int, Projection] = {}
    spikes = {name: values for name, values in reference.spikes.items() if name in done}
    reports = []
    for name in (name for group in groups(network) for name in group):
        population = network.populations[name]
        incoming = [(i, p) for i, p in enumerate(network.projections) if p.target == name]
        limits = saturation(network, population)
        largest_bias = float(np.abs(biases[name] if limits is None else np.clip(biases[name], *limits)).max())
        best: tuple[float, Population, dict[int, Projection], Array] | None = None
        for scale in form.scales(network, population, largest_bias):
            candidate = _forgets(network, form.population(population, scale, largest_bias, limits))
            integer = {i: form.projection(network, p, scale / largest_gain(population), bits) for i, p in incoming}
            got = _simulate(network, candidate, integer, {**reference.spikes, **spikes}, inputs)
            mismatch = float(np.mean(got != reference.spikes[name]))
            if best is None or mismatch < best[0]:
                best = mismatch, candidate, integer, got
            if mismatch == 0:
                break
        assert best is not None
        mismatch, done[name], integer, spikes[name] = best
        projections.update(integer)
        neuron = done[name].neuron
        assert isinstance(neuron, FixedLIF)
        reports.append(PopulationReport(name, neuron.scale, int(np.max(neuron.vth)), neuron.bias_exp, mismatch))
    ordered = tuple(projections[i] for i in range(len(network.projections)))
    quantized = replace(network, populations={name: done[name] for name in network.populations}, projections=ordered)
    rows = tuple(
        projection_report(before, after, done[after.target])
        for before, after in zip(network.projections, ordered, strict=True)
        if after.sign_mode
    )
    return quantized, QuantizationReport(bits, rows, tuple(reports))


def check_integers(network: Network) -> None:
    """Refuse what has no integer form, before any number is looked at.

    Raises:
        UnsupportedError: every offender by name.
    """
    offenders = []
    for p in network.populations.values():
        if p.is_real:
            offenders.append(f"population {p.name!r}: real values in place of spikes")
        elif isinstance(p.neuron, FixedLIF):
            offenders.append(f"population {p.name!r}: is integer already")
        elif isinstance(p.neuron, (LIF, CubaLIF)):
            static = any(network.populations[j.source].is_static for j in network.into(p.name))
            if isinstance(p.neuron, CubaLIF) and (static or np.any(p.bias)):
                offenders.append(f"population {p.name!r}: a bias current into a neuron with synaptic state")
    if offenders:
        raise UnsupportedError("Lava's fixed point", offenders, "simulate it with --engine float, or change the neuron")


def largest_gain(population: Population) -> float:
    """γ of the population, the largest where its neurons differ."""
    return float(np.max(gain_of(population.neuron)))


def threshold_above_base(population: Population) -> Array:
    """θ counted from the neuron's base."""
    neuron = population.neuron
    assert isinstance(neuron, (LIF, CubaLIF, Threshold))
    return np.asarray(neuron.threshold, dtype=np.float64) - np.asarray(base_of(neuron))


def _start(population: Population) -> Array:
    """Where v starts, at v_leak, counted from the base: 0 for a neuron that rests below its threshold."""
    return np.asarray(getattr(population.neuron, "v_leak", 0.0), dtype=np.float64) - np.asarray(base_of(population.neuron))


def _drift(population: Population) -> Array:
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


def _scales(network: Network, population: Population, largest_bias: float) -> tuple[float, ...]:
    """Candidate scales, finest first."""
    gain, threshold = largest_gain(population), float(np.max(threshold_above_base(population)))
    positive, negative = synaptic_bounds(network, population)
    reach = gain * float(max(positive.max(), negative.max()))
    if isinstance(population.neuron, Threshold):
        return (max(reach, threshold) / _GATE_SUM,)
    if isinstance(population.neuron, CubaLIF):
        reach /= float(np.min(population.neuron.alpha))
    weights = [float(np.abs(p.weights.values).max(initial=0)) for p in network.into(population.name) if _carries_spikes(network, p)]
    bias = gain * largest_bias + float(_drift(population).max())
    finest = max(
        (max(threshold, float(_start(population).max()), _farthest(population)) + reach + bias) / HEADROOM,
        bias / _BIAS_UNITS,
        gain * max(weights, default=0.0) / (254 * (1 << fx.EXPONENT_MAX)),
    )
    return tuple(finest * step for step in _OCTAVE)


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
    drift, start = _drift(population), _start(population)
    largest = gain * largest_bias + float(drift.max())
    exponent = max(0, math.ceil(math.log2(max(largest / unit, 1) / fx.BIAS_MANT_MAX) - 1e-12))
    if exponent > fx.BIAS_EXP_MAX:
        raise QuantizationError(
            f"population {population.name!r}: bias {largest_bias:g} V, at most {_BIAS_UNITS * scale / gain:g}: rescale its input"
        )
    step = unit * 2.0**exponent
    mantissa = np.clip(np.rint((gain * np.asarray(population.bias, dtype=np.float64) + drift) / step), -_CUT_LATER, _CUT_LATER)
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


def _round(network: Network, projection: Projection, unit: float, bits: int) -> Projection:
    """Integer weights at ``unit`` volts (before γ) a step, with the exponent that fills the range."""
    if not _carries_spikes(network, projection):
        return projection
    values = projection.weights.values
    mode = fx.sign_mode_of(values)
    _, top, _ = fx.weight_limits(mode, bits)
    top = top or 256 - fx.weight_limits(mode, bits)[2]
    largest = float(np.abs(values).max(initial=0)) / unit
    exponent = math.ceil(math.log2(largest / top)) if largest > 0 else 0
    if isinstance(network.populations[projection.target].neuron, Threshold):
        exponent = _exact_exponent(values / unit, mode, bits)
    exponent = int(np.clip(exponent, fx.EXPONENT_MIN, fx.EXPONENT_MAX))
    weights = projection.weights.map(lambda w: fx.round_weights(w / (unit * 2.0**exponent), mode, bits))
    return replace(projection, weights=weights, exponent=exponent, sign_mode=mode)


def _exact_exponent(values: Array, mode: fx.SignMode, bits: int) -> int:
    """A gate adds few weights that must be exact: the exponent nearest to 0 at which rounding changes least."""

    def error(exponent: int) -> float:
        return float(np.abs(fx.round_weights(values / 2.0**exponent, mode, bits) * 2.0**exponent - values).max(initial=0))

    return min(range(0, fx.EXPONENT_MIN - 1, -1), key=lambda exponent: (error(exponent), -exponent))


def _simulate(
    network: Network,
    candidate: Population,
    integer: Mapping[int, Projection],
    spikes: Mapping[str, Array],
    inputs: Mapping[str, Array],
) -> Array:
    """Run one population alone: its inputs' spikes are known (in a loop, those of the float network), so they stand in as spike sources."""
    projections = tuple(integer.values())
    names = {p.source for p in projections if p.source != candidate.name}
    populations = {candidate.name: candidate}
    given: dict[str, Array] = {}
    for name in names:
        source = network.populations[name]
        if source.is_static:
            populations[name], given[name] = source, inputs[name]
        else:
            populations[name] = Population(name, source.shape, Source("spikes"))
            given[name] = spikes[name]
    alone = Network(populations, projections, network.ticks, network.dt)
    return np.asarray(fixed.run(alone, given).spikes[candidate.name])


def projection_report(before: Projection, after: Projection, target: Population) -> ProjectionReport:
    """What rounding did to a projection into the integer population ``target``."""
    neuron = target.neuron
    assert isinstance(neuron, FixedLIF)
    wanted = before.weights.values
    low, high, _ = fx.weight_limits(after.sign_mode or "mixed")
    unit = neuron.scale / neuron.gain * 2.0**after.exponent
    exact = wanted / unit
    got = np.asarray(after.weights.values, dtype=np.float64)
    norm = float(np.linalg.norm(wanted)) or 1.0
    return ProjectionReport(
        projection=before.name,
        exponent=after.exponent,
        sign_mode=after.sign_mode or "mixed",
        stored=int(np.count_nonzero(got)),
        clipped=int(np.count_nonzero((exact < low - 1) | (exact > high + 1))),
        rounded_to_zero=int(np.count_nonzero((got == 0) & (wanted != 0))),
        relative_error=float(np.linalg.norm(got * unit - wanted)) / norm,
    )
