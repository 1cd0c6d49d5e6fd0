"""Counts, energy and time of a placed network against SANA-FE's own, and that section of the report."""

import json
from dataclasses import replace

import numpy as np
import pytest
from spiky import karate_checkpoint

from neurograph.cli.main import run_command
from neurograph.errors import InputError, ProfileError, UnsupportedError
from neurograph.export.bundle import open_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.placement import Limits, place
from neurograph.export.targets import TARGETS, sanafe
from neurograph.hw_profiles.report import to_markdown
from neurograph.hw_profiles.schema import load, placement_limits
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.reporting import report_of, sanafe_child
from neurograph.reporting.sanafe import crosscheck
from neurograph.sim import fixed
from neurograph.weights import Dense, one_to_one

COUNTED = ("machine steps", "spikes", "messages", "synaptic events")


@pytest.fixture(scope="module")
def profile():
    return load("loihi1-sanafe")


@pytest.fixture(scope="module")
def limits(profile):
    return Limits.of(profile.name, placement_limits(profile))


@pytest.fixture(scope="module")
def karate():
    return compile_checkpoint(karate_checkpoint(), TARGETS["loihi2"])


@pytest.fixture(scope="module")
def recording(karate):
    return fixed.run(karate.quantized, karate.inputs)


@pytest.fixture(scope="module")
def over_chips(karate, recording, limits):
    """Karate over two small chips."""
    small = replace(limits, neurons=300, cores_per_chip=16, tiles_per_chip=8, mesh_width=4)
    return place(karate.quantized, small, recording=recording)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Karate as the command line trains and exports it."""
    folder = tmp_path_factory.mktemp("sanafe")
    assert run_command(["train", "spikegraphormer", "--epochs", "8", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


def by_name(found):
    return {line["name"]: line for line in found["lines"]}


def dense_network():
    """Layers of dense and of one-to-one synapses with a skip; the first layer has its drive from static currents."""
    rng = np.random.default_rng(3)

    def neuron(threshold):
        return FixedLIF(du=4095, dv=1000, vth=threshold, bias_mant=0, bias_exp=6, scale=1.0)

    populations = [
        Population("current", (1, 30), Source("static"), depth=1),
        Population("first", (1, 30), neuron(20), depth=1),
        Population("second", (1, 20), neuron(300), depth=2),
        Population("out", (1, 20), neuron(100), depth=3),
    ]
    projections = (
        Projection("current", "first", one_to_one((1, 30), 1)),
        Projection("first", "second", Dense(rng.integers(-50, 120, (20, 30)))),
        Projection("first", "out", Dense(rng.integers(-20, 30, (20, 30))), delay=2),
        Projection("second", "out", one_to_one((1, 20), 200)),
    )
    return Network({p.name: p for p in populations}, projections, ticks=6, outputs=("out",)), rng.integers(0, 60, (1, 1, 30))


def test_every_difference_from_sanafe_is_explained(over_chips, recording, profile, sanafe_python):
    found = crosscheck(over_chips, recording, profile)
    lines = by_name(found)
    assert found["explained"], [line for line in found["lines"] if line["agrees"] is False]
    assert found["version"] == sanafe_child.VERSION and found["chips"] == 2
    for name in (*COUNTED, "energy: synapse"):
        assert lines[name]["ours"] == pytest.approx(lines[name]["theirs"], rel=1e-12) and lines[name]["reasons"] == (), name
    assert over_chips.traffic.crossings.sum() > 0
    assert lines["energy: network"]["ours"] < lines["energy: network"]["theirs"]  # crossings, counted and not priced
    assert "a step to another chip is a hop" in lines["hops"]["reasons"][0]
    assert lines["energy: soma"]["ours"] > lines["energy: soma"]["theirs"]  # neurons that get a spike and stay silent are active
    assert "updates a replayed neuron where it fires" in lines["energy: soma"]["reasons"][0]
    assert len(lines["energy: total"]["reasons"]) == 2
    steps = found["step_time_s"]
    assert steps["same_events"] == pytest.approx(steps["theirs"], rel=1e-9)
    assert len(steps["theirs"]) == lines["machine steps"]["ours"]
    assert sum(steps["theirs"]) == pytest.approx(lines["time: simple model"]["theirs"])
    assert 1 < lines["time: simple model"]["ratio"] < 1.25


def test_energy_on_the_same_events_is_within_five_percent(over_chips, recording, profile, sanafe_python):
    found = crosscheck(over_chips, recording, profile)
    assert found["within_5_percent"] and found["ratio_same_events"] == pytest.approx(1, rel=1e-9)
    assert found["ratio_as_reported"] == pytest.approx(1, abs=0.05)


def test_dense_synapses_have_a_price_of_their_own_with_us(limits, profile, sanafe_python):
    network, drive = dense_network()
    run = fixed.run(network, {"current": drive[0]})
    assert all(spikes.any() for spikes in run.spikes.values()), "a silent population tests nothing"
    found = crosscheck(place(network, limits, recording=run), run, profile)
    lines = by_name(found)
    assert found["explained"], [line for line in found["lines"] if line["agrees"] is False]
    assert lines["synaptic events"]["ours"] == lines["synaptic events"]["theirs"] > 0
    assert lines["energy: synapse"]["ours"] > lines["energy: synapse"]["theirs"]
    assert "priced as sparse" in lines["energy: synapse"]["reasons"][0]
    assert found["within_5_percent"]


def test_of_several_samples_the_first_is_replayed(limits, profile, sanafe_python):
    network, drive = dense_network()
    both = np.concatenate([drive[0], drive[0] // 2])[:, None]
    run = fixed.run(network, {"current": both})
    assert run.samples == 2
    first = by_name(crosscheck(place(network, limits, recording=run), run, profile))
    alone = fixed.run(network, {"current": drive[0]})
    assert first["spikes"]["theirs"] == sum(int(np.count_nonzero(s)) for s in alone.spikes.values())


def test_the_report_of_a_bundle_has_the_cross_check(bundle, capsys, sanafe_python):
    """From the exported bundle to SANA-FE's counts, by the command line; twice the same text."""
    texts = []
    for _ in range(2):
        assert run_command(["report", str(bundle), "--sanafe", "--format", "json"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    report = json.loads(texts[0])
    found = report["crosscheck"]
    lines = by_name(found)
    chip = next(p for p in report["profiles"] if p["name"] == "loihi1-sanafe")
    assert found["cores"] == chip["cores"] and found["explained"] and found["within_5_percent"]
    counted = (report["windows"]["chip_alone"]["steps"], *(report["counts"][key] for key in ("neuron_spikes",)))
    assert (lines["machine steps"]["theirs"], lines["spikes"]["theirs"]) == counted
    assert lines["messages"]["theirs"] == chip["placement"]["counts"]["messages"]
    assert lines["synaptic events"]["theirs"] == report["counts"]["synaptic_events"]
    events = sum(chip["components"][name]["energy_j"] for name in ("synapse", "neuron", "spike", "routing"))
    assert lines["energy: total"]["ours"] == pytest.approx(events, rel=1e-12)
    assert lines["time: detailed model"]["ours"] == pytest.approx(chip["latency_s"], rel=1e-12)
    assert lines["energy: total"]["theirs"] == pytest.approx(events, rel=0.05)


def test_markdown_shows_both_and_why_they_differ(bundle, capsys, sanafe_python):
    assert run_command(["report", str(bundle), "--sanafe", "--profile", "loihi1-sanafe"]) == 0
    text = capsys.readouterr().out
    section = text.split("## Cross-check: SANA-FE")[1].split("\n## ")[0]
    assert "SANA-FE 2.2.9 replays the recorded spikes of sample 0" in section
    assert "within 5 % (ours / SANA-FE 1.0000; as reported 1.0" in section
    assert "1. SANA-FE updates a replayed neuron where it fires" in section


def test_a_report_without_the_option_has_no_such_section(bundle):
    report = report_of(open_bundle(bundle))
    assert "crosscheck" not in report and "SANA-FE (modelled" not in to_markdown(report)


def test_what_sanafe_cannot_take_is_in_the_report_with_its_reason(bundle, capsys, monkeypatch, sanafe_python):
    monkeypatch.setattr(sanafe, "LARGEST", 10)
    assert run_command(["report", str(bundle), "--sanafe", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["crosscheck"]
    assert "synapses of the network, at most 10: export a smaller graph" in found["refused"] and "lines" not in found
    report = {**report_of(open_bundle(bundle)), "crosscheck": found}
    assert "Not made: SANA-FE cannot take" in to_markdown(report)


def test_a_run_past_its_time_limit_is_refused_by_name(over_chips, recording, profile, sanafe_python):
    with pytest.raises(UnsupportedError, match=r"SANA-FE cannot take this network in 0.01 s, its time limit"):
        crosscheck(over_chips, recording, profile, time_limit_s=0.01)


def test_inputs_that_spike_are_not_compared(over_chips, recording, profile):
    driven = replace(over_chips.network, populations={**over_chips.network.populations, "drive": Population("drive", (3,), Source())})
    with pytest.raises(UnsupportedError, match=r"source 'drive': inputs that spike, which are neurons to it"):
        crosscheck(replace(over_chips, network=driven), recording, profile)


def test_a_profile_without_the_constants_is_refused(over_chips, recording):
    with pytest.raises(ProfileError, match=r"profile loihi1: has no energy.synaptic_event_sparse, .*cross-check loihi1-sanafe"):
        crosscheck(over_chips, recording, load("loihi1"))


def test_without_sanafe_the_command_says_how_to_get_it(bundle, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv(sanafe_child.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run_command(["report", str(bundle), "--sanafe"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("error: ") == 1 and "Traceback" not in err
    assert "pip install sanafe==2.2.9" in err and f"set ${sanafe_child.VARIABLE}" in err


@pytest.mark.parametrize(
    ("program", "says"), [("exit 3", "cannot import it"), ("echo 2.2.9; test $1 = -c && exit 0; echo boom >&2; exit 7", "status 7")]
)
def test_an_interpreter_that_fails_is_named(over_chips, recording, profile, tmp_path, monkeypatch, program, says):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setenv(sanafe_child.VARIABLE, str(python))
    with pytest.raises(InputError, match=rf"SANA-FE: .*{says}"):
        crosscheck(over_chips, recording, profile)


def test_a_missing_interpreter_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(sanafe_child.VARIABLE, str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"SANA-FE: .*none cannot be run"):
        sanafe_child.sanafe_python()
