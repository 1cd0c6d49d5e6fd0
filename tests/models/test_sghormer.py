"""SGHormer: shapes, what its core is made of, and how its two builds differ."""

from __future__ import annotations

import operator
from typing import Any

import pytest
import torch
from torch import fx, nn

from neurograph.data import GraphData, load
from neurograph.errors import UnsupportedError
from neurograph.export.trace import trace
from neurograph.models import MODELS, ClassifierConfig, SGHormer, SGHormerConfig, SGHormerPaper, SGHormerPaperConfig, build
from neurograph.nn import LEAVES, LIF, And, RunningRate, as_features, record_spikes
from neurograph.training import preset, train


@pytest.fixture(scope="module")
def graph() -> GraphData:
    return load("karate")


def made(graph: GraphData, kind: type[ClassifierConfig] = SGHormerConfig, **overrides: Any) -> Any:
    torch.manual_seed(0)
    return build(kind(graph.features, graph.classes, graph.nodes, **overrides), graph.edge_index).eval()


class LeafTracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LEAVES)


BUILDS: list[dict[str, Any]] = [
    {},
    {"mask": "ones"},
    {"mask": "none", "read_local": False},
    {"local": "values", "heads": 3, "head_width": 4},
    {"blocks": 2, "ticks": 2, "local": "values", "mask": "none"},
    {"reset": "subtract", "learn_beta": True, "readout": "both"},
]


@pytest.mark.parametrize("overrides", BUILDS)
def test_core_traces_to_leaves_and_addition_each_called_once(graph: GraphData, overrides: dict[str, Any]) -> None:
    core = made(graph, **overrides).core
    traced = LeafTracer().trace(core)
    called = [str(node.target) for node in traced.nodes if node.op == "call_module"]
    assert len(called) == len(set(called))
    leaves = {name for name, module in core.named_modules() if isinstance(module, LEAVES)}
    assert set(called) == leaves
    assert {node.op for node in traced.nodes} <= {"placeholder", "call_module", "call_function", "output"}
    assert {node.target for node in traced.nodes if node.op == "call_function"} <= {operator.add}


@pytest.mark.parametrize("overrides", BUILDS)
def test_forward_is_encode_core_readout(graph: GraphData, overrides: dict[str, Any]) -> None:
    model = made(graph, **overrides)
    x = as_features(graph.x)
    current = model.encode(x)
    spikes = model.core(current.expand(model.config.ticks, *current.shape))
    assert sum(s.shape[-1] for s in spikes) == model.config.spike_width
    assert len(spikes) == 1 + model.config.read_local
    assert torch.equal(model.readout(spikes), model(x))
    assert model(x).shape == (34, 2)


def test_all_populations_are_binary_and_the_gates_are_two_a_node_and_map_neuron(graph: GraphData) -> None:
    model = made(graph).double()
    current = model.encode(as_features(graph.x, torch.float64))
    recorded = record_spikes(model.core, current.expand(4, *current.shape))
    assert len(recorded) == sum(isinstance(module, (LIF, And)) for module in model.core.modules())
    assert all(set(s.flatten().tolist()) <= {0.0, 1.0} for s in recorded.values())
    gates = [s[0].numel() for name, s in recorded.items() if name.endswith(("map_write", "map_read"))]
    assert sum(gates) == 34 * 2 * (2 * 8**2)
    assert recorded["blocks_0_sgsa_map_mask_neuron"].shape == (4, 1, 2 * 8**2)


def test_dropout_acts_in_training_only(graph: GraphData) -> None:
    model, x = made(graph), as_features(graph.x)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize("kind", [SGHormerConfig, SGHormerPaperConfig])
def test_every_parameter_gets_a_gradient(graph: GraphData, kind: type[ClassifierConfig]) -> None:
    model = made(graph, kind, input_dropout=0.0, spike_dropout=0.0, linear_dropout=0.0).train()
    model(as_features(graph.x)).square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("name", ["sghormer", "sghormer-paper"])
def test_both_builds_learn_karate(graph: GraphData, name: str) -> None:
    config, recipe = preset(graph, name)
    result = train(config, graph, 0, recipe)
    assert type(result.model) is MODELS[name][0]
    assert result.test_accuracy > 0.8  # most of one class is about a half
    assert result.mask_alive is not None and result.mask_alive > 0


def test_the_paper_build_has_the_same_parameters_and_a_running_rate_that_is_refused_by_name(graph: GraphData) -> None:
    paper, chip = made(graph, SGHormerPaperConfig), made(graph)
    assert type(paper) is SGHormerPaper and type(chip) is SGHormer
    assert {name: p.shape for name, p in paper.named_parameters()} == {name: p.shape for name, p in chip.named_parameters()}
    assert [type(m) for m in paper.modules()].count(RunningRate) == 1
    current = paper.encode(as_features(graph.x))
    with pytest.raises(UnsupportedError, match=r"'blocks\.0\.srb\.rate': neurograph\.nn\.rectify\.RunningRate"):
        trace(paper.core, current.expand(4, *current.shape))


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="heads is 0, must be at least 1"):
        SGHormerConfig(3, 2, 5, heads=0)
