"""Host parts of every model: in onnxruntime they give what torch gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurograph.data import load
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.models import MODELS, build
from neurograph.nn import as_features
from neurograph.sim import floating, parity
from neurograph.training import Checkpoint

PAPER = "spikegraphormer-paper"
BUILDS: list[tuple[str, dict[str, Any]]] = [
    ("spikegraphormer", {"readout": "both"}),
    ("spikegraphormer", {"readout": "plain", "gnn_jump": True, "reduce": "heads", "heads": 2}),
    (PAPER, {}),
    (PAPER, {"fusion": "cat", "gnn_average": False, "gnn_linear": True, "gnn_layers": 3, "readout": "both"}),
    (PAPER, {"gnn": False, "mask": "ones"}),
]


@pytest.mark.parametrize(("name", "fields"), BUILDS, ids=str)
def test_host_parts_give_the_logits_of_the_model(tmp_path: Path, name: str, fields: dict[str, Any]) -> None:
    graph = load("karate")
    torch.manual_seed(0)
    config = MODELS[name][1](graph.features, graph.classes, graph.nodes, attention_threshold=0.1, **fields)
    model = build(config, graph.edge_index).train()
    for _ in range(3):  # so that no running statistic is what it was at the start
        model(as_features(graph.x))
    model.eval()
    target = TARGETS["loihi2"]
    compiled = compile_checkpoint(Checkpoint(model, graph, config, 0, {}, {}), target)
    bundle = write_bundle(compiled, target, tmp_path / "b")
    run = floating.run(bundle.network, bundle.inputs)
    assert run.spikes[bundle.network.outputs[0]].any()
    with torch.no_grad():
        wanted = model(as_features(graph.x, torch.float64)).numpy()
    assert parity.compare(bundle.network, bundle.expected("torch"), run).ok
    np.testing.assert_allclose(bundle.logits(run), wanted, rtol=1e-4, atol=1e-4)
    assert bundle.accuracy(run) == pytest.approx((wanted.argmax(axis=1) == graph.y)[graph.test_mask].mean())
    bundle.accuracy(bundle.expected("fixed"))
    current = bundle.encode(graph.x)
    (source,) = current
    np.testing.assert_allclose(current[source], bundle.inputs[source], rtol=1e-4, atol=1e-4)


def test_multiply_adds_of_a_gnn_on_the_host(tmp_path: Path) -> None:
    graph = load("karate")
    config = MODELS[PAPER][1](graph.features, graph.classes, graph.nodes, gnn_width=8, gnn_layers=3, attention_width=16)
    model = build(config, graph.edge_index).eval()
    bundle = write_bundle(
        compile_checkpoint(Checkpoint(model, graph, config, 0, {}, {}), TARGETS["loihi2"]), TARGETS["loihi2"], tmp_path / "b"
    )
    stored = graph.edge_index.shape[1] + 34
    wanted = {"encoder": 34 * 34 * 16, "gnn": 34 * 34 * 8, "gnn, propagation": 3 * stored * 8, "readout": 34 * (16 * 8 + 8 * 2)}
    assert bundle.host_macs == wanted
