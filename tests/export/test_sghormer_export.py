"""SGHormer from torch to integers on karate: the same spikes in every engine, and a readout that hears its branches in the model's order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spiky import spiky

from neurograph import data, training
from neurograph.export import nodes
from neurograph.export.compile import compile_checkpoint
from neurograph.export.run_onnx import run_onnx
from neurograph.export.targets import TARGETS
from neurograph.models import build
from neurograph.network import Threshold
from neurograph.nn import as_features
from neurograph.sim import fixed, floating
from neurograph.sim.parity import compare
from neurograph.training.checkpoint import Checkpoint, load, save
from neurograph.weights import Kron


@pytest.fixture(scope="module")
def checkpoint():
    graph = data.load("karate")
    config, _ = training.preset(graph, "sghormer", norm=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = spiky(build(config, graph.edge_index).eval())
    return Checkpoint(model, graph, config, 1, {}, {})


@pytest.fixture(scope="module")
def compiled(checkpoint):
    made = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    assert all(np.any(spikes) for spikes in made.torch.spikes.values()), "a silent population tests nothing"
    return made


def test_float_engine_spikes_as_torch_does(compiled):
    found = compare(compiled.network, compiled.torch, floating.run(compiled.network, compiled.inputs))
    assert found.ok and found.populations == len(compiled.network.neurons) == 12
    assert (found.ties, found.skipped) == (0, 0)


def test_wires_become_per_node_projections_of_ones(compiled):
    assert compiled.graph.nodes["blocks_0_sgsa_map_spread_keys"].weight.sum() == 2 * 8**2
    assert isinstance(compiled.graph.nodes["blocks_0_sgsa_map_sum"], nodes.PerNode)
    gates = [p for p in compiled.network.neurons if isinstance(p.neuron, Threshold)]
    assert [p.shape for p in gates] == [(34, 128), (34, 128)]
    for gate in gates:
        for projection in compiled.network.into(gate.name):
            assert isinstance(projection.weights, Kron)
            assert set(np.unique(projection.weights.values)) <= {0.0, 1.0}
            ones = np.ones((1, projection.weights.shape[1]))
            assert (projection.weights.apply(ones) == 1).all()  # each gate hears one neuron of each of the two


def test_readout_on_the_host_gives_what_the_model_gives(checkpoint, compiled, tmp_path):
    """The network's outputs come in another order than the model's, and are fed by name."""
    (tmp_path / "readout.onnx").write_bytes(compiled.host["readout.onnx"].SerializeToString())
    assert set(compiled.network.outputs) == {"neuron", "blocks_0_sgsa_local_neuron"}
    rates = {name: compiled.torch.spikes[name][0].mean(axis=0) for name in compiled.network.outputs}
    found = run_onnx(tmp_path / "readout.onnx", rates)
    expected = checkpoint.model.double()(as_features(checkpoint.graph.x, torch.float64)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_integers_spike_nearly_as_floats(compiled):
    exact, integer = floating.run(compiled.network, compiled.inputs), fixed.run(compiled.quantized, compiled.inputs)
    for population in compiled.network.neurons:
        assert (exact.spikes[population.name] != integer.spikes[population.name]).mean() < 0.1, population.name
    assert not integer.notes["wraps"] and not integer.notes["clips"]


def test_a_checkpoint_comes_back_as_it_was(checkpoint, tmp_path):
    back = load(save(tmp_path / "m.pt", checkpoint.model, checkpoint.graph))
    assert back.config == checkpoint.config
    x = as_features(checkpoint.graph.x, torch.float64)
    assert torch.equal(back.model.double()(x), checkpoint.model.double()(x))


@pytest.mark.lava
@pytest.mark.parametrize("kind", ["float", "fixed"])
def test_lava_spikes_the_same(lava, compiled, kind):
    from neurograph.sim.lava import engine

    network = compiled.network if kind == "float" else compiled.quantized
    ours = (floating if kind == "float" else fixed).run(network, compiled.inputs)
    found = compare(network, ours, engine.run(network, compiled.inputs, engine=kind), voltages=kind == "fixed")
    assert found.ok and found.ties == 0
    assert found.compared == 57_088
