"""SpikeGraphormer: shapes, what its core is made of, and that it traces."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
import torch
from torch import fx, nn

from neurograph.data import GraphData, load
from neurograph.models import SpikeGraphormer, SpikeGraphormerConfig
from neurograph.nn import LEAVES, LIF, And, as_features, record_spikes


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load("karate")


def build(graph: GraphData, **overrides: Any) -> SpikeGraphormer:
    torch.manual_seed(0)
    config = SpikeGraphormerConfig(graph.features, graph.classes, graph.nodes, **overrides)
    return SpikeGraphormer(config, graph.edge_index).eval()


class LeafTracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LEAVES)


BUILDS: list[dict[str, Any]] = [
    {},
    {"attention": False},
    {"mask": "ones"},
    {"attention_blocks": 2, "gnn_layers": 3, "gnn_linear": True, "ticks": 2},
    {"reset": "subtract", "learn_beta": True, "readout": "plain"},
    {"readout": "both", "heads": 2},
    {"reduce": "heads", "heads": 3, "attention_blocks": 2},
    {"gnn_jump": True, "gnn_layers": 2},
    {"gnn": False, "mask": "ones"},
]


@pytest.mark.parametrize("overrides", BUILDS)
def test_core_traces_to_leaves_and_addition_each_called_once(graph: GraphData, overrides: dict[str, Any]) -> None:
    core = build(graph, **overrides).core
    traced = LeafTracer().trace(core)
    called = [str(node.target) for node in traced.nodes if node.op == "call_module"]
    assert len(called) == len(set(called))
    assert set(called) == {name for name, module in core.named_modules() if isinstance(module, LEAVES)}
    assert {node.op for node in traced.nodes} <= {"placeholder", "call_module", "call_function", "output"}
    assert {node.target for node in traced.nodes if node.op == "call_function"} <= {operator.add}


@pytest.mark.parametrize("overrides", BUILDS)
def test_forward_is_encode_core_readout(graph: GraphData, overrides: dict[str, Any]) -> None:
    model = build(graph, **overrides)
    x = as_features(graph.x)
    current = model.encode(x)
    spikes = model.core(current.expand(model.config.ticks, *current.shape))
    assert current.shape == (34, model.config.current_width)
    assert [s.shape[-1] for s in spikes] == [16] * model.config.attention + [64] * model.config.gnn * (1 + 2 * model.config.gnn_jump)
    assert torch.equal(model.readout(spikes), model(x))
    assert model(x).shape == (34, 2)


def test_all_populations_are_binary_and_some_fire_in_float64(graph: GraphData) -> None:
    model = build(graph).double()
    current = model.encode(as_features(graph.x, torch.float64))
    recorded = record_spikes(model.core, current.expand(4, *current.shape))
    assert len(recorded) == sum(isinstance(module, (LIF, And)) for module in model.core.modules())
    assert all(set(s.flatten().tolist()) <= {0.0, 1.0} for s in recorded.values())
    assert recorded["gnn_neuron"].sum() > 0


def test_encoder_folds_to_one_linear_map(graph: GraphData) -> None:
    model = build(graph).double()
    weight, bias = model.encoder_folded()
    expected = model.encode(as_features(graph.x, torch.float64)).detach().numpy()
    np.testing.assert_allclose(graph.x @ weight.T + bias, expected, atol=1e-12)


def test_dropout_acts_in_training_only(graph: GraphData) -> None:
    model, x = build(graph), as_features(graph.x)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_every_parameter_gets_a_gradient(graph: GraphData) -> None:
    model = build(graph, input_dropout=0.0, spike_dropout=0.0).train()
    model(as_features(graph.x)).square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="ticks is 0, must be at least 1"):
        SpikeGraphormerConfig(3, 2, 5, ticks=0)
