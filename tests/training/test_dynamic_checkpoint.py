"""Model files of dynamic models: round trips, and one line for what can be wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurograph.data.snapshots import blocks
from neurograph.errors import CheckpointError, InputError
from neurograph.training import load
from neurograph.training.dynamic_checkpoint import (
    DYNAMIC_MODELS,
    Drawing,
    DynamicCheckpoint,
    is_dynamic_model,
    load_dynamic_model,
    save_dynamic_model,
    train_dynamic,
)

DRAWING = Drawing(width=6, smoothing=3, idle="hold", edges="step")


@pytest.fixture(scope="module")
def trained() -> DynamicCheckpoint:
    graph = blocks(48, steps=3)
    return train_dynamic("dysign-onchip", graph, graph.split(0.5), seed=3, epochs=2, drawing=DRAWING)


@pytest.fixture
def path(tmp_path: Path, trained: DynamicCheckpoint) -> Path:
    return save_dynamic_model(tmp_path / "dy.pt", trained)


def test_what_is_read_gives_the_same_logits_and_scores(path: Path, trained: DynamicCheckpoint) -> None:
    found = load_dynamic_model(path)
    assert (found.name, found.seed, found.drawing, found.model.config) == ("dysign-onchip", 3, DRAWING, trained.model.config)
    assert found.metrics == trained.metrics and found.metrics["epochs"] == 2
    assert (found.graph.name, found.graph.classes) == ("blocks", 3)
    for one, other in zip((*found.graph.snapshots, *found.masks), (*trained.graph.snapshots, *trained.masks), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = torch.arange(48)
    with torch.no_grad():
        logits = [c.model(c.steps(), 48, rows) for c in (found, trained)]
    torch.testing.assert_close(*logits, rtol=0, atol=0)
    test = found.masks[2]
    assert found.metrics["test_accuracy"] == pytest.approx(float((logits[0].argmax(1).numpy() == found.graph.y)[test].mean()))


def test_both_builds_can_be_stored(tmp_path: Path) -> None:
    graph = blocks(40, steps=2)
    for name in DYNAMIC_MODELS:
        made = train_dynamic(name, graph, graph.split(0.5), epochs=1, drawing=DRAWING)
        assert load_dynamic_model(save_dynamic_model(tmp_path / f"{name}.pt", made)).name == name


def changed(path: Path, **values: Any) -> Path:
    payload = torch.load(path, weights_only=True)
    torch.save({**payload, **values}, path)
    return path


def test_what_does_not_fit_is_refused_in_one_line(path: Path, trained: DynamicCheckpoint, tmp_path: Path) -> None:
    payload = torch.load(path, weights_only=True)
    wrong = [
        ({"model": "gru"}, "model 'gru' is not known"),
        ({"version": 9}, "version 9, must be 1"),
        ({"drawing": {"width": 6, "depth": 2}}, "its parts do not fit each other"),
        ({"state_dict": {**payload["state_dict"], "log_gain": torch.tensor([float("nan"), 1.0])}}, "tensor 'log_gain' holds 1 NaN"),
        ({"state_dict": {}}, "its parts do not fit each other"),
        ({"graph": {**payload["graph"], "snapshots": payload["graph"]["snapshots"][:2]}}, "of another graph than its own"),
        ({"masks": [torch.zeros(3, dtype=torch.bool)] * 3}, "of another graph than its own"),
        ({"graph": {**payload["graph"], "y": payload["graph"]["y"] + 1}}, "its parts do not fit each other"),
        ({"seed": "three"}, "seed of another type"),
        ({"seen": torch.zeros(5, 4)}, "its parts do not fit each other"),
        ({"seen": torch.full_like(payload["seen"], float("nan"))}, "features that were seen of"),
        ({"drawing": {**payload["drawing"], "smoothing": 10**6}}, "smoothing 1000000, must be 1 to 16,384 and 0 to 1,000"),
        ({"model": "y" * 100_000}, f"model '{'y' * 60}' is not known"),
    ]
    for values, says in wrong:
        with pytest.raises(CheckpointError, match=says) as found:
            load_dynamic_model(changed(save_dynamic_model(tmp_path / "x.pt", trained), **values))
        assert "\n" not in str(found.value) and "x.pt" in str(found.value)
    with pytest.raises(InputError, match="model 'gru': no dynamic model"):
        train_dynamic("gru", trained.graph, trained.masks)


def test_a_machine_that_makes_other_features_is_found_out(path: Path) -> None:
    found = load_dynamic_model(changed(path, seen=torch.load(path, weights_only=True)["seen"] + 0.5))
    with pytest.raises(CheckpointError, match="features made of its edges here are up to 0.5 from those it was trained on, must be within"):
        found.steps()


def test_the_two_kinds_of_files_are_told_apart(path: Path, tmp_path: Path) -> None:
    assert is_dynamic_model(path)
    with pytest.raises(CheckpointError, match="is a neurograph-dynamic-checkpoint, must be a neurograph-checkpoint here"):
        load(path)
    (tmp_path / "text.pt").write_text("no archive")
    torch.save({"format": "other"}, tmp_path / "other.pt")
    assert not is_dynamic_model(tmp_path / "text.pt") and not is_dynamic_model(tmp_path / "other.pt")
    assert not is_dynamic_model(tmp_path / "nothing.pt")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_dynamic_model(tmp_path / "nothing.pt")
    with pytest.raises(CheckpointError, match="not a neurograph checkpoint"):
        load_dynamic_model(tmp_path / "other.pt")
