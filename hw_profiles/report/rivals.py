"""The comparisons in a report: what is left of a headline, networks with real values in each accounting, break-even."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.remarks import ABOUT_ACCOUNTINGS, ABOUT_HEADLINE, BELOW_BREAK_EVEN, constants_of_rivals, how_counted
from neurograph.hw_profiles.report.text import low_high, number, ratio, si, table

__all__ = ["headline", "rivals"]


def headline(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the section; none without a network to compare with."""
    if not report["headline"]:
        return
    yield "## How much of the headline survives (modelled)"
    yield ""
    yield from ABOUT_HEADLINE
    for name in dict.fromkeys(line["baseline"] for line in report["headline"]):
        yield ""
        yield f"Against the {name}:"
        yield ""
        rows = [
            [
                line["line"],
                line["level"],
                line["profile"],
                *(si(line[key]["total"], "J") for key in ("spiking_j", "baseline_j")),
                _times(line),
            ]
            for line in report["headline"]
            if line["baseline"] == name
        ]
        yield from table(["what is counted", "level", "constants", "spiking", "real values", "times less"], rows, "lllrrr")


def _times(line: Mapping[str, Any]) -> str:
    found = line["ratio"]
    if found is None:
        return "–"
    value, low, high = (ratio(found[key]) for key in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"


def rivals(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the section; none without a network to compare with."""
    if not report["baselines"]:
        return
    yield "## Beside networks with real values (operations counted by formula or in a run, energy modelled)"
    yield ""
    yield how_counted(report)
    yield ""
    yield from (f"- {name}: {note}" for name, note in {b["name"]: b["note"] for b in report["baselines"]}.items())
    yield ""
    rows = [
        [
            b["name"],
            b["accounting"],
            b["number_format"],
            number(b["macs"]),
            si(b["energy_j"]["total"], "J"),
            low_high(b["energy_j"], "J"),
            si(b["spiking_j"]["total"], "J"),
            low_high(b["spiking_j"], "J"),
            ratio(b["spiking_over_baseline"]),
        ]
        for b in report["baselines"]
    ]
    header = ["network", "accounting", "numbers", "multiply-adds", "energy", "low to high", "spiking", "low to high", "spiking / it"]
    yield from table(header, rows, "lllrrrrrr")
    yield ""
    yield constants_of_rivals(report)
    yield from ABOUT_ACCOUNTINGS
    yield ""
    rows = [
        [
            b["baseline"],
            b["accounting"],
            "–" if b["events_per_synapse_and_tick"] is None else f"{100 * b['events_per_synapse_and_tick']:.3g} %",
            "–" if b["events_per_synapse"] is None else f"{b['events_per_synapse']:.3g}",
            f"{100 * b['now_events_per_synapse_and_tick']:.3g} %",
            "spiking" if b["spiking_wins"] else "baseline",
            b["note"],
        ]
        for b in report["break_even"]
    ]
    header = ["break-even with", "accounting", "a synapse and tick", "a synapse", "now, a synapse and tick", "cheaper", "note"]
    yield from table(header, rows, "llrrrll")
    yield ""
    yield BELOW_BREAK_EVEN
