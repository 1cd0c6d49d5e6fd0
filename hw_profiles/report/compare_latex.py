"""A comparison of reports as LaTeX: a table of counts and one a profile, a row a bundle, each to be read by ``\\input``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neurograph.hw_profiles.report.bibliography import bibtex_of_several, constant_keys
from neurograph.hw_profiles.report.compare import remarks_on
from neurograph.hw_profiles.report.escaping import latex_text
from neurograph.hw_profiles.report.latex_parts import NONE, WIDE, count, label_of, quantity, ratio, spread, table

__all__ = ["to_latex"]

Found = Mapping[str, Any]


def to_latex(comparison: Found) -> str:
    """The comparison as LaTeX tables; needs booktabs and siunitx."""
    names = [latex_text(bundle["name"]) for bundle in comparison["bundles"]]
    head = (
        "% Comparison of " + ", ".join(names) + ".\n% Needs: \\usepackage{booktabs} \\usepackage{siunitx} % 3 or later\n" + "\n".join(WIDE)
    )
    profiles = dict.fromkeys(name for b in comparison["bundles"] for name in b["profiles"])
    tables = (_counts(comparison), *(_profile(comparison, name) for name in profiles))
    references = "\n".join(f"% {line}".rstrip() for line in bibtex_of_several(comparison).splitlines())
    return "\n\n".join((head, *("\n".join(lines) for lines in tables), f"% references.bib:\n%\n{references}")) + "\n"


def _counts(comparison: Found) -> Iterator[str]:
    over = {found["bundle"]: found["figures"]["synaptic_events"] for found in comparison["ratios"]}
    rows = []
    for b in comparison["bundles"]:
        accuracy = NONE if b["accuracy"] is None else rf"\num{{{100 * b['accuracy']:.2f}}}"
        counted = (count(b[key]) for key in ("ticks", "samples", "neurons", "synaptic_events"))
        given = [latex_text(b["name"]), latex_text(b["dataset"] or "–"), accuracy, *counted]
        rows.append([*given, ratio(over.get(b["name"])), ratio(b["spikes_per_neuron"])])
    first = latex_text(comparison["bundles"][0]["name"])
    caption = (
        "Counts of one inference, means over the samples; accuracy, in percent, is measured. "
        f"Ratio: synaptic events over those of {first}. Spikes: a neuron."
    )
    differences = "; ".join(latex_text(text) for text in comparison["differences"])
    notes = f"Not the same in all: {differences}." if differences else ""
    header = ["", "dataset", "accuracy", "ticks", "samples", "neurons", "synaptic events", "ratio", "spikes"]
    yield from table(caption, label_of("comparison", "counts"), "llrrrrrrr", header, rows, notes)


def _profile(comparison: Found, profile: str) -> Iterator[str]:
    over = {found["bundle"]: found["profiles"].get(profile) for found in comparison["ratios"]}
    rows, level, starred = [], "", False
    for b in comparison["bundles"]:
        p = b["profiles"].get(profile)
        if p is None:
            continue
        level, compared, starred = p["level"], over.get(b["name"]), starred or p["is_assumed"]
        energy = compared["energy_j"] if compared else None
        cells = [spread(p["energy_j"], "J"), ratio(energy and energy["value"]), quantity(p["on_chip_j"] and p["on_chip_j"]["total"], "J")]
        times = [quantity(p["latency_s"] and p["latency_s"]["value"], "s"), quantity(p["energy_delay_js"], "Js")]
        rows.append([latex_text(b["name"]), *cells, *times, count(p["cores"])])
    named = latex_text(profile) + ("$^{*}$" if starred else "")
    if keys := ",".join(constant_keys(comparison, profile)):
        named += rf"~\cite{{{keys}}}"
    caption = (
        f"Profile {named}, level {latex_text(level)}: one inference, modelled; energy with (low--high), the others at its constants. "
        f"Ratio: energy over that of {latex_text(comparison['bundles'][0]['name'])}. EDP: energy--delay product, without the host."
    )
    header = ["", "energy", "ratio", "on chip", "latency", "EDP", "cores"]
    said = remarks_on(comparison, profile)
    notes = r" \par ".join(("$^{*}$" if line.startswith("**") else "") + latex_text(line.replace("*", "")) for line in said)
    yield from table(caption, label_of("comparison", profile), "lrrrrrr", header, rows, notes)
