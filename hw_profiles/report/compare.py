"""Reports side by side: figures of each, ratios to the first, and what makes them figures of different things.

Keys of a comparison: ``bundles``, the figures of each; ``ratios``, figure over the first's, energies and times with the range from all
constants low to all high; ``differences``, what is not the same in all, in words; ``constants`` and ``tools``, what all rest on, each once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurograph.errors import InputError
from neurograph.hw_profiles.report.bibliography import tools
from neurograph.hw_profiles.report.csv_tables import Line, written
from neurograph.hw_profiles.report.methods import is_assumed
from neurograph.hw_profiles.report.remarks import about_assumed, listed, without_host
from neurograph.hw_profiles.report.text import low_high, number, ratio, si, table
from neurograph.plain_text import plain_markdown

__all__ = ["compare", "remarks_on", "to_csv", "to_json", "to_markdown"]

Found = Mapping[str, Any]
# key of a bundle → name, and how it came to be
FIGURES = {
    "neurons": ("neurons", "counted"),
    "synapses": ("synapses", "counted"),
    "synaptic_events": ("synaptic events", "counted"),
    "neuron_updates": ("neuron updates", "counted"),
    "spikes": ("spikes", "counted"),
    "spikes_per_neuron": ("spikes a neuron", "counted"),
    "host_macs": ("host multiply-adds", "counted"),
}
# key of a profile → name, unit
RANGES = {"energy_j": ("energy", "J"), "on_chip_j": ("on chip", "J"), "latency_s": ("latency", "s"), "throughput_hz": ("throughput", "Hz")}
SINGLE = {"energy_delay_js": ("energy × delay", "Js")}
PLACED = ("cores", "chips")
_SAME = ("dataset", "target", "engine", "ticks", "samples")


def compare(reports: Sequence[Found], names: Sequence[str] | None = None) -> dict[str, Any]:
    """A comparison of reports.

    Args:
        reports: as :func:`neurograph.hw_profiles.report.build` makes them, at least two; the first is what the others are compared with.
        names: what to call them; None takes the bundles' own.

    Raises:
        InputError: fewer than two, or two of one name.
    """
    called = [str(report["bundle"]) for report in reports] if names is None else list(names)
    if len(reports) < 2:
        raise InputError(f"comparison: {len(reports)} report, needs at least 2; give more bundles")
    for name in called:
        if called.count(name) > 1:
            raise InputError(f"comparison: {called.count(name)} reports are called {name!r}; give each a name of its own")
    bundles = [_bundle(report, name) for report, name in zip(reports, called, strict=True)]
    return {
        "schema_version": reports[0]["schema_version"],
        "neurograph": reports[0]["neurograph"],
        "bundles": bundles,
        "ratios": [_ratios(bundle, bundles[0]) for bundle in bundles[1:]],
        "differences": list(_differences(bundles)),
        "constants": list({json.dumps(c, sort_keys=True): c for report in reports for c in report["constants"]}.values()),
        "tools": sorted({key for report in reports for key in tools(report)}),
    }


def _bundle(report: Found, name: str) -> dict[str, Any]:
    figures = {**report["counts"], **report["activity"]}
    return {
        "name": name,
        "dataset": report["model"].get("dataset"),
        "target": report["model"].get("target"),
        **{key: report[key] for key in ("engine", "ticks", "samples")},
        "accuracy": report.get("accuracy"),
        **{key: figures[key] for key in FIGURES},
        "profiles": {p["name"]: _profile(report, p) for p in report["profiles"]},
    }


def _profile(report: Found, p: Found) -> dict[str, Any]:
    return {
        "title": p["title"],
        "level": p["level"],
        "sha256": p["sha256"],
        "is_assumed": is_assumed(report, p),
        "host_is_priced": not without_host(p),
        "energy_j": None if p["energy_j"]["total"] is None else {key: p["energy_j"][key] for key in ("total", "low", "high")},
        "on_chip_j": p["on_chip_j"],
        "latency_s": p["latency_range_s"],
        "throughput_hz": p["throughput_range_hz"],
        "energy_delay_js": p["energy_delay_js"],
        "cores": p["cores"],
        "chips": p["chips"],
        "cores_at_least": p["cores_at_least"],
        "placement_refused": p["placement_refused"],
    }


def _ratios(bundle: Found, first: Found) -> dict[str, Any]:
    shared = [name for name in first["profiles"] if name in bundle["profiles"]]
    return {
        "bundle": bundle["name"],
        "to": first["name"],
        "figures": {key: _over(bundle[key], first[key]) for key in FIGURES},
        "profiles": {name: _ratios_of(bundle["profiles"][name], first["profiles"][name]) for name in shared},
    }


def _ratios_of(p: Found, first: Found) -> dict[str, Any]:
    found: dict[str, Any] = {key: _range_over(p[key], first[key], "total" if key.endswith("_j") else "value") for key in RANGES}
    return found | {key: _over(p[key], first[key]) for key in (*SINGLE, *PLACED)}


def _range_over(found: Found | None, first: Found | None, middle: str) -> dict[str, float] | None:
    """The ratio with all constants at their value, and the least and most of it with all low or all high: both are on the same chip."""
    if found is None or first is None:
        return None
    value, *ends = (_over(found[key], first[key]) for key in (middle, "low", "high"))
    known = [ratio for ratio in (value, *ends) if ratio is not None]
    return None if value is None or len(known) < 3 else {"value": value, "low": min(known), "high": max(known)}


def _over(value: float | None, first: float | None) -> float | None:
    return None if value is None or not first else value / first


def _differences(bundles: Sequence[Found]) -> Iterator[str]:
    for key in _SAME:
        values = {bundle["name"]: bundle[key] for bundle in bundles}
        if len(set(map(str, values.values()))) > 1:
            said = ", ".join(f"{name} {'none' if value is None else value}" for name, value in values.items())
            yield f"{key} {'differ' if key.endswith('s') else 'differs'}: {said}"
    for profile in dict.fromkeys(name for bundle in bundles for name in bundle["profiles"]):
        without = [bundle["name"] for bundle in bundles if profile not in bundle["profiles"]]
        hashes = {bundle["name"]: bundle["profiles"][profile]["sha256"][:12] for bundle in bundles if profile in bundle["profiles"]}
        if without:
            yield f"profile {profile}: not in {', '.join(without)}"
        if len(set(hashes.values())) > 1:
            yield f"profile {profile} is not the same file: {', '.join(f'{name} {sha}' for name, sha in hashes.items())}"
        for bundle in bundles:
            if profile in bundle["profiles"] and (refused := bundle["profiles"][profile]["placement_refused"]):
                yield f"profile {profile}: {bundle['name']} has no placement, its figures are from before placement ({refused})"


def to_json(comparison: Found) -> str:
    """The comparison as JSON text, ending in a newline."""
    return json.dumps(comparison, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(comparison: Found) -> str:
    """The comparison as CSV, with the columns of a report's: a line a bundle and figure, and its ratio to the first."""
    return written(_lines(comparison))


def _lines(comparison: Found) -> Iterator[Line]:
    ratios = {found["bundle"]: found for found in comparison["ratios"]}
    for bundle in comparison["bundles"]:
        start, over = Line(bundle=bundle["name"]), ratios.get(bundle["name"])
        for key in ("dataset", "target", "engine"):
            yield start._replace(section="model", quantity=key, text=bundle[key] or "")
        for key in ("ticks", "samples"):
            yield start._replace(section="model", quantity=key, value=bundle[key], unit="1", label="given")
        if bundle["accuracy"] is not None:
            yield start._replace(section="accuracy", quantity="accuracy", value=bundle["accuracy"], unit="1", label="measured")
        for key, (_, label) in FIGURES.items():
            line = start._replace(section="counts", quantity=key, unit="1", label=label)
            yield line._replace(value=bundle[key])
            if over and over["figures"][key] is not None:
                yield line._replace(item="ratio to the first", value=over["figures"][key])
        for name, p in bundle["profiles"].items():
            line = start._replace(section="profiles", profile=name, label="modelled")
            yield line._replace(quantity="sha256", label="", text=p["sha256"])
            yield from _profile_lines(p, line, over["profiles"].get(name) if over else None)


def _profile_lines(p: Found, line: Line, over: Found | None) -> Iterator[Line]:
    for key, (_, unit) in RANGES.items():
        if p[key] is not None:
            value = p[key]["total" if key.endswith("_j") else "value"]
            yield line._replace(quantity=key, value=value, low=p[key]["low"], high=p[key]["high"], unit=unit)
        if over and over[key]:
            ends = {name: over[key][name] for name in ("value", "low", "high")}
            yield line._replace(item="ratio to the first", quantity=key, unit="1", **ends)
    for key in (*SINGLE, *PLACED, "cores_at_least"):
        unit, label = ("J s", "modelled") if key in SINGLE else ("1", "counted")
        if p[key] is not None:
            yield line._replace(quantity=key, value=p[key], unit=unit, label=label)
        if over and over.get(key) is not None:
            yield line._replace(item="ratio to the first", quantity=key, value=over[key], unit="1", label=label)


def to_markdown(comparison: Found) -> str:
    """The comparison as Markdown: a column a bundle, and one for its ratio to the first."""
    sections = (_head, _counted, _priced)
    return plain_markdown("\n\n".join("\n".join(lines) for section in sections if (lines := list(section(comparison)))) + "\n")


def _head(comparison: Found) -> Iterator[str]:
    names = [bundle["name"] for bundle in comparison["bundles"]]
    yield f"# Comparison: {', '.join(names)}"
    yield ""
    rows = [
        [b["name"], b["dataset"] or "–", b["target"] or "–", b["engine"], number(b["ticks"]), number(b["samples"]), _percent(b["accuracy"])]
        for b in comparison["bundles"]
    ]
    yield from table(["bundle", "dataset", "target", "engine", "ticks", "samples", "accuracy (measured)"], rows, "llllrrr")
    yield ""
    if comparison["differences"]:
        yield "**Not the same in all**, so the figures below are not of the same thing:"
        yield ""
        yield from (f"- {difference}" for difference in comparison["differences"])
    else:
        yield "Same dataset, target, engine, ticks, samples and profiles in all."
    yield ""
    yield f"Every figure is per inference, the mean over the samples. *÷ {names[0]}*: ratio to the first, both on the same constants."


def _percent(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{100 * accuracy:.2f} %"


def _counted(comparison: Found) -> Iterator[str]:
    yield "## Counts (counted)"
    yield ""
    ratios = comparison["ratios"]
    rows = [
        [name, *(_amount(b[key]) for b in comparison["bundles"]), *(_times(over["figures"][key]) for over in ratios)]
        for key, (name, _) in FIGURES.items()
    ]
    yield from table(["count", *_columns(comparison)], rows, "l" + "r" * (len(comparison["bundles"]) + len(ratios)))


def _columns(comparison: Found) -> list[str]:
    first = comparison["bundles"][0]["name"]
    return [*(b["name"] for b in comparison["bundles"]), *(f"{over['bundle']} ÷ {first}" for over in comparison["ratios"])]


def _amount(value: float) -> str:
    return number(value) if isinstance(value, int) or value >= 100 else f"{value:.3f}"


def _times(value: float | None) -> str:
    return "–" if value is None else ratio(value)


def _priced(comparison: Found) -> Iterator[str]:
    for index, name in enumerate(dict.fromkeys(name for b in comparison["bundles"] for name in b["profiles"])):
        found = [b["profiles"].get(name) for b in comparison["bundles"]]
        overs = [over["profiles"].get(name) for over in comparison["ratios"]]
        level = next(p["level"] for p in found if p)
        if index:
            yield ""
        yield f"## {name}: {level} (modelled)"
        yield ""
        rows = [row for row in _figures_of(found, overs) if set(row[1:]) != {"–"}]
        if rows:
            yield from table(["figure", *_columns(comparison)], rows, "l" + "r" * (len(found) + len(overs)))
        else:
            yield "No energies, times or cores at this level."
        for line in remarks_on(comparison, name):
            yield ""
            yield line


def remarks_on(comparison: Found, profile: str) -> Iterator[str]:
    """What must stand beside the figures of one profile: that they are assumed, or without the host."""
    found = [b["profiles"][profile] for b in comparison["bundles"] if profile in b["profiles"]]
    if any(p["is_assumed"] for p in found):
        yield about_assumed(profile, found[0]["title"])
    without = [b["name"] for b in comparison["bundles"] if profile in b["profiles"] and not b["profiles"][profile]["host_is_priced"]]
    if without:
        yield f"The host's multiply-adds of {listed(without)} are counted and not priced: energy is the chip's alone."


def _figures_of(found: Sequence[Found | None], overs: Sequence[Found | None]) -> Iterator[list[str]]:
    """Rows of one profile: name of a figure, a cell a bundle, a cell a ratio."""
    for key, (name, unit) in RANGES.items():
        yield [name, *(_shown(p[key] if p else None, unit) for p in found), *(_shown_ratio(over[key] if over else None) for over in overs)]
    for key, (name, unit) in SINGLE.items():
        yield [name, *(si(p[key] if p else None, unit) for p in found), *(_shown_ratio(over[key] if over else None) for over in overs)]
    for key in PLACED:
        yield [key, *(number(p[key] if p else None) for p in found), *(_shown_ratio(over[key] if over else None) for over in overs)]


def _shown(found: Found | None, unit: str) -> str:
    if found is None:
        return "–"
    value = si(found["total" if "total" in found else "value"], unit)
    return value if found["low"] == found["high"] else f"{value} ({low_high(found, unit)})"


def _shown_ratio(found: Any) -> str:
    if not isinstance(found, Mapping):
        return _times(found)
    value, low, high = (ratio(found[key]) for key in ("value", "low", "high"))
    return value if value == low == high else f"{value} ({low} to {high})"
