"""The networks with real numbers that every accuracy table and energy ratio is measured against."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import GCNConv

__all__ = ["GCN", "GraphTransformer"]


class GCN(nn.Module):
    r"""Graph convolutional network (Kipf and Welling 2017) of PyG's GCNConv layers, :math:`H' = \mathrm{ReLU}(\hat A H W)`.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(self, in_features: int, classes: int, width: int = 64, layers: int = 2, dropout: float = 0.5) -> None:
        super().__init__()
        widths = [in_features, *[width] * (layers - 1), classes]
        self.convolutions = nn.ModuleList(GCNConv(a, b, cached=True) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for i, convolution in enumerate(self.convolutions):
            x = convolution(self.dropout(x if i == 0 else x.relu()), edge_index)
        return x


class GraphTransformer(nn.Module):
    r"""The dense counterpart of SpikeGraphormer: softmax attention over all N² pairs of nodes beside a GCN.

    .. math::
        H \leftarrow H + \mathrm{softmax}(Q K^T / \sqrt D) V W_O, \qquad H \leftarrow H + \mathrm{FFN}(H),
        \qquad \mathrm{logits} = \hat A [H, \mathrm{ReLU}(\hat A X W)] W_r

    Args:
        in_features, classes: of the graph.
        width, blocks: D and L1 of the attention branch; gnn_width, gnn_layers: of the GCN.
        fused: torch's fused attention, which never stores the N × N matrix; else the plain one.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(
        self,
        in_features: int,
        classes: int,
        width: int = 16,
        blocks: int = 1,
        gnn_width: int = 64,
        gnn_layers: int = 1,
        dropout: float = 0.5,
        fused: bool = False,
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.Linear(in_features, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, fused) for _ in range(blocks))
        widths = [in_features, *[gnn_width] * gnn_layers]
        self.convolutions = nn.ModuleList(GCNConv(a, b, cached=True) for a, b in pairwise(widths))
        self.readout = GCNConv(width + gnn_width, classes, cached=True)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.dropout(x)
        h = self.encoder(x)
        for block in self.blocks:
            h = block(h)
        g = x
        for convolution in self.convolutions:
            g = convolution(g, edge_index).relu()
        return cast(Tensor, self.readout(self.dropout(torch.cat([h, g], dim=-1)), edge_index))


class TransformerBlock(nn.Module):
    """Pre-norm softmax attention and a feed-forward of twice the width, each with a shortcut."""

    def __init__(self, width: int, fused: bool = False) -> None:
        super().__init__()
        self.fused = fused
        self.norm = nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.ffn = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, h: Tensor) -> Tensor:
        x = self.norm(h)
        q, k, v = self.q(x), self.k(x), self.v(x)
        if self.fused:
            attended = nn.functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
        else:
            attended = torch.softmax(q @ k.t() / q.shape[-1] ** 0.5, dim=-1) @ v
        h = h + self.out(attended)
        return cast(Tensor, h + self.ffn(h))
