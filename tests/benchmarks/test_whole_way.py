"""benchmarks/whole_way.py and benchmarks/sghormer_energy.py in a short form: karate, a few epochs, the same way to the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sghormer_energy
import whole_way

from neurograph.data import load
from neurograph.training import preset


def test_the_whole_way_ends_in_parity_and_an_energy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.json"
    whole_way.main(["--dataset", "karate", "--seeds", "2", "--epochs", "25", "--json", str(out)])
    found, text = json.loads(out.read_text()), capsys.readouterr().out
    assert [row["seed"] for row in found["seeds"]] == [0, 1]
    assert all(row["torch"] == row["float"] and 0.9 < row["agreement"] <= 1 for row in found["seeds"])
    assert found["check"]["ok"] and {(pair["a"], pair["b"]) for pair in found["check"]["pairs"]} >= {("torch", "float")}
    assert any("lava" in pair["b"] for pair in found["check"]["pairs"])
    assert found["export_s"]["without"] > 0 and all(profile["energy_j"]["total"] > 0 for profile in found["report"]["profiles"])
    assert "karate, 34 nodes, onchip, hard reset, 2 seeds" in text and "of u and v: 0 spikes, 0 values differ" in text


def test_energy_of_sghormer_beside_a_dense_transformer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.json"
    command = ["--datasets", "karate", "--epochs", "12", "--models", str(tmp_path), "--json", str(out)]
    sghormer_energy.main(command)
    (row,) = json.loads(out.read_text())
    karate = load("karate")
    width = preset(karate, "sghormer")[0].width
    assert row["dense"] - row["dense_core"] == karate.nodes * width * (karate.features + karate.classes), "what the core leaves out"
    assert row["ratios"]["core"] == pytest.approx(4.6 * row["dense_core"] / (0.9 * row["additions"]))
    assert 0 < row["gate_additions"] < row["additions"] and row["gates"] == 2 * 128 * karate.nodes
    sghormer_energy.main([*command, "--ticks", "2"])
    (fewer,) = json.loads(out.read_text())
    assert fewer["additions"] < row["additions"] and "SGHormer: energy of one inference" in capsys.readouterr().out
