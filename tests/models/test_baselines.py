"""The baselines run, train, and both forms of attention agree."""

from __future__ import annotations

import pytest
import torch

from neurograph.data import load
from neurograph.models.baselines import GCN, GraphTransformer
from neurograph.training import Recipe, fit


@pytest.mark.parametrize("kind", [GCN, GraphTransformer])
def test_baseline_learns_karate(kind: type[GCN] | type[GraphTransformer]) -> None:
    torch.manual_seed(0)
    graph = load("karate")
    model = kind(graph.features, graph.classes)
    x, edges = torch.from_numpy(graph.x), torch.from_numpy(graph.edge_index)
    found = fit(model, lambda: model(x, edges), graph, [{"params": model.parameters()}], Recipe(epochs=40, ramp=5))
    assert model(x, edges).shape == (34, 2)
    assert found.test_accuracy > 0.75


def test_fused_attention_is_the_plain_one() -> None:
    graph = load("karate")
    torch.manual_seed(0)
    plain = GraphTransformer(graph.features, graph.classes).double().eval()
    fused = GraphTransformer(graph.features, graph.classes, fused=True).double().eval()
    fused.load_state_dict(plain.state_dict())
    x, edges = torch.from_numpy(graph.x).double(), torch.from_numpy(graph.edge_index)
    torch.testing.assert_close(fused(x, edges), plain(x, edges))
