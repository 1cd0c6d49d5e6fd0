"""What Markdown and the page say beside the figures: refused chips, several chips, how rivals were counted, chip time, windows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report_cases import four_rivals, plain, windows_of_model

from neurograph.errors import InputError
from neurograph.hw_profiles.report import rendered, schema_text
from neurograph.hw_profiles.report.bibliography import bibtex
from neurograph.hw_profiles.report.text import si
from neurograph.network import Network
from neurograph.sim.recording import Recording

BOTH = pytest.mark.parametrize("form", ["md", "html"])


@pytest.fixture
def report(network: Network, recording: Recording) -> dict[str, Any]:
    return plain(
        network,
        recording,
        profiles=["horowitz45", "loihi1", "loihi2"],
        host_macs_effective={"encoder": 15},
        baselines=four_rivals(),
        routing_refused={"loihi2": "too many axons"},
    )


def flat(text: str) -> str:
    """Without tags, entities of quotes, padding of tables and line ends."""
    bare = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text.replace("<wbr>", "")))
    return bare.replace("&#39;", "'").replace("&#34;", '"')


@BOTH
def test_a_chip_that_refused_is_marked_and_its_reason_stands_below(report: dict[str, Any], form: str) -> None:
    text = flat(rendered(report, form))
    assert "† loihi2 refused: too many axons; its figures are those of a chip that could hold the network." in text
    assert text.count("loihi2 †") == 1 and "loihi1 †" not in text


@BOTH
def test_an_assumed_price_of_the_host_is_said_below_the_energies(report: dict[str, Any], form: str) -> None:
    share = next(p["host_share"] for p in report["profiles"] if p["name"] == "loihi1")
    text = flat(rendered(report, form))
    assert f"multiply-adds is an assumption, which makes this share of the energy of loihi1 ({100 * share:.3g} %)" in text
    for constant in report["constants"]:
        if constant["name"] == "energy.host_mac":
            constant["status"] = "measured"
    assert "multiply-adds is an assumption" not in flat(rendered(report, form))


@BOTH
def test_a_stream_names_its_steps(report: dict[str, Any], form: str) -> None:
    report["windows"]["chip_streamed"]["steps"] = 28
    assert "streamed (28 steps an inference)" in flat(rendered(report, form))


@BOTH
def test_what_is_left_out_between_chips_is_said_at_the_times(report: dict[str, Any], form: str) -> None:
    assert "between chips are in neither energy, latency nor throughput" not in flat(rendered(report, form))
    report["profiles"][1]["chips"] = 3
    text = flat(rendered(report, form))
    assert text.index("nor throughput: loihi1 (3 chips)") < text.index("Energy and latency: one inference alone")


@BOTH
def test_networks_counted_in_a_run_are_told_from_those_by_formula(report: dict[str, Any], form: str) -> None:
    text = flat(rendered(report, form))
    assert "Multiply-adds of the trained gcn and transformer in a run and of the dense graph transformer and GCN by formula." in text
    assert "counted by formula or in a run, energy modelled" in text
    assert "with a nonzero input (priced in the lines with zeros skipped)" in text and "stated, not priced" not in text


@BOTH
def test_chip_time_is_a_time(report: dict[str, Any], form: str) -> None:
    term = report["profiles"][1]["components"]["static"]["terms"][0]
    assert f"{si(term['per_inference'], 's')} of chips × power.static_chip" in flat(rendered(report, form))


@BOTH
def test_a_host_without_a_price_has_no_share(report: dict[str, Any], form: str) -> None:
    report["profiles"][1]["host_share"] = None
    assert "host share not priced" in flat(rendered(report, form))
    Draft202012Validator(json.loads(schema_text())).validate(report)


@BOTH
def test_windows_of_a_dynamic_model(report: dict[str, Any], form: str) -> None:
    said = "NeuroBench's figures are of one network and are left out here."
    assert said not in flat(rendered(report, form)) and "NeuroBench" in rendered(report, form)
    dynamic = {key: value for key, value in report.items() if key != "neurobench"} | {"windows_of_model": windows_of_model()}
    text = flat(rendered(dynamic, form))
    assert said in text and "synapses written" in text


@BOTH
def test_memory_traffic_is_modelled_and_methods_are_there(report: dict[str, Any], form: str) -> None:
    text = flat(rendered(report, form))
    assert "counts × word widths" in text and "counts times assumed widths" in text
    assert "Methods, for a paper" in text and flat(bibtex(report)).strip()[:200] in text
    assert report["labels"]["memory"] == "modelled" and "Neurobench" not in text


def test_the_spiking_side_has_its_range(report: dict[str, Any]) -> None:
    b = next(b for b in report["baselines"] if "memory" in b["accounting"])
    spread = f"{si(b['spiking_j']['low'], 'J')} to {si(b['spiking_j']['high'], 'J')}"
    assert spread in rendered(report, "md")


@pytest.mark.parametrize("form", ["md", "html", "latex"])
def test_an_energy_without_the_host_is_marked(report: dict[str, Any], form: str) -> None:
    sign = "$\\ddagger$" if form == "latex" else "‡"
    assert sign not in rendered(report, form)
    report["profiles"][1]["host_share"] = None
    text = flat(rendered(report, form))
    assert "loihi1: the host's multiply-adds are counted and not priced there" in text and text.count(sign) >= 2 - (form == "latex")


@BOTH
def test_a_profile_without_limits_is_not_said_to_have_refused(report: dict[str, Any], form: str) -> None:
    why = "no limits of placement (limits.a, limits.b, limits.c and 11 more are missing)"
    report["profiles"][2]["placement_refused"] = report["profiles"][2]["not_included"]["placement"] = why
    text = flat(rendered(report, form))
    assert f"† loihi2 was not placed: its profile has {why}, so no hops are in its figures." in text
    assert "loihi2 refused" not in text
    said = rendered(report, "methods")
    assert "placement (loihi2: no limits of placement in the profile)" in said and "limits.a" not in said


def test_a_format_that_there_is_not_is_refused_by_name(report: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"format 'pdf': must be one of md, json, html, csv, latex, bibtex, methods, paper"):
        rendered(report, "pdf")
    assert rendered(report, "latex") in rendered(report, "paper") and r"\documentclass" in rendered(report, "paper")
