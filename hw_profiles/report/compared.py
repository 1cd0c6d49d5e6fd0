"""The sections of the page that compare: what is left of a headline, networks with real values in each accounting, break-even."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report import pictures
from neurograph.hw_profiles.report.parts import Block, Cell, Section, Table, count, energy, items, label_of, prose, shown, slug
from neurograph.hw_profiles.report.remarks import ABOUT_ACCOUNTINGS, ABOUT_HEADLINE, BELOW_BREAK_EVEN, constants_of_rivals, how_counted
from neurograph.hw_profiles.report.text import ratio, si

__all__ = ["headline", "rivals"]

Report = Mapping[str, Any]


def headline(report: Report) -> Iterator[Section]:
    """How much of the first ratio survives, a table a network."""
    lines = report["headline"]
    blocks: list[Block] = [prose(ABOUT_HEADLINE)] if lines else []
    header = ("what is counted", "level", "constants", "spiking", "real values", "times less", "low", "high")
    for name in dict.fromkeys(line["baseline"] for line in lines):
        rows = [_headline(line, slug("headline", name, str(i))) for i, line in enumerate(lines) if line["baseline"] == name]
        blocks.append(Table(f"Against the {name}", header, rows))
    yield Section("headline", "How much of the headline survives", label_of(report, "headline"), blocks)


def _headline(line: Mapping[str, Any], identity: str) -> list[Cell]:
    joules = [Cell(si(line[key]["total"], "J"), line[key]["total"]) for key in ("spiking_j", "baseline_j")]
    found = line["ratio"]
    times = [Cell("–")] * 3 if found is None else [Cell(ratio(found[key]), found[key]) for key in ("value", "low", "high")]
    if found is not None:
        times[0] = Cell(ratio(found["value"]), found["value"], identity)
    return [Cell(line["line"]), Cell(line["level"]), Cell(line["profile"]), *joules, *times]


def rivals(report: Report) -> Iterator[Section]:
    """Beside networks with real values, and the break-even activity."""
    if not report["baselines"]:
        return
    rows = [
        [
            Cell(b["name"]),
            Cell(b["accounting"]),
            Cell(b["number_format"]),
            count(b["macs"], slug("baseline", b["name"], b["accounting"], "macs")),
            *energy(b["energy_j"], slug("baseline", b["name"], b["accounting"])),
            Cell(si(b["spiking_j"]["total"], "J"), b["spiking_j"]["total"]),
            Cell(ratio(b["spiking_over_baseline"]), b["spiking_over_baseline"], slug("baseline", b["name"], b["accounting"], "ratio")),
        ]
        for b in report["baselines"]
    ]
    header = ("network", "accounting", "numbers", "multiply-adds", "energy", "low", "high", "spiking", "spiking / it")
    blocks: list[Block] = [
        prose([how_counted(report)]),
        items(f"- {name}: {note}" for name, note in {b["name"]: b["note"] for b in report["baselines"]}.items()),
        Table("Networks with real values", header, rows),
        prose([constants_of_rivals(report), *ABOUT_ACCOUNTINGS]),
        _break_even(report),
        prose([BELOW_BREAK_EVEN]),
    ]
    caption = f"Energy at level “operations”, {report['baselines'][0]['accounting']}, over activity; the baselines do not depend on it."
    blocks += shown(pictures.break_even(report), caption)
    yield Section("comparisons", "Beside networks with real values", label_of(report, "baselines"), blocks)


def _break_even(report: Report) -> Table:
    rows = [
        [
            Cell(b["baseline"]),
            Cell(b["accounting"]),
            _activity(b["events_per_synapse_and_tick"], 100, " %", slug("break-even", b["baseline"], b["accounting"])),
            _activity(b["events_per_synapse"], 1, "", ""),
            _activity(b["now_events_per_synapse_and_tick"], 100, " %", ""),
            Cell("spiking" if b["spiking_wins"] else "baseline"),
            Cell(b["note"]),
        ]
        for b in report["break_even"]
    ]
    header = ("break-even with", "accounting", "a synapse and tick", "a synapse", "now, a synapse and tick", "cheaper", "note")
    return Table("Break-even activity, in synaptic events", header, rows)


def _activity(value: float | None, factor: int, unit: str, identity: str) -> Cell:
    return Cell("–") if value is None else Cell(f"{ratio(factor * value)}{unit}", value, identity)
