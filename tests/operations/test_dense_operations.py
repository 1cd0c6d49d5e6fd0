"""Dense counts beside torch's own FLOP counter, which counts two a multiply-add."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from neurograph.operations import KINDS, LAYERS, count_operations


class Attention(nn.Module):
    """Plain or fused."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.qkv = way, nn.Linear(6, 18)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.way == "fused":
            return nn.functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])
        if self.way == "einsum":
            return torch.einsum("bij,bjd->bid", torch.einsum("bid,bjd->bij", q, k).softmax(-1), v)
        return (q @ k.transpose(1, 2)).softmax(-1) @ v


class Split(nn.Module):
    """A weight that is itself a product of two."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.rand(4, 2)), nn.Parameter(torch.rand(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ (self.a @ self.b)


CASES = {
    "linear": (nn.Linear(4, 3), (5, 4)),
    "linear, no bias": (nn.Linear(4, 3, bias=False), (2, 5, 4)),
    "linear, one row": (nn.Linear(4, 3), (4,)),
    "conv1d": (nn.Conv1d(4, 6, 3, padding=2, dilation=2, groups=2), (2, 4, 9)),
    "conv2d": (nn.Conv2d(3, 4, 3, stride=2, padding=1), (2, 3, 8, 7)),
    "conv2d, same": (nn.Conv2d(3, 4, (3, 5), padding="same"), (3, 8, 7)),
    "conv3d": (nn.Conv3d(2, 3, 2), (2, 2, 4, 5, 3)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 5, 6)),
    "mlp": (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), (5, 4)),
    "gru": (nn.Sequential(nn.Linear(4, 4), nn.GRU(4, 3)), (5, 4)),
    "plain attention": (Attention("plain"), (2, 5, 6)),
    "einsum": (Attention("einsum"), (2, 5, 6)),
    "fused attention": (Attention("fused"), (2, 5, 6)),
    "transformer layer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
    "a product of weights": (Split(), (5, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_twice_the_dense_count_is_what_torch_counts(name):
    torch.manual_seed(0)
    module, shape = CASES[name]
    x = torch.rand(shape)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # it does not know the fused kernel of the CPU
        module.eval()(x)
    counts = count_operations(module, x)
    products = counts.dense((*LAYERS, "attention")) + sum(r.dense for r in counts.rows if r.kind == "preparation")
    assert 2 * products == counter.get_total_flops() > 0


def test_work_has_the_name_of_its_module():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2, bias=False))
    rows = {row.module: row for row in count_operations(model, torch.rand(5, 4)).rows}
    assert {name: (row.kind, row.dense, row.calls) for name, row in rows.items()} == {"0.0": ("linear", 160, 1), "1": ("linear", 80, 1)}


def test_kinds_are_told_apart():
    counts = count_operations(Attention("plain").eval(), torch.rand(2, 5, 6)).by_kind()
    assert {kind: row.dense for kind, row in counts.items()} == {"linear": 2 * 5 * 6 * 18, "attention": 2 * 2 * 5 * 5 * 6}
    assert set(counts) <= set(KINDS)


def test_a_product_of_weights_is_preparation():
    counts = count_operations(Split(), torch.rand(5, 4)).by_kind()
    assert (counts["preparation"].dense, counts["linear"].dense) == (4 * 2 * 3, 5 * 4 * 3)


def test_padding_is_dense_and_not_unpadded():
    (row,) = count_operations(nn.Conv1d(1, 1, 3, padding=1, bias=False), torch.ones(1, 1, 4)).rows
    assert (row.dense, row.unpadded, row.effective) == (12, 10, 10)


def test_a_module_that_is_called_twice_counts_twice():
    layer = nn.Linear(4, 4)
    (row,) = [r for r in count_operations(nn.Sequential(layer, nn.ReLU(), layer), torch.rand(5, 4)).rows if r.kind == "linear"]
    assert (row.calls, row.dense) == (2, 2 * 5 * 16)
