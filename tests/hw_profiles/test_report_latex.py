"""LaTeX: compiled by pdflatex, figures read back off the pages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from latex_runs import skip_without, typeset
from report_cases import HOSTILE, four_rivals, placed, plain, renamed

from neurograph.export.placement import Placement
from neurograph.hw_profiles.report import rendered, rendered_comparison
from neurograph.hw_profiles.report.compare import compare
from neurograph.hw_profiles.report.escaping import latex_text, url_text
from neurograph.hw_profiles.report.latex import document, to_latex
from neurograph.hw_profiles.report.latex_parts import WIDE, count, quantity, spread
from neurograph.hw_profiles.report.text import number, si
from neurograph.network import Network
from neurograph.sim.recording import Recording

TOOLS = ("pdflatex", "bibtex", "pdftotext")


def test_a_report_is_typeset_and_its_figures_are_on_the_pages(
    integers: Network, recording: Recording, placements: Callable[..., Placement], tmp_path: Path
) -> None:
    skip_without(*TOOLS)
    report = placed(integers, recording, placements())
    made = typeset(tmp_path, document(to_latex(report)), rendered(report, "bibtex"))
    assert made.overfull_pt < 5 and "Float too large" not in made.log
    assert not re.search(r"undefined|multiply.defined|LaTeX Error|Citation .* on page", made.log)
    for p in report["profiles"]:
        for value, unit in ((p["energy_j"]["total"], "J"), (p["latency_s"], "s")):
            if value is not None:
                shown, prefixed = si(value, unit).split(" ")
                assert re.search(rf"{re.escape(p['name'])}.*{re.escape(shown)} (\([^)]*\) )?{prefixed}", made.text), (p["name"], shown)
    for key in ("synaptic_events", "neuron_updates", "messages"):
        assert re.search(rf"{key.replace('_', ' ')}.* {number(round(report['spread'][key]['max']))} ", made.text), key
    for b in report["baselines"]:
        assert number(b["macs"]) in made.text
    for c in report["constants"]:
        assert re.search(rf"{c['name'].partition('.')[2].replace('_', ' ')} +{c['value']:g} ", made.text), c["name"]
    assert made.text.count("Table ") >= 4 and "Horowitz" in made.text


@pytest.mark.parametrize("columns", ["one", "two"])
def test_four_networks_fit_pages_of_one_column_and_of_two(
    columns: str, integers: Network, recording: Recording, placements: Callable[..., Placement], tmp_path: Path
) -> None:
    skip_without(*TOOLS)
    report = placed(integers, recording, placements(), baselines=four_rivals(), host_macs_effective={"encoder": 15})
    text = document(to_latex(report))
    if columns == "two":
        wide = WIDE[-1].removeprefix("%").strip()
        assert wide in text
        text = text.replace("[a4paper]", "[a4paper,twocolumn]").replace(r"\begin{document}", f"{wide}\n\\begin{{document}}")
    made = typeset(tmp_path, text, rendered(report, "bibtex"))
    assert made.overfull_pt < 10 and not re.search("Float too large|multiply.defined|undefined", made.log)
    flat = re.sub(r"\s+", " ", made.text)
    assert len({b["accounting"] for b in report["baselines"]}) == 6
    assert flat.count("trained on made up with seed 0") == 2 and "layer(s) of width 3" in flat
    for b in report["baselines"]:
        assert number(b["macs"]) in flat


def test_assumed_prices_are_starred_in_every_table_of_energies(network: Network, recording: Recording) -> None:
    text = to_latex(plain(network, recording, profiles=["horowitz45", "loihi1", "loihi2"]))
    tables = [part for part in text.split(r"\begin{table}") if "tab:tiny-net-headline" in part or "tab:tiny-net-energy" in part]
    assert len(tables) == 3
    for table in tables:
        caption, _, body = table.partition(r"\label")
        assert "loihi2$^{*}$ &" in body and "loihi1$^{*}$" not in body and "$^{*}$Prices of this profile" in caption
    alone = to_latex(plain(network, recording, profiles=["horowitz45", "loihi1"]))
    assert "$^{*}$" not in alone


def test_a_profile_that_refused_is_marked(network: Network, recording: Recording) -> None:
    text = to_latex(plain(network, recording, profiles=["loihi1", "loihi2"], routing_refused={"loihi1": "too many axons."}))
    assert r"loihi1~$\dagger$ &" in text and r"loihi2~$" not in text
    assert r"\ensuremath{\dagger} loihi1 refused: too many axons; its figures are those of a chip" in text


def test_names_that_are_hostile_to_latex_are_printed(network: Network, recording: Recording, tmp_path: Path) -> None:
    skip_without(*TOOLS)
    hostile = plain(
        *renamed(network, recording, HOSTILE),
        bundle_name=HOSTILE,
        host_macs={HOSTILE: 3},
        model_info={"dataset": HOSTILE},
        profiles=["horowitz45", "loihi1"],
    )
    for c in hostile["constants"]:
        c["source"] += HOSTILE
        c["url"] = f"https://example.org/{HOSTILE}"
    for p in hostile["profiles"]:
        p["scope"] = HOSTILE
    text = to_latex(hostile)
    assert text.isascii()
    made = typeset(tmp_path, document(text), rendered(hostile, "bibtex"))
    flat = unicodedata.normalize("NFC", re.sub(r"\s+", "", made.text))
    wanted = "ab%c&d#e$f{g}h~i^j\\k”l”µ→é–ß[U+00BD][U+4E2D]--`m`<n>|o"  # the underscore of these fonts is a line, not a letter
    assert wanted in flat.replace("ˆ", "^").replace("˜", "~")


def test_a_comparison_is_typeset(network: Network, recordings: Callable[[float], Recording], tmp_path: Path) -> None:
    skip_without(*TOOLS)
    reports = [plain(network, recordings(rate), bundle_name=f"net_{rate}") for rate in (0.1, 0.3, 0.5, 0.8)]
    comparison = compare(reports)
    body = rendered_comparison(comparison, "latex") + "\n\\cite{neurograph}\n"
    made = typeset(tmp_path, document(body), rendered(reports[0], "bibtex"))
    assert made.overfull_pt < 5 and "undefined" not in made.log
    for bundle in comparison["bundles"]:
        assert bundle["name"].replace("_", " ") in made.text and number(round(bundle["neurons"])) in made.text


def test_without_profiles_or_baselines_it_is_still_whole(network: Network, recording: Recording) -> None:
    text = to_latex(plain(network, recording, profiles=[], baselines=[]))
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2  # counts, and constants of the level that prices them
    assert "Profile" not in text and r"\cite{neurograph}" in text


def test_every_table_can_be_cited_and_long_ones_are_split(network: Network, recording: Recording) -> None:
    report = plain(network, recording, host_macs={f"part {index}": index for index in range(100)})
    text = to_latex(report)
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels)) == text.count(r"\begin{table}") == text.count(r"\caption{")
    assert {"tab:tiny-net-energy", "tab:tiny-net-counts", "tab:tiny-net-counts-2", "tab:tiny-net-constants-loihi1"} <= set(labels)
    assert all(len(table.splitlines()) < 60 for table in text.split(r"\begin{table}")[1:-1])


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (quantity(33.7186e-6, "J"), r"\qty{33.7}{\micro\joule}"),
        (quantity(None, "s"), "--"),
        (quantity(2.31e-10, "Js"), r"\qty{231}{\pico\joule\second}"),
        (spread({"total": 1.588e-6, "low": 7.94e-7, "high": 3.176e-6}, "J"), r"\num{1.59} (\numrange{0.794}{3.18}) \unit{\micro\joule}"),
        (spread({"value": 2.0, "low": 2.0, "high": 2.0}, "s"), r"\qty{2.00}{\second}"),
        (spread({"value": 0.0, "low": 0.0, "high": 2e-6}, "J"), r"\num{0} (\numrange{0}{2.00e-06}) \unit{\joule}"),
        (spread(None, "J"), "--"),
        (count(12345), r"\num{12345}"),
        (count(2.5), r"\num{2.5}"),
    ],
)
def test_quantities_are_those_of_siunitx(shown: str, wanted: str) -> None:
    assert shown == wanted


@given(st.text())
def test_any_text_becomes_balanced_ascii(text: str) -> None:
    escaped = latex_text(text)
    assert escaped.isascii() and escaped.count("{") == escaped.count("}")
    bare = re.sub(r"\\ensuremath\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", "", escaped)
    bare = re.sub(r"""\\(?:[A-Za-z]+\{\w?\}|[`'^~=."]\{\w\}|[$&#%_])|\{\}""", "", bare)
    assert not set(bare) & set("\\${}&#%^_") and bare.count("~") == text.count("\u00a0")
    assert url_text(text).isascii() and not set(url_text(text)) & set("{}\\ ^")
