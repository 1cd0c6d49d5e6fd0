"""A report as one long tidy table: a line a figure, to filter in pandas or R.

Columns (:data:`COLUMNS`), empty where they do not apply:

- ``bundle``: of which report, so that the tables of several can be put under each other;
- ``section``: key of the report (``counts``, ``populations``, ``profiles``, …); ``item``: what within it, joined with dots; ``quantity``;
- ``entry``: which one of a list: the sample of ``per_sample``, the axis of ``shape``;
- ``profile``: the hardware profile that priced or placed it;
- ``value``, ``low``, ``high``: SI units, every digit; ``unit``: J, s, Hz, J s, W, bit, B, or 1 for a count or a share;
- ``label``: how the figure came to be: counted, measured, modelled, given; of a constant its status (derived, simulated, assumed, …);
- ``source``, ``url``: of a constant; ``text``: of what is no number (model, dataset, engine, hash).

A constant has a line in SI units and one as it is in its profile (``as published``, in its own unit).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from neurograph.hw_profiles.vocabulary import si_factor

__all__ = ["COLUMNS", "Line", "lines", "to_csv", "written"]

_SUFFIXES = {"_js": "J s", "_j": "J", "_s": "s", "_hz": "Hz", "_w": "W", "_bits": "bit", "_bytes": "B"}
_MIDDLES = ("total", "value", "energy_j", "watts_per_thread")  # the figure that a low and a high belong to
_NAMES = ("name", "rule", "population", "baseline", "accounting", "line")  # what an entry of a list goes by
_OF_UNIT = ("used", "limit", "mean", "ours", "theirs", "same_events")  # figures in the unit that stands beside them
_NAMED = (
    "populations",
    "host_macs",
    "host_macs_effective",
    "components",
    "terms",
    "bytes",
)  # what is keyed by names, which say nothing of units
_GIVEN = ("ticks", "depth", "model")
_COUNTED = ("samples", "host_macs", "host_macs_effective", "per_sample", "spread")
_COUNTED_WITHIN = ("cores", "chips", "cores_at_least", "chips_at_least", "per_inference", "macs", "now_events_per_synapse_and_tick")
_TEXTS = ("engine", "sha256", "level", "window", "time_model", "placement_refused", "storage", "role", "binding_rule", "method", "where")


class Line(NamedTuple):
    """One line of the table; the fields are its columns."""

    bundle: str = ""
    section: str = ""
    item: str = ""
    quantity: str = ""
    entry: int | str = ""
    profile: str = ""
    value: float | str = ""
    low: float | str = ""
    high: float | str = ""
    unit: str = ""
    label: str = ""
    source: str = ""
    url: str = ""
    text: str = ""


COLUMNS = Line._fields


def to_csv(report: Mapping[str, Any]) -> str:
    """The report as CSV (RFC 4180: CRLF, quotes doubled); Python's csv module reads back every figure as it is in the report."""
    return written(lines(report))


def written(rows: Iterator[Line]) -> str:
    """Lines as CSV text with a header. Floats have the fewest digits that give the same number back."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows([repr(cell) if isinstance(cell, float) else cell for cell in row] for row in rows)
    return out.getvalue()


def lines(report: Mapping[str, Any]) -> Iterator[Line]:
    """Every figure of the report, in its order."""
    bundle = str(report["bundle"])
    labels = report.get("labels", {})
    for section, content in report.items():
        if section in ("bundle", "labels", "schema_version"):
            continue
        label = labels.get(section) or ("given" if section in _GIVEN else "counted" if section in _COUNTED else "")
        start = Line(bundle=bundle, section=section, label=label)
        yield from _constants(content, start) if section == "constants" else _walk(content, (), start, "1")


def _constants(constants: Any, start: Line) -> Iterator[Line]:
    for c in constants:
        line = start._replace(item=c["name"], profile=c["profile"], label=c["status"], source=c["source"], url=c["url"])
        low, high = (c["value"] if c[key] is None else c[key] for key in ("low", "high"))
        factor, unit = si_factor(c["unit"])
        yield line._replace(quantity="value", value=c["value"] * factor, low=low * factor, high=high * factor, unit=unit)
        yield line._replace(quantity="as published", value=c["value"], low=low, high=high, unit=c["unit"], text=c["note"])


def _walk(found: Any, path: tuple[str, ...], line: Line, unit: str) -> Iterator[Line]:
    """Figures of any part of a report; ``path`` leads there from its section."""
    if isinstance(found, Mapping):
        named = (path[-1] if path else line.section) in _NAMED
        yield from _of_names(found, path, line, unit) if named else _of_mapping(found, path, line, unit)
    elif isinstance(found, list):
        for index, entry in enumerate(found):
            if isinstance(entry, Mapping):
                yield from _of_entry(entry, path, line, _name(entry, index), unit)
            else:
                yield from _walk(entry, path, line._replace(entry=index if line.entry == "" else f"{line.entry}.{index}"), unit)
    elif isinstance(found, bool):
        yield _placed(line, path, "", text=str(found).lower())
    elif isinstance(found, (int, float)):
        yield _placed(line, path, unit, value=found)
    elif isinstance(found, str) and (not path or path[-1] in _TEXTS or line.section == "model"):
        yield _placed(line, path, "", text=found)


def _of_entry(entry: Mapping[str, Any], path: tuple[str, ...], line: Line, name: str, unit: str) -> Iterator[Line]:
    """One dict of a list: a profile has a column of its own, others are part of the item."""
    if line.section == "profiles" and not path:
        return _of_mapping(entry, path, line._replace(profile=name), unit)
    return _of_mapping(entry, (*path, name), line, unit)


def _of_names(found: Mapping[str, Any], path: tuple[str, ...], line: Line, unit: str) -> Iterator[Line]:
    """Keys that are names say nothing of units."""
    for key, value in found.items():
        yield from _walk(value, (*path, key), line, unit)


def _of_mapping(found: Mapping[str, Any], path: tuple[str, ...], line: Line, unit: str) -> Iterator[Line]:
    own = {"label": found.get("label", found.get("status")), "profile": found.get("profile")}
    line = line._replace(**{key: value for key, value in own.items() if isinstance(value, str)})
    rest = dict(found)
    middle = next((key for key in _MIDDLES if key in found), None)
    if middle is not None and {"low", "high"} <= found.keys():
        value, low, high = (rest.pop(key) for key in (middle, "low", "high"))
        if value is not None:
            yield _placed(line, (*path, middle) if middle == "energy_j" else path, _unit(middle, unit), value=value, low=low, high=high)
    for key, value in rest.items():
        measured_in = str(found["unit"]) if key in _OF_UNIT and "unit" in found else _unit(key, unit)
        if key == "per_inference" and str(found.get("count", "")).endswith("_seconds"):
            measured_in = "s"
        yield from _walk(value, (*path, key), line, measured_in)


def _placed(line: Line, path: tuple[str, ...], unit: str, **figures: Any) -> Line:
    quantity = path[-1] if path else line.section
    if "text" in figures:
        label = ""
    elif line.section == "measured" and unit == "s":
        label = "measured"  # what is assumed there is the power
    elif line.section == "baselines":
        label = "modelled" if unit == "J" or quantity == "spiking_over_baseline" else "counted"
    else:
        counted = quantity in _COUNTED_WITHIN and unit != "s" and line.section in ("profiles", "break_even")
        label = "counted" if counted else line.label
    return line._replace(item=".".join(path[:-1]), quantity=quantity, unit=unit, label=label, **figures)


def _name(entry: Mapping[str, Any], index: int) -> str:
    if "count" in entry and "constant" in entry:  # a term
        return f"{entry['count']} × {entry['constant']}"
    return ".".join(str(entry[key]) for key in _NAMES if key in entry) or str(index)


def _unit(key: str, inherited: str) -> str:
    """SI unit by the end of a key, or its beginning, else the unit of what it is within."""
    if key == "bytes":
        return "B"
    if key.startswith(("seconds", "watts")):
        return "s" if key.startswith("seconds") else "W"
    return next((unit for suffix, unit in _SUFFIXES.items() if key.endswith(suffix)), inherited)
