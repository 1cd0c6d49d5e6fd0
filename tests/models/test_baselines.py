"""The baselines run, train, and both forms of attention agree."""

from __future__ import annotations

import pytest
import torch

from neurograph.data import load
from neurograph.errors import InputError
from neurograph.models.baselines import BASELINES, GraphTransformer, baseline
from neurograph.nn import gcn_norm
from neurograph.training import Recipe, fit


@pytest.mark.parametrize("name", list(BASELINES))
def test_baseline_learns_karate(name: str) -> None:
    torch.manual_seed(0)
    graph = load("karate")
    model = baseline(name, graph)
    x, edges = torch.from_numpy(graph.x), torch.from_numpy(graph.edge_index)
    found = fit(model, lambda: model(x, edges), graph, [{"params": model.parameters()}], Recipe(epochs=60, ramp=5))
    assert model(x, edges).shape == (34, 2) and torch.equal(model(x, edges), model(x, edges))
    assert found.test_accuracy > (0.75 if name != "mlp" else 0)  # one-hot features alone tell it nothing


def test_simplified_convolutions_are_a_linear_model_of_propagated_features() -> None:
    graph = load("karate")
    x, edges = torch.from_numpy(graph.x).double(), torch.from_numpy(graph.edge_index)
    model = baseline("sgc", graph, hops=3).double()
    hat = torch.from_numpy(gcn_norm(graph.edge_index, 34).toarray()).double()
    linear = model.convolution.lin
    torch.testing.assert_close(model(x, edges), hat @ hat @ hat @ x @ linear.weight.t() + linear.bias)


def test_spiking_gcn_without_luck() -> None:
    """In eval mode its rates are those of the neuron on a constant current."""
    graph = load("karate")
    model = baseline("spikinggcn", graph, ticks=7).double().eval()
    x, edges = torch.from_numpy(graph.x).double(), torch.from_numpy(graph.edge_index)
    hat = torch.from_numpy(gcn_norm(graph.edge_index, 34).toarray()).double()
    rates = hat @ hat @ x
    current = model.gain * model.linear(rates / rates.max())
    torch.testing.assert_close(model(x, edges), model.scale * model.neuron(current.expand(7, 34, 2)).mean(dim=0))


def test_unknown_baseline() -> None:
    with pytest.raises(InputError, match="baseline 'gin': does not exist; choose one of mlp, gcn"):
        baseline("gin", load("karate"))


def test_fused_attention_is_the_plain_one() -> None:
    graph = load("karate")
    torch.manual_seed(0)
    plain = GraphTransformer(graph.features, graph.classes).double().eval()
    fused = GraphTransformer(graph.features, graph.classes, fused=True).double().eval()
    fused.load_state_dict(plain.state_dict())
    x, edges = torch.from_numpy(graph.x).double(), torch.from_numpy(graph.edge_index)
    torch.testing.assert_close(fused(x, edges), plain(x, edges))
