"""A model that classifies graphs goes the way of one that classifies nodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused
from tu_sets import cycles_and_trees, write_tu


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    write_tu(root, "MUTAG", *cycles_and_trees(60))
    return root


def test_the_whole_way_on_the_command_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, bundle = tmp_path / "m.pt", tmp_path / "b"
    status, out, _ = call(capsys, "datasets", "show", "mutag", "--data-root", root)
    assert status == 0 and "graphs: 60" in out
    status, out, _ = call(
        capsys, "train", "spikegraphormer", "--dataset", "mutag", "--data-root", root, "--epochs", 3, "-o", model, "--json"
    )
    trained = json.loads(out)
    assert status == 0 and call(capsys, "export", model, "--target", "loihi2", "-o", bundle, "--no-verify")[0] == 0
    status, out, _ = call(capsys, "simulate", bundle, "--engine", "float", "--json")
    assert status == 0 and json.loads(out)["accuracy"] == pytest.approx(trained["test_accuracy"])
    assert call(capsys, "simulate", bundle)[0] == 0 and call(capsys, "report", bundle)[0] == 0
    status, *_ = call(capsys, "export", model, "--target", "generic", "--graphs", "3", "-o", tmp_path / "one", "--no-verify")
    assert status == 0 and call(capsys, "check", tmp_path / "one", "--engines", "torch,float")[0] == 0
    refused(capsys, "export", model, "--target", "lava", "--graphs", "60", says="must be some of 0 to 59, each once")
    refused(capsys, "export", model, "--target", "lava", "--graphs", "all", says="--graphs all: must be numbers of graphs")
    refused(capsys, "train", "spikegraphormer-paper", "--dataset", "mutag", "--data-root", root, says="classifies nodes only")
