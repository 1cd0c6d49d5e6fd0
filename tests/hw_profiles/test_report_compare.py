"""Reports side by side."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_cases import placed, plain

from neurograph.errors import InputError
from neurograph.export.placement import Placement
from neurograph.hw_profiles.report import COMPARISONS, rendered, rendered_comparison
from neurograph.hw_profiles.report.compare import compare
from neurograph.network import Network
from neurograph.reporting.several import distinct_names
from neurograph.sim.recording import Recording


@pytest.fixture
def reports(network: Network, recordings: Callable[[float], Recording]) -> list[dict[str, Any]]:
    return [plain(network, recordings(rate), bundle_name=name) for name, rate in (("quiet", 0.1), ("busy", 0.5), ("busier", 0.8))]


def test_figures_are_the_reports_own(reports: list[dict[str, Any]]) -> None:
    found = compare(reports)
    assert [b["name"] for b in found["bundles"]] == ["quiet", "busy", "busier"] and found["schema_version"] == 1
    for bundle, report in zip(found["bundles"], reports, strict=True):
        assert bundle["accuracy"] == report["accuracy"] and bundle["spikes"] == report["counts"]["spikes"]
        assert bundle["spikes_per_neuron"] == report["activity"]["spikes_per_neuron"]
        for p in report["profiles"]:
            if p["energy_j"]["total"] is not None:
                assert bundle["profiles"][p["name"]]["energy_j"] == {key: p["energy_j"][key] for key in ("total", "low", "high")}
            assert bundle["profiles"][p["name"]]["latency_s"] == p["latency_range_s"]


def test_ratios_are_to_the_first_within_one_profile(reports: list[dict[str, Any]]) -> None:
    found = compare(reports)
    assert [(over["bundle"], over["to"]) for over in found["ratios"]] == [("busy", "quiet"), ("busier", "quiet")]
    for over, report in zip(found["ratios"], reports[1:], strict=True):
        assert over["figures"]["spikes"] == pytest.approx(report["counts"]["spikes"] / reports[0]["counts"]["spikes"])
        assert over["figures"]["neurons"] == 1
        for p, first in zip(report["profiles"], reports[0]["profiles"], strict=True):
            energy = over["profiles"][p["name"]]["energy_j"]
            if p["energy_j"]["total"] is None:
                assert energy is None
                continue
            each = [p["energy_j"][key] / first["energy_j"][key] for key in ("low", "total", "high")]
            assert energy == pytest.approx({"value": each[1], "low": min(each), "high": max(each)})


def test_the_same_report_against_itself_has_ratio_1(reports: list[dict[str, Any]]) -> None:
    over = compare([reports[1], reports[1]], ["a", "b"])["ratios"][0]
    assert {value for value in over["figures"].values() if value is not None} == {1.0}
    assert {p["energy_j"]["value"] for p in over["profiles"].values() if p["energy_j"]} == {1.0}


def test_nothing_over_nothing_is_left_open(network: Network, recordings: Callable[[float], Recording]) -> None:
    silent = plain(network, recordings(0.0), host_macs={})
    found = compare([silent, silent], ["a", "b"])
    assert found["ratios"][0]["figures"]["spikes"] is None and found["ratios"][0]["profiles"]["horowitz45"]["energy_j"] is None
    for form in COMPARISONS:
        assert rendered_comparison(found, form)


def test_what_differs_is_said(network: Network, recording: Recording, reports: list[dict[str, Any]]) -> None:
    assert compare(reports)["differences"] == []
    other = plain(network, recording, bundle_name="other", model_info={"dataset": "cora"}, profiles=["horowitz45", "loihi1"])
    other["profiles"][1]["sha256"] = "0" * 64
    other["ticks"] = 9
    said = compare([reports[0], other])["differences"]
    assert "dataset differs: quiet made up, other cora" in said and "samples differ: quiet 2, other 3" in said
    assert "ticks differ: quiet 6, other 9" in said and "profile loihi2: not in other" in said
    assert any(line.startswith("profile loihi1 is not the same file: quiet ") and "other 000000000000" in line for line in said)
    for form in ("md", "latex"):
        assert "Not the same in all" in rendered_comparison(compare([reports[0], other]), form)
    assert "Same dataset, target, engine, ticks, samples and profiles" in rendered_comparison(compare(reports), "md")


def test_a_network_that_a_chip_refused_is_named(integers: Network, recording: Recording, placements: Callable[..., Placement]) -> None:
    held = placed(integers, recording, placements(), bundle_name="held")
    refused = plain(integers, recording, bundle_name="large", routing_refused={"loihi1": "limit of axons"})
    found = compare([held, refused])
    assert any("profile loihi1: large has no placement" in line and "limit of axons" in line for line in found["differences"])
    assert found["bundles"][0]["profiles"]["loihi1"]["cores"] and found["ratios"][0]["profiles"]["loihi1"]["cores"] is None


def test_markdown_has_a_column_a_bundle_and_a_ratio(reports: list[dict[str, Any]]) -> None:
    text = rendered_comparison(compare(reports), "md")
    assert "busy ÷ quiet" in text and "busier ÷ quiet" in text and "## loihi2: chip events (modelled)" in text
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    spikes = [cell.strip() for cell in rows["spikes"].split("|")[2:-1]]
    assert [float(cell.replace(",", "")) for cell in spikes[:3]] == [pytest.approx(r["counts"]["spikes"], abs=0.05) for r in reports]


def test_json_and_csv_hold_the_same_figures(reports: list[dict[str, Any]]) -> None:
    found = compare(reports)
    assert json.loads(rendered_comparison(found, "json")) == found
    rows = list(csv.DictReader(io.StringIO(rendered_comparison(found, "csv"), newline="")))
    energies = [r for r in rows if r["quantity"] == "energy_j" and r["profile"] == "loihi1"]
    assert [(r["bundle"], float(r["value"])) for r in energies if not r["item"]] == [
        (b["name"], b["profiles"]["loihi1"]["energy_j"]["total"]) for b in found["bundles"]
    ]
    ratios = [float(r["value"]) for r in energies if r["item"] == "ratio to the first"]
    assert ratios == [over["profiles"]["loihi1"]["energy_j"]["value"] for over in found["ratios"]]


def test_bad_input_is_refused_by_name(reports: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="1 report, needs at least 2"):
        compare(reports[:1])
    with pytest.raises(InputError, match="2 reports are called 'quiet'"):
        compare([reports[0], reports[0]])


def test_folders_are_called_by_what_tells_them_apart(tmp_path: Path) -> None:
    assert distinct_names([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert distinct_names([tmp_path / "x" / "bundle", tmp_path / "y" / "bundle"]) == ["x/bundle", "y/bundle"]
    assert distinct_names([tmp_path / "b", tmp_path / "x" / "b"]) == [f"{tmp_path.name}/b", "x/b"]


def test_a_comparison_says_what_is_assumed_and_what_the_host_is_not_priced_for(reports: list[dict[str, Any]]) -> None:
    reports[1]["profiles"] = [{**p, "host_share": None} if p["name"] == "loihi1" else p for p in reports[1]["profiles"]]
    found = compare(reports)
    text = rendered_comparison(found, "md")
    sentence = "Its joules rest on assumptions and must not be quoted as the chip's."
    assert text.count(sentence) == 1 and text.index("## loihi2") < text.index(sentence)
    assert "multiply-adds of busy are counted and not priced: energy is the chip's alone." in text
    latex = rendered_comparison(found, "latex")
    assert "Profile loihi2$^{*}$" in latex and "Profile loihi1~" in latex and latex.count("$^{*}$") == 2
    assert "must not be quoted" in latex and "not priced: energy is" in latex


def test_the_sources_of_all_reports_are_cited_and_listed_once(reports: list[dict[str, Any]]) -> None:
    found = compare(reports)
    listed = re.findall(r"^@\w+\{([^,]+),", rendered_comparison(found, "bibtex"), re.MULTILINE)
    cited = {key for keys in re.findall(r"\\cite\{([^}]+)\}", rendered_comparison(found, "latex")) for key in keys.split(",")}
    assert len(cited) > 2 and cited <= set(listed) and len(listed) == len(set(listed))
    alone = {key for report in reports for key in re.findall(r"^@\w+\{([^,]+),", rendered(report, "bibtex"), re.MULTILINE)}
    assert set(listed) == alone
    with pytest.raises(InputError, match="format 'html': must be one of md, json, csv, latex, bibtex"):
        rendered_comparison(found, "html")
