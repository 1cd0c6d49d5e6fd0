r"""A report as LaTeX for a paper: the methods paragraph and tables, each a whole ``table`` environment, to be read by ``\input``.

Needs the packages booktabs, siunitx (3 or later) and, for the bibliography, url. The output is ASCII.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neurograph.hw_profiles.report.bibliography import bibtex, constant_key
from neurograph.hw_profiles.report.escaping import latex_text
from neurograph.hw_profiles.report.latex_parts import NONE, WIDE, count, label_of, quantity, ratio, spread, table
from neurograph.hw_profiles.report.methods import is_assumed, methods_latex
from neurograph.hw_profiles.report.remarks import below_energies, refused, without_host
from neurograph.hw_profiles.report.text import several

__all__ = ["document", "paper", "to_latex"]

_SECTIONS = ("energy", "time", "power", "limits")
_STAR = "$^{*}$"
_ASSUMED = f" {_STAR}Prices of this profile, a synaptic event's among them, are assumptions."
_COUNTS = {
    "synaptic_events": "synaptic events (spike $\\times$ nonzero weight)",
    "graded_events": "graded synaptic events (a multiply each)",
    "neuron_updates": "neuron updates in the window",
    "neuron_updates_active": "\\quad active",
    "neuron_updates_inactive": "\\quad inactive",
    "spikes": "spikes",
    "neuron_spikes": "\\quad of neurons",
    "input_spikes": "\\quad of inputs",
    "messages": "messages (spike $\\times$ population reached)",
    "messages_at_least": "messages, all targets of a spike on one core",
}


def to_latex(report: Mapping[str, Any]) -> str:
    r"""The report as LaTeX; references are in a comment at the end, and what ``--format bibtex`` writes."""
    sections = (_energy(report), _counts(report), *_headlines(report), *_baselines(report), *_constants(report))
    tables = ["\n".join(lines) for section in sections if (lines := list(section))]
    references = "\n".join(f"% {line}".rstrip() for line in bibtex(report).splitlines())
    head = "\n".join(
        (
            f"% Energy report of {latex_text(report['bundle'])}, neurograph {report['neurograph']}.",
            r"% Needs: \usepackage{booktabs} \usepackage{siunitx} % 3 or later",
            r"%        \usepackage{url} for the bibliography, which is at the end as a comment and from --format bibtex.",
            *WIDE,
        )
    )
    end = f"% references.bib:\n%\n{references}\n"
    return "\n\n".join((head, f"% Methods, for a paper.\n{{\\emergencystretch=2em\n{methods_latex(report)}\\par}}", *tables, end))


def paper(report: Mapping[str, Any]) -> str:
    """The report as a whole document; it reads its sources, which ``--format bibtex`` writes, as ``references.bib``."""
    return document(to_latex(report))


def document(body: str, *, bibliography: str = "references") -> str:
    r"""A whole document around :func:`to_latex`'s text, with the entries of ``{bibliography}.bib``."""
    return "\n".join(
        (
            r"\documentclass[a4paper]{article}",
            r"\usepackage{booktabs}",
            r"\usepackage{siunitx}",
            r"\usepackage{url}",
            r"\begin{document}",
            body,
            r"\bibliographystyle{plain}",
            rf"\bibliography{{{bibliography}}}",
            r"\end{document}",
            "",
        )
    )


def _energy(report: Mapping[str, Any]) -> Iterator[str]:
    rows: list[list[str]] = []
    for level in dict.fromkeys(p["level"] for p in report["profiles"]):
        rows.append([f"level: {latex_text(level)}"])
        for p in report["profiles"]:
            if p["level"] == level:
                mark = (_STAR if is_assumed(report, p) else "") + (r"~$\dagger$" if refused(p) else "")
                mark += r"~$\ddagger$" if without_host(p) else ""
                cells = (spread(p["energy_j"], "J"), spread(p["on_chip_j"], "J"), spread(p["latency_range_s"], "s"))
                rows.append([latex_text(p["name"]) + mark, *cells, quantity(p["energy_delay_js"], "Js")])
    if not rows:
        return
    starred = any(is_assumed(report, p) for p in report["profiles"])
    caption = (
        f"Energy, latency and energy--delay product (EDP) of one inference of {_subject(report)}, with (low--high). Modelled, not "
        "measured: exact counts times the constants of each profile. The two levels are different quantities and are not to be compared. "
        "Static power over the latency is in it where one is published. On chip leaves out the host, and so does the EDP."
        + (_ASSUMED if starred else "")
    )
    header = ["profile", "energy", "on chip", "latency", "EDP"]
    notes = r" \par ".join(latex_text(line.replace("*", "")) for line in below_energies(report))
    yield from table(caption, label_of(report["bundle"], "energy"), "lrrrr", header, rows, notes)


def _counts(report: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [
            rf"\raggedright {_COUNTS.get(key) or latex_text(key.replace('_', ' '))}",
            *(count(found[part]) for part in ("mean", "min", "max", "std")),
        ]
        for key, found in report["spread"].items()
    ]
    windows, activity = report["windows"], report["activity"]
    for key, where in (("chip_alone", "one inference alone"), ("chip_streamed", "streamed")):
        steps = count(windows[key]["steps"])
        rows.append(
            [rf"\raggedright neuron updates on the chip, {where} ({steps} steps)", count(windows[key]["neuron_updates"]), "", "", ""]
        )
    for key, name in (("bias_writes", "biases written for static inputs"), ("state_resets", "neuron states cleared")):
        rows.append([name, count(report["counts"][key]), "", "", ""])
    rows += [[f"host multiply-adds: {latex_text(name)}", count(macs), "", "", ""] for name, macs in report["host_macs"].items()]
    rows.append(["neurons", count(activity["neurons"]), "", "", ""])
    rows.append(["synapses", count(activity["synapses"]), "", "", ""])
    rows.append(["spikes a neuron", ratio(activity["spikes_per_neuron"]), "", "", ""])
    rows.append(["synaptic events a synapse", ratio(activity["events_per_synapse"]), "", "", ""])
    caption = (
        f"Operations of one inference of {_subject(report)}: exact counts of a recording in the {latex_text(report['engine'])} engine, "
        f"{several(report['ticks'], 'tick')}, {several(report['samples'], 'inference')}."
    )
    header = ["counted, an inference", "mean", "min", "max", "std"]
    yield from table(caption, label_of(report["bundle"], "counts"), "p{5.4cm}rrrr", header, rows)


def _headlines(report: Mapping[str, Any]) -> Iterator[Iterator[str]]:
    """How much of the first ratio survives when more is counted, a table a baseline."""
    for name in dict.fromkeys(line["baseline"] for line in report["headline"]):
        yield _headline(report, name, [line for line in report["headline"] if line["baseline"] == name])


def _headline(report: Mapping[str, Any], baseline: str, lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows: list[list[str]] = []
    level = ""
    assumed = {p["name"] for p in report["profiles"] if is_assumed(report, p)}
    for line in lines:
        if level != (level := line["level"]):
            rows.append([f"level: {latex_text(level)}"])
        joules = (quantity(line[key]["total"], "J") for key in ("spiking_j", "baseline_j"))
        mark = _STAR if line["profile"] in assumed else ""
        rows.append([_wrapped(line["line"]), latex_text(line["profile"]) + mark, *joules, _times(line["ratio"])])
    caption = (
        f"How much of the headline survives: energy of the {latex_text(baseline)} over that of {_subject(report)}, modelled, with "
        "(low--high). Above 1 the spiking network needs less. Each line is on one level."
        + (_ASSUMED if assumed & {line["profile"] for line in lines} else "")
    )
    header = ["what is counted", "constants", "spiking", "real values", "times less"]
    yield from table(caption, label_of(report["bundle"], f"headline {baseline}"), r"p{3.7cm}lrrr", header, rows, most=18)


def _wrapped(text: str) -> str:
    r"""A cell of a ``p`` column, its second line set in."""
    return rf"\raggedright\hangindent=1em {latex_text(text)}"


def _times(found: Mapping[str, float] | None) -> str:
    if found is None:
        return NONE
    if found["low"] == found["high"]:
        return ratio(found["value"])
    return f"{ratio(found['value'])} ({ratio(found['low'])}--{ratio(found['high'])})"


def _baselines(report: Mapping[str, Any]) -> Iterator[Iterator[str]]:
    """A table a network with real values: all of them in one would be higher than a page."""
    for name in dict.fromkeys(b["name"] for b in report["baselines"]):
        yield _baseline(report, name, [b for b in report["baselines"] if b["name"] == name])


def _baseline(report: Mapping[str, Any], name: str, found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    even = {b["accounting"]: b for b in report["break_even"] if b["baseline"] == name}
    rows: list[list[str]] = []
    for b in found:
        joules = (spread(b[key], "J") for key in ("energy_j", "spiking_j"))
        limit = ratio(even[b["accounting"]]["events_per_synapse"])
        rows.append([_wrapped(b["accounting"]), count(b["macs"]), *joules, ratio(b["spiking_over_baseline"]), limit])
    counted = "in a run of it, trained on the same data" if "accuracy" in found[0] else "by formula"
    now = ratio(report["activity"]["events_per_synapse"])
    caption = (
        f"{_subject(report)} beside a network with real values, {latex_text(name)}, at the level of operations (constants of "
        f"{latex_text(found[0]['profile'])}). Multiply-adds (MACs) are counted {counted}, energies modelled, with (low--high). "
        "Limit, the break-even: the events a synapse and inference below which the spiking network, host included, needs less energy; it "
        f"has {now}. A dash: at no activity."
    )
    header = ["accounting", "MACs", "energy", "spiking", "ratio", "limit"]
    note = f"{latex_text(name)}: {latex_text(found[0]['note'])}." if found[0]["note"] else ""
    yield from table(caption, label_of(report["bundle"], f"baselines {name}"), "p{1.9cm}rrrrr", header, rows, note)


def _constants(report: Mapping[str, Any]) -> Iterator[Iterator[str]]:
    """A table a profile: all of them in one would be higher than a page."""
    hashes = {p["name"]: p["sha256"] for p in report["profiles"]}
    for profile in dict.fromkeys(c["profile"] for c in report["constants"]):
        yield _constants_of(report["bundle"], profile, hashes.get(profile), [c for c in report["constants"] if c["profile"] == profile])


def _constants_of(bundle: str, profile: str, sha256: str | None, constants: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    sources: dict[tuple[str, str], str] = {}
    rows: list[list[str]] = []
    section = ""
    for c in sorted(constants, key=lambda c: _SECTIONS.index(c["name"].partition(".")[0])):
        if section != (section := c["name"].partition(".")[0]):
            rows.append([latex_text(section)])
        letter = sources.setdefault((c["source"], c["url"]), _letter(len(sources)))
        low, high = (c["value"] if c[key] is None else c[key] for key in ("low", "high"))
        within = NONE if low == high else rf"\numrange{{{low:g}}}{{{high:g}}}"
        name = latex_text(c["name"].partition(".")[2].replace("_", " "))
        cells = [rf"\num{{{c['value']:g}}}", within, _own_unit(c["unit"]), latex_text(c["status"]), latex_text(c["checked"]), letter]
        rows.append([name, *cells])
    notes = "; ".join(f"{letter}: {latex_text(source)}~\\cite{{{constant_key(source, url)}}}" for (source, url), letter in sources.items())
    caption = (
        f"Constants of the profile {latex_text(profile)}"
        + (f" (SHA-256 \\texttt{{{sha256[:16]}}})" if sha256 else "")
        + ". Checked: \\emph{primary}, read at its source; \\emph{secondary}, agrees with public copies of it; \\emph{unchecked}, neither."
    )
    header = ["constant", "value", "range", "unit", "status", "checked", "source"]
    yield from table(caption, label_of(bundle, f"constants {profile}"), "lrrllll", header, rows, f"{notes}.")


def _letter(index: int) -> str:
    letters = string.ascii_lowercase
    return letters[index] if index < len(letters) else f"{letters[index // len(letters) - 1]}{letters[index % len(letters)]}"


def _own_unit(unit: str) -> str:
    """A profile's unit (pJ, ns, uW) for siunitx."""
    prefixes = {"f": r"\femto", "p": r"\pico", "n": r"\nano", "u": r"\micro", "m": r"\milli", "": ""}
    bases = {"J": r"\joule", "s": r"\second", "W": r"\watt"}
    if unit[-1:] in bases and unit[:-1] in prefixes:
        return rf"\unit{{{prefixes[unit[:-1]]}{bases[unit[-1]]}}}"
    return latex_text(unit)


def _subject(report: Mapping[str, Any]) -> str:
    dataset = report["model"].get("dataset")
    return latex_text(report["bundle"]) + (f" on {latex_text(str(dataset))}" if dataset else "")
