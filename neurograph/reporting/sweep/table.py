"""A sweep's rows as tables: Markdown, CSV, and one for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from neurograph.plain_text import plain_markdown
from neurograph.reporting.sweep.front import front_of
from neurograph.reporting.sweep.plan import Plan
from neurograph.reporting.sweep.row import Row

__all__ = ["about", "heads_and_cells", "to_csv", "to_markdown"]

_FIGURES = {
    "accuracy %": "accuracy",
    "on chip, µJ (low–high)": "on_chip",
    "with host, µJ (low–high)": "with_host",
    "latency, ms": "latency_s",
    "EDP, nJ·s": "energy_delay_js",
    "synaptic events": "synaptic_events",
    "spikes": "spikes",
    "neurons": "neurons",
    "cores": "cores",
}
_SCALES = {"accuracy": 1e2, "latency_s": 1e3, "energy_delay_js": 1e9}


def about(plan: Plan, rows: Sequence[Row]) -> list[str]:
    """What a reader has to know beside the table."""
    source = plan.source
    own = {"width": source.width, "seed": source.seed, "T": source.ticks, "bits": source.bits}
    swept = {"ticks": "T"}
    fixed = [f"{k} {v}" for k, v in own.items() if v is not None and k not in {swept.get(key, key) for key in plan.grid.keys}]
    lines = [
        f"{source.about}, target {plan.target}" + (f"; {', '.join(fixed)} throughout" if fixed else "") + ".",
        "Accuracy is measured on the test set, in integers; events, spikes and neurons are counted; energy, latency and EDP (energy-delay "
        "product) of one inference are modelled. ★: no other row of the profile has at least this accuracy for at most this energy.",
    ]
    if "bits" in plan.grid.numbers:
        lines.append("Weights were rounded to the bits of a row after training.")
    others = sorted({row.weights for row in rows if row.weights.startswith("trained for")})
    if others:
        lines.append(f"Weights {' or '.join(repr(o) for o in others)} are run as they are; --retrain trains them for the T of a row.")
    assumed = sorted({row.profile for row in rows if "assumed" in row.statuses.split(", ")})
    if assumed:
        lines.append(f"Constants of {', '.join(assumed)} are in part assumed.")
    hosts = {name: status for name, status in plan.host_statuses.items() if any(row.profile == name for row in rows)}
    for status in sorted(set(hosts.values())):
        of = ", ".join(name for name, own in hosts.items() if own == status)
        lines.append(f"The price of the host's multiply-adds, in the figures with host alone, is {status} in {of}.")
    return lines


def heads_and_cells(plan: Plan, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of the table: what is swept, whose weights, every figure that some row has, notes."""
    keys = ["profile", *(key for key in plan.grid.keys if key != "profile")]
    figures = {head: name for head, name in _FIGURES.items() if any(_cell(row, name) for row in rows)}
    weights = len({row.weights for row in rows}) > 1
    notes = any(row.error or row.note for row in rows)
    heads = [*keys, *(["weights"] if weights else []), *figures, "front", *(["note"] if notes else [])]
    cells = [
        [
            *(str(getattr(row, key)) for key in keys),
            *([row.weights] if weights else []),
            *(_cell(row, name) for name in figures.values()),
            "★" if on else "",
            *([_note(row)] if notes else []),
        ]
        for row, on in zip(rows, front_of(rows), strict=True)
    ]
    return heads, cells


def to_markdown(plan: Plan, rows: Sequence[Row]) -> str:
    """The table with what has to be said beside it."""
    heads, cells = heads_and_cells(plan, rows)
    left = {"profile", "weights", "note"}
    lines = [
        "| " + " | ".join(heads) + " |",
        "|" + "|".join("---" if head in left else "--:" for head in heads) + "|",
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in cells),
    ]
    return plain_markdown(
        "\n".join([f"# Sweep over {', '.join(plan.grid.keys)}", "", *("\n\n".join(about(plan, rows)).split("\n")), "", *lines, ""])
    )


def to_csv(rows: Sequence[Row]) -> str:
    """Every field of every row, in SI units, and whether it is on the front."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = [field.name for field in fields(Row)]
    writer.writerow([*names, "front"])
    for row, on in zip(rows, front_of(rows), strict=True):
        values = asdict(row)
        writer.writerow([*("" if values[name] is None else values[name] for name in names), int(on)])
    return buffer.getvalue()


def _note(row: Row) -> str:
    return f"failed: {row.error}" if row.error else row.note or ""


def _cell(row: Row, name: str) -> str:
    if name == "on_chip":
        return _range(row.on_chip_j, row.on_chip_low_j, row.on_chip_high_j)
    if name == "with_host":
        return _range(row.energy_j, row.energy_low_j, row.energy_high_j)
    value: Any = getattr(row, name)
    if value is None:
        return ""
    if name == "accuracy":
        return f"{100 * value:.2f}"
    return _three(value * _SCALES[name]) if name in _SCALES else f"{value:,.0f}"


def _range(*joules: float | None) -> str:
    """Value, low and high in microjoules; one number where they are the same."""
    if any(value is None for value in joules):
        return ""
    value, low, high = (_three(1e6 * (one or 0.0)) for one in joules)
    return f"{value} ({low}–{high})" if low != high else value


def _three(value: float) -> str:
    """Three digits at least, as a number that can be read."""
    if value == 0:
        return "0"
    text = f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else text if "e" not in text else f"{value:.2e}"
