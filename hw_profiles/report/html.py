"""A report as one page of HTML that loads nothing: sortable tables with the exact figures behind the rounded ones, pictures as SVG.

Every figure of a table has ``data-value``, the number of the JSON report, and most have an id (``energy-loihi1-total``). Dicts that the
page knows nothing of become tables of names and values; a report without some key gives a page without that section.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from neurograph.hw_profiles.report import compared, sections
from neurograph.hw_profiles.report.markdown import PREFACE
from neurograph.hw_profiles.report.parts import Cell, Section, Table, count, definitions, prose

__all__ = ["to_html"]

_FOR_METHODS = ("neurograph", "bundle", "model", "samples", "ticks", "engine", "windows", "depth", "profiles", "constants", "baselines")
_TITLES = {"neurobench": "NeuroBench"}  # of parts that are told as they come
# keys that a section needs, and the section; in the page's order
_SECTIONS = (
    (("profiles",), sections.summary),
    (("headline",), compared.headline),
    (("counts", "spread", "windows", "activity"), sections.counts),
    (("figures",), sections.spikes),
    (("populations",), sections.populations),
    (("projections",), sections.projections),
    (("windows_of_model",), sections.windows),
    (("memory",), sections.memory),
    (("profiles",), sections.placements),
    (("profiles",), sections.components),
    (("baselines", "break_even"), compared.rivals),
    ((), lambda report: _others(report)),
    (("profiles",), sections.left_out),
    (("constants", "profiles"), sections.constants),
    (_FOR_METHODS, sections.methods),
)
_HEAD = {"bundle", "accuracy", "model", "engine", "ticks", "depth", "samples", "labels"}
_KNOWN = _HEAD | {key for keys, _ in _SECTIONS for key in keys} | {"per_sample", "host_macs", "host_macs_effective", "level_1"}


def to_html(report: Mapping[str, Any]) -> str:
    """The report that :func:`neurograph.hw_profiles.report.build` returned, as a page that needs no network."""
    made = [section for keys, make in _SECTIONS if all(key in report for key in keys) for section in make(report) if section.blocks]
    script, style, template = (_file(f"page.{ending}") for ending in ("js", "css", "html.j2"))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(template).render(
        title=f"Energy report: {report.get('bundle', 'a network')}",
        facts=_facts(report),
        preface=prose(PREFACE).text,
        sections=_own_ids(made),
        style=Markup(style),  # nosec B704  # a file of the package
        script=Markup(script),  # nosec B704  # a file of the package
        # the browser runs this script and no other, whatever a name in the report says
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page.strip() + "\n"


def _file(name: str) -> str:
    return resources.files("neurograph.hw_profiles.report").joinpath(name).read_text(encoding="utf-8").strip()


def _facts(report: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    """The head of the page: model, data, protocol."""
    facts = [(str(key), Cell(str(value))) for key, value in report.get("model", {}).items()]
    if "accuracy" in report:
        facts.append(("accuracy (measured)", Cell(f"{100 * report['accuracy']:.2f} %", report["accuracy"], "accuracy")))
    if "ticks" in report:
        facts.append(("ticks an inference", count(report["ticks"], "ticks")))
    if "depth" in report:
        facts.append(("pipeline depth", Cell("not aligned") if report["depth"] is None else count(report["depth"], "depth")))
    if "engine" in report:
        facts.append(("recorded by", Cell(f"{report['engine']} engine")))
    if "samples" in report:
        facts.append(("samples; figures are means over them", count(report["samples"], "samples")))
    return facts


def _others(report: Mapping[str, Any]) -> Iterator[Section]:
    """What other parts of neurograph put into a report."""
    for key, value in report.items():
        if key not in _KNOWN and isinstance(value, Mapping) and value:
            label = str(value.get("label", report.get("labels", {}).get(key, "")))
            content = {name: inner for name, inner in value.items() if name != "label"}
            yield Section(key, _TITLES.get(key, key.replace("_", " ").capitalize()), label, definitions(key, content, key))


def _own_ids(made: Sequence[Section]) -> list[Section]:
    """The sections with every id once: names that differ may give the same id, and then later ones are numbered."""
    seen: dict[str, int] = {}

    def own(identity: str) -> str:
        if not identity:
            return ""
        seen[identity] = seen.get(identity, 0) + 1
        return identity if seen[identity] == 1 else own(f"{identity}-{seen[identity]}")

    def rows(held: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
        return [[replace(cell, id=own(cell.id)) for cell in row] for row in held]

    for taken in ("accuracy", "ticks", "depth", "samples", "contents"):
        own(taken)
    return [
        replace(
            section,
            id=own(section.id),
            blocks=[replace(b, rows=rows(b.rows), foot=rows(b.foot)) if isinstance(b, Table) else b for b in section.blocks],
        )
        for section in made
    ]
