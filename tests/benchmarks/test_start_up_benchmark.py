"""The benchmark of the start of the command line, on a small bundle."""

import pytest
import start_up

from neurograph.cli.main import run_command
from neurograph.errors import LavaMissingError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start_up")
    assert run_command(["train", "spikegraphormer", "--epochs", "3", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


def test_what_is_missing_is_said(bundle, monkeypatch):
    def none():
        raise LavaMissingError("Lava: none here")

    monkeypatch.setattr(start_up.runtime, "find", none)
    found = start_up.measure(bundle, rounds=1)
    assert list(found["commands"]) == [start_up.OURS, f"{start_up.OURS} --record spikes"] and found["missing"] == "missing: Lava: none here"
    for figures in found["commands"].values():
        assert 0 < figures["seconds"] <= figures["median_seconds"] and figures["cpu_seconds"] > 0 and 0 < figures["peak_gib"] < 4
    text = start_up.table(found)
    assert "Lava: none here" in text and "1.0×" in text


@pytest.mark.lava
def test_lava_is_measured_and_compared(bundle, lava):
    found = start_up.measure(bundle, rounds=1)
    assert len(found["commands"]) == 4 and found["missing"] is None


def test_other_spikes_are_found(bundle, monkeypatch):
    commands = {name: ["echo", f"   {count}  spikes in 1 inference(s)"] for name, count in (("a", "1,000"), ("b", "1,001"))}
    monkeypatch.setattr(start_up, "_commands", lambda *rest: (commands, None))
    with pytest.raises(AssertionError, match="spikes differ"):
        start_up.measure(bundle, rounds=1)
    commands["b"] = ["echo", "p: 7 spikes, 1 of 30 differ from what is expected"]
    with pytest.raises(AssertionError, match="1 of 30"):
        start_up.measure(bundle, rounds=1)
