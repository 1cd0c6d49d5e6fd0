"""Model files: round trips, and one line for everything that can be wrong with one."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from neurograph.data import GraphData
from neurograph.data import load as load_graph
from neurograph.errors import CheckpointError
from neurograph.models import SpikeGraphormer
from neurograph.nn import as_features
from neurograph.training import TrainingResult, load, preset, save, train


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load_graph("karate")


@pytest.fixture(scope="module")
def result(graph: GraphData) -> TrainingResult:
    config, recipe = preset(graph)
    return train(config, graph, seed=1, recipe=recipe, epochs=3)


@pytest.fixture
def path(tmp_path: Path, graph: GraphData, result: TrainingResult) -> Path:
    return save(tmp_path / "model.pt", result.model, graph, result)


@pytest.mark.parametrize("sparse", [False, True])
def test_round_trip(tmp_path: Path, graph: GraphData, result: TrainingResult, sparse: bool) -> None:
    given = replace(graph, x=sp.csr_matrix(graph.x)) if sparse else graph
    checkpoint = load(save(tmp_path / "model.pt", result.model, given, result))
    assert checkpoint.config == result.model.config
    assert checkpoint.seed == 1
    assert checkpoint.metrics == result.metrics()
    assert set(checkpoint.versions) == {"neurograph", "torch"}
    assert sp.issparse(checkpoint.graph.x) == sparse
    for key in ("edge_index", "y", "train_mask", "val_mask", "test_mask"):
        np.testing.assert_array_equal(getattr(checkpoint.graph, key), getattr(graph, key))
    assert not checkpoint.model.training
    assert torch.equal(checkpoint.model(as_features(graph.x)), result.model(as_features(graph.x)))


def test_a_float64_model_comes_back_as_one(tmp_path: Path, graph: GraphData) -> None:
    config, _ = preset(graph)
    model = SpikeGraphormer(config, graph.edge_index).double().eval()
    loaded = load(save(tmp_path / "model.pt", model, graph)).model
    x = as_features(graph.x, torch.float64)
    assert torch.equal(loaded(x), model(x))


def test_bits_that_a_model_was_trained_for_come_back(tmp_path: Path, graph: GraphData) -> None:
    config, recipe = preset(graph)
    result = train(config, graph, seed=1, recipe=replace(recipe, weight_bits=4), epochs=3)
    checkpoint = load(save(tmp_path / "model.pt", result.model, graph, result))
    assert checkpoint.config.weight_bits == 4 == checkpoint.model.core.gnn.layers[0].propagate.weight_bits  # type: ignore[union-attr]
    assert torch.equal(checkpoint.model(as_features(graph.x)), result.model(as_features(graph.x)))


def test_a_file_from_before_bits_were_stored_is_a_float_model(path: Path) -> None:
    edit(lambda payload: payload["config"].pop("weight_bits"))(path)
    assert load(path).config.weight_bits is None


def test_another_graph_may_take_the_place_of_the_stored_one(path: Path, graph: GraphData) -> None:
    other = replace(graph, edge_index=graph.edge_index[:, :0])
    assert load(path, other).graph is other
    assert load(path, other).model.readout.propagate is not None


def test_a_graph_that_does_not_fit_is_refused(path: Path, graph: GraphData) -> None:
    wider = replace(graph, x=np.ones((34, 5), dtype=np.float32))
    with pytest.raises(CheckpointError, match="graph 'karate': 5 features, must be 34 as in the model"):
        load(path, wider)


def edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """A damage that rewrites the file with its dictionary changed."""

    def damage(path: Path) -> None:
        payload = torch.load(path, weights_only=True)
        change(payload)
        torch.save(payload, path)

    return damage


def poison(payload: dict[str, Any]) -> None:
    payload["state_dict"]["readout.linear.weight"][0, 0] = float("nan")


def drop_last_node(payload: dict[str, Any]) -> None:
    graph = payload["graph"]
    for key in ("x", "y", "train_mask", "val_mask", "test_mask"):
        graph[key] = graph[key][:-1]
    graph["edge_index"] = graph["edge_index"][:, (graph["edge_index"] < 33).all(dim=0)]


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    weights = torch.load(path, weights_only=True)["state_dict"]["encoder.weight"].numpy().tobytes()
    data[data.index(weights)] ^= 0xFF
    path.write_bytes(bytes(data))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def bits(payload: dict[str, Any]) -> None:
    payload["config"]["weight_bits"] = 17


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: path.unlink(), "does not exist, must be a model file"),
    "folder": (replace_by_folder, "is a folder"),
    "empty": (lambda path: path.write_bytes(b""), "0 bytes that are no whole torch file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-5000]), "no whole torch file .*copy it anew"),
    "corrupt": (flip_byte, "damaged .*copy it anew"),
    "pickled module": (lambda path: torch.save(torch.nn.Linear(2, 2), path), "holds pickled Python objects"),
    "bits out of range": (edit(bits), "config cannot be used .*weight_bits is 17, must be 2 to 8, or None"),
    "bare state dict": (lambda path: torch.save({"weight": torch.ones(2)}, path), "not a neurograph checkpoint"),
    "a tensor": (lambda path: torch.save(torch.ones(2), path), "not a neurograph checkpoint"),
    "other version": (edit(lambda payload: payload.update(version=99)), "version 99, must be 2"),
    "part missing": (edit(lambda payload: payload.pop("graph")), "graph missing, must hold model, config"),
    "other model": (edit(lambda payload: payload.update(model="dysign")), "model 'dysign' is not known"),
    "odd config": (edit(lambda payload: payload["config"].update(colour=3)), "config cannot be used .*colour"),
    "bad config": (edit(lambda payload: payload["config"].update(beta=2.0)), "config cannot be used .*beta is 2"),
    "odd metrics": (edit(lambda payload: payload.update(metrics=None)), "metrics of another type, must be a dictionary"),
    "NaN": (edit(poison), "tensor 'readout.linear.weight' holds 1 NaN or infinite values"),
    "no tensor": (edit(lambda payload: payload["state_dict"].update(x=3)), "state_dict holds values that are no tensors"),
    "lost weight": (edit(lambda payload: payload["state_dict"].pop("encoder.bias")), "weights do not fit the stored config .*encoder.bias"),
    "other graph": (edit(drop_last_node), "graph 'karate': 33 nodes, must be 34 as in the model"),
    "bad graph": (edit(lambda payload: payload["graph"]["y"].fill_(9)), "its graph cannot be used .*labels are 9 to 9"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refused_in_one_line_that_names_the_file(path: Path, name: str) -> None:
    damage, message = DAMAGES[name]
    damage(path)
    with pytest.raises(CheckpointError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"checkpoint {path}: ")
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    path: Path, graph: GraphData, result: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CheckpointError, match=r"cannot be written \(No space left on device\); choose a folder"):
        save(path, result.model, graph, result)
    assert path.read_bytes() == before
    assert [child.name for child in path.parent.iterdir()] == ["model.pt"]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, graph: GraphData, result: TrainingResult) -> None:
    with pytest.raises(CheckpointError, match=r"checkpoint .*nowhere/model.pt: .*\(No such file or directory\)"):
        save(tmp_path / "nowhere" / "model.pt", result.model, graph)
