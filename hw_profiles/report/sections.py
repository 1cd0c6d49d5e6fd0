"""The sections of the page, as in the Markdown report; each takes the report and gives its sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import escape

from neurograph.hw_profiles.report import markdown, pictures
from neurograph.hw_profiles.report.bibliography import bibtex
from neurograph.hw_profiles.report.core_map import core_map
from neurograph.hw_profiles.report.methods import is_assumed
from neurograph.hw_profiles.report.methods import methods as text_of_methods
from neurograph.hw_profiles.report.parts import (
    Block,
    Cell,
    Items,
    Prose,
    Section,
    Table,
    Verbatim,
    count,
    energy,
    items,
    label_of,
    prose,
    quantity,
    share,
    shown,
    slug,
)
from neurograph.hw_profiles.report.placement import ABOUT, alike, words
from neurograph.hw_profiles.report.remarks import about_assumed, below_energies, effective, marked
from neurograph.hw_profiles.report.text import number, several
from neurograph.hw_profiles.report.windows import ABOUT as ABOUT_WINDOWS
from neurograph.hw_profiles.report.windows import COLUMNS, NO_NEUROBENCH

__all__ = [
    "components",
    "constants",
    "counts",
    "left_out",
    "memory",
    "methods",
    "placements",
    "populations",
    "projections",
    "spikes",
    "summary",
    "windows",
]

Report = Mapping[str, Any]
_COUNTS = {
    "synaptic_events": "synaptic events (spike × nonzero weight)",
    "graded_events": "graded synaptic events (a multiply each, apart from those)",
    "neuron_updates": "neuron updates in the window of T ticks",
    "neuron_updates_active": "neuron updates, active (spiked or got a spike)",
    "neuron_updates_inactive": "neuron updates, inactive",
    "spikes": "spikes",
    "neuron_spikes": "spikes of neurons",
    "input_spikes": "spikes of inputs",
    "messages": "messages (spike × population reached)",
    "messages_at_least": "messages, if all targets of a spike share a core",
}
_ACTIVITY = {
    "neurons": ("neurons", 0),
    "synapses": ("synapses", 0),
    "spikes_per_neuron": ("spikes a neuron", 4),
    "spikes_per_neuron_and_tick": ("spikes a neuron and tick", 4),
    "events_per_synapse": ("synaptic events a synapse", 4),
    "events_per_synapse_and_tick": ("synaptic events a synapse and tick", 4),
}
_ROUTED = {
    "messages": "messages",
    "inter_core": "to other cores",
    "hops_east_west": "hops E\u2060–\u2060W",
    "hops_north_south": "hops N\u2060–\u2060S",
    "chip_crossings": "crossings",
    "host_messages": "host messages",
}
_OUTSIDE = (
    "Steps outside the window are counted as inactive updates;",
    "spikes that a constant bias may cause there are in no recording.",
)
_HISTOGRAM_COLUMNS = 16  # ticks up to which the histogram is a table too


def summary(report: Report) -> Iterator[Section]:
    """Energy, latency and throughput by profile."""
    profiles = report["profiles"]
    if not profiles:
        return
    rows = [
        [
            Cell(marked(p)),
            Cell(p["level"]),
            *energy(p["energy_j"], slug("energy", p["name"])),
            *energy(p["on_chip_j"], slug("on-chip", p["name"])),
            quantity(p["latency_s"], "s", slug("latency", p["name"])),
            quantity(p["throughput_hz"], "Hz", slug("throughput", p["name"])),
            quantity(p["energy_delay_js"], "Js", slug("energy-delay", p["name"])),
            Cell(", ".join(p["statuses"]) or "–"),
        ]
        for p in profiles
    ]
    energies = ("energy", "low", "high", "on chip", "low", "high")
    header = ("profile", "level", *energies, "latency", "throughput", "energy × delay", "chip constants are")
    blocks: list[Block] = [Table("Energy, latency and throughput by profile", header, rows)]
    blocks += [prose([line]) for line in below_energies(report)]
    blocks.append(prose(markdown.about_times(profiles)))
    for p in profiles:
        if report.get("constants") and is_assumed(report, p):
            blocks.append(prose([about_assumed(p["name"], p["title"])]))
    for level in ("operations", "chip events"):
        caption = f"Energy by component, level “{level}”: value, and from low to high by the ranges of the constants."
        blocks += shown(pictures.energy(report, level), caption)
    yield Section("summary", "Energy, latency, throughput", label_of(report, "profiles"), blocks)


def counts(report: Report) -> Iterator[Section]:
    """What was counted, and how active the network is."""
    held, spread, windows = report["counts"], report["spread"], report["windows"]
    rows = [
        [
            Cell(text),
            count(held[key], slug("counts", key)),
            count(spread[key]["min"]),
            count(spread[key]["max"]),
            count(spread[key]["std"], decimals=1),
        ]
        for key, text in _COUNTS.items()
        if key in held and key in spread
    ]
    alone, streamed = windows["chip_alone"], windows["chip_streamed"]
    of_steps = "neuron updates on the chip"
    fixed = {
        "updates-alone": (f"{of_steps}, one inference alone ({alone['steps']} steps)", alone["neuron_updates"]),
        "updates-streamed": (f"{of_steps}, streamed ({streamed['steps']} steps)", streamed["neuron_updates"]),
        "graded_spikes": ("graded spikes", held["graded_spikes"]),
        "bias_writes": ("biases written for static inputs", held["bias_writes"]),
        "state_resets": ("neuron states cleared", held["state_resets"]),
    }
    for name, macs in report.get("host_macs", {}).items():
        fixed[slug("host", name)] = (f"host multiply-adds: {name}", macs)
    for name, macs in report.get("host_macs_effective", {}).items():
        fixed[slug("host", name, "effective")] = (f"host multiply-adds: {name}, with a nonzero input ({effective(report)})", macs)
    fixed["host_macs"] = ("host multiply-adds in all", held["host_macs"])
    rows += [[Cell(text), count(value, slug("counts", key)), *[Cell("")] * 3] for key, (text, value) in fixed.items()]
    activity = [
        [Cell(text), count(report["activity"][key], slug("activity", key), decimals)]
        for key, (text, decimals) in _ACTIVITY.items()
        if key in report["activity"]
    ]
    yield Section(
        "counts",
        "Counts",
        label_of(report, "counts"),
        [
            Table("Counts an inference; min, max and standard deviation over the samples", ("count", "mean", "min", "max", "std"), rows),
            Table("Activity", ("activity", "value"), activity),
            prose(_OUTSIDE),
        ],
    )


def spikes(report: Report) -> Iterator[Section]:
    """The raster and the histogram of rates."""
    figures, blocks = report["figures"], list[Block]()
    if figures.get("raster"):
        data = figures["raster"]
        drawn, ticks, held = len(data["populations"]), data["ticks_drawn"], data["populations_in_all"]
        of = f" {drawn} of {held} populations." if drawn < held else ""
        first = f" The first {ticks} of {data['ticks']} ticks." if ticks < data["ticks"] else ""
        caption = f"Spikes of sample {data['sample']}, tick by tick; neurons evenly spread over each population.{of}{first}"
        blocks += shown(pictures.raster(data), caption)
    if figures.get("rates"):
        data = figures["rates"]
        held, several_samples = len(data["populations"]), data["samples"] > 1
        over = f", {number(data['samples'])} samples added up" if several_samples else ""
        largest = f"; the {pictures.HISTOGRAMS} largest of {held} populations" if held > pictures.HISTOGRAMS else ""
        blocks += shown(pictures.rates(data), f"How often neurons spike in an inference, by population, all neurons{over}{largest}.")
        if data["ticks"] <= _HISTOGRAM_COLUMNS:
            header = ("population", "neurons", *(f"{k} spike{'s' * (k != 1)}" for k in range(data["ticks"] + 1)))
            rows = [
                [Cell(name), count(p["size"]), *(count(n, slug("rate", name, str(k))) for k, n in enumerate(p["neurons"]))]
                for name, p in data["populations"].items()
            ]
            blocks.append(Table(f"Neurons that spike so many times in an inference{over}", header, rows))
    yield Section("spikes", "Spikes", label_of(report, "figures"), blocks)


def populations(report: Report) -> Iterator[Section]:
    """A row a population."""
    rows = [
        [
            Cell(name),
            Cell(p["role"]),
            Cell(" × ".join(str(size) for size in p["shape"])),
            count(p["depth"]),
            count(p["spikes"], slug("population", name, "spikes")),
            count(p["spikes_per_neuron"], decimals=3),
            count(p["neuron_updates_active"]),
            count(p["neuron_updates_inactive"]),
            count(p["synaptic_events"], slug("population", name, "synaptic_events")),
            count(p["messages"]),
        ]
        for name, p in report["populations"].items()
    ]
    updates = ("active updates", "inactive updates")
    header = ("population", "role", "shape", "depth", "spikes", "a neuron", *updates, "events in", "messages out")
    yield Section("populations", "Populations", label_of(report, "populations"), [Table("Populations", header, rows)] if rows else [])


def projections(report: Report) -> Iterator[Section]:
    """A row a projection."""
    total = sum(p["synaptic_events"] for p in report["projections"]) or 1
    rows = [
        [
            Cell(p["name"]),
            Cell(p["storage"]),
            count(p["synapses"]),
            count(p["synaptic_events"], slug("projection", p["name"], "synaptic_events")),
            share(p["synaptic_events"] / total),
        ]
        for p in report["projections"]
    ]
    header = ("projection", "stored", "synapses", "synaptic events", "share")
    yield Section("projections", "Projections", label_of(report, "projections"), [Table("Projections", header, rows)] if rows else [])


def windows(report: Report) -> Iterator[Section]:
    """A row a window of a dynamic model."""
    rows = [
        [count(row["window"]), *(count(row[key], slug("window", str(row["window"]), key)) for key in COLUMNS)]
        for row in report["windows_of_model"]
    ]
    about = ABOUT_WINDOWS if "neurobench" in report else (*ABOUT_WINDOWS, NO_NEUROBENCH)
    header = ("window", *COLUMNS.values())
    blocks: list[Block] = [Table("Windows", header, rows), prose(about)] if rows else []
    yield Section("windows", "Windows", label_of(report, "windows_of_model"), blocks)


def memory(report: Report) -> Iterator[Section]:
    """Bytes read and written."""
    held = report["memory"]
    rows = [
        [Cell(name), count(value, slug("memory", "bytes", name), 0 if float(value).is_integer() else 1)]
        for name, value in held["bytes"].items()
    ]
    about = f"Exact counts times assumed widths. {held['about']}."
    blocks: list[Block] = [Table("Bytes an inference", ("what", "bytes"), rows), prose([about])] if rows else []
    yield Section("memory", "Memory traffic: counts × word widths", label_of(report, "memory"), blocks)


def methods(report: Report) -> Iterator[Section]:
    """The paragraph of a paper and its references."""
    blocks: list[Block] = [Prose(escape(text_of_methods(report))), Verbatim(bibtex(report))]
    yield Section("methods", "Methods, for a paper", "", blocks)


def placements(report: Report) -> Iterator[Section]:
    """Cores and messages, what cores hold, and the core maps."""
    placed = [p for p in report["profiles"] if p["placement"]]
    blocks: list[Block] = []
    if placed:
        rows = []
        for p in placed:
            held = p["placement"]
            binding = next(rule for rule in held["rules"] if rule["rule"] == held["binding_rule"])
            rows.append(
                [
                    Cell(p["name"]),
                    count(held["cores"], slug("cores", p["name"])),
                    count(held["chips"], slug("chips", p["name"])),
                    Cell(words(binding["rule"])),
                    share(binding["share"] if binding["mean_share"] is None else binding["mean_share"]),
                    *(count(held["counts"][key], slug("placed", p["name"], key)) for key in _ROUTED),
                ]
            )
        header = ("profile", "cores", "chips", "binding", "of its limit", *_ROUTED.values())
        blocks += [Table("The network on the chips", header, rows), prose(ABOUT)]
    for data in report.get("figures", {}).get("core_maps", ()):
        blocks += shown(core_map(data, slug("core-map", data["profiles"][0])), _map_caption(data), wide=data["chips"] > 1)
    for names, held in alike(placed):
        blocks += _rules(", ".join(names), held)
    refused = [f"- **{p['name']} has no placement**: {p['placement_refused']}." for p in report["profiles"] if p["placement_refused"]]
    if refused:
        blocks.append(items(refused))
    yield Section("placement", "Placement", label_of(report, "profiles.placement"), blocks)


def _map_caption(data: Mapping[str, Any]) -> str:
    on = f"{several(data['cores'], 'core')} on {several(data['chips'], 'chip')}"
    drawn = (
        f"; the {len(data['links'])} busiest of {number(data['links_in_all'])} links" if len(data["links"]) < data["links_in_all"] else ""
    )
    over = f", messages of {number(data['samples'])} samples added up" if data["samples"] > 1 else ""
    lines = f" Lines between tiles: messages, wider with more, XY routing{drawn}." if data["links"] else ""
    alone = " A core may hold several populations: its number is that of the one with most neurons."
    return f"{', '.join(data['profiles'])}: {on}{over}.{lines}{alone}"


def _rules(names: str, held: Mapping[str, Any]) -> Iterator[Block]:
    rows = [
        [
            Cell(words(rule["rule"]) + (" (binding)" if rule["rule"] == held["binding_rule"] else "")),
            count(rule["used"]),
            count(rule["limit"]),
            Cell(rule["unit"]),
            share(rule["share"]),
            share(rule["mean_share"]),
            Cell(rule["where"]),
        ]
        for rule in held["rules"]
    ]
    yield Table(f"{names}: what its cores hold", ("rule", "most used", "limit", "unit", "of the limit", "mean core", "where"), rows)
    yield from (prose([f"Note: {note}."]) for note in held["notes"])


def components(report: Report) -> Iterator[Section]:
    """A section a profile: energy by component."""
    for p in report["profiles"]:
        blocks: list[Block] = [prose([f"{p['title']}. Level: {p['level']}."])]
        if p["energy_j"]["total"] is None:
            blocks.append(prose(["This profile has no energies: what was counted stands above, nothing is priced."]))
        else:
            total = p["energy_j"]["total"] or 1.0
            rows = [
                [
                    Cell(name),
                    *energy({"total": c["energy_j"], **c}, slug("energy", p["name"], name)),
                    share(c["energy_j"] / total),
                    Cell(markdown.work_of(c["terms"])),
                ]
                for name, c in p["components"].items()
            ]
            foot = [[Cell("total"), *energy(p["energy_j"], slug("energy", p["name"], "sum")), *[Cell("")] * 2]]
            header = ("component", "energy", "low", "high", "share", "count × constant")
            blocks.append(Table(f"{p['name']}: energy by component", header, rows, foot))
            beside = list(markdown.beside_components(p, report["windows"]["chip_streamed"]["steps"]))
            blocks += [prose([line]) for line in beside if not line.startswith("- ")]
            if any(line.startswith("- ") for line in beside):
                blocks.append(items(beside))
        yield Section(slug("components", p["name"]), f"{p['name']}: energy by component", label_of(report, "profiles"), blocks)


def left_out(report: Report) -> Iterator[Section]:
    """What no figure has in it."""
    if report["profiles"]:
        yield Section("left-out", "Not in these numbers", "", [items(markdown.not_included(report))])


def constants(report: Report) -> Iterator[Section]:
    """Every constant with its source."""
    notes: dict[str, int] = {}
    rows = []
    for c in report["constants"]:
        low, high = (c["value"] if c[k] is None else c[k] for k in ("low", "high"))
        has_range = low != high
        note = notes.setdefault(c["note"], len(notes) + 1) if c["note"] else None
        rows.append(
            [
                Cell(c["profile"]),
                Cell(c["name"]),
                Cell(f"{c['value']:g}", c["value"], slug("constant", c["profile"], c["name"])),
                Cell(f"{low:.4g}" if has_range else "–", low),
                Cell(f"{high:.4g}" if has_range else "–", high),
                Cell(markdown.unit_of(c["unit"])),
                Cell(c["status"]),
                Cell(c["checked"]),
                Cell(c["source"], url=c["url"]),
                Cell("") if note is None else Cell(str(note), note, url=f"#note-{note}"),
            ]
        )
    if not rows:
        return
    header = ("profile", "constant", "value", "low", "high", "unit", "status", "checked", "source", "note")
    about = "*checked*: primary, read at its source; secondary, agrees with public copies of the source; unchecked, neither."
    files = ", ".join(f"{p['name']} `{p['sha256'][:16]}`" for p in report["profiles"])
    blocks: list[Block] = [Table("Constants", header, rows), prose([about]), prose([f"Profile files, SHA-256: {files}."])]
    if notes:
        blocks.append(Items([escape(note) for note in notes], "note"))
    yield Section("constants", "Constants", "", blocks)
