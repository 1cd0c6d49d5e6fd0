"""The search for the integers of a network, one population after the other: the fewest spikes that differ on the calibration input.

Upstream populations are integer already, so that what they do otherwise than the float network is seen by those behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.export.bias_correction import lost_current
from neurograph.export.exact import exact_projection
from neurograph.export.passes.saturate_bias import saturation
from neurograph.graded import message_range, synaptic_sums
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source, gain_of
from neurograph.sim import fixed
from neurograph.sim.recording import Recording

__all__ = ["Fit", "Form", "Search", "largest_gain"]

Array = NDArray[Any]
_OCTAVES = 4


@dataclass(frozen=True)
class Form:
    """What differs between formats of integers.

    Args:
        check: refuses, by name, what has no such integers.
        scales: candidates for a population with this largest bias and so many weight bits; of two that are as good, the first is taken.
        population: the integer population at a scale.
        projection: the integer projection at a unit of weight in volts, with so many bits; several where there is a choice.
    """

    check: Callable[[Network], None]
    scales: Callable[[Network, Population, float, int], tuple[float, ...]]
    population: Callable[[Population, float, float, tuple[float, float] | None], Population]
    projection: Callable[[Network, Projection, float, int], tuple[Projection, ...]]


@dataclass(frozen=True)
class Fit:
    """One population in integers, its spikes on the calibration input, and how often u wrapped or v was clipped on the way."""

    population: Population
    projections: Mapping[int, Projection]
    spikes: Array
    mismatch: float
    overflows: int


@dataclass(frozen=True)
class Search:
    """The search for the integers of one population after the other.

    Args:
        network: float.
        form, bits: of the integers.
        inputs: calibration input.
        wanted: spikes of the float network on it.
        heard: spikes that populations hear: those of integers where they are known; in a loop, those of the float network.
    """

    network: Network
    form: Form
    bits: int
    inputs: Mapping[str, Array]
    wanted: Mapping[str, Array]
    heard: dict[str, Array]

    def best(self, population: Population, bias: Array) -> Fit:
        """The integers whose spikes differ least from the float network's; of those that do as well at doubled scales, without overflow.

        Raises:
            QuantizationError: no scale keeps the population within 24 bits.
        """
        limits, largest = self._bias_range(population, bias)
        scales = self.form.scales(self.network, population, largest, self.bits)
        best: Fit | None = None
        for octave in range(_OCTAVES):
            for scale in scales:
                for fit in self._fits(population, scale * 2.0**octave, largest, limits):
                    if best is None or fit.mismatch < best.mismatch:
                        best = fit
                    if fit.mismatch == 0:
                        return self._roomier(fit, population, largest, limits)
            if best is not None:
                return self._roomier(best, population, largest, limits)
        raise QuantizationError(
            f"population {population.name!r}: weights of {self.bits} bits add up past 24 bits at every scale; give more --weight-bits"
        )

    def _roomier(self, fit: Fit, population: Population, largest: float, limits: tuple[float, float] | None) -> Fit:
        """The fit, or where it overflows one at twice its scale or more that overflows less, and in whose spikes as little differs.

        The finest scale bounds v above; inhibition may pile up below.
        """
        best, neuron = fit, fit.population.neuron
        assert isinstance(neuron, FixedLIF)
        for octave in range(1, _OCTAVES):
            if not best.overflows:
                break
            try:
                others = tuple(self._fits(population, neuron.scale * 2.0**octave, largest, limits))
            except QuantizationError:  # too coarse for the threshold
                break
            best = min((best, *(o for o in others if o.mismatch <= fit.mismatch)), key=lambda f: f.overflows)
        return best

    def exact(self, population: Population) -> Fit:
        """A graded population, which passes integers on as they are: there is nothing to search."""
        incoming = {i: exact_projection(p, self.bits) for i, p in enumerate(self.network.projections) if p.target == population.name}
        return self._fit(population, incoming)

    def corrected(self, fit: Fit, population: Population, bias: Array) -> Fit:
        """The same with a corrected bias, where that is better."""
        neuron = fit.population.neuron
        assert isinstance(neuron, FixedLIF)
        if not isinstance(population.neuron, LIF):
            return fit
        lost = lost_current(self.network, fit.population, fit.projections, self.wanted, self.heard)
        biased = replace(population, bias=population.bias + lost)
        limits, largest = self._bias_range(biased, bias + lost)
        scale, finest = neuron.scale, min(self.form.scales(self.network, biased, largest, self.bits))
        while scale < finest:  # twice the scale keeps the same weights
            scale *= 2
        try:
            others = tuple(self._fits(biased, scale, largest, limits)) or tuple(self._fits(biased, 2 * scale, largest, limits))
        except QuantizationError:  # the corrected bias fits no integer, the plain one does
            others = ()
        return min((fit, *others), key=lambda f: f.mismatch)

    def _bias_range(self, population: Population, bias: Array) -> tuple[tuple[float, float] | None, float]:
        """Where the bias saturates, and its largest size up to there."""
        limits = saturation(self.network, population)
        return limits, float(np.abs(bias if limits is None else np.clip(bias, *limits)).max())

    def _fits(self, population: Population, scale: float, largest_bias: float, limits: tuple[float, float] | None) -> Iterator[Fit]:
        """The population at one scale, with each choice that the form has for its projections."""
        candidate = self.form.population(population, scale, largest_bias, limits)
        incoming = {i: p for i, p in enumerate(self.network.projections) if p.target == population.name}
        unit = scale / largest_gain(population)
        choices = {i: self.form.projection(self.network, p, unit, self.bits) for i, p in incoming.items()}
        for rank in range(max((len(choice) for choice in choices.values()), default=1)):
            integers = {i: choice[min(rank, len(choice) - 1)] for i, choice in choices.items()}
            if not self._overflows(candidate, integers.values(), largest_bias):
                yield self._fit(candidate, integers)

    def _fit(self, candidate: Population, integers: Mapping[int, Projection]) -> Fit:
        got = _simulate(self.network, candidate, integers, self.heard, self.inputs)
        spikes, name = np.asarray(got.spikes[candidate.name]), candidate.name
        overflows = sum(got.notes[kind].get(name, 0) for kind in ("wraps", "clips"))
        return Fit(candidate, integers, spikes, float(np.mean(spikes != self.wanted[name])), overflows)

    def _overflows(self, candidate: Population, integers: Iterable[Projection], largest_bias: float) -> bool:
        """Whether some input could carry u or v past 24 bits: few bits may round every weight of a neuron up."""
        neuron = candidate.neuron
        assert isinstance(neuron, FixedLIF)
        heard = [p for p in integers if not self.network.populations[p.source].is_static]
        reach = np.maximum(*synaptic_sums(heard, candidate.size, lambda name: message_range(self.network, name)))
        held = reach.max() * fx.DECAY_UNITY / (np.min(neuron.du) + 1)
        return bool(np.max(neuron.vth) + held + neuron.gain * largest_bias / neuron.scale >= fx.STATE_LIMIT >> fx.V_SHIFT)


def largest_gain(population: Population) -> float:
    """γ of the population, the largest where its neurons differ."""
    return float(np.max(gain_of(population.neuron)))


def _simulate(
    network: Network,
    candidate: Population,
    integer: Mapping[int, Projection],
    spikes: Mapping[str, Array],
    inputs: Mapping[str, Array],
) -> Recording:
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
            populations[name] = Population(name, source.shape, Source("graded" if source.is_graded else "spikes"))
            given[name] = spikes[name]
    alone = Network(populations, projections, network.ticks, network.dt)
    return fixed.run(alone, given)
