"""Wires: outer products and sums over features out of weights of 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurograph.nn import Wires
from neurograph.nn.wires import outer_left, outer_right

HEADS, WIDTH = 3, 4


def binary(*shape: int, seed: int = 0) -> torch.Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.5).double()


def test_two_spreads_are_the_outer_product_of_each_head() -> None:
    k, v = binary(2, 5, HEADS * WIDTH), binary(2, 5, HEADS * WIDTH, seed=1)
    left, right = Wires(outer_left(HEADS, WIDTH)).double(), Wires(outer_right(HEADS, WIDTH)).double()
    heads = (2, 5, HEADS, WIDTH)
    expected = torch.einsum("tnhd,tnhe->tnhde", k.view(heads), v.view(heads)).flatten(2)
    assert torch.equal(left(k) * right(v), expected)


def test_the_transpose_sums_over_the_left_factor() -> None:
    x = binary(2, 5, HEADS * WIDTH * WIDTH)
    found = Wires(outer_right(HEADS, WIDTH).T).double()(x)
    assert torch.equal(found, x.view(2, 5, HEADS, WIDTH, WIDTH).sum(dim=3).flatten(2))


def test_it_learns_nothing_and_stores_nothing() -> None:
    layer = Wires(np.eye(3)[:2])
    assert list(layer.parameters()) == [] and layer.state_dict() == {}
    assert layer.weight().dtype == np.float64 and layer.weight().tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("matrix", [np.full((2, 2), 0.5), np.ones(3), -np.eye(2)])
def test_other_weights_are_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="0 and 1 only"):
        Wires(matrix)
