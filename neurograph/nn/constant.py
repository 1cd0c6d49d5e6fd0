"""Constant linear maps over features: how spikes of several heads are summed, and how one spike train is handed to each of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["RepeatHeads", "SumHeads"]


class SumHeads(nn.Module):
    r"""Sums feature d over all heads, :math:`y_d = \sum_h x_{h, d}`.

    Shapes:
        x (T, N, heads·D) → (T, N, D)
    """

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.heads = heads
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, self.width).sum(dim=-2)

    def weight(self) -> NDArray[np.float64]:
        """(D, heads·D), of 0 and 1."""
        return np.tile(np.eye(self.width), self.heads)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, width={self.width}"


class RepeatHeads(SumHeads):
    """The same D features for each head.

    Shapes:
        x (T, N, D) → (T, N, heads·D)
    """

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x] * self.heads, dim=-1)

    def weight(self) -> NDArray[np.float64]:
        """(heads·D, D), of 0 and 1."""
        return super().weight().T
