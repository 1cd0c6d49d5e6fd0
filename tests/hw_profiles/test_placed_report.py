"""The report over placements: what a person reads of them, and the keys that a program finds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from neurograph.errors import InputError
from neurograph.export.placement import Placement
from neurograph.export.placement.files import to_json as placement_json
from neurograph.hw_profiles.report import build, to_json, to_markdown
from neurograph.hw_profiles.routing import Routing
from neurograph.network import Network
from neurograph.sim.recording import Recording

PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2", "generic")


@pytest.fixture
def placement(placements: Callable[..., Placement]) -> Placement:
    return placements()


@pytest.fixture
def report(integers: Network, recording: Recording, placement: Placement, placements: Callable[..., Placement]) -> dict[str, Any]:
    routing = Routing.from_json(placement_json(placement))
    other = Routing.from_json(placement_json(placements(neurons=20)))
    return build(
        integers,
        recording,
        profiles=PROFILES,
        bundle_name="placed",
        host_macs={"encoder": 60, "readout": 8},
        host_macs_effective={"encoder": 15},
        routing={"loihi1": routing, "loihi1-sanafe": routing, "generic": other},
        routing_refused={"loihi2": "placement on loihi2: fan_in is 13,752 synapses, loihi2 has 4,096"},
    )


def profile_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (p for p in report["profiles"] if p["name"] == name)
    return dict(found)


def section(report: dict[str, Any], title: str) -> str:
    text = to_markdown(report)
    return text[text.index(f"## {title}") :].split("\n## ")[0]


def test_promised_keys_stay_and_the_placement_stands_beside_them(report: dict[str, Any], placement: Placement) -> None:
    for p in report["profiles"]:
        assert {"name", "level", "energy_j", "latency_s", "throughput_hz", "placement", "placement_refused", "cores", "chips"} <= set(p)
        assert {"total", "low", "high", "components"} == set(p["energy_j"])
    placed, refused = profile_of(report, "loihi1"), profile_of(report, "loihi2")
    traffic = placement.traffic
    assert traffic is not None
    assert placed["placement"]["per_sample"]["chip_crossings"] == traffic.crossings.tolist()
    assert placed["placement"]["counts"]["messages"] == pytest.approx(traffic.messages.mean())
    assert (placed["cores"], placed["chips"]) == (placement.cores, placement.chips)
    assert placed["cores_at_least"] == 1
    assert {rule["rule"]: rule["share"] for rule in placed["placement"]["rules"]} == {r.rule: r.share for r in placement.rules}
    assert refused["placement"] is None
    assert refused["cores"] is None
    assert refused["placement_refused"].startswith("placement on loihi2: fan_in")
    assert report["labels"]["profiles.placement"] == "counted"
    assert json.loads(to_json(report)) == report


def test_a_chip_without_energies_has_no_total(report: dict[str, Any]) -> None:
    generic = profile_of(report, "generic")
    assert generic["energy_j"] == {"total": None, "low": None, "high": None, "components": {}}
    assert generic["on_chip_j"] is None
    assert "no energies" in section(report, "generic: energy by component")


def test_the_placement_section_says_what_a_person_asks(report: dict[str, Any], placement: Placement) -> None:
    text = section(report, "Placement (counted)")
    counts = profile_of(report, "loihi1")["placement"]["counts"]
    row = next(line for line in text.splitlines() if line.startswith("| loihi1 "))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:3] == [str(placement.cores), str(placement.chips)]
    assert cells[3].startswith(placement.binding.rule.replace("_", " "))
    for cell, name in zip(
        cells[4:], ("messages", "inter_core", "hops_east_west", "hops_north_south", "chip_crossings", "host_messages"), strict=True
    ):
        value = counts[name]
        assert cell == (f"{value:,}" if isinstance(value, int) else f"{value:,.1f}")
    assert "### loihi1, loihi1-sanafe: what its cores hold" in text
    assert "### generic: what its cores hold" in text
    for rule in placement.rules:
        words = rule.rule.replace("_", " ")
        expected = f"**{words}**" if rule is placement.binding else words
        assert re.search(rf"^\| {re.escape(expected)} +\| +{rule.used:,} \| +{rule.limit:,} \|", text, re.MULTILINE), rule.rule
    assert "**loihi2 has no placement**: placement on loihi2: fan_in is 13,752 synapses" in text


def test_the_text_says_what_every_time_rests_on(report: dict[str, Any], integers: Network, recording: Recording) -> None:
    text = to_markdown(report)
    assert "Times of loihi1, loihi1-sanafe: over the placement. Every step waits for its busiest core" in text
    assert "Times of loihi2: before placement" in text
    assert "of the placement; every step waits for its busiest core" in section(report, "loihi1: energy by component")
    assert "on the least that hold the neurons, 1 core" in section(report, "loihi2: energy by component")
    assert "hops need a placement; spikes are charged the price of a message with no hop (loihi2)" in text
    assert "Messages over a placement stand below" in text
    plain = to_markdown(build(integers, recording, profiles=PROFILES, bundle_name="b"))
    assert "## Placement" not in plain
    assert "Messages need a placement" in plain
    assert "Times of loihi1, loihi1-sanafe, loihi2: before placement" in plain


def test_totals_alone_are_spread_evenly_and_said_so(integers: Network, recording: Recording, placement: Placement) -> None:
    totals = replace(Routing.from_json(placement_json(placement)), work=None)
    made = build(integers, recording, profiles=["loihi1"], bundle_name="b", routing={"loihi1": totals})
    text = to_markdown(made)
    assert "Times of loihi1: on the placement's cores, events spread evenly over them." in text
    assert f"on {placement.cores} cores of the placement; events spread evenly over the cores" in text
    assert profile_of(made, "loihi1")["busiest_over_mean"] is None


def test_chips_and_static_power_are_the_placements(report: dict[str, Any], placement: Placement) -> None:
    assert placement.chips > 1
    assert f"({placement.chips} chips powered for the latency)" in section(report, "loihi1: energy by component")


def test_tables_are_well_formed(report: dict[str, Any]) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", to_markdown(report), re.MULTILINE)
    assert len(blocks) >= 11
    for block in blocks:
        lines = block.splitlines()
        assert re.fullmatch(r"\|( -+:? \|)+", lines[1])
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_effective_host_work_is_stated_and_not_priced(report: dict[str, Any], integers: Network, recording: Recording) -> None:
    assert report["host_macs_effective"] == {"encoder": 15}
    assert report["counts"]["host_macs"] == 68
    assert re.search(r"^\| … of encoder with a nonzero input \(stated, not priced\) +\| +15 \|", to_markdown(report), re.MULTILINE)
    term = profile_of(report, "loihi1")["components"]["host"]["terms"][0]
    assert term["per_inference"] == 68
    for wrong, said in (({"encoder": 61}, "it does 60 in all"), ({"decoder": 1}, "no part of the host's")):
        with pytest.raises(InputError, match=said):
            build(integers, recording, bundle_name="b", host_macs={"encoder": 60}, host_macs_effective=wrong)
