"""A comparison of reports as LaTeX: a table of counts and one a profile, each to be read by ``\\input``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.compare import FIGURES, figures_of
from neurograph.hw_profiles.report.escaping import latex_text
from neurograph.hw_profiles.report.latex_parts import NONE, count, label_of, quantity, ratio, spread, table

__all__ = ["to_latex"]

Found = Mapping[str, Any]


def to_latex(comparison: Found) -> str:
    """The comparison as LaTeX tables; needs booktabs and siunitx."""
    names = [latex_text(bundle["name"]) for bundle in comparison["bundles"]]
    head = "% Comparison of " + ", ".join(names) + ".\n% Needs: \\usepackage{booktabs} \\usepackage{siunitx} % 3 or later"
    profiles = dict.fromkeys(name for b in comparison["bundles"] for name in b["profiles"])
    tables = ["\n".join(_counts(comparison)), *("\n".join(lines) for p in profiles if (lines := list(_profile(comparison, p))))]
    return "\n\n".join((head, *tables)) + "\n"


def _counts(comparison: Found) -> Iterator[str]:
    bundles, ratios = comparison["bundles"], comparison["ratios"]
    rows = [
        ["dataset", *(latex_text(b["dataset"] or "–") for b in bundles), *[""] * len(ratios)],
        *([key, *(count(b[key]) for b in bundles), *[""] * len(ratios)] for key in ("ticks", "samples")),
        ["accuracy / \\%", *(NONE if b["accuracy"] is None else rf"\num{{{100 * b['accuracy']:.2f}}}" for b in bundles), *[""] * len(ratios)],
    ]
    for key, (name, _) in FIGURES.items():
        rows.append([name, *(count(b[key], 3) for b in bundles), *(ratio(over["figures"][key]) for over in ratios)])
    differences = "; ".join(latex_text(text) for text in comparison["differences"])
    notes = f"Not the same in all: {differences}." if differences else ""
    yield from _table(comparison, "Counts of one inference, and ratios to the first. Accuracy is measured.", "counts", rows, notes)


def _profile(comparison: Found, profile: str) -> Iterator[str]:
    found = [b["profiles"].get(profile) for b in comparison["bundles"]]
    overs = [over["profiles"].get(profile) for over in comparison["ratios"]]
    figures = figures_of(found, overs, spread, _compared, count, quantity)
    rows = [[name.replace("×", "$\\times$"), *cells] for name, cells in figures if set(cells) != {NONE}]
    level = next(p["level"] for p in found if p)
    caption = f"Profile {latex_text(profile)}, level {latex_text(level)}: one inference, with (low--high), and ratios to the first. Modelled."
    if rows:
        yield from _table(comparison, caption, profile, rows)


def _compared(found: Any) -> str:
    return ratio(found["value"] if isinstance(found, Mapping) else found)


def _table(comparison: Found, caption: str, what: str, rows: list[list[str]], notes: str = "") -> Iterator[str]:
    names = [latex_text(b["name"]) for b in comparison["bundles"]]
    header = ["", *names, *(f"{latex_text(over['bundle'])} / {names[0]}" for over in comparison["ratios"])]
    label = label_of("comparison", what)
    yield from table(caption, label, "l" + "r" * (len(header) - 1), header, rows, notes)
