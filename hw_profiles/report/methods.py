"""The methods section of a paper, from a report, in paragraphs: what was counted, where, by what constants, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Union

from neurograph.hw_profiles.report.bibliography import bibtex, constant_key
from neurograph.hw_profiles.report.escaping import latex_text
from neurograph.hw_profiles.report.remarks import listed, rivals_of
from neurograph.hw_profiles.report.text import number, several
from neurograph.hw_profiles.schema import NO_LIMITS

__all__ = ["is_assumed", "methods", "methods_latex", "methods_section", "methods_text"]


class Cite(NamedTuple):
    """Where sources are cited."""

    keys: tuple[str, ...]


Part = Union[str, Cite]
_HOST = "energy.host_mac"


def methods(report: Mapping[str, Any]) -> str:
    """The paragraphs as Markdown, a line each, sources cited as pandoc reads them: ``[@davies2018loihi]``."""
    return "\n\n".join(
        "".join(part if isinstance(part, str) else f" [{'; '.join(f'@{key}' for key in part.keys)}]" for part in parts).strip()
        for parts in _paragraphs(report)
    )


def methods_text(report: Mapping[str, Any]) -> str:
    """The same as a text of its own, ending in a newline."""
    return methods(report) + "\n"


def methods_latex(report: Mapping[str, Any]) -> str:
    r"""The paragraphs for LaTeX, sources cited by ``\cite``."""
    return "\n\n".join(
        "".join(latex_text(part) if isinstance(part, str) else f"~\\cite{{{','.join(part.keys)}}}" for part in parts).strip()
        for parts in _paragraphs(report)
    )


def methods_section(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the section of a report in Markdown: the paragraph and its references."""
    yield "## Methods, for a paper"
    yield ""
    yield methods(report)
    yield ""
    yield "```bibtex"
    yield from bibtex(report).splitlines()
    yield "```"


def _paragraphs(report: Mapping[str, Any]) -> Iterator[list[Part]]:
    """By topic: what was counted, how it was priced and placed, what it was compared with, what is left out, the scope of each profile."""
    for topic in ((_counted, _windows), (_levels, _placed), (_beside,), (_left_out,), (_scopes,)):
        parts = [part for sentences in topic for part in sentences(report)]
        if parts:
            yield parts


def _counted(report: Mapping[str, Any]) -> Iterator[Part]:
    dataset = report["model"].get("dataset")
    on = f" on {dataset}" if dataset else ""
    yield f"Operations of {report['bundle']}{on} were counted with neurograph {report['neurograph']}"
    yield Cite(("neurograph",))
    yield ", a compiler from NIR"
    yield Cite(("pedersen2024nir",))
    yield " to Lava"
    yield Cite(("lava",))
    rules = f" by the rules of {report['model']['rules']}" if "rules" in report["model"] else ""
    yield (
        f", as exact integers from the recorded spikes of {several(report['samples'], 'inference')} of {_length(report)} in its "
        f"{report['engine']} engine{rules}; figures are means over them. A synaptic event is one spike at one nonzero weight; a neuron "
        "update is one neuron at one step, active where it spikes or receives a spike; a message is one spike sent to one destination. "
    )


def _length(report: Mapping[str, Any]) -> str:
    """How long an inference is: ticks, and in a dynamic model those of its windows."""
    ran = _ran(report)
    if not ran:
        return several(report["ticks"], "tick")
    each = sorted({row["ticks"] for row in ran})
    ticks = several(each[0], "tick") if len(each) == 1 else f"{each[0]} to {each[-1]} ticks"
    return f"{several(len(ran), 'window')} of {ticks} ({number(report['ticks'])} in all)"


def _ran(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Windows of a dynamic model in which somebody takes part; none of a model of one network."""
    return [row for row in report.get("windows_of_model") or () if row["ticks"]]


def _of_a_window(report: Mapping[str, Any]) -> str:
    """Windows of a dynamic model on a chip."""
    steps = sorted({row["steps"] for row in _ran(report)})
    each = several(steps[0], "step") if len(steps) == 1 else f"{steps[0]} to {steps[-1]} steps"
    depth = "of unknown depth" if report["depth"] is None else f"of depth {report['depth']}"
    return (
        "Counts are sums over the windows, each the network of one snapshot; on a chip each runs alone, one after the other, in "
        f"a pipeline {depth}: {each} a window, {number(report['windows']['chip_alone']['steps'])} in all, filling and draining counted as "
        "inactive updates. "
    )


def _windows(report: Mapping[str, Any]) -> Iterator[Part]:
    if _ran(report):
        yield _of_a_window(report)
        return
    alone, streamed = report["windows"]["chip_alone"]["steps"], report["windows"]["chip_streamed"]["steps"]
    depth = "of unknown depth" if report["depth"] is None else f"of depth {report['depth']}"
    yield (
        f"Counts are within each population's window of {several(report['ticks'], 'tick')}; on a chip the pipeline {depth} runs "
        f"{several(alone, 'step')} for one inference alone and {several(streamed, 'step')} for each of a stream, filling and draining "
        "counted as inactive updates. "
    )


def _levels(report: Mapping[str, Any]) -> Iterator[Part]:
    if not report["profiles"]:
        return
    yield "Energies and times are modelled, not measured, as counts times constants, at two levels that are never mixed in one number. "
    for level, what in (("operations", "arithmetic alone"), ("chip events", "what the chip does in one inference alone")):
        profiles = [p for p in report["profiles"] if p["level"] == level]
        if profiles:
            components = dict.fromkeys(name for p in profiles for name in p["components"])
            yield f"Level {level} ({what}: {', '.join(components) or 'counts only'}): "
            for index, p in enumerate(profiles):
                yield from _profile(report, p)
                yield ". " if index == len(profiles) - 1 else "; "
    yield "Low and high put all constants low or high together. "


def _profile(report: Mapping[str, Any], p: Mapping[str, Any]) -> Iterator[Part]:
    used = [c for c in report["constants"] if c["profile"] == p["name"]]
    yield f"profile {p['name']}"
    keys = dict.fromkeys(constant_key(c["source"], c["url"]) for c in used)
    if keys:
        yield Cite(tuple(keys))
    statuses: dict[str, int] = {}
    for c in used:
        if c["name"] != _HOST:
            statuses[c["status"]] = statuses.get(c["status"], 0) + 1
    host = next((f", host {c['status']}" for c in used if c["name"] == _HOST), "")
    said = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    yield f" (SHA-256 {p['sha256'][:16]}; {f'constants: {said}{host}' if said else 'no energies, counts only'})"


def _placed(report: Mapping[str, Any]) -> Iterator[Part]:
    placed = [p for p in report["profiles"] if p["placement"]]
    if not placed:
        return
    by_metis = any(p["placement"]["method"] == "metis" for p in placed)
    yield "Messages, hops and the busiest core of each step are those of a placement on the chip's cores"
    if by_metis:
        yield ", partitioned by METIS"
        yield Cite(("karypis1998metis",))
    where = [f"{p['name']} {several(p['cores'], 'core')}" + ("" if p["chips"] == 1 else f" of {number(p['chips'])} chips") for p in placed]
    yield f" ({', '.join(where)}). "


def _beside(report: Mapping[str, Any]) -> Iterator[Part]:
    """What was compared with, and what was checked."""
    if report["baselines"]:
        yield from _rivals(report)
    found = report.get("crosscheck")
    if found is not None and "refused" not in found:
        yield f"Events and energy of the placed network were checked against SANA-FE {found['version']}"
        yield Cite(("boyle2025sanafe",))
        yield ", which replayed the recorded spikes. "


def _rivals(report: Mapping[str, Any]) -> Iterator[Part]:
    trained, formula = rivals_of(report)
    if trained:
        accuracies = ", ".join(f"{100 * accuracy:.2f} %" for accuracy in trained.values())
        yield (
            f"Of the networks with real values beside it, the trained {listed(list(trained))} (test accuracy {accuracies}, measured) "
            f"{'was' if len(trained) == 1 else 'were'} trained on the same data and run, and the multiply-adds counted in that run, those "
            "that meet a zero apart. "
        )
    if formula:
        start = "The" if trained else "Of the networks with real values beside it, the"
        yield f"{start} {listed(formula)} {'was' if len(formula) == 1 else 'were'} not run: multiply-adds are counted by formula. "


def _left_out(report: Mapping[str, Any]) -> Iterator[Part]:
    names = [p["name"] for p in report["profiles"] if is_assumed(report, p)]
    if names:
        whose, of = ("its", "the chip's") if len(names) == 1 else ("their", "the chips'")
        yield f"No energy per operation is published for {listed(names)}: {whose} joules are assumptions with a range, not {of}. "
    chips = [p["name"] for p in report["profiles"] if p["level"] == "chip events"]
    reasons: dict[tuple[str, str], list[str]] = {}
    for p in report["profiles"]:
        if p["level"] == "chip events":
            for name, why in p["not_included"].items():
                short = f"{NO_LIMITS} in the profile" if why.startswith(NO_LIMITS) else why
                reasons.setdefault((name, short), []).append(p["name"])
    if reasons:
        said = (f"{name} ({'' if names == chips else f'{listed(names)}: '}{why})" for (name, why), names in reasons.items())
        yield f"Left out of the energy of chip events: {'; '.join(said)}. "


def _scopes(report: Mapping[str, Any]) -> Iterator[Part]:
    if report["profiles"]:
        yield " ".join(f"Scope of {p['name']}: {p['scope']}" for p in report["profiles"])


def is_assumed(report: Mapping[str, Any], p: Mapping[str, Any]) -> bool:
    """Whether the price of a synaptic event is an assumption."""
    prices = {term["constant"] for term in p["components"].get("synapse", {"terms": []})["terms"]}
    return any(c["status"] == "assumed" for c in report["constants"] if c["profile"] == p["name"] and c["name"] in prices)
