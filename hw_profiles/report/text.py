"""Figures and tables of a report as text: SI prefixes, thousands separators, padded columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["low_high", "number", "ratio", "several", "si", "table"]

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"), (1e-18, "a"))


def si(value: float | None, unit: str) -> str:
    """Three significant digits with an SI prefix, "12.3 nJ"; "–" for None."""
    if value is None:
        return "–"
    if value == 0:
        return f"0 {unit}"
    rounded = float(f"{value:.3g}")
    factor, prefix = next(((f, p) for f, p in _PREFIXES if abs(rounded) >= f * (1 - 1e-12)), _PREFIXES[-1])
    scaled = rounded / factor
    decimals = max(0, 2 - math.floor(math.log10(abs(scaled)) + 1e-9))
    return f"{scaled:.{decimals}f} {prefix}{unit}"


def number(value: float | None) -> str:
    """A count with thousands separators: whole where it is whole, else one decimal."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def ratio(value: float) -> str:
    """Three significant digits, with thousands separators from 1,000 on."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.3g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> Iterator[str]:
    """Lines of a padded table; ``align`` has one of ``l`` and ``r`` a column."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = (c.rjust(w) if a == "r" else c.ljust(w) for c, w, a in zip(row, widths, align, strict=True))
        return f"| {' | '.join(padded)} |"

    yield line(cells[0])
    yield f"| {' | '.join('-' * (w - 1) + ':' if a == 'r' else '-' * w for w, a in zip(widths, align, strict=True))} |"
    yield from (line(row) for row in cells[1:])


def low_high(energy: Mapping[str, float | None], unit: str) -> str:
    """A range, or that there is none."""
    if energy["low"] is None:
        return "–"
    if energy["low"] == energy["high"]:
        return "no range given"
    return f"{si(energy['low'], unit)} to {si(energy['high'], unit)}"


def several(count: int | None, noun: str) -> str:
    """A count with its noun, in the plural where it is not 1."""
    return f"– {noun}s" if count is None else f"{number(count)} {noun}{'' if count == 1 else 's'}"
