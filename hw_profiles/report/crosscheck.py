"""The section of a report that sets SANA-FE's figures beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.text import number, several, si, table

__all__ = ["crosscheck"]


def crosscheck(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown; none where no cross-check was asked for."""
    found = report.get("crosscheck")
    if found is None:
        return
    yield "## Cross-check: SANA-FE (modelled by another program)"
    yield ""
    if "refused" in found:
        yield f"Not made: {found['refused']}."
        return
    yield f"SANA-FE {found['version']} replays the recorded spikes of sample {found['sample']} on the same placement"
    yield f"({several(found['cores'], 'core')}, {several(found['chips'], 'chip')}) with the constants of {found['profile']}; host and"
    yield "static power are in neither."
    yield "*On its events*: our figure with SANA-FE's rules for what counts."
    yield ""
    reasons: dict[str, int] = {}
    rows = []
    for line in found["lines"]:
        notes = [str(reasons.setdefault(why, len(reasons) + 1)) for why in line["reasons"]]
        ratio = "–" if line["ratio"] is None else f"{line['ratio']:.4f}"
        figures = (_figure(line[key], line["unit"]) for key in ("ours", "theirs"))
        rows.append([line["name"], *figures, ratio, _figure(line["same_events"], line["unit"]), ", ".join(notes)])
    yield from table(["figure", "ours", "SANA-FE", "ours / SANA-FE", "on its events", "why"], rows, "lrrrrl")
    if reasons:
        yield ""
        yield from (f"{index}. {why[0].upper()}{why[1:]}." for why, index in reasons.items())
    yield ""
    yield from _verdict(found)


def _verdict(found: Mapping[str, Any]) -> Iterator[str]:
    within = "within 5 %" if found["within_5_percent"] else "NOT within 5 %"
    reported = "–" if found["ratio_as_reported"] is None else f"{found['ratio_as_reported']:.4f}"
    yield f"Total energy for the same events: {within} (ours / SANA-FE {found['ratio_same_events']:.4f}; as reported {reported})."
    if not found["explained"]:
        yield "**A difference is not explained**, see the table."


def _figure(value: float | None, unit: str) -> str:
    if unit != "1" or value is None:
        return si(value, unit)
    return number(int(value) if float(value).is_integer() else value)
