"""The readout: class scores out of firing rates, on the host."""

from __future__ import annotations

from typing import cast

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from neurograph.nn.propagate import Propagate
from neurograph.nn.segments import Segments

__all__ = ["Readout"]


class Readout(nn.Module):
    r"""Logits out of the rates of all branches, side by side in R: propagated once more, as they are, or both.

    .. math::
        \mathrm{logits} = [\hat A R, R] \, W + b

    Of a batch of G graphs (:class:`neurograph.nn.segments.Segments`) the mean of :math:`[\hat A R, R]` over the nodes of each graph is
    read, and dropout is of that.

    Args:
        width: features of R.
        classes: C.
        graph: Â, or None to leave the first half out.
        plain: whether the second half is there.
        dropout: of R, in training.

    Shapes:
        spikes, one (T, N, D) a branch → logits (N, C), or (G, C)
    """

    def __init__(self, width: int, classes: int, graph: sp.csr_matrix | None, plain: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        if graph is None and not plain:
            raise ValueError("Readout: neither propagated nor plain, must be one at least; give a graph")
        self.plain = plain
        self.segments: Segments | None = None
        self.dropout = nn.Dropout(dropout)
        self.propagate = None if graph is None else Propagate(graph, learn_gain=False)
        self.linear = nn.Linear(width * ((graph is not None) + plain), classes)

    def forward(self, spikes: tuple[Tensor, ...]) -> Tensor:
        rates = torch.cat([branch.mean(dim=0) for branch in spikes], dim=-1)
        if self.segments is None:
            rates = self.dropout(rates)
        parts = [rates] if self.propagate is None else [self.propagate(rates[None])[0]] + self.plain * [rates]
        heard = torch.cat(parts, dim=-1)
        if self.segments is not None:
            heard = self.dropout(self.segments.mean(heard))
        return cast(Tensor, self.linear(heard))
