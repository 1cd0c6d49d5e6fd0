"""Every model that there is can be trained, exported and reported by its name."""

from __future__ import annotations

import json

import pytest
from calling import call

from neurograph import models
from neurograph.cli.train import MODELS


def test_the_command_names_the_models_that_there_are():
    assert tuple(models.MODELS) == MODELS


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sghormer")
    from neurograph.cli.main import run_command

    assert run_command(["train", "sghormer", "--epochs", "8", "-o", str(folder / "model.pt")]) == 0
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


def test_sghormer_simulates_with_the_accuracy_of_its_float_network(bundle, capsys):
    found = {}
    for engine in ("float", "fixed"):
        status, out, _ = call(capsys, "simulate", bundle, "--engine", engine, "--json")
        assert status == 0
        found[engine] = json.loads(out)
    trained = json.loads((bundle / "manifest.json").read_text())["origin"]["metrics"]["test_accuracy"]
    assert found["float"]["accuracy"] == pytest.approx(trained)
    assert found["fixed"]["accuracy"] == pytest.approx(trained, abs=2.5 / 18)  # two of 18 test nodes


def test_the_dense_counterpart_has_the_width_of_the_outputs_not_of_the_gates(bundle, capsys):
    status, out, _ = call(capsys, "report", bundle, "--profile", "horowitz45", "--json")
    assert status == 0
    transformer, *_ = json.loads(out)["baselines"]
    assert "width 16" in transformer["note"]  # the gates are 128 wide, the feed-forward 32


def test_the_paper_build_trains_and_export_names_what_has_no_counterpart(tmp_path, capsys):
    assert call(capsys, "train", "sghormer-paper", "--epochs", "2", "-o", tmp_path / "p.pt")[0] == 0
    status, _, err = call(capsys, "export", tmp_path / "p.pt", "--target", "loihi2", "-o", tmp_path / "b")
    assert status != 0 and "RunningRate" in err and "blocks.0.srb.rate" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--state", "{}/one", "-o", "{}/one"], "-o and --state: are both"),
        (["--log", "{0}/a", "--state", "{0}/../{0.name}/a"], "--log and --state: are both"),
        (["--log", "{}/one", "-o", "{}/one"], "-o and --log: are both"),
    ],
    ids=str,
)
def test_two_outputs_in_one_file_are_refused(options, said, tmp_path, capsys):
    chosen = [option.format(tmp_path) for option in options]
    output = [] if "-o" in chosen else ["-o", str(tmp_path / "m.pt")]
    status, _, err = call(capsys, "train", "spikegraphormer", "--epochs", "2", *chosen, *output)
    assert status == 2 and said in err and not list(tmp_path.iterdir())


def test_a_state_is_told_from_a_model(tmp_path, capsys):
    state = tmp_path / "run.pt"
    assert call(capsys, "train", "spikegraphormer", "--epochs", "2", "--state", str(state), "-o", str(tmp_path / "m.pt"))[0] == 0
    status, _, err = call(capsys, "export", str(state), "--target", "loihi2", "-o", str(tmp_path / "b"))
    assert status == 2 and "is the state of a training run" in err
    before = (tmp_path / "m.pt").read_bytes()
    status, _, err = call(
        capsys, "train", "spikegraphormer", "--epochs", "2", "--state", str(tmp_path / "m.pt"), "-o", str(tmp_path / "n.pt")
    )
    assert status == 2 and "another file is there" in err and (tmp_path / "m.pt").read_bytes() == before
