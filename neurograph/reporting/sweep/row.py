"""One line of a sweep: what a network does on its sample, and what one profile makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "row_of"]


@dataclass(frozen=True)
class Row:
    """A point of a sweep; figures are those of one inference, means over the samples. None: not known, or not of this level.

    Args:
        width, seed, ticks, bits: of the network; bits of its weights.
        profile: name.
        weights: "as trained", "trained for …" where this network differs from what was trained, or "trained anew".
        level: "operations" or "chip events"; energies of different levels are not to be compared.
        accuracy: on the test nodes or graphs, 0 to 1, of the fixed engine.
        energy_j, on_chip_j: all of it, host included, and what the chip takes; each with low and high.
        latency_s: with low and high. energy_delay_js: energy times latency.
        synaptic_events, spikes, neurons: counted. cores, chips: of the placement.
        statuses: of the constants that went in, e.g. "measured, assumed".
        note: why there is no placement.
        error: why there is nothing but the point.

    Raises:
        ValueError: a figure below 0.
    """

    width: int | None
    seed: int | None
    ticks: int
    bits: int | None
    profile: str
    weights: str
    level: str | None = None
    accuracy: float | None = None
    energy_j: float | None = None
    energy_low_j: float | None = None
    energy_high_j: float | None = None
    on_chip_j: float | None = None
    on_chip_low_j: float | None = None
    on_chip_high_j: float | None = None
    latency_s: float | None = None
    latency_low_s: float | None = None
    latency_high_s: float | None = None
    energy_delay_js: float | None = None
    synaptic_events: float | None = None
    spikes: float | None = None
    neurons: int | None = None
    cores: int | None = None
    chips: int | None = None
    statuses: str = ""
    note: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, (int, float)) and value < 0:
                raise ValueError(f"{name} is {value:g}, must be at least 0")

    @property
    def cost_j(self) -> float | None:
        """Energy to compare by: on chip, or of all operations where the profile is no chip."""
        return self.energy_j if self.level == "operations" else self.on_chip_j

    @property
    def cost_range_j(self) -> tuple[float | None, float | None]:
        """Low and high of :attr:`cost_j`."""
        if self.level == "operations":
            return self.energy_low_j, self.energy_high_j
        return self.on_chip_low_j, self.on_chip_high_j


def row_of(point: Mapping[str, Any], report: Mapping[str, Any], profile: Mapping[str, Any]) -> Row:
    """A row from a report and one of its profiles.

    Args:
        point: width, seed, ticks, bits, profile and weights.
    """
    energy, chip, latency = profile["energy_j"], profile["on_chip_j"] or {}, profile["latency_range_s"] or {}
    return Row(
        **point,
        level=profile["level"],
        accuracy=report.get("accuracy"),
        energy_j=energy["total"],
        energy_low_j=energy["low"],
        energy_high_j=energy["high"],
        on_chip_j=chip.get("total"),
        on_chip_low_j=chip.get("low"),
        on_chip_high_j=chip.get("high"),
        latency_s=latency.get("value"),
        latency_low_s=latency.get("low"),
        latency_high_s=latency.get("high"),
        energy_delay_js=profile["energy_delay_js"],
        synaptic_events=report["counts"]["synaptic_events"],
        spikes=report["counts"]["neuron_spikes"],
        neurons=report["activity"]["neurons"],
        cores=profile["cores"],
        chips=profile["chips"],
        statuses=", ".join(profile["statuses"]),
        note=profile["placement_refused"],
    )
