"""PerNode and its folded form; Select."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurograph.nn import PerNode, Select


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_folded_is_the_layer_at_inference(norm: bool, bias: bool) -> None:
    torch.manual_seed(0)
    layer = PerNode(6, 4, bias=bias, norm=norm).double()
    for _ in range(5):
        layer(torch.randn(3, 20, 6, dtype=torch.float64) * 2 + 1)
    if layer.norm is not None:
        torch.nn.init.uniform_(layer.norm.weight, 0.5, 2.0)
        torch.nn.init.normal_(layer.norm.bias)
    layer.eval()
    x = torch.randn(3, 20, 6, dtype=torch.float64)
    weight, offset = layer.folded()
    assert weight.dtype == np.float64
    np.testing.assert_allclose(x.numpy() @ weight.T + offset, layer(x).detach().numpy(), rtol=0, atol=1e-12)


def test_norm_is_over_all_ticks_and_nodes() -> None:
    torch.manual_seed(0)
    y = PerNode(6, 4, norm=True)(torch.randn(3, 20, 6) + 5)
    torch.testing.assert_close(y.mean(dim=(0, 1)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var(dim=(0, 1), correction=0), torch.ones(4), atol=1e-3, rtol=0)


def test_folded_arrays_are_copies() -> None:
    layer = PerNode(2, 2).double()
    before = layer.linear.weight.detach().clone()
    layer.folded()[0][:] = 7
    assert torch.equal(layer.linear.weight, before)


def test_select_takes_its_features() -> None:
    x = torch.arange(24.0).view(2, 3, 4)
    assert torch.equal(Select(1, 3, 4)(x), x[:, :, 1:3])


@pytest.mark.parametrize("places", [(2, 2, 4), (0, 5, 4), (-1, 2, 4)])
def test_select_refuses_what_is_not_there(places: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be 0 <= start < stop <= width"):
        Select(*places)
