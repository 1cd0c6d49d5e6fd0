"""Weights rounded in training: the integers of export, the straight-through gradient against autograd, and what layers do with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.nn import And, PerNode, Propagate, ReduceNodes, fake_quantize, gcn_norm, set_weight_bits

MODES = st.sampled_from(["mixed", "excitatory", "inhibitory"])
BITS = st.integers(2, 8)
EDGES = np.array([[0, 1, 1, 2, 3, 0, 3, 4], [1, 0, 2, 1, 0, 3, 4, 3]])


def weights(size: int = 24) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.floats(-4, 4), min_size=1, max_size=size).map(np.array)


@given(st.lists(st.floats(-400, 400), min_size=1), MODES, BITS)
def test_tensors_and_arrays_round_alike(values: list[float], mode: fx.SignMode, bits: int) -> None:
    rounded = fx.round_weights(np.array(values), mode, bits)
    np.testing.assert_array_equal(fx.nearest_weights(torch.tensor(values, dtype=torch.float64), mode, bits).numpy(), rounded)


@pytest.mark.parametrize("mode", ["mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_every_half_step_rounds_alike(mode: fx.SignMode, bits: int) -> None:
    values = np.arange(-600, 601) / 2
    rounded = fx.round_weights(values, mode, bits)
    np.testing.assert_array_equal(fx.nearest_weights(torch.from_numpy(values), mode, bits).numpy(), rounded)


@given(weights(), BITS)
def test_rounding_twice_is_rounding_once(values: np.ndarray, bits: int) -> None:
    once = fake_quantize(torch.from_numpy(values), bits)
    assert torch.equal(fake_quantize(once, bits), once)


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-200, 1e100])
def test_tiny_and_huge_weights_leave_no_nan(size: float) -> None:
    rounded = fake_quantize(torch.tensor([size, -size / 2, 0.0], dtype=torch.float64), 4)
    assert torch.isfinite(rounded).all() and (rounded - torch.tensor([size, -size / 2, 0.0], dtype=torch.float64)).abs().max() <= size


@given(weights(), BITS)
def test_what_is_left_are_integers_that_export_can_store(values: np.ndarray, bits: int) -> None:
    rounded = fake_quantize(torch.from_numpy(values), bits).numpy()
    mode = fx.sign_mode_of(values)
    exponent = fx.least_error_exponent(values, mode, bits)
    np.testing.assert_array_equal(rounded, fx.round_weights(values / 2.0**exponent, mode, bits) * 2.0**exponent)


@pytest.mark.parametrize("bits", range(2, 9))
def test_gradient_is_the_plain_one_inside_and_none_beyond(bits: int) -> None:
    torch.manual_seed(bits)
    values = torch.randn(400, dtype=torch.float64)
    values[:3] = torch.tensor([9.0, -9.0, 7.0])  # so few that least error clips them at few bits
    values.requires_grad_()
    factors = torch.randn(400, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((fake_quantize(values, bits) * factors).sum(), values)
    exponent = fx.least_error_exponent(values.detach(), "mixed", bits)
    low, high, step = (limit * 2.0**exponent for limit in fx.weight_limits("mixed", bits))
    (plain,) = torch.autograd.grad((values.clamp(low - step / 2, high + step / 2) * factors).sum(), values)
    assert torch.equal(gradient, plain)
    assert bits > 4 or (gradient == 0).any()


def on_grid(layer: PerNode) -> None:
    """Weights and statistics at which rounding to 4 bits changes nothing."""
    with torch.no_grad():
        layer.linear.weight.copy_(torch.arange(-8, 8).view(4, 4) / 8)
        if layer.norm is not None:
            layer.norm.running_var.fill_(1 - layer.norm.eps)  # type: ignore[union-attr]


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_a_layer_on_the_grid_are_those_of_the_plain_layer(norm: bool, training: bool) -> None:
    torch.manual_seed(0)
    x, factors = torch.randn(3, 5, 4, dtype=torch.float64), torch.randn(3, 5, 4, dtype=torch.float64)
    results = []
    for bits in (None, 4):
        torch.manual_seed(1)
        layer = PerNode(4, 4, norm=norm).double().train(training)
        on_grid(layer)
        set_weight_bits(layer, bits)
        y = layer(x)
        (y * factors).sum().backward()
        results.append([y.detach(), *(p.grad for p in layer.parameters())])
    for plain, rounded in zip(*results, strict=True):
        torch.testing.assert_close(rounded, plain, rtol=0, atol=1e-9)


def worn(layer: PerNode) -> PerNode:
    for _ in range(5):
        layer(torch.randn(3, 20, layer.in_features) * 2 + 1)
    if layer.norm is not None:
        torch.nn.init.uniform_(layer.norm.weight, 0.5, 2.0)
        torch.nn.init.normal_(layer.norm.bias)
    return layer.eval()


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("norm", [False, True])
def test_folded_is_the_rounded_layer_at_inference(norm: bool, bits: int) -> None:
    torch.manual_seed(0)
    layer = PerNode(6, 4, norm=norm)
    set_weight_bits(layer, bits)
    worn(layer)
    weight, offset = layer.folded()
    assert len(np.unique(weight)) <= 2**bits
    np.testing.assert_array_equal(layer.double().folded()[0], weight)  # float32 and float64 round alike
    x = torch.randn(3, 20, 6, dtype=torch.float64)
    np.testing.assert_allclose(x.numpy() @ weight.T + offset, layer(x).detach().numpy(), rtol=0, atol=1e-12)


def test_rows_that_the_norm_turns_off_stay_off() -> None:
    torch.manual_seed(0)
    layer = PerNode(6, 4, norm=True)
    set_weight_bits(layer, 4)
    worn(layer)
    with torch.no_grad():
        layer.norm.weight[1] = 0  # type: ignore[union-attr]
    weight, _ = layer.folded()
    assert not weight[1].any() and weight[0].any()
    assert torch.isfinite(layer(torch.randn(2, 3, 6))).all()


def test_propagation_is_rounded_and_its_gain_is_not() -> None:
    layer = Propagate(gcn_norm(EDGES, 5), gain=1.3).double()
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    exact = layer(x)
    set_weight_bits(layer, 3)
    matrix = layer.matrix()
    assert len(np.unique(matrix.data)) <= 8 and abs(matrix - matrix.T).max() == 0
    levels = matrix.data / layer.gain * 64  # steps are powers of two
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-9)
    y = layer(x)
    np.testing.assert_allclose(y.detach().numpy(), np.stack([matrix @ tick for tick in x.numpy()]), atol=1e-12)
    (gradient,) = torch.autograd.grad(y.sum(), layer.log_gain)  # type: ignore[arg-type]
    torch.testing.assert_close(gradient, y.sum().detach())
    set_weight_bits(layer, None)
    assert torch.equal(layer(x), exact)


def test_the_sum_over_nodes_is_rounded() -> None:
    torch.manual_seed(0)
    layer = ReduceNodes(8, 20, 0.5)
    set_weight_bits(layer, 4)
    layer((torch.rand(3, 20, 8) < torch.linspace(0.1, 0.6, 8)).float())
    layer.eval()
    stored = layer.weight()
    assert len(np.unique(stored)) <= 16
    x = torch.rand(3, 20, 8, dtype=torch.float64)
    np.testing.assert_allclose(layer.double()(x)[:, 0].detach().numpy(), x.numpy().sum(axis=1) * stored, atol=1e-12)


class Core(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate = PerNode(4, 4), And()

    def forward(self, x: Tensor) -> Tensor:
        return self.gate(self.first(x), x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("bits", [1, 9, 4.0, "4", True])
def test_bits_out_of_range_are_refused(bits: int) -> None:
    core = Core()
    with pytest.raises(QuantizationError, match="weight bits: .*, must be 2 to 8"):
        set_weight_bits(core, bits)
    assert core.first.weight_bits is None
