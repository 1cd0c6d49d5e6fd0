"""Training on dynamic graphs: a made graph whose communities can be told, empty snapshots, scores against scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.data.walks import walk_features
from neurograph.errors import DataError
from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig, OnChipDySign
from neurograph.models.gru_gcn import GruGcn
from neurograph.models.spikenet import SpikeNet, neighbour_steps
from neurograph.models.steps import graph_steps
from neurograph.training.dynamic import DynamicRecipe, f1, fit_dynamic, standardised

WIDTH, STEPS, NODES = 16, 4, 120


def communities() -> DynamicGraph:
    """Three communities; most edges of a snapshot lie within one; the second snapshot has none."""
    draw = np.random.default_rng(0)
    y = np.arange(NODES) % 3
    snapshots = []
    for at in range(STEPS):
        ends = draw.integers(0, NODES, (2, 300))
        within = draw.random(300) < 0.95
        ends[1, within] += (y[ends[0, within]] - y[ends[1, within]]) % 3
        ends[1] %= NODES
        snapshots.append(canonical_edges(ends) if at != 1 else np.zeros((2, 0), np.int64))
    return DynamicGraph("communities", tuple(snapshots), y, 3)


GRAPH = communities()
GIVEN = standardised(walk_features(GRAPH, WIDTH))
MODELS: dict[str, Any] = {
    "implicit": (lambda: DySign(DySignConfig(WIDTH, 3, STEPS, width=8)), graph_steps),
    "equilibrium": (lambda: DySign(DySignConfig(WIDTH, 3, STEPS, width=8, forward="equilibrium")), graph_steps),
    "bptt": (lambda: DySign(DySignConfig(WIDTH, 3, STEPS, width=8, gradient="unrolled")), graph_steps),
    "onchip": (lambda: OnChipDySign(OnChipConfig(WIDTH, 3, STEPS, width=8)), graph_steps),
    "spikenet": (lambda: SpikeNet(WIDTH, 3, STEPS, width=8), neighbour_steps),
    "gru_gcn": (lambda: GruGcn(WIDTH, 3, STEPS, width=8), graph_steps),
    "spread": (lambda: DySign(DySignConfig(WIDTH, 3, STEPS, width=8, spread=0.8, last=True)), graph_steps),
    "spikenet_last": (lambda: SpikeNet(WIDTH, 3, STEPS, width=8, last=True), neighbour_steps),
}


def fitted(name: str, idle: str = "last", seed: int = 0, epochs: int = 30) -> tuple[nn.Module, Any, list[Any]]:
    make, prepare = MODELS[name]
    torch.manual_seed(seed)
    model, steps = make(), prepare(GRAPH, GIVEN, idle)
    return model, fit_dynamic(model, steps, GRAPH.y, GRAPH.split(0.6), DynamicRecipe(epochs=epochs, learning_rate=0.03), seed), steps


@pytest.mark.parametrize("idle", ["last", "hold", "run"])
@pytest.mark.parametrize("name", MODELS)
def test_communities_are_learned(name: str, idle: str) -> None:
    model, found, steps = fitted(name, idle)
    assert found.test_micro > 0.6 and found.test_macro > 0.55  # a third by chance
    test = GRAPH.split(0.6)[2]
    with torch.no_grad():
        logits = model(steps, NODES, torch.arange(NODES))
    assert f1(logits[torch.from_numpy(test)], GRAPH.y[test]) == (
        found.test_macro,
        found.test_micro,
    )  # the weights are those of the best epoch


def test_the_same_seed_gives_the_same_model_and_leaves_torchs_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    weights = []
    for _ in range(2):
        model, _, _ = fitted("spikenet", epochs=3)
        torch.manual_seed(5)
        fit_dynamic(model, neighbour_steps(GRAPH, GIVEN), GRAPH.y, GRAPH.split(0.6), DynamicRecipe(epochs=2), 7)
        assert torch.equal(torch.rand(1), expected)
        weights.append(torch.cat([parameter.flatten() for parameter in model.parameters()]))
    assert torch.equal(*weights)


def test_patience_stops() -> None:
    model = MODELS["gru_gcn"][0]()
    recipe = DynamicRecipe(epochs=50, patience=6, every=3, learning_rate=1e-30)
    found = fit_dynamic(model, graph_steps(GRAPH, GIVEN), GRAPH.y, GRAPH.split(0.6), recipe)
    assert (found.best_epoch, found.epochs) == (3, 9)


def test_warm_epochs_see_the_last_snapshot_alone() -> None:
    masks = GRAPH.split(0.6)
    seen: list[int] = []

    class Counted(GruGcn):
        def forward(self, steps: Any, nodes: int, rows: torch.Tensor) -> torch.Tensor:
            if self.training:
                seen.append(sum(bool(len(step.nodes)) for step in steps))
            return super().forward(steps, nodes, rows)

    model = Counted(WIDTH, 3, STEPS, width=8, last=True)
    found = fit_dynamic(model, graph_steps(GRAPH, GIVEN), GRAPH.y, masks, DynamicRecipe(epochs=2, warm=3))
    assert seen == [1, 1, 1, STEPS - 1, STEPS - 1] and found.epochs == 2  # the second snapshot has no edge, so nobody takes part in it


def test_scores_are_scikit_learns() -> None:
    y = np.array([0, 0, 1, 2, 2, 2])
    logits = torch.eye(3)[[0, 1, 1, 2, 2, 0]]
    macro, micro = f1(logits, y)
    assert micro == accuracy_score(y, [0, 1, 1, 2, 2, 0]) and macro == f1_score(y, [0, 1, 1, 2, 2, 0], average="macro")
    assert micro == pytest.approx(4 / 6) and macro == pytest.approx((1 / 2 + 2 / 3 + 4 / 5) / 3)


def test_features_are_standardised_over_nodes_and_steps() -> None:
    given = [np.random.default_rng(step).normal(step, 2, (50, 3)).astype(np.float32) for step in range(4)]
    for x in given:
        x[:, 2] = 7  # says nothing, must not become NaN
    found = np.concatenate(standardised(iter(given)))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0), [1, 1, 0], atol=1e-5)


def test_masks_of_another_graph_are_refused() -> None:
    model, steps = MODELS["gru_gcn"][0](), graph_steps(GRAPH, GIVEN)
    with pytest.raises(DataError, match=r"4 snapshots, masks of \(120,\), must be at least 1 and \(9,\)"):
        fit_dynamic(model, steps, GRAPH.y[:9], GRAPH.split(0.6))
    with pytest.raises(DataError, match="0 snapshots"):
        fit_dynamic(model, [], GRAPH.y, GRAPH.split(0.6))
