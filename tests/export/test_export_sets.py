"""A model that classifies the graphs of a set, from torch to integers: all of them, a few, or one as a network of its own."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from spiky import spiky
from tu_sets import cycles_and_trees, write_tu

from neurograph import data
from neurograph.errors import CheckpointError
from neurograph.export.bundle import open_bundle, write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.host import host_macs
from neurograph.export.nodes import Aggregate, BroadcastNodes, ReduceNodes
from neurograph.export.targets import TARGETS
from neurograph.models import SpikeGraphormerConfig, build
from neurograph.nn import as_features
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare
from neurograph.training.checkpoint import Checkpoint, load, only_graphs, save


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    root = tmp_path_factory.mktemp("sets")
    graphs, classes = cycles_and_trees(20)
    write_tu(root, "MUTAG", graphs, classes)
    graph = data.load("mutag", root)
    sizes = {"in_features": graph.features, "classes": 2, "nodes": graph.nodes}
    config = SpikeGraphormerConfig(**sizes, attention_width=8, gnn_width=8, gnn_layers=2, gnn_jump=True, readout="both", encoder_gain=2.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = spiky(build(config, graph.edge_index, graph.batch).eval())
    return Checkpoint(model, graph, config, 1, {}, {})


@pytest.mark.parametrize("chosen", [None, [3], [7, 0, 12]], ids=["all", "one", "three"])
def test_engines_and_readout_give_what_torch_gives(checkpoint: Checkpoint, chosen: list[int] | None, tmp_path: Path) -> None:
    whole = checkpoint.model.double()
    with torch.no_grad():
        wanted = whole(as_features(checkpoint.graph.x, torch.float64)).numpy()
    taken = checkpoint if chosen is None else only_graphs(checkpoint, chosen)
    compiled = compile_checkpoint(taken, TARGETS["loihi2"])
    assert all(np.any(spikes) for spikes in compiled.torch.spikes.values()), "a silent population tests nothing"
    found = compare(compiled.network, compiled.torch, floating.run(compiled.network, compiled.inputs))
    assert found.ok and (found.ties, found.skipped) == (0, 0)
    write_bundle(compiled, TARGETS["loihi2"], tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    logits = bundle.logits(compiled.torch)
    np.testing.assert_allclose(logits, wanted[slice(None) if chosen is None else chosen], rtol=1e-4, atol=1e-4)
    run = fixed.run(compiled.quantized, compiled.inputs)
    right = (bundle.logits(run).argmax(axis=1) == taken.graph.y)[taken.graph.test_mask]
    assert bundle.accuracy(run) == (right.mean() if right.size else None)
    nodes = [type(node) for node in compiled.graph.nodes.values()]
    one = chosen is not None and len(chosen) == 1
    assert (ReduceNodes in nodes, BroadcastNodes in nodes, nir.Scale in nodes) == (one, one, not one) and Aggregate in nodes


def test_what_the_host_computes_is_counted(checkpoint: Checkpoint) -> None:
    """Mean of both halves of 8 + 8·3 features, then a linear map for each graph, not each node."""
    graph = checkpoint.graph
    compiled = compile_checkpoint(checkpoint, TARGETS["lava"])
    both_means = 2 * graph.nodes  # M and M Â hold one entry a node: its neighbours are in its graph
    assert host_macs(compiled.host["readout.onnx"], graph.nodes) == 32 * both_means + 20 * 2 * 64


def test_a_set_is_stored_and_a_choice_that_there_is_not_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    again = load(save(tmp_path / "m.pt", checkpoint.model, checkpoint.graph))
    np.testing.assert_array_equal(again.graph.batch, checkpoint.graph.batch)
    x = as_features(again.graph.x, again.model.encoder.weight.dtype)
    assert torch.equal(again.model(x), checkpoint.model(x))
    with pytest.raises(CheckpointError, match=r"checkpoint of 'mutag': .* graphs \[20\] chosen, must be some of 0 to 19"):
        only_graphs(again, [20])


@pytest.mark.lava
@pytest.mark.parametrize("chosen", [[3], [7, 0]], ids=["one", "two"])
def test_lava_spikes_as_the_engines_do(checkpoint: Checkpoint, chosen: list[int], lava: None) -> None:
    compiled = compile_checkpoint(only_graphs(checkpoint, chosen), TARGETS["lava"])
    exact = lava_engine.run(compiled.network, compiled.inputs, engine="float")
    assert compare(compiled.network, compiled.torch, exact).ok
    integer = fixed.run(compiled.quantized, compiled.inputs)
    found = compare(compiled.quantized, integer, lava_engine.run(compiled.quantized, compiled.inputs, engine="fixed"), voltages=True)
    assert found.ok and found.mismatched_voltages == 0
