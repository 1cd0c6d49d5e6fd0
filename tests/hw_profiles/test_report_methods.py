"""The methods paragraph and its BibTeX: true to the report, and every source cited has an entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from latex_runs import skip_without, typeset
from report_cases import HOSTILE, four_rivals, placed, plain, windows_of_model

from neurograph.export.placement import Placement
from neurograph.hw_profiles.report import rendered, to_markdown
from neurograph.hw_profiles.report.bibliography import bibtex, constant_key, entries
from neurograph.hw_profiles.report.latex import document
from neurograph.hw_profiles.report.methods import methods, methods_latex
from neurograph.hw_profiles.schema import load, names
from neurograph.network import Network
from neurograph.sim.recording import Recording


@pytest.fixture
def report(integers: Network, recording: Recording, placements: Callable[..., Placement]) -> dict[str, Any]:
    return placed(integers, recording, placements())


def keys_cited(text: str) -> set[str]:
    return {key for group in re.findall(r"\[(@[^\]]+)\]", text) for key in re.findall(r"@([\w-]+)", group)}


def keys_of(bib: str) -> list[str]:
    return re.findall(r"^@\w+\{([^,]+),$", bib, re.MULTILINE)


def test_the_paragraph_says_what_the_report_says(report: dict[str, Any]) -> None:
    text = methods(report)
    topics = text.split("\n\n")
    assert [topic.split(" ")[0] for topic in topics][:2] == ["Operations", "Energies"] and topics[-1].startswith("Scope of ")
    assert len(topics) == 5 and all("\n" not in topic and topic == topic.strip() for topic in topics)
    assert report["neurograph"] in text and "tiny net on made up" in text
    assert f"{report['samples']} inferences of {report['ticks']} ticks" in text and f"in its {report['engine']} engine" in text
    assert f"{report['windows']['chip_alone']['steps']} steps for one inference alone" in text
    for p in report["profiles"]:
        assert f"profile {p['name']}" in text and p["sha256"][:16] in text and p["scope"] in text
    assert "modelled, not measured" in text and "never mixed" in text and "host assumed" in text
    assert "No energy per operation is published for loihi2" in text
    assert "counts only" in text  # generic has no energies


def test_what_is_not_in_a_report_is_not_in_its_paragraph(network: Network, recording: Recording) -> None:
    text = methods(plain(network, recording, profiles=["horowitz45"], baselines=[]))
    assert "chip events" not in text and "placement" not in text and "not run" not in text and "Left out" not in text
    assert "modelled" not in methods(plain(network, recording, profiles=[], baselines=[]))


def test_networks_that_were_run_are_told_from_those_by_formula(network: Network, recording: Recording) -> None:
    text = methods(plain(network, recording, baselines=four_rivals()))
    assert "the trained gcn and transformer (test accuracy 81.20 %, 80.00 %, measured) were trained on the same data and run" in text
    assert "The dense graph transformer and GCN were not run: multiply-adds are counted by formula" in text
    assert "not run" not in methods(plain(network, recording, baselines=four_rivals()[2:]))
    only = methods(plain(network, recording, baselines=four_rivals()[:1]))
    assert "beside it, the dense graph transformer was not run" in only and "trained" not in only


def test_windows_of_a_dynamic_model_are_told_as_windows(network: Network, recording: Recording) -> None:
    report = plain(network, recording, profiles=["loihi1"]) | {"windows_of_model": windows_of_model(), "ticks": 12}
    report["windows"]["chip_alone"]["steps"] = 27
    text = methods(report)
    assert "of 3 windows of 4 ticks (12 in all)" in text and "each runs alone, one after the other" in text
    assert "9 steps a window, 27 in all" in text and "of a stream" not in text


def test_every_constant_is_among_the_statuses_the_host_apart(network: Network, recording: Recording) -> None:
    report = plain(network, recording, profiles=["loihi1"], baselines=[])
    said = re.search(r"constants: (.*?), host (\w+)\)", methods(report))
    assert said is not None and "power.static_chip" in {c["name"] for c in report["constants"]}
    assert sum(int(part.split()[0]) for part in said[1].split(", ")) == sum(c["profile"] == "loihi1" for c in report["constants"]) - 1


def test_a_cross_check_is_told_and_cited(network: Network, recording: Recording) -> None:
    checked = plain(network, recording, profiles=["loihi1"]) | {"crosscheck": {"version": "2.2.9"}}
    assert "checked against SANA-FE 2.2.9 [@boyle2025sanafe]" in methods(checked) and "boyle2025sanafe" in keys_of(bibtex(checked))
    refused = plain(network, recording, profiles=["loihi1"]) | {"crosscheck": {"refused": "too large"}}
    assert "SANA-FE 2.2.9" not in methods(refused)


def test_every_key_cited_has_one_entry(report: dict[str, Any]) -> None:
    held = keys_of(bibtex(report))
    assert len(held) == len(set(held)) and held == sorted(held)
    assert keys_cited(methods(report)) <= set(held)
    assert {key for group in re.findall(r"\\cite\{([^}]+)\}", rendered(report, "latex")) for key in group.split(",")} <= set(held)
    assert {constant_key(c["source"], c["url"]) for c in report["constants"]} <= set(held)
    assert {"neurograph", "pedersen2024nir", "lava", "horowitz2014energy", "davies2018loihi", "boyle2025sanafe"} <= set(held)


def test_every_file_of_profiles_finds_its_sources() -> None:
    """A known address has its entry; the others are kept in their own words."""
    assert constant_key("x", "https://doi.org/10.1109/mm.2018.112130359") == "davies2018loihi"
    assert constant_key("x", "https://github.com/nengo/nengo-loihi/issues/2") == "nengo-loihi"
    assert constant_key("x", "https://github.com/lava-nc/lava-dl/discussions/111") == "lava-dl"
    for name in names():
        profile = load(name)
        for section in (profile.energy, profile.time, profile.power, profile.limits):
            for constant in section.values():
                assert re.fullmatch(r"[a-z0-9-]+", constant_key(constant.source, constant.url))


def test_a_source_without_an_entry_is_not_lost(report: dict[str, Any]) -> None:
    report["constants"][0] |= {"source": "Müller 2031, table 7 {draft}", "url": "https://example.org/a b?q=1#x"}
    key = constant_key(report["constants"][0]["source"], report["constants"][0]["url"])
    entry = next(part for part in bibtex(report).split("\n\n") if part.startswith(f"@misc{{{key},"))
    assert r"M\"{u}ller 2031, table 7 \textbraceleft{}draft\textbraceright{}" in entry and "https://example.org/a%20b?q=1#x" in entry
    assert key != constant_key("Müller 2031, table 7 {draft}", "")


def test_both_stand_in_markdown_and_latex(report: dict[str, Any]) -> None:
    markdown = to_markdown(report)
    assert "## Methods, for a paper" in markdown and methods(report) in markdown
    assert set(keys_of(markdown)) == set(keys_of(bibtex(report)))
    latex = rendered(report, "latex")
    assert methods_latex(report) in latex and "% @article{davies2018loihi," in latex


def test_the_file_of_sources_is_sound() -> None:
    text = Path(__file__).resolve().parents[2].joinpath("hw_profiles/sources.bib").read_text(encoding="utf-8")
    assert list(entries()) == keys_of(text) and len(entries()) == text.count("\n@")
    addresses = [address for entry in entries().values() for address in set(entry.addresses())]
    assert len(addresses) == len(set(addresses))
    for entry in entries().values():
        assert "title" in entry.fields and ("author" in entry.fields or "key" in entry.fields), entry.key
        assert entry.text().count("{") == entry.text().count("}") and entry.text().isascii()
        assert sum(line.startswith("  ") for line in entry.text().splitlines()) == len(entry.fields) - ("sources" in entry.fields)


def test_all_entries_pass_through_bibtex(network: Network, recording: Recording, tmp_path: Path) -> None:
    skip_without("pdflatex", "bibtex", "pdftotext")
    report = plain(network, recording, profiles=["horowitz45"])
    report["constants"].append({**report["constants"][0], "source": HOSTILE, "url": f"https://example.org/{HOSTILE}"})
    held = {entry.key: entry.text() for entry in entries().values()}
    bib = "\n".join((held | dict(zip(keys_of(bibtex(report)), bibtex(report).split("\n\n"), strict=True))).values())
    made = typeset(tmp_path, document("\n\n".join(f"\\cite{{{key}}}" for key in keys_of(bib))), bib)
    assert "undefined" not in made.log and made.text.count("[") >= len(entries())
    for words in ("Mike Davies", "Version", "SANA-FE", "Partitioning", "arXiv:2601.10035"):
        assert words.lower() in " ".join(made.text.split()).lower(), words
