"""Parts of LaTeX tables: quantities for siunitx 3, floating tables with booktabs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from neurograph.hw_profiles.report.text import si

__all__ = ["NONE", "WIDE", "count", "label_of", "quantity", "ratio", "spread", "table"]

NONE = "--"
# how an author of two-column pages gets tables over both; a comment of every file
WIDE = (
    r"% In a two-column class, before \input of this file, for tables over both columns:",
    r"%   \renewenvironment{table}[1][tbp]{\begin{table*}[#1]}{\end{table*}}",
)
_PREFIXES = {"G": r"\giga", "M": r"\mega", "k": r"\kilo", "m": r"\milli", "µ": r"\micro", "n": r"\nano", "p": r"\pico"} | {
    "f": r"\femto",
    "a": r"\atto",
    "": "",
}
_UNITS = {"J": r"\joule", "s": r"\second", "Hz": r"\hertz", "Js": r"\joule\second", "W": r"\watt"}


def quantity(value: float | None, unit: str) -> str:
    r"""Three digits with an SI prefix: ``\qty{33.7}{\micro\joule}``; a dash for None."""
    if value is None:
        return NONE
    shown, prefixed = si(value, unit).split(" ")
    return rf"\qty{{{shown}}}{{{_unit(prefixed, unit)}}}"


def spread(found: Mapping[str, float | None] | None, unit: str) -> str:
    r"""Value, low and high in the value's own prefix: ``\num{33.7} (\numrange{13.2}{295}) \unit{\micro\joule}``."""
    if found is None:
        return NONE
    value, low, high = (found.get(key) for key in ("total" if "total" in found else "value", "low", "high"))
    if value is None or low is None or high is None or low == high:
        return quantity(value, unit)
    shown, prefixed = si(value, unit).split(" ")
    factor = value / float(shown) if float(shown) else 1.0
    power = 10.0 ** round(math.log10(factor)) if factor > 0 else 1.0
    within = f"\\numrange{{{_digits(low / power)}}}{{{_digits(high / power)}}}"
    return rf"\num{{{shown}}} ({within}) \unit{{{_unit(prefixed, unit)}}}"


def count(value: float | None, decimals: int = 1) -> str:
    r"""A count: whole where it is whole."""
    if value is None:
        return NONE
    return rf"\num{{{int(value)}}}" if float(value).is_integer() else rf"\num{{{value:.{decimals}f}}}"


def ratio(value: float | None) -> str:
    """Three significant digits."""
    return NONE if value is None else rf"\num{{{_digits(value)}}}"


def table(
    caption: str, label: str, columns: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: str = "", *, most: int = 40
) -> Iterator[str]:
    r"""Lines of a ``table`` environment, or of several where one would be higher than a page.

    Args:
        rows: every cell is LaTeX already; a row of one cell stands over the rows below it.
        notes: LaTeX under the table.
        most: rows of one table.
    """
    parts = list(_pages(rows, most))
    for index, part in enumerate(parts, start=1):
        if index > 1:
            yield ""
        more = f" ({index} of {len(parts)})" if len(parts) > 1 else ""
        yield from _floating(caption + more, label if index == 1 else f"{label}-{index}", columns, header, part, notes)


def _pages(rows: Sequence[Sequence[str]], most: int) -> Iterator[list[Sequence[str]]]:
    """Rows in parts of about the same size; a part that begins within a group has the group's row again."""
    count = -(-len(rows) // most)
    size = -(-len(rows) // count)
    group: list[Sequence[str]] = []
    for start in range(0, len(rows), size):
        part = list(rows[start : start + size])
        yield part if len(part[0]) == 1 else [*group, *part]
        group = [row for row in (*group, *part) if len(row) == 1][-1:]


def _floating(caption: str, label: str, columns: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: str) -> Iterator[str]:
    yield r"\begin{table}[tbp]"
    yield r"  \centering\footnotesize"
    yield r"  \sisetup{range-phrase={--}, group-separator={,}, group-digits=integer, group-minimum-digits=4}"
    yield r"  \setlength{\tabcolsep}{3pt}"
    yield r"  \setlength{\belowcaptionskip}{4pt}"
    yield rf"  \caption{{{caption}}}"
    yield rf"  \label{{{label}}}"
    yield rf"  \begin{{tabular}}{{@{{}}{columns}@{{}}}}"
    yield r"    \toprule"
    yield f"    {' & '.join(header)} \\\\"
    yield r"    \midrule"
    for index, row in enumerate(rows):
        if len(row) == 1 < len(header):
            if index:
                yield r"    \addlinespace"
            yield rf"    \multicolumn{{{len(header)}}}{{@{{}}l@{{}}}}{{\itshape {row[0]}}} \\"
        else:
            yield f"    {' & '.join(row)} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    if notes:
        yield r"  \par\medskip"
        yield rf"  \begin{{minipage}}{{\linewidth}}\raggedright\scriptsize {notes}\end{{minipage}}"
    yield r"\end{table}"


def label_of(bundle: str, what: str) -> str:
    r"""A ``\label`` of letters, digits and hyphens."""
    return f"tab:{re.sub(r'[^a-z0-9]+', '-', f'{bundle} {what}'.lower()).strip('-')}"


def _unit(prefixed: str, unit: str) -> str:
    return _PREFIXES[prefixed.removesuffix(unit)] + _UNITS[unit]


def _digits(value: float) -> str:
    """Three significant digits; a power of ten where there are too many places."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    rounded = float(f"{value:.3g}")
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded)))) if rounded else 0
    return f"{rounded:.{decimals}f}"
