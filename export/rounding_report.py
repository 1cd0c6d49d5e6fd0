"""What quantisation did to a network: rounding by projection, scale, spikes and overflow by population, and what to warn of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.sim import fixed, floating
from neurograph.sim.recording import Recording

__all__ = [
    "PopulationReport",
    "ProjectionReport",
    "QuantizationReport",
    "overflow_warnings",
    "projection_report",
    "rounding_report",
]

Array = NDArray[Any]
_NEARLY_FULL = 0.9  # of 24 bits
_MUCH = 0.5  # relative error of a projection that is worth a warning


@dataclass(frozen=True)
class ProjectionReport:
    """What rounding did to one projection.

    Args:
        projection, exponent, sign_mode: of the integers.
        stored: weights that are not 0.
        clipped: weights beyond the range of the integers; rounded_to_zero: weights that were not 0 and are.
        relative_error: ‖w_int·2^e·S/γ − w‖ / ‖w‖.
        bits: the fewest bits that hold these integers (another exponent may be needed): 4 for a model trained for 4.
    """

    projection: str
    exponent: int
    sign_mode: str
    stored: int
    clipped: int
    rounded_to_zero: int
    relative_error: float
    bits: int


@dataclass(frozen=True)
class PopulationReport:
    """The scale of one population, and what it did on the calibration input.

    Args:
        population: its name.
        scale: volts in 64 integer steps of v.
        vth, bias_exp: the largest threshold, the exponent of the bias.
        mismatch: share of all spike slots that differ from the float network's.
        largest_u, largest_v: |u| and |v| before they wrap and clip, as a share of the 24-bit limit 2²³.
        wraps, clips: how often u wrapped and v was clipped.
    """

    population: str
    scale: float
    vth: int
    bias_exp: int
    mismatch: float
    largest_u: float
    largest_v: float
    wraps: int
    clips: int


@dataclass(frozen=True)
class QuantizationReport:
    """All of it, in network order."""

    bits: int
    projections: tuple[ProjectionReport, ...]
    populations: tuple[PopulationReport, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def warnings(self) -> tuple[str, ...]:
        """A sentence for each population that overflowed, and each projection of which rounding left little."""
        wraps, clips = ({p.population: getattr(p, kind) for p in self.populations} for kind in ("wraps", "clips"))
        lost = (p for p in self.projections if p.relative_error > _MUCH)
        return (*overflow_warnings(wraps, clips, own=True), *(_lost(p) for p in lost))

    def nearly_full(self) -> str | None:
        """What to know where the sample just fits into 24 bits, so that another may not; None where there is room."""
        full = [p for p in self.populations if not p.wraps + p.clips and max(p.largest_u, p.largest_v) > _NEARLY_FULL]
        if not full:
            return None
        most = max(full, key=lambda p: max(p.largest_u, p.largest_v))
        more = f" and {len(full) - 1} more" if len(full) > 1 else ""
        return (
            f"little room: u or v reaches {max(most.largest_u, most.largest_v):.1%} of 24 bits on this sample ({most.population!r}{more}); "
            "others may be clipped, which 'simulate' counts: give export the sample that drives it most"
        )


def _lost(row: ProjectionReport) -> str:
    return (
        f"projection {row.projection}: rounding leaves an error of {row.relative_error:.0%} "
        f"({row.rounded_to_zero} weights are 0 now, {row.clipped} clipped); give more --weight-bits, or train for these"
    )


def overflow_warnings(wraps: Mapping[str, int], clips: Mapping[str, int], *, own: bool = False) -> tuple[str, ...]:
    """A sentence for each population whose u wrapped or whose v was clipped at 24 bits.

    Args:
        wraps, clips: population → how often, as in the notes of a run of the fixed engine or in a bundle's manifest.
        own: whether this is the sample that the network was quantised on.
    """
    way_out = (
        "on the sample that it was quantised on, and no coarser scale that was tried overflows less with as few differing spikes; "
        "its spikes may differ from the float network's; scale its weights down against its threshold"
        if own
        else "on this sample; its spikes may differ from the float network's; give this sample to export, or scale its weights down"
    )
    wrapped = (f"population {name!r}: u wrapped at 24 bits {count:,} times {way_out}" for name, count in wraps.items() if count)
    clipped = (f"population {name!r}: v was clipped at 24 bits {count:,} times {way_out}" for name, count in clips.items() if count)
    return (*wrapped, *clipped)


def rounding_report(
    network: Network, quantized: Network, inputs: Mapping[str, Array], *, bits: int = 8, reference: Recording | None = None
) -> QuantizationReport:
    """Run both networks on the calibration input and compare them.

    Args:
        network, quantized: float and integer, with the same projections in the same order.
        inputs: source → values.
        bits: weight bits.
        reference: of the float network on these inputs, where it was run already.
    """
    reference = reference or floating.run(network, inputs)
    run = fixed.run(quantized, inputs)
    rows = tuple(
        projection_report(before, after, quantized.populations[after.target], bits)
        for before, after in zip(network.projections, quantized.projections, strict=True)
        if after.sign_mode and not quantized.populations[after.target].is_graded
    )
    return QuantizationReport(bits, rows, tuple(_population_report(p, reference, run) for p in quantized.neurons if not p.is_graded))


def _population_report(population: Population, reference: Recording, run: Recording) -> PopulationReport:
    name, neuron = population.name, population.neuron
    assert isinstance(neuron, FixedLIF)
    return PopulationReport(
        population=name,
        scale=neuron.scale,
        vth=int(np.max(neuron.vth)),
        bias_exp=neuron.bias_exp,
        mismatch=float(np.mean(run.spikes[name] != reference.spikes[name])),
        largest_u=run.notes["largest_u"][name] / fx.STATE_LIMIT,
        largest_v=run.notes["largest_v"][name] / fx.STATE_LIMIT,
        wraps=run.notes["wraps"].get(name, 0),
        clips=run.notes["clips"].get(name, 0),
    )


def projection_report(before: Projection, after: Projection, target: Population, bits: int = 8) -> ProjectionReport:
    """What rounding did to a projection into the integer population ``target``."""
    neuron = target.neuron
    assert isinstance(neuron, FixedLIF)
    wanted = before.weights.values
    low, high, step = fx.weight_limits(after.sign_mode or "mixed", bits)
    unit = neuron.scale / neuron.gain * 2.0**after.exponent
    exact = wanted / unit
    stored = after.weights.values
    got = np.asarray(stored, dtype=np.float64)
    norm = _norm(wanted) or 1.0
    return ProjectionReport(
        projection=before.name,
        exponent=after.exponent,
        sign_mode=after.sign_mode or "mixed",
        stored=int(np.count_nonzero(got)),
        clipped=int(np.count_nonzero((exact < low - step / 2) | (exact > high + step / 2))),
        rounded_to_zero=int(np.count_nonzero((got == 0) & (wanted != 0))),
        relative_error=_norm(got * unit - wanted) / norm,
        bits=fx.bits_used(stored),
    )


def _norm(values: Array) -> float:
    """‖x‖ without BLAS, whose sum depends on how many threads it has: two exports are to give the same manifest."""
    return float(np.sqrt(np.square(values).sum()))
