"""Settings files: those of the package fit their models, and others are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurograph.data import load, names
from neurograph.errors import TrainingError
from neurograph.training import preset, read_settings, settings_for
from neurograph.training.settings import names as packaged

GOOD = """
about = "a try"
source = "nobody"
dataset = "karate"
[model]
name = "spikegraphormer"
gnn_width = 8
[recipe]
epochs = 7
[data]
adjacency = 0.5
"""


@pytest.mark.parametrize("name", packaged())
def test_packaged_settings_can_be_used(name: str) -> None:
    found = read_settings(name)
    assert found.dataset in names() and found.source and name.removeprefix("released-") == f"{found.name}-{found.dataset}"
    config, recipe = found.config(found.prepare(load("karate"))), found.how()
    assert config.nodes == 34 and recipe.epochs >= 1


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    found, graph = read_settings(tmp_path / "mine.toml"), load("karate")
    prepared = found.prepare(graph)
    np.testing.assert_array_equal(prepared.x[:, :34].toarray(), graph.x)
    assert prepared.x[:, 34:].toarray().tolist() == (0.5 * (prepared.x[:, 34:].toarray() > 0)).tolist()
    assert (prepared.x[:, 34:].nnz, prepared.features) == (graph.edge_index.shape[1], 68)
    assert (found.config(prepared).gnn_width, found.config(prepared).in_features, found.how().epochs) == (8, 68, 7)


def test_without_settings_of_its_own_a_graph_gets_the_defaults() -> None:
    config, recipe = preset(load("sbm:60"))
    assert config.gnn_width == 64 and recipe.epochs == 300
    assert settings_for("spikegraphormer", "rmat:200").dataset == "rmat:200"


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('name = "spikegraphormer"', 'name = "gcnii"', "model.name is 'gcnii', must be one of"),
        ("gnn_width = 8", "gnn_wdth = 8", "model.gnn_wdth is not known, must be one of"),
        ("gnn_width = 8", "nodes = 8", "model.nodes is not known"),
        ("epochs = 7", "epoch = 7", "recipe.epoch is not known"),
        ("epochs = 7", "epochs = 0", "recipe: epochs is 0, must be at least 1"),
        ("epochs = 7", 'epochs = "many"', "recipe: epochs is 'many', must be a whole number"),
        ('dataset = "karate"', "", "dataset is missing"),
        ('dataset = "karate"', "dataset = 3", "dataset is 3: input should be a valid string"),
        ("[recipe]", "[rezipe]", "rezipe is not known, must be one of about, source, dataset, model, recipe, data"),
        ("adjacency = 0.5", "adjacensy = 0.5", "data.adjacensy is not known, must be one of adjacency"),
        ("adjacency = 0.5", "adjacency = -1", "data.adjacency is -1: input should be greater than or equal to 0"),
        ("[recipe]", "[recipe", "is not TOML"),
    ],
)
def test_odd_files_are_refused_by_name(tmp_path: Path, was: str, now: str, said: str) -> None:
    (tmp_path / "odd.toml").write_text(GOOD.replace(was, now))
    with pytest.raises(TrainingError, match=said):
        read_settings(tmp_path / "odd.toml")


def test_about_and_source_may_be_left_out_and_names_are_taken_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "short.toml").write_text(GOOD.replace('about = "a try"', "").replace('source = "nobody"', ""))
    assert read_settings(tmp_path / "short.toml").source == ""
    assert settings_for("sghormer", "Karate") == settings_for("sghormer", "karate")


def test_values_that_a_model_refuses(tmp_path: Path) -> None:
    for now in ("gnn_layers = 1.5", "spike_dropout = 1.5", "spike_dropout = nan", "encoder_gain = nan"):
        (tmp_path / "odd.toml").write_text(GOOD.replace("gnn_width = 8", now))
        with pytest.raises(TrainingError, match=f"{now.replace(' =', ' is')}, must be"):
            read_settings(tmp_path / "odd.toml").config(load("karate"))
    (tmp_path / "odd.toml").write_text(GOOD.replace("gnn_width = 8", "gnn_width = 0"))
    with pytest.raises(TrainingError, match="gnn_width is 0, must be at least 1"):
        read_settings(tmp_path / "odd.toml").config(load("karate"))


def test_unknown_names() -> None:
    with pytest.raises(TrainingError, match="settings 'cora': there are none of that name; take one of .*spikegraphormer-cora"):
        read_settings("cora")
    with pytest.raises(TrainingError, match=r"nowhere\.toml: cannot be read"):
        read_settings("nowhere.toml")
