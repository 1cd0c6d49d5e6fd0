"""The formulas against torch's own FLOP counter, on modules that do the same work."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from neurograph.errors import InputError
from neurograph.hw_profiles.baselines import gcn, graph_transformer


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


def test_an_empty_graph_is_refused() -> None:
    with pytest.raises(InputError, match="nodes is 0, must be at least 1"):
        gcn(nodes=0, nonzeros=1, in_features=1, width=1, classes=1)
