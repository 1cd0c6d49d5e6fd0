"""Search by Optuna: chooses by validation accuracy, goes on, and writes settings that train reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neurograph.data import load
from neurograph.errors import DataError, TrainingError
from neurograph.models import MODELS
from neurograph.training import read_settings, search
from neurograph.training.search import SPACES, to_toml
from neurograph.training.settings import settings_for


def test_search_finds_what_scores_best_and_never_sees_a_test_score(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scored:
        def __init__(self, value: float) -> None:
            self.val_accuracy = value

    def scored(config: Any, graph: Any, seed: int, recipe: Any, epochs: Any) -> Scored:
        return Scored((recipe.learning_rate == 0.03) * 0.5 + (config.gnn_width == 16) * 0.3 + 0.01 * seed)

    monkeypatch.setattr(search, "train", scored)
    found = search.search("spikegraphormer", "karate", trials=60, seeds=2)
    assert found.settings.recipe["learning_rate"] == 0.03 and found.settings.model["gnn_width"] == 16
    assert (found.trials, found.val_accuracy) == (60, pytest.approx(0.805))


def test_the_first_trial_is_the_settings_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squirrel's have values of their own (temperature and dropouts are of the space, patience is none of its names)."""
    seen: list[Any] = []

    class Scored:
        val_accuracy = 0.5

    def scored(config: Any, graph: Any, seed: int, recipe: Any, epochs: Any) -> Scored:
        seen.append((config.gnn_layers, config.gnn_linear, config.readout, config.encoder_gain, recipe.consistency, recipe.patience))
        return Scored()

    monkeypatch.setattr(search, "train", scored)
    monkeypatch.setattr(search, "protocol", lambda name: type("P", (), {"graph": lambda self, *about: load("karate")})())
    search.search("spikegraphormer", "squirrel", trials=1, seeds=1)
    settings = settings_for("spikegraphormer", "squirrel")
    config, recipe = settings.config(load("karate")), settings.how()
    assert seen == [(config.gnn_layers, config.gnn_linear, config.readout, config.encoder_gain, recipe.consistency, recipe.patience)]


def test_search_goes_on_and_its_settings_can_be_read(tmp_path: Path) -> None:
    lines: list[str] = []
    fixed = {"model.attention_width": 16, "data.adjacency": 0.1}
    for trials in (2, 3, 3):
        found = search.search(
            "spikegraphormer", "karate", trials=trials, seeds=1, epochs=3, study=tmp_path / "study.db", fixed=fixed, report=lines.append
        )
    assert (found.trials, len(lines)) == (3, 3)
    (tmp_path / "found.toml").write_text(to_toml(found.settings))
    read = read_settings(tmp_path / "found.toml")
    assert read == found.settings and read.data.adjacency == 0.1
    assert read.config(read.prepare(load("karate"))).attention_width == 16


@pytest.mark.parametrize("model", list(SPACES))
def test_spaces_are_of_fields_that_there_are(model: str) -> None:
    graph = load("karate")
    for name, values in SPACES[model].items():
        for value in values:
            settings = search._with(settings_for(model, "karate"), "karate", {name: value})
            settings.config(settings.prepare(graph)), settings.how()
    assert model in MODELS


def test_a_study_holds_trials_that_can_be_compared_and_its_settings_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how: dict[str, Any] = {"trials": 1, "seeds": 1, "epochs": 3, "study": tmp_path / "study.db"}
    with pytest.raises(DataError):
        search.search("spikegraphormer", "cora", tmp_path, **how)  # its first trial dies
    with pytest.raises(TrainingError, match="was made with epochs 3, and this search has 4; give another file"):
        search.search("spikegraphormer", "cora", tmp_path, **{**how, "epochs": 4})
    seen: list[Any] = []

    class Scored:
        val_accuracy = 0.5

    def scored(config: Any, graph: Any, seed: int, recipe: Any, epochs: Any) -> Scored:
        seen.append((recipe.learning_rate, config.gnn_width, config.readout))
        return Scored()

    monkeypatch.setattr(search, "train", scored)
    monkeypatch.setattr(search, "protocol", lambda name: type("P", (), {"graph": lambda self, *about: load("karate")})())
    search.search("spikegraphormer", "Cora", **how)
    assert seen == [(0.01, 64, "propagated")], "cora's, in any case of its name"


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="model 'gcn' has no space to search"):
        search.search("gcn", "karate")
    with pytest.raises(TrainingError, match="model.colour is not searched"):
        search.search("spikegraphormer", "karate", fixed={"model.colour": 1})
    (tmp_path / "study.db").write_text("no database")
    with pytest.raises(TrainingError, match="cannot be used"):
        search.search("spikegraphormer", "karate", trials=1, study=tmp_path / "study.db")
