"""A run that was stopped goes on as if it had not been."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from neurograph.data import GraphData, load
from neurograph.errors import TrainingError
from neurograph.training import Files, Recipe, TrainingResult, loop, preset, train
from neurograph.training.log import COLUMNS


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load("karate")


def run(graph: GraphData, epochs: int, files: Files | None = None, seed: int = 0, **recipe: Any) -> TrainingResult:
    config, how = preset(graph, learn_beta=True)
    return train(config, graph, seed, replace(how, ramp=2, **recipe), epochs, files=files)


def same(one: TrainingResult, other: TrainingResult) -> bool:
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    ours, theirs = ({k: v for k, v in r.metrics().items() if k != "wall_s"} for r in (one, other))
    return all(torch.equal(a, b) for a, b in pairs) and ours == theirs


def logged(path: Path) -> list[list[str]]:
    """All but the seconds."""
    return [row[:-1] for row in csv.reader(path.read_text().splitlines())]


@pytest.mark.parametrize("recipe", [{}, {"parts": 3}, {"precision": "mixed"}, {"weight_bits": 4}], ids=str)
def test_a_resumed_run_is_the_run_that_never_stopped(graph: GraphData, tmp_path: Path, recipe: dict[str, Any]) -> None:
    files = Files(log=tmp_path / "log.csv", state=tmp_path / "run.state", every=3)
    whole = run(graph, 14, Files(log=tmp_path / "whole.csv"), **recipe)
    run(graph, 8, files, **recipe)
    resumed = run(graph, 14, replace(files, resume=True), **recipe)
    assert same(resumed, whole)
    assert logged(files.log) == logged(tmp_path / "whole.csv")


@pytest.mark.parametrize("recipe", [{}, {"weight_bits": 4}], ids=str)
def test_a_run_that_was_killed_goes_on(graph: GraphData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: dict[str, Any]) -> None:
    """Once in each stage, between two states."""
    files = Files(log=tmp_path / "log.csv", state=tmp_path / "run.state", every=3)
    whole = run(graph, 12, Files(log=tmp_path / "whole.csv"), **recipe)
    step, left = loop._epoch, [8]

    def until_killed(*arguments: Any) -> float:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(loop, "_epoch", until_killed)
    for resume in (False, *[True] * len(recipe)):
        with pytest.raises(KeyboardInterrupt):
            run(graph, 12, replace(files, resume=resume), **recipe)
        left[0] = 12
    monkeypatch.undo()
    assert same(run(graph, 12, replace(files, resume=True), **recipe), whole)
    assert logged(files.log) == logged(tmp_path / "whole.csv")


def test_a_run_that_was_cut_between_states_loses_no_line_twice(graph: GraphData, tmp_path: Path) -> None:
    """The state is of epoch 6, the log of epoch 8, as where the process was killed."""
    files = Files(log=tmp_path / "log.csv", state=tmp_path / "run.state", every=6)
    run(graph, 6, files)
    kept = files.state.read_bytes()
    run(graph, 8, replace(files, resume=True))
    files.state.write_bytes(kept)
    assert same(run(graph, 12, replace(files, resume=True)), run(graph, 12))
    header, *rows = logged(files.log)
    assert [int(row[1]) for row in rows] == list(range(1, 13)) and tuple(header) == COLUMNS[:-1]


def test_a_finished_run_is_read_and_not_run_again(graph: GraphData, tmp_path: Path) -> None:
    files = Files(state=tmp_path / "run.state")
    whole = run(graph, 5, files)
    again = run(graph, 5, replace(files, resume=True))
    assert same(whole, again) and again.wall_s == whole.wall_s


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed is 0 there and 1 now"),
        ({"learning_rate": 0.02}, "recipe.learning_rate is 0.01 there and 0.02 now"),
        ({"consistency": 0.0}, "recipe.consistency is 1.0 there and 0.0 now"),
    ],
    ids=str,
)
def test_another_run_is_refused_by_name(graph: GraphData, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    files = Files(state=tmp_path / "run.state")
    run(graph, 3, files)
    with pytest.raises(TrainingError, match=said):
        run(graph, 6, replace(files, resume=True), **change)


def test_another_model_or_graph_is_refused_by_name(graph: GraphData, tmp_path: Path) -> None:
    files = Files(state=tmp_path / "run.state")
    run(graph, 3, files)
    config, how = preset(graph, learn_beta=True)
    with pytest.raises(TrainingError, match="config.gnn_width is 16 there and 8 now"):
        train(replace(config, gnn_width=8), graph, 0, replace(how, ramp=2), 6, files=replace(files, resume=True))
    other = replace(graph, train_mask=graph.val_mask, val_mask=graph.train_mask)
    with pytest.raises(TrainingError, match="graph is 'karate, 34 nodes, [0-9a-f]{16}' there"):
        train(config, other, 0, replace(how, ramp=2), 6, files=replace(files, resume=True))


def test_a_best_epoch_of_before_the_ramp_is_forgotten(graph: GraphData, tmp_path: Path) -> None:
    """A run that ends before its ramp does takes what it has; one that goes on past the ramp begins to choose there."""
    config, how = preset(graph)
    how = replace(how, ramp=10)
    files = Files(state=tmp_path / "run.state")
    assert train(config, graph, 0, how, 5, files=files).best_epoch == 5
    whole = train(config, graph, 0, how, 25)
    resumed = train(config, graph, 0, how, 25, files=replace(files, resume=True))
    assert same(resumed, whole) and whole.best_epoch >= 10


def test_a_state_is_not_written_over_another_file_nor_read_past_its_end(graph: GraphData, tmp_path: Path) -> None:
    other = tmp_path / "model.pt"
    torch.save({"format": "neurograph-checkpoint"}, other)
    before = other.read_bytes()
    with pytest.raises(TrainingError, match=r"model\.pt: another file is there"):
        run(graph, 2, Files(state=other))
    assert other.read_bytes() == before
    files = Files(state=tmp_path / "run.state")
    run(graph, 4, files)
    run(graph, 3, files)  # begins anew
    with pytest.raises(TrainingError, match="is at epoch 3, past the 2 asked for"):
        run(graph, 2, replace(files, resume=True))


def _bit(path: Path, at: float) -> None:
    held = bytearray(path.read_bytes())
    held[int(at * len(held))] ^= 0x10
    path.write_bytes(held)


@pytest.mark.parametrize("at", [i / 41 for i in range(41)] + [1 - i / 900 for i in range(1, 60)])
def test_a_bit_flipped_anywhere_is_an_error_by_name_or_no_harm(at: float, states: Path, graph: GraphData, tmp_path: Path) -> None:
    path = tmp_path / "run.state"
    path.write_bytes(states.read_bytes())
    _bit(path, at)
    try:
        run(graph, 3, Files(state=path, resume=True))
    except TrainingError as error:
        assert str(path) in str(error)


@pytest.fixture(scope="module")
def states(graph: GraphData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("states") / "run.state"
    run(graph, 3, Files(state=path))
    return path


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda p: p.unlink(), "does not exist"),
        (lambda p: p.write_bytes(p.read_bytes()[:500]), "no whole torch file"),
        (lambda p: p.write_bytes(p.read_bytes().replace(b"neurograph-training", b"neurograph-trainint")), "damaged"),
        (lambda p: torch.save({"a": 1}, p), "is no state of a training run"),
    ],
    ids=["missing", "cut off", "a flipped bit", "another file"],
)
def test_a_damaged_state_is_refused(graph: GraphData, tmp_path: Path, damage: Any, said: str) -> None:
    files = Files(state=tmp_path / "run.state")
    run(graph, 3, files)
    damage(files.state)
    with pytest.raises(TrainingError, match=said):
        run(graph, 6, replace(files, resume=True))


def test_a_log_is_not_written_over_another_file(graph: GraphData, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("name,age\n")
    files = Files(log=tmp_path / "log.csv", state=tmp_path / "run.state")
    run(graph, 2, replace(files, log=None))
    with pytest.raises(TrainingError, match="is no log of a training run"):
        run(graph, 4, replace(files, resume=True))
    assert (tmp_path / "log.csv").read_text() == "name,age\n"
    with pytest.raises(TrainingError, match="cannot be written"):
        run(graph, 2, Files(log=tmp_path / "nowhere" / "log.csv"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"epochs": 0}, "epochs is 0, must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, must be above 0"),
        ({"consistency": float("nan")}, "consistency is nan, must be a finite number"),
        ({"consistency": -1.0}, "consistency is -1.0, must be at least 0"),
        ({"weight_decay": float("inf")}, "weight_decay is inf, must be a finite number"),
        ({"parts": 1.5}, "parts is 1.5, must be a whole number"),
        ({"epochs": "many"}, "epochs is 'many', must be a whole number"),
        ({"patience": True}, "patience is True, must be a whole number"),
        ({"precision": "half"}, "precision is 'half', must be one of 'float32', 'mixed'"),
    ],
    ids=str,
)
def test_a_recipe_out_of_range_is_refused(value: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        Recipe(**value)
