"""The report of a bundle: of its own sample, of a recording, over a placement that was made apart; what is refused, and how."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from spiky import karate_checkpoint

from neurograph.chips import target
from neurograph.cli.main import run_command
from neurograph.errors import InputError
from neurograph.export.bundle import open_bundle, write_bundle
from neurograph.export.bundle.windows import DynamicBundle
from neurograph.export.compile import compile_checkpoint
from neurograph.hw_profiles.report import build
from neurograph.hw_profiles.report.methods import methods
from neurograph.hw_profiles.schema import profile_text
from neurograph.report_profiles import PROFILES
from neurograph.reporting import Wanted, comparison_of, report_of
from neurograph.reporting.profiles import load_profiles

TARGET = target("loihi2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reported") / "karate"
    write_bundle(compile_checkpoint(karate_checkpoint(), TARGET), TARGET, path)
    return path


@pytest.fixture(scope="module")
def recording(folder: Path) -> Path:
    path = folder.parent / "run.h5"
    assert run_command(["simulate", str(folder), "-o", str(path)]) == 0
    return path


def report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run_command(["report", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert run_command(["report", *words]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert len(said.err.splitlines()) == 1
    return said.err


def test_a_recording_of_the_own_sample_gives_the_same_report(folder: Path, recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = report(capsys, str(folder))
    of_recording = report(capsys, str(folder), "--recording", str(recording))
    assert own["counts"]["synaptic_events"] > 0
    # whose labels and features a recording has is not known, so neither accuracy nor what skips zeros
    keys = {"baselines": "accounting", "break_even": "accounting", "headline": "line", "level_1": "accounting"}
    known = {key: value for key, value in own.items() if key != "accuracy"} | {"host_macs_effective": {}}
    known |= {key: [row for row in own[key] if not row[word].endswith("zeros skipped")] for key, word in keys.items()}
    assert own["host_macs_effective"] and len(known["headline"]) < len(own["headline"])
    assert of_recording == known


def test_spikes_of_a_float_engine_are_counted_on_the_integer_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of which some are 0 here: 2 bits."""
    coarse, run = tmp_path / "coarse", tmp_path / "float.h5"
    write_bundle(compile_checkpoint(karate_checkpoint(), TARGET, bits=2), TARGET, coarse)
    assert run_command(["simulate", str(coarse), "--engine", "float", "--counts", "-o", str(run), "--json"]) == 0
    there = json.loads(capsys.readouterr().out)["counts"]["synaptic_events"]
    found = report(capsys, str(coarse), "--recording", str(run))
    assert found["engine"] == "float" and "rounded to 0" in found["model"]["counted on"]
    assert 0 < found["counts"]["synaptic_events"] < there


def test_rules_of_another_emulator_are_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "other.h5"
    assert run_command(["simulate", str(folder), "--rules", "nengo_loihi", "-o", str(run)]) == 0
    found = report(capsys, str(folder), "--recording", str(run))
    assert found["model"]["rules"] == "nengo_loihi"
    assert "in its fixed engine by the rules of nengo_loihi" in methods(found)


def test_a_recording_without_spikes_says_how_to_make_one(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = tmp_path / "outputs.h5"
    assert run_command(["simulate", str(folder), "-o", str(outputs), "--record", "outputs"]) == 0
    said = refused(capsys, str(folder), "--recording", str(outputs))
    assert "holds no spikes of attention_blocks_0_neuron" in said
    assert "make one with 'neurograph simulate BUNDLE -o FILE.h5'" in said
    assert "'neurograph simulate -o' writes one" in refused(capsys, str(folder), "--recording", str(tmp_path / "none.h5"))


def test_a_recording_of_another_network_is_refused(
    folder: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = tmp_path / "longer"
    write_bundle(compile_checkpoint(karate_checkpoint(), TARGET, ticks=6), TARGET, longer)
    assert "has shape (1, 4, 34, 8), the network needs (1, 6, 34, 8)" in refused(capsys, str(longer), "--recording", str(recording))


def test_a_placement_made_apart_is_used_for_its_chip(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["place", str(folder), "--profile", "loihi1", "--method", "random", "--seed", "3", "-o", str(tmp_path / "p")]) == 0
    both = ["--profile", "loihi1", "--profile", "loihi2"]
    plain, given = report(capsys, str(folder), *both), report(capsys, str(folder), *both, "--placement", str(tmp_path / "p"))
    assert [p["placement"]["method"] for p in plain["profiles"]] == ["metis", "metis"]
    assert [p["placement"]["method"] for p in given["profiles"]] == ["random", "metis"]
    assert given["profiles"][1] == plain["profiles"][1]
    assert report(capsys, str(folder), *both, "--placement", str(tmp_path / "p" / "placement.json")) == given


def test_a_placement_made_for_another_chip_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["place", str(folder), "--profile", "loihi1", "-o", str(tmp_path / "p")]) == 0
    said = refused(capsys, str(folder), "--profile", "loihi2", "--placement", str(tmp_path / "p"))
    assert "was made for chip 'loihi1', but the profiles are loihi2; add --profile loihi1" in said
    content = json.loads((tmp_path / "p" / "placement.json").read_text())
    content["limits"]["neurons"] = 4096
    (tmp_path / "other.json").write_text(json.dumps(content))
    said = refused(capsys, str(folder), "--placement", str(tmp_path / "other.json"))
    assert "another chip of the name 'loihi1' (neurons 4096 there, 1024 here)" in said
    (tmp_path / "cut.json").write_text((tmp_path / "other.json").read_text()[:200])
    assert "is damaged" in refused(capsys, str(folder), "--placement", str(tmp_path / "cut.json"))


def test_static_power_is_a_component_and_energies_add_up(folder: Path) -> None:
    made = report_of(open_bundle(folder))
    for profile in made["profiles"]:
        assert sum(profile["energy_j"]["components"].values()) == pytest.approx(profile["energy_j"]["total"])
    loihi1 = next(p for p in made["profiles"] if p["name"] == "loihi1")
    assert loihi1["components"]["static"]["energy_j"] == pytest.approx(0.1044 * loihi1["latency_s"] * loihi1["chips"])
    assert loihi1["on_chip_j"]["total"] == pytest.approx(loihi1["events_j"]["total"] + loihi1["static_j"]["total"])


def mine(folder: Path) -> Path:
    """A profile of the user's with the name of a shipped one."""
    path = folder / "mine.toml"
    path.write_text(profile_text("loihi1").replace("value = 23.6", "value = 24.6", 1))
    return path


def test_two_profiles_of_one_name_are_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["--profile", "loihi1", "--profile", "loihi1"]
    own = ["--profile", "loihi1", "--profile", str(mine(tmp_path))]
    assert "profile loihi1: is given twice" in refused(capsys, str(folder), *again)
    said = refused(capsys, str(folder), *own)
    assert "mine.toml: another one (loihi1) is named 'loihi1' too, must have a name of its own; change one's name" in said
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    assert "is given twice" in refused(capsys, str(folder), str(other), *again)
    assert "is named 'loihi1' too" in refused(capsys, str(folder), str(other), *own)
    assert [p.name for p in load_profiles(["loihi1", "loihi2"])] == ["loihi1", "loihi2"]


def test_the_profiles_of_a_report_that_names_none_stand_in_one_place() -> None:
    defaults = [inspect.signature(function).parameters["profiles"].default for function in (build, report_of, comparison_of)]
    assert all(default is PROFILES for default in defaults)


@pytest.mark.parametrize("bits", [2, 8])
def test_a_recording_with_counts_of_other_weights_is_refused(
    folder: Path, tmp_path: Path, bits: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run = tmp_path / "bits", tmp_path / "counted.h5"
    write_bundle(compile_checkpoint(karate_checkpoint(), TARGET, bits=bits), TARGET, path)
    assert run_command(["simulate", str(path), "--counts", "-o", str(run)]) == 0
    if bits == 8:
        plain = report(capsys, str(folder))
        assert report(capsys, str(folder), "--recording", str(run))["counts"] == plain["counts"]
        return
    said = refused(capsys, str(folder), "--recording", str(run))
    assert re.search(r"is of another network \(it has [\d,]+ synaptic events of projection '.*', its spikes make [\d,]+ on this", said)
    assert "simulate this bundle: 'neurograph simulate BUNDLE -o FILE.h5'" in said


def test_a_placement_of_another_network_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "place the network again with 'neurograph place'" in refused(capsys, str(folder), "--placement", str(tmp_path / "nothere"))
    other, placed = tmp_path / "other", tmp_path / "p"
    write_bundle(compile_checkpoint(karate_checkpoint(attention_width=4), TARGET), TARGET, other)
    assert run_command(["place", str(other), "--profile", "loihi1", "-o", str(placed)]) == 0
    said = refused(capsys, str(folder), "--placement", str(placed))
    assert "is of another network (population '" in said
    assert "place this bundle with 'neurograph place'" in said


def test_options_that_a_dynamic_bundle_has_not_are_named() -> None:
    bundle = DynamicBundle.__new__(DynamicBundle)
    object.__setattr__(bundle, "path", Path("b"))
    wanted = Wanted(anns=("gcn",), data_root=Path("d"), measure=True)
    with pytest.raises(InputError, match=r"^bundle b: of a dynamic model, .*; leave --ann, --data-root, --measure out$"):
        report_of(bundle, ["loihi1"], wanted)
