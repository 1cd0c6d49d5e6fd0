"""What a page is made of: cells with the exact figure behind the shown one, tables, pictures, sections."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from neurograph.hw_profiles.report.text import number, si

__all__ = [
    "Block",
    "Cell",
    "Items",
    "Picture",
    "Prose",
    "Section",
    "Table",
    "Verbatim",
    "count",
    "definitions",
    "energy",
    "items",
    "label_of",
    "prose",
    "quantity",
    "share",
    "shown",
    "slug",
]

_LONGEST_LIST = 12  # values of a list that a generic table shows


@dataclass(frozen=True)
class Cell:
    """What a cell shows, the number of the JSON report behind it (rows sort by it), an id, and an address to link to."""

    text: str
    value: float | None = None
    id: str = ""
    url: str = ""

    @property
    def exact(self) -> str | None:
        return None if self.value is None else json.dumps(self.value)

    @property
    def broken(self) -> Markup:
        """The text, which may go on in a new line after an underscore or an arrow."""
        return Markup(re.sub("([_→])", r"\1<wbr>", str(escape(self.text))))  # nosec B704  # escaped

    @property
    def is_long(self) -> bool:
        return len(self.text) > 24

    @property
    def link(self) -> str | None:
        """The address, where it is one of the web or of this page: a profile that somebody sent may hold anything."""
        return self.url if re.match(r"https?://|#note-", self.url) else None


@dataclass(frozen=True)
class Table:
    """Rows under a header; ``foot`` stays below when rows are sorted."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    foot: Sequence[Sequence[Cell]] = ()
    kind: str = "table"

    @property
    def styles(self) -> list[str]:
        """By column, "number" where it holds figures: it is set right then."""
        held = [any(row[column].value is not None for row in self.rows) for column in range(len(self.header))]
        return ["number" if figures else "text" for figures in held]


@dataclass(frozen=True)
class Picture:
    """An SVG, and what it shows in words."""

    svg: Markup
    caption: str
    wide: bool = False
    kind: str = "picture"


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: Markup
    kind: str = "prose"


@dataclass(frozen=True)
class Items:
    """A list of points; numbered where they have an id, ``note-1`` …"""

    points: Sequence[Markup]
    id: str = ""
    kind: str = "items"


@dataclass(frozen=True)
class Verbatim:
    """Text as it is, line by line."""

    text: str
    kind: str = "verbatim"


Block = Table | Picture | Prose | Items | Verbatim


@dataclass(frozen=True)
class Section:
    """A heading, how its figures came to be (counted, measured, modelled), and what stands below."""

    id: str
    title: str
    label: str
    blocks: list[Block] = field(default_factory=list)


def prose(lines: Iterable[str]) -> Prose:
    """Lines of the Markdown report as one paragraph."""
    return Prose(_inline(" ".join(lines)))


def items(lines: Iterable[str]) -> Items:
    """Those lines of the Markdown report that are points of a list."""
    return Items([_inline(line[2:]) for line in lines if line.startswith("- ")])


def _inline(text: str) -> Markup:
    """Bold, emphasis and code of Markdown; everything else is escaped."""
    safe = str(escape(text))
    for mark, tag in ((r"\*\*", "strong"), (r"\*", "em"), ("`", "code")):
        safe = re.sub(rf"{mark}([^*`]+){mark}", rf"<{tag}>\1</{tag}>", safe)
    return Markup(safe)  # nosec B704  # escaped above


def count(value: float | None, identity: str = "", decimals: int | None = None) -> Cell:
    """A count or a ratio."""
    return Cell(number(value) if value is None or decimals is None else f"{value:,.{decimals}f}", value, identity)


def quantity(value: float | None, unit: str, identity: str = "") -> Cell:
    """A quantity with its SI prefix."""
    return Cell(si(value, unit), value, identity)


def share(value: float | None) -> Cell:
    """A share in per cent."""
    return Cell("–") if value is None else Cell(f"{100 * value:.1f} %", value)


def energy(held: Mapping[str, Any] | None, identity: str) -> list[Cell]:
    """Value, low and high of ``{"total", "low", "high"}``."""
    if held is None:
        return [Cell("–")] * 3
    cells = [quantity(held[name], "J", f"{identity}-{name}") for name in ("total", "low", "high")]
    if held["low"] == held["high"]:
        cells[1:] = [Cell("–" if cell.value is None else "no range", cell.value, cell.id) for cell in cells[1:]]
    return cells


def label_of(report: Mapping[str, Any], key: str) -> str:
    """How the figures of a key came to be: counted, measured, modelled."""
    return str(report.get("labels", {}).get(key, ""))


def shown(svg: str | None, caption: str, *, wide: bool = False) -> list[Block]:
    """A picture, where it could be drawn; matplotlib has escaped the text in it."""
    return [] if svg is None else [Picture(Markup(svg), caption, wide)]  # nosec B704  # svg.py escapes names


def slug(*words: str) -> str:
    """An id out of names: letters, digits, hyphens and underscores."""
    return "-".join(re.sub(r"[^A-Za-z0-9_]+", "-", word).strip("-") or "x" for word in words)


def definitions(caption: str, content: Mapping[str, Any], identity: str) -> list[Block]:
    """Any dict as tables: names and values, nested ones by their path, and a table for every list of dicts."""
    rows, tables = [], list[Block]()
    for path, value in _leaves(content, ()):
        told = " · ".join(path)
        if isinstance(value, (list, tuple)) and value and all(isinstance(row, Mapping) for row in value):
            tables.append(_records(f"{caption}: {told}", value, (identity, *path)))
        else:
            rows.append([Cell(told), _plain(value, slug(identity, *path))])
    return [*([Table(caption, ("what", "value"), rows)] if rows else []), *tables]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _records(caption: str, records: Sequence[Mapping[str, Any]], path: tuple[str, ...]) -> Table:
    """A row a dict, a column a key, the name first."""
    header = list(dict.fromkeys(str(key) for record in records for key in record))
    header.sort(key=lambda key: key != "name")
    rows = []
    for index, record in enumerate(records):
        name = str(record.get("name", index))
        rows.append([_plain(record.get(key, ""), slug(*path, name, key)) for key in header])
    return Table(caption, [key.replace("_", " ") for key in header], rows)


def _plain(value: Any, identity: str) -> Cell:
    if isinstance(value, bool) or value is None:
        return Cell({True: "yes", False: "no", None: "–"}[value], id=identity)
    if isinstance(value, (int, float)):
        return Cell(f"{value:,}" if isinstance(value, int) else f"{value:.6g}", value, identity)
    if isinstance(value, (list, tuple)):
        more = f", … ({number(len(value))} in all)" if len(value) > _LONGEST_LIST else ""
        return Cell(", ".join(str(_plain(v, "").text) for v in value[:_LONGEST_LIST]) + more or "–", id=identity)
    return Cell(str(value) if value != {} else "–", id=identity)
