"""A report as Markdown that reads well as text too: padded tables, SI prefixes, every figure with how it came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurograph.hw_profiles.report.crosscheck import crosscheck
from neurograph.hw_profiles.report.measured import measured
from neurograph.hw_profiles.report.methods import is_assumed, methods_section
from neurograph.hw_profiles.report.placement import placement
from neurograph.hw_profiles.report.remarks import (
    about_assumed,
    amount,
    below_energies,
    effective,
    marked,
)
from neurograph.hw_profiles.report.rivals import headline, rivals
from neurograph.hw_profiles.report.text import low_high, number, several, si, table
from neurograph.hw_profiles.report.windows import windows
from neurograph.hw_profiles.report.workload import workload
from neurograph.plain_text import plain_markdown

__all__ = [
    "PREFACE",
    "about_times",
    "beside_components",
    "not_included",
    "number",
    "si",
    "table",
    "to_markdown",
    "unit_of",
    "work_of",
]

PREFACE = (
    "Counts are exact integers from the recording (*counted*). Joules and seconds are counts times constants (*modelled*): no chip was",
    "measured. The level *operations* is arithmetic alone, the level *chip events* is what a chip would do: two different quantities,",
    "never to be compared with each other.",
)
_ABOUT_TIMES = (
    "Energy and latency: one inference alone, static power over its latency included where one is published; *on chip* leaves the host's",
    "share out, and so does energy × delay. Throughput: inferences streamed without a gap. Host and input/output are in no time.",
)
_EVENLY = (
    "before placement, on the least number of cores that holds the neurons, events spread evenly. More cores would be faster, so a chip "
    "with larger cores looks slower here"
)


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report that :func:`neurograph.hw_profiles.report.build` returned, as Markdown."""
    sections = (
        _head,
        _summary,
        headline,
        _counts,
        _populations,
        _projections,
        windows,
        workload,
        placement,
        _components,
        crosscheck,
        rivals,
        measured,
        _left_out,
        _constants,
        methods_section,
    )
    return plain_markdown("\n\n".join("\n".join(lines) for section in sections if (lines := list(section(report)))) + "\n")


def _head(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Energy report: {report['bundle']}"
    yield ""
    for key, value in report["model"].items():
        yield f"- {key}: {value}"
    if "accuracy" in report:
        yield f"- accuracy: {100 * report['accuracy']:.2f} % (measured)"
    depth = "not aligned" if report["depth"] is None else report["depth"]
    yield f"- ticks an inference: {report['ticks']}; pipeline depth: {depth}; recorded by: {report['engine']} engine"
    yield f"- samples: {number(report['samples'])}; every figure is per inference, the mean over them"
    yield ""
    yield from PREFACE


def _summary(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["profiles"]:
        return
    yield "## Energy, latency, throughput (modelled)"
    yield ""
    rows = [
        [
            marked(p),
            p["level"],
            si(p["energy_j"]["total"], "J"),
            low_high(p["energy_j"], "J"),
            "–" if p["on_chip_j"] is None else si(p["on_chip_j"]["total"], "J"),
            "–" if p["on_chip_j"] is None else low_high(p["on_chip_j"], "J"),
            si(p["latency_s"], "s"),
            si(p["throughput_hz"], "Hz"),
            si(p["energy_delay_js"], "Js"),
            ", ".join(p["statuses"]) or "–",
        ]
        for p in report["profiles"]
    ]
    energies = ["energy", "low to high", "on chip", "low to high"]
    header = ["profile", "level", *energies, "latency", "throughput", "energy × delay", "chip constants are"]
    yield from table(header, rows, "llrrrrrrrl")
    for line in below_energies(report):
        yield ""
        yield line
    yield ""
    yield from about_times(report["profiles"])
    for p in report["profiles"]:
        if is_assumed(report, p):
            yield ""
            yield about_assumed(p["name"], p["title"])


def about_times(profiles: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What energies and times are, and what the times rest on, by profile."""
    yield from _ABOUT_TIMES
    timed = [p for p in profiles if p["latency_s"] is not None]
    by_work = [p["name"] for p in timed if p["busiest_over_mean"] is not None]
    by_cores = [p["name"] for p in timed if p["placement"] and p["busiest_over_mean"] is None]
    before = [p["name"] for p in timed if not p["placement"]]
    if by_work:
        yield f"Times of {', '.join(by_work)}: over the placement. Every step waits for its busiest core, the farthest message and the"
        yield "barrier; a core steps its neurons while it receives messages (the high end of the range: one after the other)."
    if by_cores:
        yield f"Times of {', '.join(by_cores)}: on the placement's cores, events spread evenly over them."
    if before:
        yield f"Times of {', '.join(before)}: {_EVENLY}."


def _counts(report: Mapping[str, Any]) -> Iterator[str]:
    counts, spread, windows, activity = report["counts"], report["spread"], report["windows"], report["activity"]
    yield "## Counts (counted)"
    yield ""
    named = {
        "synaptic_events": "synaptic events (spike × nonzero weight)",
        "graded_events": "graded synaptic events (a multiply each, apart from those)",
        "neuron_updates": "neuron updates in the window of T ticks",
        "neuron_updates_active": "… active (spiked or got a spike)",
        "neuron_updates_inactive": "… inactive",
        "spikes": "spikes",
        "neuron_spikes": "… of neurons",
        "input_spikes": "… of inputs",
        "messages": "messages (spike × population reached)",
    }
    rows = [
        [text, number(counts[key]), number(spread[key]["min"]), number(spread[key]["max"]), f"{spread[key]['std']:,.1f}"]
        for key, text in named.items()
    ]
    alone = windows["chip_alone"]
    fixed = {
        f"neuron updates on the chip, one inference alone ({alone['steps']} steps)": alone["neuron_updates"],
        f"neuron updates on the chip, streamed ({windows['chip_streamed']['steps']} steps)": windows["chip_streamed"]["neuron_updates"],
        "graded spikes": counts["graded_spikes"],
        "biases written for static inputs": counts["bias_writes"],
        "neuron states cleared": counts["state_resets"],
        **_host_rows(report),
        "host multiply-adds in all": counts["host_macs"],
    }
    rows += [[name, number(value), "", "", ""] for name, value in fixed.items()]
    yield from table(["count", "mean", "min", "max", "std"], rows, "lrrrr")
    yield ""
    yield (
        f"{number(activity['neurons'])} neurons and {number(activity['synapses'])} synapses; "
        f"{activity['spikes_per_neuron']:.3f} spikes a neuron, {activity['events_per_synapse']:.3f} events a synapse; "
        f"{100 * activity['spikes_per_neuron_and_tick']:.2f} % of neurons spike in a tick."
    )
    yield ""
    known = "over a placement stand below" if any(p["placement"] for p in report["profiles"]) else "need a placement"
    yield (
        f"Messages {known}: at least {number(counts['messages_at_least'])} if all targets of a spike share a core; "
        f"{number(counts['messages'])} if each population is one core; more where one is split."
    )
    yield "Steps outside the window are counted as inactive updates; spikes that a constant bias may cause there are not in the recording."


def _host_rows(report: Mapping[str, Any]) -> dict[str, int]:
    """Multiply-adds by part, and beside a part those whose input is not 0, where they were counted."""
    rows = {}
    for name, macs in report["host_macs"].items():
        rows[f"host multiply-adds: {name}"] = macs
        if name in report["host_macs_effective"]:
            rows[f"… of {name} with a nonzero input ({effective(report)})"] = report["host_macs_effective"][name]
    return rows


def _populations(report: Mapping[str, Any]) -> Iterator[str]:
    yield "## Populations (counted)"
    yield ""
    rows = [
        [
            name,
            p["role"],
            " × ".join(str(size) for size in p["shape"]),
            "–" if p["depth"] is None else str(p["depth"]),
            number(p["spikes"]),
            f"{p['spikes_per_neuron']:.3f}",
            number(p["neuron_updates_active"]),
            number(p["neuron_updates_inactive"]),
            number(p["synaptic_events"]),
            number(p["messages"]),
        ]
        for name, p in report["populations"].items()
    ]
    updates = ["active updates", "inactive updates"]
    header = ["population", "role", "shape", "depth", "spikes", "a neuron", *updates, "events in", "messages out"]
    yield from table(header, rows, "llrrrrrrrr")


def _projections(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["projections"]:
        return
    yield "## Projections (counted)"
    yield ""
    total = sum(p["synaptic_events"] for p in report["projections"]) or 1
    rows = [
        [p["name"], p["storage"], number(p["synapses"]), number(p["synaptic_events"]), f"{100 * p['synaptic_events'] / total:.1f} %"]
        for p in report["projections"]
    ]
    yield from table(["projection", "stored", "synapses", "synaptic events", "share"], rows, "llrrr")


def _components(report: Mapping[str, Any]) -> Iterator[str]:
    for index, p in enumerate(report["profiles"]):
        if index:
            yield ""
        yield f"## {p['name']}: energy by component (modelled)"
        yield ""
        yield f"{p['title']}. Level: {p['level']}."
        yield ""
        if p["energy_j"]["total"] is None:
            yield "This profile has no energies: what was counted stands above, nothing is priced."
            continue
        total = p["energy_j"]["total"] or 1.0
        rows = [
            [name, si(c["energy_j"], "J"), low_high(c, "J"), f"{100 * c['energy_j'] / total:.1f} %", work_of(c["terms"])]
            for name, c in p["components"].items()
        ]
        share = "100.0 %" if p["energy_j"]["total"] else "–"
        rows.append(["total", si(p["energy_j"]["total"], "J"), low_high(p["energy_j"], "J"), share, ""])
        yield from table(["component", "energy", "low to high", "share", "count × constant"], rows, "lrrrl")
        yield ""
        yield from beside_components(p, report["windows"]["chip_streamed"]["steps"])


def beside_components(p: Mapping[str, Any], steps: int) -> Iterator[str]:
    """What stands below a profile's table of components; ``steps`` of a stream from one inference to the next."""
    if p["variants_j"]:
        yield "In other number formats: " + ", ".join(f"{name} {si(value, 'J')}" for name, value in p["variants_j"].items()) + "."
    if p["on_chip_j"]:
        on_chip = f"{si(p['on_chip_j']['total'], 'J')} ({low_high(p['on_chip_j'], 'J')})"
        host = "not priced" if p["host_share"] is None else f"{100 * p['host_share']:.1f} %"
        yield f"- on chip, without host: {on_chip}; host share {host}"
    if p["streamed_j"]:
        yield f"- streamed ({number(steps)} steps an inference): {si(p['streamed_j']['total'], 'J')} ({low_high(p['streamed_j'], 'J')})"
    if p["latency_range_s"]:
        where = f"{several(p['cores'], 'core')} of the placement" if p["placement"] else _least(p)
        yield f"- latency: {si(p['latency_s'], 's')} ({low_high(p['latency_range_s'], 's')}) on {where}; {p['time_model']}"
        if p["busiest_over_mean"] is not None:
            yield f"- balance: the busiest cores work {p['busiest_over_mean']:.1f} times as long as the mean core"
    if p["static_j"]:
        powered = f"{several(p['chips'] or p['chips_at_least'], 'chip')} powered for the latency"
        share = f"static share of the chip's energy {100 * p['static_share']:.1f} % ({powered})"
        yield f"- {share}; without it {si(p['events_j']['total'], 'J')} ({low_high(p['events_j'], 'J')})"


def _least(p: Mapping[str, Any]) -> str:
    return f"the least that hold the neurons, {several(p['cores_at_least'], 'core')}"


def work_of(terms: Sequence[Mapping[str, Any]]) -> str:
    """Counts × constants of a component."""
    return " + ".join(f"{amount(t)} × {t['constant'].removeprefix('energy.')}" for t in terms)


def _left_out(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["profiles"]:
        return
    yield "## Not in these numbers"
    yield ""
    yield from not_included(report)


def not_included(report: Mapping[str, Any]) -> Iterator[str]:
    """Points of a list: what the figures of each profile leave out."""
    yield from (f"- **{p['name']}**: {p['scope']}" for p in report["profiles"])
    shared: dict[str, list[str]] = {}
    for p in report["profiles"]:
        for text in (*(f"{name}: {why}" for name, why in p["not_included"].items()), *p["notes"]):
            shared.setdefault(text, []).append(p["name"])
    yield ""
    yield from (f"- {text} ({', '.join(names)})" for text, names in shared.items())


def _constants(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["constants"]:
        return
    yield "## Constants"
    yield ""
    notes: dict[str, int] = {}
    links: dict[str, int] = {}
    rows = []
    for c in report["constants"]:
        low, high = (c["value"] if c[k] is None else c[k] for k in ("low", "high"))
        rows.append(
            [
                c["profile"],
                c["name"],
                f"{c['value']:g}",
                "–" if low == high else f"{low:.4g} to {high:.4g}",
                unit_of(c["unit"]),
                c["status"],
                c["checked"],
                f"[{c['source']}][s{links.setdefault(c['url'], len(links) + 1)}]" if c["url"] else c["source"],
                str(notes.setdefault(c["note"], len(notes) + 1)) if c["note"] else "",
            ]
        )
    yield from table(["profile", "constant", "value", "range", "unit", "status", "checked", "source", "note"], rows, "llrrllllr")
    yield ""
    yield "*checked*: primary, read at its source; secondary, agrees with public copies of the source; unchecked, neither."
    yield "Profile files, SHA-256: " + ", ".join(f"{p['name']} `{p['sha256'][:16]}`" for p in report["profiles"]) + "."
    if notes:
        yield ""
        yield "Notes on the constants:"
        yield ""
        yield from (f"{index}. {note}" for note, index in notes.items())
    if links:
        yield ""
        yield from (f"[s{index}]: {url}" for url, index in links.items())


def unit_of(unit: str) -> str:
    """A unit as it is printed: "uJ" with its Greek letter."""
    return unit.replace("u", "µ") if unit.startswith("u") else unit
