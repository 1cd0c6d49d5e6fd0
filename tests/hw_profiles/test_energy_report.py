from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from neurograph.errors import InputError
from neurograph.hw_profiles.baselines import gcn, graph_transformer
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.report import build, to_json, to_markdown
from neurograph.hw_profiles.report.build import build_counted
from neurograph.hw_profiles.report.markdown import number, si
from neurograph.hw_profiles.schema import load, names
from neurograph.network import Network
from neurograph.sim.recording import Recording

PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2")


@pytest.fixture
def report(network: Network, recording: Recording) -> dict[str, Any]:
    baselines = [
        graph_transformer(nodes=4, in_features=5, width=3, classes=2),
        gcn(nodes=4, nonzeros=10, in_features=5, width=3, classes=2),
    ]
    return build(
        network,
        recording,
        profiles=PROFILES,
        host_macs={"encoder": 12, "readout": 8},
        bundle_name="tiny|net",
        accuracy=0.75,
        baselines=baselines,
        model_info={"model": "hand-made"},
    )


def test_the_promised_keys(report: dict[str, Any]) -> None:
    assert {"bundle", "accuracy", "counts", "populations", "profiles", "baselines"} <= set(report)
    assert {"synaptic_events", "neuron_updates", "spikes", "messages", "host_macs"} <= set(report["counts"])
    assert report["counts"]["host_macs"] == 20
    for profile in report["profiles"]:
        assert {"name", "level", "energy_j", "latency_s", "throughput_hz"} <= set(profile)
        energy = profile["energy_j"]
        assert energy["low"] <= energy["total"] <= energy["high"]
        assert sum(energy["components"].values()) == pytest.approx(energy["total"])
    for baseline in report["baselines"]:
        assert baseline["energy_j"]["low"] <= baseline["energy_j"]["total"] <= baseline["energy_j"]["high"]
        assert sum(baseline["energy_j"]["components"].values()) == pytest.approx(baseline["energy_j"]["total"])


def test_accuracy_is_left_out_where_there_is_none(network: Network, recording: Recording) -> None:
    plain = build(network, recording, profiles=["loihi1"], bundle_name="b")
    assert "accuracy" not in plain
    assert plain["baselines"] == []
    assert "accuracy" not in to_markdown(plain)


def test_populations_add_up_to_the_counts(report: dict[str, Any]) -> None:
    populations = report["populations"].values()
    for key in ("spikes", "synaptic_events", "neuron_updates", "messages"):
        assert sum(p[key] for p in populations) == pytest.approx(report["counts"][key])


def test_samples_are_exact_integers_and_counts_their_mean(report: dict[str, Any]) -> None:
    for name, values in report["per_sample"].items():
        assert all(type(v) is int for v in values)
        assert report["counts"][name] == pytest.approx(np.mean(values))
        spread = report["spread"][name]
        assert spread["min"] <= spread["mean"] <= spread["max"]


def test_every_constant_used_is_listed_with_its_source(report: dict[str, Any]) -> None:
    listed = {(c["profile"], c["name"]): c for c in report["constants"]}
    for profile in report["profiles"]:
        for component in profile["components"].values():
            for term in component["terms"]:
                assert listed[profile["name"], term["constant"]]["source"]
    assert all(c["status"] and c["unit"] for c in listed.values())


def test_json_round_trip(report: dict[str, Any]) -> None:
    assert json.loads(to_json(report)) == report


def test_break_even_is_where_the_energies_meet(report: dict[str, Any]) -> None:
    for entry, baseline in zip(report["break_even"], report["baselines"], strict=True):
        assert (entry["baseline"], entry["accounting"]) == (baseline["name"], baseline["accounting"])
        assert entry["spiking_wins"] == (baseline["spiking_over_baseline"] < 1)
        if entry["accounting"] == "fp32":
            events = entry["events_per_synapse"] * report["activity"]["synapses"]
            assert 0.9e-12 * events + 4.6e-12 * 20 == pytest.approx(baseline["energy_j"]["total"])


def test_a_host_dearer_than_the_baseline_can_never_win(network: Network, recording: Recording) -> None:
    small = gcn(nodes=1, nonzeros=1, in_features=1, width=1, classes=1)
    report = build(network, recording, profiles=["loihi1"], host_macs={"encoder": 10_000}, bundle_name="b", baselines=[small])
    entry = report["break_even"][0]
    assert entry["events_per_synapse"] is None
    assert not entry["spiking_wins"]
    assert "what does not follow the spikes costs more" in to_markdown(report)


def test_markdown_shows_what_a_reader_needs(report: dict[str, Any]) -> None:
    text = to_markdown(report)
    for part in (
        "# Energy report: tiny|net",
        "accuracy: 75.00 % (measured)",
        "(counted)",
        "(modelled)",
        "no chip was",
        "spikes a neuron",
        "events a synapse",
        "one inference alone (10 steps)",
        "streamed (7 steps)",
        "host multiply-adds: encoder",
        "break-even with",
        "dense graph transformer",
        "No energy per operation has been published for Loihi 2",
        "must not be quoted as the chip's",
        "hops need a placement",
        "not in the recording",
        "https://doi.org/10.1109/ISSCC.2014.6757323",
        "Davies 2018",
    ):
        assert part in text, part
    for name in PROFILES:
        assert load(name).sha256[:16] in text
    for population in report["populations"]:
        assert re.search(rf"^\| {population} ", text, re.MULTILINE)


def test_markdown_tables_are_well_formed(report: dict[str, Any]) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", to_markdown(report), re.MULTILINE)
    assert len(blocks) >= 9
    for block in blocks:
        lines = block.splitlines()
        assert re.fullmatch(r"\|( -+:? \|)+", lines[1])
        assert len({len(line) for line in lines}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_markdown_links_are_defined(report: dict[str, Any]) -> None:
    text = to_markdown(report)
    used, defined = set(re.findall(r"\]\[(s\d+)\]", text)), set(re.findall(r"^\[(s\d+)\]: https://", text, re.MULTILINE))
    assert used
    assert used == defined


def test_every_builtin_profile_renders(network: Network, recording: Recording) -> None:
    text = to_markdown(build(network, recording, profiles=names(), bundle_name="b"))
    assert all(f"## {name}: energy by component" in text for name in names())


def test_a_silent_network_has_a_report(network: Network, recording: Recording) -> None:
    silent = Recording("fixed", recording.ticks, {k: np.zeros_like(v) for k, v in recording.spikes.items()})
    report = build(network, silent, bundle_name="silent", host_macs={})
    assert report["counts"]["synaptic_events"] == report["counts"]["messages"] == 0
    assert report["profiles"][0]["energy_j"]["total"] == 0
    assert "0 J" in to_markdown(report)


def test_an_empty_recording_is_refused(network: Network) -> None:
    with pytest.raises(InputError, match="0 samples"):
        build(network, Recording("fixed", 6, {}), bundle_name="b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.234e-8, "12.3 nJ"),
        (9.999e-7, "1.00 µJ"),
        (1e-3, "1.00 mJ"),
        (0.5, "500 mJ"),
        (2.0, "2.00 J"),
        (1234.0, "1.23 kJ"),
        (0.0, "0 J"),
        (None, "–"),
        (3e-13, "300 fJ"),
    ],
)
def test_si(value: float | None, text: str) -> None:
    assert si(value, "J") == text


def test_numbers_have_thousands_separators() -> None:
    assert number(1234567) == "1,234,567"
    assert number(1234.56) == "1,234.6"
    assert number(None) == "–"


def test_two_profiles_of_one_name_are_refused(network: Network, recording: Recording) -> None:
    own = load("loihi1").model_copy(update={"path": "mine.toml"})
    with pytest.raises(InputError, match=r"profile mine\.toml: another one \(loihi1\) is named 'loihi1' too"):
        build(network, recording, profiles=["loihi1", own], bundle_name="b")
    with pytest.raises(InputError, match="profile loihi1: is given twice"):
        build_counted(count(network, recording), engine="fixed", profiles=["loihi1", "loihi2", "loihi1"], bundle_name="b")
