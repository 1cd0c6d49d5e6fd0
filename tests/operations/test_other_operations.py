"""Element by element, norms, and what is not counted: always by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from neurograph.operations import PRODUCTS, Uncounted, count_operations

X = torch.tensor([[0.0, 1, 2], [3, 0, 5]])


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


def rows(function, *x):
    counts = count_operations(Apply(function), *x)
    return {(row.kind, row.additions): (row.dense, row.effective) for row in counts.rows}, [u.operation for u in counts.uncounted]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * x, {("multiply", False): (6, 4)}),
        (lambda x: x * 0.5, {("multiply", False): (6, 4)}),
        (lambda x: x * -1, {("multiply", True): (6, 4)}),
        (lambda x: x * (x > 2).float(), {("multiply", True): (6, 2)}),
        (lambda x: x + x[0], {("add", True): (6, 3)}),
        (lambda x: x - 1, {("add", True): (6, 4)}),
        (lambda x: 1 - x, {("add", True): (6, 4)}),
        (lambda x: x.clone().mul_(x), {("multiply", False): (6, 4)}),
        (lambda x: x.sum(0), {("add", True): (6, 4)}),
        (lambda x: x.mean(1), {("add", True): (6, 4), ("multiply", False): (2, 2)}),
        (lambda x: x**2, {("multiply", False): (6, 4)}),
        (lambda x: torch.add(x, x, alpha=2.0), {("multiply", False): (6, 4), ("add", True): (6, 4)}),
        (lambda x: torch.addcmul(x, x, x), {("multiply", False): (6, 4), ("add", True): (6, 4)}),
        (lambda x: x.relu().view(3, 2).t().clamp(0, 1), {}),
    ],
)
def test_element_by_element(function, expected):
    assert rows(function, X) == (expected, [])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.exp, "aten::exp"),
        (lambda x: x / 2, "aten::div"),
        (lambda x: torch.softmax(x, -1), "aten::_softmax"),
        (lambda x: torch.cumsum(x, 0), "aten::cumsum"),
        (lambda x: x**3, "aten::pow"),
        (lambda x: nn.functional.avg_pool1d(x, 2), "aten::avg_pool2d"),
        (lambda x: torch.linalg.inv_ex(x @ x.T + torch.eye(2))[0], "aten::linalg_inv_ex"),
        (lambda x: x.long() * 2, "aten::mul of integers"),
        (lambda x: torch.zeros(2, 3).scatter_reduce(0, torch.zeros(2, 3, dtype=torch.long), x, "prod"), "aten::scatter_reduce"),
    ],
)
def test_arithmetic_that_is_not_counted_is_named(function, name):
    assert name in rows(function, X)[1]


def test_an_operation_of_another_library_is_named():
    library = torch.library.Library("neurograph_test", "FRAGMENT")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x * 2, "CPU")
    counts = count_operations(Apply(torch.ops.neurograph_test.twice), X)
    assert counts.uncounted == (Uncounted("", "neurograph_test::twice", 1, 6),)
    assert counts.rows == ()


def test_an_lstm_is_named():
    counts = count_operations(nn.LSTM(3, 2), X)
    assert counts.dense() > 0 or counts.uncounted


@pytest.mark.parametrize(
    ("norm", "shape", "training", "expected"),
    [
        (nn.BatchNorm1d(3), (4, 3), False, (12, 0)),
        (nn.BatchNorm1d(3), (4, 3), True, (36, 24)),
        (nn.BatchNorm1d(3, affine=False), (4, 3), True, (24, 24)),
        (nn.BatchNorm2d(3), (2, 3, 2, 2), False, (24, 0)),
        (nn.LayerNorm(3), (4, 3), False, (36, 24)),
        (nn.LayerNorm(3, elementwise_affine=False), (4, 3), False, (24, 24)),
        (nn.GroupNorm(1, 3), (4, 3), False, (36, 24)),
    ],
)
def test_norms(norm, shape, training, expected):
    """Multiply-adds and additions an element."""
    counts = count_operations(norm.train(training), torch.rand(shape) + 1)
    kinds = {"normalisation"}
    assert (counts.effective_macs(kinds), counts.effective_acs(kinds)) == expected
    assert counts.dense(PRODUCTS) == 0


def test_weights_from_weights_are_preparation():
    class Rounded(nn.Linear):
        def forward(self, x):
            return nn.functional.linear(x, (self.weight * 8).round() * 0.125)

    counts = count_operations(Rounded(3, 2), X)
    assert {row.kind for row in counts.rows} == {"preparation", "linear"}
    assert counts.by_kind()["preparation"].dense == 12


def test_tokens_are_no_weights():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    counts = count_operations(model, torch.tensor([1, 2, 0, 4]))
    assert {row.kind: row.dense for row in counts.rows} == {"linear": 4 * 6}


def test_a_state_that_is_written_into_is_no_constant():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("state", torch.zeros(2, 3))

        def forward(self, x):
            self.state[:1] = x[:1]
            return self.state @ self.state.t()

    assert [row.kind for row in count_operations(Keeps(), X).rows] == ["attention"]


def test_the_hooks_and_the_fast_path_are_as_before():
    model = nn.Sequential(nn.Linear(3, 2))
    before = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(RuntimeError):
        count_operations(model, torch.rand(4, 4))
    assert torch.backends.mha.get_fastpath_enabled() is before
    assert not model[0]._forward_pre_hooks and not model[0]._forward_hooks
    assert torch.equal(model(X), model[0](X))
