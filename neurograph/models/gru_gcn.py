"""GRU-GCN: graph convolutions within each snapshot, a gated recurrent unit over the snapshots, trained back through all of them (BPTT)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from neurograph.models.readout import SnapshotReadout
from neurograph.models.steps import Step
from neurograph.nn.propagate import symmetric_product

__all__ = ["GruGcn"]


class GruGcn(nn.Module):
    r"""A graph convolutional network (Kipf and Welling 2017) of ``layers`` layers and a GRU (Cho et al. 2014).

    .. math::
        H_t = \mathrm{ReLU}(\hat A_t \, \mathrm{ReLU}(\hat A_t X_t W_1 + b_1) W_2 + b_2), \qquad
        h_t = \mathrm{GRU}(H_t, h_{t-1})

    Nodes that take no part in a step keep their state h. Read are the states after every snapshot, or after the last one.

    Args:
        in_features, classes, steps: of the graph.
        width: of all layers. layers: of the GCN. dropout: of the layers' inputs but the first, and of the states that are read.
        own: a term :math:`X_t W_o` in each layer beside the propagated one.
        last: read the last state alone.

    Shapes:
        steps, T of them; nodes, N; rows (R,), those to read → logits (R, C)
    """

    name = "gru_gcn"

    def __init__(
        self,
        in_features: int,
        classes: int,
        steps: int,
        width: int = 64,
        layers: int = 2,
        dropout: float = 0.5,
        own: bool = True,
        last: bool = False,
    ) -> None:
        super().__init__()
        sizes = [in_features, *[width] * (layers - 1)]
        self.width = width
        self.convolutions = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.own = nn.ModuleList(nn.Linear(size, width, bias=False) for size in sizes) if own else None
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRUCell(width, width)
        self.readout = SnapshotReadout(steps, width, classes, dropout, last)

    def forward(self, steps: Sequence[Step], nodes: int, rows: Tensor) -> Tensor:
        reader = self.readout.reader(rows)
        state = self.readout.linear.weight.new_zeros(nodes, self.width)
        for at, step in enumerate(steps):
            if len(step.nodes):
                state = state.index_copy(0, step.nodes, self.gru(self.convolve(step), state.index_select(0, step.nodes)))
            reader.read(at, state)
        return reader.logits

    def convolve(self, step: Step) -> Tensor:
        """H_t, (n, D)."""
        hidden, propagated = step.x, step.propagated
        for k, linear in enumerate(self.convolutions):
            if k:
                hidden = self.dropout(hidden)
                propagated = symmetric_product(step.adjacency, hidden)
            found = linear(propagated)
            if self.own is not None:
                found = found + cast(nn.Linear, self.own[k])(hidden)
            hidden = torch.relu(found)
        return hidden
