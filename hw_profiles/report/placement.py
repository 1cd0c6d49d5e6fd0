"""The placement in a report: what each profile's cores hold, and what travels between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.text import number, several, table

__all__ = ["ABOUT", "alike", "placement", "words"]

ABOUT = (
    "A message is one spike × one core that it reaches, its own included; a hop is a step between tiles of a chip, a crossing one to",
    "another chip. Host messages are input spikes × cores. Means over the samples. *Binding* is the rule that uses most of its limit on",
    "average.",
)


def placement(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the section; none where no profile was placed on or refused."""
    placed = [p for p in report["profiles"] if p["placement"]]
    refused = [p for p in report["profiles"] if p["placement_refused"]]
    if not placed and not refused:
        return
    yield "## Placement (counted)"
    if placed:
        yield ""
        yield from _overview(placed)
        yield ""
        yield from ABOUT
    for names, held in alike(placed):
        yield ""
        yield from _rules(", ".join(names), held)
    if refused:
        yield ""
        yield from (
            f"- **{p['name']} has no placement**: {p['placement_refused']}. Its figures are from before placement." for p in refused
        )


def _overview(placed: list[Mapping[str, Any]]) -> Iterator[str]:
    rows = []
    for p in placed:
        held, counts = p["placement"], p["placement"]["counts"]
        binding = next(rule for rule in held["rules"] if rule["rule"] == held["binding_rule"])
        share = binding["share"] if binding["mean_share"] is None else binding["mean_share"]
        rows.append(
            [
                p["name"],
                number(held["cores"]),
                number(held["chips"]),
                f"{words(binding['rule'])}, {100 * share:.0f} %",
                *(number(counts[key]) for key in ("messages", "inter_core", "hops_east_west", "hops_north_south")),
                number(counts["chip_crossings"]),
                number(counts["host_messages"]),
            ]
        )
    header = ["profile", "cores", "chips", "binding", "messages", "to other cores", "hops E–W", "hops N–S", "crossings", "host messages"]
    yield from table(header, rows, "lrrlrrrrrr")


def alike(placed: list[Mapping[str, Any]]) -> list[tuple[list[str], Mapping[str, Any]]]:
    """Profiles of one chip have one placement: told once, under all their names."""
    found: list[tuple[list[str], Mapping[str, Any]]] = []
    for p in placed:
        held = {key: value for key, value in p["placement"].items() if key != "target"}
        same = next((names for names, other in found if held == {k: v for k, v in other.items() if k != "target"}), None)
        if same is None:
            found.append(([p["name"]], p["placement"]))
        else:
            same.append(p["name"])
    return found


def _rules(name: str, held: Mapping[str, Any]) -> Iterator[str]:
    bits = held["synaptic_memory_bits"]
    yield f"### {name}: what its cores hold"
    yield ""
    made = f", placed by {held['method']}" if held["method"] else ""
    yield (
        f"{several(held['cores'], 'core')} on {several(held['chips'], 'chip')}{made}; synapses take "
        f"{_kib(bits['stored'])} KiB, {_kib(bits['without_sharing'])} KiB if no lists were shared."
    )
    yield ""
    rows = [
        [
            f"**{words(rule['rule'])}**" if rule["rule"] == held["binding_rule"] else words(rule["rule"]),
            number(rule["used"]),
            number(rule["limit"]),
            rule["unit"],
            f"{100 * rule['share']:.1f} %",
            "–" if rule["mean_share"] is None else f"{100 * rule['mean_share']:.1f} %",
            rule["where"],
        ]
        for rule in held["rules"]
    ]
    yield from table(["rule", "most used", "limit", "unit", "of the limit", "mean core", "where"], rows, "lrrlrrl")
    for note in held["notes"]:
        yield ""
        yield f"Note: {note}."


def words(rule: str) -> str:
    """A rule's name as it is printed."""
    return rule.replace("_", " ")


def _kib(bits: int) -> str:
    return f"{bits / 8192:,.1f}"
