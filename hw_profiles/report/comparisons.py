"""Beside the spiking network: networks with real values in every accounting, the activity at which they cost the same, and what is left
of a ratio when more is counted.

``headline`` goes from the line of most papers to the whole chip with its host; each line stays on one level, so that a reader sees how much
of the first ratio survives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurograph.hw_profiles.accounting import Accounting, Cost, accountings
from neurograph.hw_profiles.baselines import Baseline
from neurograph.hw_profiles.counts import Counts
from neurograph.hw_profiles.energy import Estimate
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.rules import mean
from neurograph.hw_profiles.schema import Profile

__all__ = ["comparisons"]

Rows = list[dict[str, Any]]
CORE = "spikes alone, against all but encoder and readout, fp32"
WHOLE = "the chip and its host, against all on that host"


def comparisons(
    baselines: Sequence[Baseline], arithmetic: Profile, counts: Counts, estimates: Sequence[Estimate], effective: Mapping[str, int]
) -> dict[str, Rows]:
    """The report's ``baselines``, ``break_even`` and ``headline``, and ``level_1``: the spiking network in every accounting.

    Args:
        arithmetic: a profile of level "operations".
        effective: of the host's multiply-adds, by name, those that meet no feature of 0.
    """
    ways = accountings(arithmetic, counts.window_ticks, skips_zeros=bool(effective) and any(b.effective for b in baselines))
    costs = [(way, way.spiking(counts, effective)) for way in ways]
    events = mean(counts.synaptic_events) + mean(counts.graded_events)
    pairs = [(b, way, cost) for b in baselines for way, cost in costs]
    return {
        "level_1": [_spiking(way, cost, events) for way, cost in costs],
        "baselines": [_baseline(b, way, cost, events, arithmetic) for b, way, cost in pairs],
        "break_even": [_break_even(b, way, cost, counts) for b, way, cost in pairs],
        "headline": [line for b in baselines for line in _headline(b, costs, counts, estimates, arithmetic, effective)],
    }


def _spiking(way: Accounting, cost: Cost, events: float) -> dict[str, Any]:
    split = cost.at(events)
    shares = {"compute": split.compute.value, "memory": split.memory.value, "addressing": split.addressing.value}
    return {"accounting": way.name, "number_format": way.number_format, "energy_j": {**split.total.to_json(), "components": shares}}


def _baseline(baseline: Baseline, way: Accounting, cost: Cost, events: float, arithmetic: Profile) -> dict[str, Any]:
    real, spiking = way.real(baseline).total, cost.at(events).total
    terms = baseline.effective_terms if way.skips_zeros else baseline.terms
    return {
        "name": baseline.name,
        "note": baseline.note,
        "accounting": way.name,
        "number_format": way.number_format,
        "level": "operations",
        "profile": arithmetic.name,
        "macs": sum(terms.values()),
        "terms": dict(terms),
        "energy_j": {**real.to_json(), "components": way.terms(baseline)},
        "spiking_j": spiking.to_json(),
        "spiking_over_baseline": spiking.value / real.value,
        **({} if baseline.accuracy is None else {"accuracy": baseline.accuracy}),
    }


def _break_even(baseline: Baseline, way: Accounting, cost: Cost, counts: Counts) -> dict[str, Any]:
    """The activity at which both cost as much."""
    events = cost.break_even(way.real(baseline).total)
    possible = counts.synapse_ticks
    now = (mean(counts.synaptic_events) + mean(counts.graded_events)) / possible if possible else 0.0
    rate = events / possible if possible and events > 0 else None
    return {
        "baseline": baseline.name,
        "accounting": way.name,
        "level": "operations",
        "events_per_synapse_and_tick": rate,
        "events_per_synapse": None if rate is None else events / counts.synapses,
        "now_events_per_synapse_and_tick": now,
        "spiking_wins": rate is not None and now < rate,
        "note": _remark(events, rate),
    }


def _remark(events: float, rate: float | None) -> str:
    if events <= 0:
        return "what does not follow the spikes costs more than the baseline"
    return "above 100 %: cheaper at any activity" if rate is not None and rate > 1 else ""


def _headline(
    baseline: Baseline,
    costs: Sequence[tuple[Accounting, Cost]],
    counts: Counts,
    estimates: Sequence[Estimate],
    arithmetic: Profile,
    effective: Mapping[str, int],
) -> Iterator[dict[str, Any]]:
    def line(what: str, level: str, profile: str, spiking: Interval, real: Interval, found: dict[str, float] | None) -> dict[str, Any]:
        return {
            "baseline": baseline.name,
            "line": what,
            "level": level,
            "profile": profile,
            "spiking_j": spiking.to_json(),
            "baseline_j": real.to_json(),
            "ratio": found,
        }

    def on_operations(what: str, spiking: Interval, real: Interval) -> dict[str, Any]:
        return line(what, "operations", arithmetic.name, spiking, real, _ratio(real, spiking))

    plain = costs[0][0]
    additions, graded = mean(counts.synaptic_events), mean(counts.graded_events)
    if baseline.ends:
        spikes = plain.addition.scaled(additions) + plain.graded_mac.scaled(graded)
        yield on_operations(CORE, spikes, plain.mac.scaled(baseline.core_macs))
    for way, cost in costs:
        yield on_operations(f"everything, {way.name}", cost.at(additions + graded).total, way.real(baseline).total)
    for e in estimates:
        if "host_mac" not in e.profile.energy or e.profile.level != "chip events" or e.refused is not None:
            continue  # of a chip that has no place for the network there is no ratio
        for what, spiking, real, found in _on_chip(baseline, e, counts, effective):
            yield line(what, "chip events", e.profile.name, spiking, real, found)


def _on_chip(
    baseline: Baseline, e: Estimate, counts: Counts, effective: Mapping[str, int]
) -> Iterator[tuple[str, Interval, Interval, dict[str, float] | None]]:
    """Lines of level 2: what is counted, the two energies and their ratio."""
    host = Interval(*e.profile.energy["host_mac"].si)

    def compared(what: str, own_macs: int, macs: int) -> tuple[str, Interval, Interval, dict[str, float] | None]:
        return what, e.on_chip_j + host.scaled(own_macs), host.scaled(macs), _ratio_on_host(e.on_chip_j, host, own_macs, macs)

    own = sum(counts.host_macs.values())
    if baseline.ends:
        yield compared("the chip alone, against all but encoder and readout on its host", 0, baseline.core_macs)
    yield compared(WHOLE, own, baseline.macs)
    if effective and baseline.effective:
        spared = sum(counts.host_macs[name] - macs for name, macs in effective.items())
        yield compared(f"{WHOLE}, zeros skipped", own - spared, sum(baseline.effective_terms.values()))


def _ratio_on_host(chip: Interval, host: Interval, own_macs: int, macs: int) -> dict[str, float] | None:
    """Baseline over spiking, both on the same host: the chip's constants and the host's price are each anywhere in their own ranges."""
    if min(chip.low + host.low * own_macs, host.low) <= 0:
        return None
    corners = [h * macs / (c + h * own_macs) for c in (chip.low, chip.value, chip.high) for h in (host.low, host.value, host.high)]
    return {"value": host.value * macs / (chip.value + host.value * own_macs), "low": min(corners), "high": max(corners)}


def _ratio(real: Interval, spiking: Interval) -> dict[str, float] | None:
    """Baseline over spiking, all constants low together or high together; None where the spiking network costs nothing."""
    if min(spiking.value, spiking.low, spiking.high) <= 0:
        return None
    ends = sorted((real.low / spiking.low, real.value / spiking.value, real.high / spiking.high))
    return {"value": real.value / spiking.value, "low": ends[0], "high": ends[2]}
