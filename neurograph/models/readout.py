"""The readout of models over snapshots: one linear map of the states that a node had after all steps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Reader", "SnapshotReadout"]


class SnapshotReadout(nn.Module):
    r""":math:`\mathrm{logits}_n = \sum_t W^t (m_n \odot a_{t n}) + b`, for the rows alone that are asked for.

    Dropout m is one mask a node and feature, shared by all snapshots.

    Args:
        steps: T. width: D. last: read the state after the last snapshot alone.

    Shapes:
        states (N, D) after each snapshot, rows (R,) → logits (R, C), by way of a :class:`Reader`
    """

    def __init__(self, steps: int, width: int, classes: int, dropout: float = 0.5, last: bool = False) -> None:
        super().__init__()
        self.width, self.first = width, steps - 1 if last else 0
        self.linear = nn.Linear((steps - self.first) * width, classes)
        self.dropout = nn.Dropout(dropout)

    def reader(self, rows: Tensor) -> Reader:
        """A reader of one forward pass."""
        return Reader(self, rows)


class Reader:
    """Sums up the logits of one forward pass, snapshot by snapshot."""

    def __init__(self, readout: SnapshotReadout, rows: Tensor) -> None:
        linear = readout.linear
        self._rows, self._first = rows, readout.first
        self._weights = torch.split(linear.weight, readout.width, dim=1)
        self.logits = linear.bias.expand(len(rows), -1)
        drops = readout.training and readout.dropout.p > 0
        self._mask = readout.dropout(linear.weight.new_ones(len(rows), readout.width)) if drops else None

    def read(self, at: int, states: Tensor) -> None:
        """Add what the states (N, D) after snapshot ``at`` say."""
        if at < self._first:
            return
        read = states.index_select(0, self._rows) if self._mask is None else states.index_select(0, self._rows) * self._mask
        self.logits = self.logits + read @ self._weights[at - self._first].t()
