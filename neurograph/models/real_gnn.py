"""The real-valued GNN branch of SpikeGraphormer's ``paper`` build. It runs on the host."""

from __future__ import annotations

import scipy.sparse as sp
import torch
from torch import Tensor, nn

from neurograph.nn import Features, Propagate, drop_features

__all__ = ["RealGnn"]


class RealGnn(nn.Module):
    r"""A linear map, then L2 propagations.

    .. math::
        H_0 = g (X W + b), \qquad H_l = f_l(\hat A H_{l-1}), \qquad
        Y = \mathrm{ReLU}(H_{L_2}) \quad\text{or, as the mean over all hops,}\quad \mathrm{ReLU}(\tfrac{1}{L_2 + 1} \textstyle\sum_l H_l)

    with f_l the identity, or, where ``linear``, :math:`\mathrm{ReLU}(\mathrm{BN}(\hat A H_{l-1} W_l)) + H_{l-1}`.

    The mean over hops with whole nodes dropped is the random propagation of GRAND (Feng et al. 2020).

    Args:
        in_features, width: F and D.
        layers: L2.
        graph: Â.
        gain: g; rows of features that sum to 1 are small numbers, and with g = 1 learning takes long.
        average: mean over hops in place of the last one.
        linear: a linear map, batch norm, ReLU and a shortcut in each layer.
        dropout: of the features, behind the ReLU, and where ``linear`` between layers; node_dropout: of whole rows of H_0.

    Shapes:
        x (N, F) → (N, D)
    """

    def __init__(
        self,
        in_features: int,
        width: int,
        layers: int,
        graph: sp.csr_matrix,
        gain: float = 20.0,
        average: bool = True,
        linear: bool = False,
        dropout: float = 0.5,
        node_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.map = nn.Linear(in_features, width)
        nn.init.xavier_uniform_(self.map.weight)
        nn.init.zeros_(self.map.bias)
        self.propagate = Propagate(graph, learn_gain=False)
        self.layers = layers
        self.gain = gain
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(layers if linear else 0))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(layers if linear else 0))
        self.average = average
        self.dropout, self.node_dropout = dropout, node_dropout

    def forward(self, x: Features) -> Tensor:
        x = drop_features(x, self.dropout, self.training)
        h = self.gain * (x @ self.map.weight.t() + self.map.bias)
        if self.training:
            h = h * nn.functional.dropout(torch.ones_like(h[:, :1]), self.node_dropout)
        hops = [h]
        for layer in range(self.layers):
            h = self.propagate(h[None])[0]
            if self.linears:
                h = self.norms[layer](self.linears[layer](h)).relu() + hops[-1]
                h = nn.functional.dropout(h, self.dropout, self.training and layer + 1 < self.layers)
            hops.append(h)
        y = torch.stack(hops).mean(dim=0) if self.average else h
        return nn.functional.dropout(y.relu(), self.dropout, self.training)
