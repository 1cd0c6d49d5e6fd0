"""The formulas against torch's own FLOP counter, on modules that do the same work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.errors import InputError
from neurograph.hw_profiles.baselines import gcn, graph_transformer, gru_gcn, in_turn
from neurograph.models.gru_gcn import GruGcn
from neurograph.models.steps import graph_steps


class Transformer(nn.Module):
    """Plain single-head attention over all nodes, layer by layer."""

    def __init__(self, in_features: int, width: int, classes: int, layers: int, ffn_width: int) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(in_features, width), nn.Linear(width, classes)
        self.qkvo = nn.ModuleList(nn.ModuleList(nn.Linear(width, width) for _ in range(4)) for _ in range(layers))
        self.ffn = nn.ModuleList(
            nn.Sequential(nn.Linear(width, ffn_width), nn.ReLU(), nn.Linear(ffn_width, width)) for _ in range(layers if ffn_width else 0)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        for i, layer in enumerate(self.qkvo):
            assert isinstance(layer, nn.ModuleList)
            query, key, value, output = layer
            h = h + output((query(h) @ key(h).T).softmax(-1) @ value(h))
            if len(self.ffn):
                h = h + self.ffn[i](h)
        out: Tensor = self.leave(h)
        return out


def macs(module: nn.Module, *inputs: Tensor) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return int(counter.get_total_flops()) // 2


@pytest.mark.parametrize(("layers", "ffn_width"), [(1, 0), (2, 12)])
def test_transformer_equals_torchs_counter(layers: int, ffn_width: int) -> None:
    nodes, in_features, width, classes = 9, 7, 6, 3
    module = Transformer(in_features, width, classes, layers, ffn_width)
    baseline = graph_transformer(nodes=nodes, in_features=in_features, width=width, classes=classes, layers=layers, ffn_width=ffn_width)
    assert baseline.macs == macs(module, torch.rand(nodes, in_features))
    assert baseline.terms["attention QKᵀ"] == layers * nodes**2 * width


def test_gcn_linear_part_equals_torchs_counter() -> None:
    nodes, in_features, width, classes = 10, 8, 4, 3
    module = nn.Sequential(nn.Linear(in_features, width, bias=False), nn.ReLU(), nn.Linear(width, classes, bias=False))
    baseline = gcn(nodes=nodes, nonzeros=30, in_features=in_features, width=width, classes=classes)
    assert baseline.terms["linear"] == macs(module, torch.rand(nodes, in_features))
    assert baseline.terms["propagation"] == 30 * width + 30 * classes
    assert baseline.macs == sum(baseline.terms.values())


def test_gcn_propagation_equals_a_dense_product_with_all_nonzeros() -> None:
    """With a full adjacency matrix nnz = N², and the counter sees the same work."""
    nodes, features = 6, 5
    dense = nn.Linear(nodes, nodes, bias=False)
    full = gcn(nodes=nodes, nonzeros=nodes**2, in_features=3, width=4, classes=features, layers=1)
    assert full.terms["propagation"] == macs(dense, torch.rand(features, nodes))


class SparseMacs(TorchDispatchMode):
    """Multiply-adds of products with a CSR matrix: its entries times the columns of the other. ``as_dense``: as torch's counter has them."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = self.as_dense = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.mm.default and args[0].layout is torch.sparse_csr:
            self.macs += args[0]._nnz() * args[1].shape[1]
            self.as_dense += args[0].numel() * args[1].shape[1]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("layers", "own", "last"), [(1, True, False), (2, False, True), (3, True, True)])
def test_gru_gcn_equals_torchs_counter_on_the_model_itself(layers: int, own: bool, last: bool) -> None:
    draw, nodes, sizes = np.random.default_rng(3), 11, {"in_features": 5, "width": 4, "classes": 3, "layers": layers, "own": own}
    edges = [canonical_edges(draw.integers(0, nodes, (2, count))) if count else np.zeros((2, 0), np.int64) for count in (9, 0, 14)]
    graph = DynamicGraph("made", tuple(edges), np.arange(nodes) % 3, 3)
    steps = graph_steps(graph, [draw.normal(size=(nodes, 5)).astype(np.float32) for _ in edges], "hold", "step")
    model = GruGcn(steps=3, last=last, **sizes).eval()
    with SparseMacs() as first, torch.no_grad():  # Âx of the first layer, which the steps hold ready made
        for step in steps:
            step.adjacency @ step.x
    sparse = SparseMacs()
    with FlopCounterMode(display=False) as counter, sparse, torch.no_grad():
        model(steps, nodes, torch.arange(nodes))
    found = gru_gcn([(len(step.nodes), step.adjacency._nnz()) for step in steps], nodes=nodes, last=last, **sizes)
    propagated = found.terms["encoder propagation"] + found.terms.get("propagation", 0)
    assert propagated == first.macs + sparse.macs
    assert found.macs - propagated == counter.get_total_flops() // 2 - sparse.as_dense
    assert found.ends <= found.terms.keys() and found.core_macs == found.macs - sum(found.terms[name] for name in found.ends)


def test_networks_one_after_the_other_add_up() -> None:
    parts = [graph_transformer(nodes=n, in_features=4, width=3, classes=2) for n in (5, 9)]
    whole = in_turn(parts, "each snapshot")
    assert whole.macs == sum(part.macs for part in parts) and whole.ends == parts[0].ends
    assert whole.terms["attention AV"] == (25 + 81) * 3


def test_an_empty_graph_is_refused() -> None:
    with pytest.raises(InputError, match="snapshots is 0, must be at least 1"):
        gru_gcn([], nodes=1, in_features=1, width=1, classes=1)
    with pytest.raises(InputError, match="nodes is 0, must be at least 1"):
        gcn(nodes=0, nonzeros=1, in_features=1, width=1, classes=1)
