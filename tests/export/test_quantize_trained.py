"""A model trained for few bits: export finds the very integers that training used, projection by projection, and loses no spike to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurograph import data, training
from neurograph import fixedpoint as fx
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.models import SpikeGraphormer
from neurograph.nn import PerNode, Propagate, ReduceNodes
from neurograph.sim import fixed
from neurograph.training import Checkpoint

SGA = "attention_blocks_0_sga"
FEEDS = {
    "gnn.layers.0.propagate": ["gnn_neuron→gnn_layers_0_neuron"],
    "attention.blocks.0.sga.q": [f"attention_blocks_0_neuron→{SGA}_q_neuron"],
    "attention.blocks.0.sga.k": [f"attention_blocks_0_neuron→{SGA}_k_neuron"],
    "attention.blocks.0.sga.v": [f"attention_blocks_0_neuron→{SGA}_v_neuron"],
    "attention.blocks.0.sga.reduce": [f"{SGA}_kv→{SGA}_mask_neuron"],
    "attention.blocks.0.sga.out": [f"{SGA}_gate→attention_blocks_0_ffn_neuron", f"{SGA}_gate→attention_neuron"],
    "attention.blocks.0.ffn_up": ["attention_blocks_0_ffn_neuron→attention_blocks_0_ffn_hidden"],
    "attention.blocks.0.ffn_down": ["attention_blocks_0_ffn_hidden→attention_neuron"],
}


@pytest.fixture(scope="module")
def graph():
    return data.load("karate")


@pytest.fixture(scope="module", params=[4, 2])
def checkpoint(request, graph, tmp_path_factory):
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=2, recipe=replace(recipe, weight_bits=request.param), epochs=25)
    path = training.save(tmp_path_factory.mktemp("trained") / "model.pt", result.model, graph, result)
    return training.load(path)


def by_training(module) -> np.ndarray:
    """The integers that a layer computed with, from its parameters and the rounding of fixedpoint alone."""
    if isinstance(module, Propagate):
        exact = module._graph.data
    elif isinstance(module, ReduceNodes):
        rates = np.maximum(module.average.double().numpy(), 1 / module.nodes)
        exact = np.exp(module.log_level.detach().double().numpy()) * module.threshold / module.nodes / rates
    else:
        assert isinstance(module, PerNode)
        norm = module.norm
        gain = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
        exact = (module.linear.weight.detach().double() * gain[:, None]).numpy().ravel()
    mode = fx.sign_mode_of(exact)
    return fx.round_weights(exact / 2.0 ** fx.least_error_exponent(exact, mode, module.weight_bits), mode, module.weight_bits)


def common(integers: np.ndarray) -> np.ndarray:
    """The same without a common power of two, which an exponent makes good."""
    every = int(np.bitwise_or.reduce(np.abs(integers)))
    return integers // (every & -every)


def test_export_finds_the_integers_of_training(checkpoint):
    bits = checkpoint.config.weight_bits
    made = compile_checkpoint(checkpoint, TARGETS["loihi2"], bits=bits)
    exported = {p.name: p for p in made.quantized.projections}
    for path, names in FEEDS.items():
        expected = common(by_training(checkpoint.model.core.get_submodule(path)))
        for name in names:
            np.testing.assert_array_equal(common(exported[name].weights.values), expected, err_msg=name)
    rows = {row.projection: row for row in made.report.projections}
    assert {name for names in FEEDS.values() for name in names} <= set(rows)
    assert max(row.relative_error for row in rows.values()) < 1e-9
    assert max(row.bits for row in rows.values()) <= bits
    assert not made.report.warnings()


@pytest.mark.parametrize("at", ["its own", 8])
def test_the_integer_network_spikes_like_the_model_in_torch(checkpoint, at):
    made = compile_checkpoint(checkpoint, TARGETS["loihi2"], bits=checkpoint.config.weight_bits if at == "its own" else at)
    run = fixed.run(made.quantized, made.inputs)
    for p in made.quantized.neurons:
        assert np.mean(run.spikes[p.name] != made.torch.spikes[p.name]) < 0.01, p.name


def test_the_same_model_without_that_training_loses_more(checkpoint, graph):
    bits = checkpoint.config.weight_bits
    config, recipe = training.preset(graph)
    plain = training.train(config, graph, seed=2, recipe=recipe, epochs=25)
    before = Checkpoint(plain.model, graph, config, 2, {}, {})
    lost, kept = (compile_checkpoint(c, TARGETS["loihi2"], bits=bits).report.populations for c in (before, checkpoint))
    assert sum(p.mismatch for p in kept) < sum(p.mismatch for p in lost) / 5


def test_fewer_bits_than_trained_for_are_worse_and_said(checkpoint):
    if checkpoint.config.weight_bits == 2:
        with pytest.raises(ValueError, match="weight_bits is 1, must be 2 to 8, or None"):
            replace(checkpoint.config, weight_bits=1)
        return
    report = compile_checkpoint(checkpoint, TARGETS["loihi2"], bits=2).report
    assert max(row.relative_error for row in report.projections) > 0.05


def test_a_model_built_from_its_config_computes_in_the_same_bits(checkpoint, graph):
    again = SpikeGraphormer(checkpoint.config, graph.edge_index)
    assert {m.weight_bits for m in again.core.modules() if hasattr(m, "weight_bits")} == {checkpoint.config.weight_bits}
    assert again.readout.propagate.weight_bits is None, "the readout is on the host"
