"""Training: reproducible, learns, reports its masks, and leaves the global generator alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurograph.data import GraphData, load
from neurograph.errors import DataError, QuantizationError
from neurograph.nn import PerNode, as_features
from neurograph.training import Recipe, TrainingResult, accuracy, fine_tune, mask_spikes, preset, train


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load("karate")


@pytest.fixture(scope="module")
def result(graph: GraphData) -> TrainingResult:
    config, recipe = preset(graph)
    return train(config, graph, seed=0, recipe=recipe)


def test_karate_is_learned_in_seconds(result: TrainingResult) -> None:
    assert result.test_accuracy >= 0.8
    assert result.wall_s < 30
    assert result.epochs <= 300


def test_reported_accuracy_is_that_of_the_returned_model(graph: GraphData, result: TrainingResult) -> None:
    assert not result.model.training
    logits = result.model(as_features(graph.x))
    assert accuracy(logits, graph.y, graph.test_mask) == result.test_accuracy
    assert accuracy(logits, graph.y, graph.val_mask) == result.val_accuracy


def test_mask_statistics_are_those_of_the_returned_model(graph: GraphData, result: TrainingResult) -> None:
    (name,) = result.mask_rates
    assert name == "attention_blocks_0_sga_mask_neuron"
    pattern = result.mask_rates[name]
    assert pattern.shape == (4, result.model.config.attention_width)
    np.testing.assert_array_equal(pattern, mask_spikes(result.model, graph)[name][:, 0].numpy())
    varies = (pattern.min(axis=0) == 0) & (pattern.max(axis=0) == 1)
    assert result.mask_alive == pytest.approx(varies.mean())


def test_metrics_are_plain_numbers(result: TrainingResult) -> None:
    assert set(result.metrics()) == {"val_accuracy", "test_accuracy", "best_epoch", "epochs", "seed", "wall_s", "mask_alive"}
    assert all(type(value) in (int, float) for value in result.metrics().values())


def test_same_seed_same_model_and_the_global_generator_is_left_alone(graph: GraphData) -> None:
    config, recipe = preset(graph)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = train(config, graph, seed=3, recipe=recipe, epochs=3)
    assert torch.equal(torch.rand(1), expected)
    second = train(config, graph, seed=3, recipe=recipe, epochs=3)
    other = train(config, graph, seed=4, recipe=recipe, epochs=3)
    pairs = zip(first.model.state_dict().values(), second.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first.model.encoder.weight, other.model.encoder.weight)


def test_patience_stops_early(graph: GraphData) -> None:
    config, recipe = preset(graph, attention=False)
    result = train(config, graph, recipe=replace(recipe, epochs=200, patience=2, ramp=3))
    assert result.epochs == result.best_epoch + 2
    assert result.mask_alive is None
    assert result.mask_rates == {}


def test_consistency_is_used_where_asked_for(graph: GraphData) -> None:
    config, _ = preset(graph)
    with_it = train(config, graph, recipe=Recipe(epochs=3, ramp=1))
    without = train(config, graph, recipe=Recipe(epochs=3, ramp=1, consistency=0.0))
    assert not torch.equal(with_it.model.encoder.weight, without.model.encoder.weight)


def test_progress_goes_to_stderr(graph: GraphData, capsys: pytest.CaptureFixture[str]) -> None:
    config, recipe = preset(graph, attention=False)
    train(config, graph, recipe=recipe, epochs=2, progress=True)
    assert capsys.readouterr().out == ""


def test_a_config_for_another_graph_is_refused(graph: GraphData) -> None:
    config, _ = preset(graph, nodes=35)
    with pytest.raises(DataError, match="graph 'karate': 34 nodes, must be 35 as in the model"):
        train(config, graph)


def test_training_for_few_bits_goes_on_from_the_float_model(graph: GraphData) -> None:
    config, recipe = preset(graph)
    float_model = train(config, graph, seed=2, recipe=recipe, epochs=12)
    trained = train(config, graph, seed=2, recipe=replace(recipe, weight_bits=3), epochs=12)
    assert float_model.model.config == config and trained.model.config == replace(config, weight_bits=3)
    assert (trained.epochs, float_model.epochs) == (24, 12) and 12 < trained.best_epoch <= 24
    fine = fine_tune(float_model.model, graph, 3, seed=2, recipe=recipe, epochs=12)
    assert fine.model is float_model.model and fine.epochs == 12
    for ours, theirs in zip(fine.model.state_dict().values(), trained.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_of_few_bits_take_few_values_and_the_accuracy_is_theirs(graph: GraphData) -> None:
    config, recipe = preset(graph)
    result = train(replace(config, weight_bits=2), graph, seed=0, recipe=recipe, epochs=12)
    layers = [m for m in result.model.core.modules() if isinstance(m, PerNode)]
    assert len(layers) == 6 and all(len(np.unique(layer.folded()[0])) <= 4 for layer in layers)
    logits = result.model(as_features(graph.x))
    assert accuracy(logits, graph.y, graph.val_mask) == result.val_accuracy


def test_bits_out_of_range_are_refused_before_training(graph: GraphData) -> None:
    config, recipe = preset(graph)
    with pytest.raises(QuantizationError, match="weight bits: 9, must be 2 to 8"):
        train(config, graph, recipe=replace(recipe, weight_bits=9))
