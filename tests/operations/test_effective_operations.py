"""Effective counts beside a count by hand of every pair of operands, on random small shapes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from neurograph.errors import InputError
from neurograph.operations import count_operations, count_samples

small = st.integers(1, 4)


def sparse_values(rng, shape, kind="real"):
    """Random numbers with many zeros; spikes, ternary or real ones."""
    zero_one = rng.random(shape) < 0.4
    factor = {"spikes": 1, "ternary": rng.choice([-1, 1], shape), "real": rng.normal(size=shape) + 3}[kind]
    return torch.tensor(np.asarray(zero_one * factor, dtype=np.float32))


def total(counts, kind):
    rows = [row for row in counts.rows if row.kind == kind]
    return sum(row.effective for row in rows), {row.additions for row in rows}


@given(small, small, small, st.sampled_from(["spikes", "ternary", "real"]), st.integers(0, 99))
def test_linear(n, k, m, kind, seed):
    rng = np.random.default_rng(seed)
    layer, x = nn.Linear(k, m), sparse_values(rng, (n, k), kind)
    layer.weight.data = sparse_values(rng, (m, k))
    expected = sum(bool(x[i, j]) and bool(layer.weight[o, j]) for i in range(n) for j in range(k) for o in range(m))
    found, additions = total(count_operations(layer, x), "linear")
    assert found == expected
    assert additions == {kind != "real" or not (x != 0).any()}


@st.composite
def convolutions(draw):
    dimensions, groups = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    options = {name: draw(st.integers(low, 3)) for name, low in (("kernel_size", 1), ("stride", 1), ("dilation", 1))}
    options["padding"] = draw(st.integers(0, 2))
    transposed = draw(st.booleans())
    kind = f"Conv{'Transpose' if transposed else ''}{dimensions}d"
    layer = getattr(nn, kind)(groups * draw(small), groups * draw(small), groups=groups, **options)
    return layer, (draw(st.integers(1, 2)), layer.in_channels, *(draw(st.integers(7, 9)) for _ in range(dimensions)))


@given(convolutions(), st.integers(0, 99))
@settings(max_examples=60)
def test_convolutions(case, seed):
    """A convolution of masks, in float64, gives for each output how many operands met."""
    layer, shape = case
    rng = np.random.default_rng(seed)
    x = sparse_values(rng, shape)
    layer.weight.data = sparse_values(rng, tuple(layer.weight.shape))
    (row,) = count_operations(layer, x).rows
    masks = type(layer)(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding,
        dilation=layer.dilation, groups=layer.groups, bias=False, dtype=torch.float64,
    )  # fmt: skip
    masks.weight.data = (layer.weight != 0).double()
    assert row.effective == int(masks((x != 0).double()).sum())
    masks.weight.data = torch.ones_like(masks.weight)
    assert row.unpadded == int(masks(torch.ones_like(x, dtype=torch.float64)).sum())
    assert row.effective <= row.unpadded <= row.dense


def test_a_convolution_place_by_place():
    """The same without any convolution of torch's."""
    rng = np.random.default_rng(2)
    layer, x = nn.Conv1d(2, 3, 3, stride=2, padding=1, bias=False), sparse_values(rng, (2, 2, 7), "spikes")
    layer.weight.data = sparse_values(rng, (3, 2, 3))
    expected = 0
    for b, o, j, c, k in itertools.product(range(2), range(3), range(4), range(2), range(3)):
        i = 2 * j + k - 1
        expected += 0 <= i < 7 and bool(x[b, c, i]) and bool(layer.weight[o, c, k])
    (row,) = count_operations(layer, x).rows
    assert row.effective == expected > 0 and row.additions


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b


@given(small, small, small, small, st.sampled_from(["spikes", "real"]), st.integers(0, 99))
def test_products_of_activations(n, m, k, batch, kind, seed):
    rng = np.random.default_rng(seed)
    a, b = sparse_values(rng, (batch, n, k)), sparse_values(rng, (batch, k, m), kind)
    expected = sum(bool(a[h, i, j]) and bool(b[h, j, o]) for h, i, j, o in itertools.product(range(batch), range(n), range(k), range(m)))
    found, additions = total(count_operations(Product(), a, b), "attention")
    assert found == expected
    assert additions == {kind == "spikes" or not (a != 0).any() or not (b != 0).any()}


class Attend(nn.Module):
    def __init__(self, fused, **options):
        super().__init__()
        self.fused, self.options = fused, options

    def forward(self, q, k, v):
        if self.fused:
            return nn.functional.scaled_dot_product_attention(q, k, v, **self.options)
        scores = q @ k.repeat_interleave(q.shape[1] // k.shape[1], 1).transpose(-2, -1)
        mask = self.options.get("attn_mask")
        if self.options.get("is_causal"):
            mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        return scores.softmax(-1) @ v.repeat_interleave(q.shape[1] // v.shape[1], 1)


@pytest.mark.parametrize("kind", ["spikes", "real"])
@pytest.mark.parametrize("option", ["plain", "causal", "mask", "grouped"])
def test_fused_attention_counts_as_plain_attention_does(kind, option):
    rng = np.random.default_rng(1)
    q, k, v = (sparse_values(rng, (2, 4, n, d), kind) for n, d in ((5, 3), (6, 3), (6, 3)))
    options = {}
    if option == "causal":
        options = {"is_causal": True}
    elif option == "mask":
        options = {"attn_mask": torch.tensor(rng.random((2, 1, 5, 6)) < 0.7) | torch.eye(5, 6, dtype=torch.bool)}
    elif option == "grouped":
        options, k, v = {"enable_gqa": True}, k[:, :2], v[:, :2]
    plain, fused = (count_operations(Attend(way, **options), q, k, v) for way in (False, True))
    assert [row for row in fused.rows if row.kind == "attention"] == [row for row in plain.rows if row.kind == "attention"]
    assert fused.uncounted[0].operation.startswith("scale and softmax in")


def test_counts_beyond_what_float32_holds_are_exact():
    layer = nn.Linear(4099, 4099, bias=False)
    layer.weight.data.fill_(1.0)
    (row,) = count_operations(layer, torch.ones(3, 4099)).rows
    assert row.effective == 3 * 4099**2 > 2**24 and isinstance(row.effective, int)


def test_samples_are_counted_one_by_one():
    x = torch.tensor([[0.0, 1, 1], [0, 0, 0], [0.5, 0, 0]])
    layer = nn.Linear(3, 2)
    counted = count_samples(layer, x)
    assert [c.effective_acs() for c in counted] == [4, 0, 0]
    assert [c.effective_macs() for c in counted] == [0, 0, 2]
    assert sum(c.dense() for c in counted) == count_operations(layer, x).dense()


def test_samples_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="inputs of \\[2, 3\\] samples"):
        count_samples(Product(), torch.ones(2, 1), torch.ones(3, 1))


def test_what_is_no_module_is_refused():
    with pytest.raises(InputError, match="function is no torch module"):
        count_operations(lambda x: x, torch.ones(2))
