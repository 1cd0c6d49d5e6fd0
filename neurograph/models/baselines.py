"""The networks that every accuracy table and energy ratio is measured against: PyG's where it has them. All but SpikingGCN compute with
real numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.data import GraphData
from neurograph.errors import InputError
from neurograph.nn import LIF, Features, Segments, SparseMatrix, SpikeDropout, drop_features

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import GATConv, GCNConv, GINConv, SGConv, global_add_pool, global_mean_pool
    from torch_geometric.nn.models import SGFormer as PygSGFormer

__all__ = ["BASELINES", "GAT", "GCN", "GIN", "MLP", "SGC", "GraphTransformer", "SGFormer", "SpikingGCN", "baseline"]


class FeatureMap(nn.Linear):
    """A linear map of a graph's features, dense or sparse, with dropout in front of it: the first layer of every baseline.

    Shapes:
        x (N, F) → (N, D)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__(in_features, out_features, bias)
        nn.init.xavier_uniform_(self.weight)
        self.dropout = dropout

    def forward(self, x: Features) -> Tensor:
        y = drop_features(x, self.dropout, self.training and self.dropout > 0) @ self.weight.t()
        return y if self.bias is None else y + self.bias


class MLP(nn.Module):
    r"""Two linear layers that see no edge: what the features alone tell.

    Shapes:
        x (N, F), edge_index (2, E), which is not looked at → logits (N, C)
    """

    def __init__(self, in_features: int, classes: int, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        hidden = FeatureMap(in_features, width, dropout=dropout)
        self.layers = nn.Sequential(hidden, nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        return cast(Tensor, self.layers(x))


class GCN(nn.Module):
    r"""Graph convolutional network (Kipf and Welling 2017) of PyG's GCNConv layers, :math:`H' = \mathrm{ReLU}(\hat A H W)`.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(self, in_features: int, classes: int, width: int = 64, layers: int = 2, dropout: float = 0.5) -> None:
        super().__init__()
        widths = [width] * (layers - 1) + [classes]
        self.first = FeatureMap(in_features, widths[0], bias=False, dropout=dropout)
        self.propagate = _mapped(GCNConv(widths[0], widths[0], cached=True))
        self.convolutions = nn.ModuleList(GCNConv(a, b, cached=True) for a, b in pairwise(widths))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        h = cast(Tensor, self.propagate(self.first(x), edge_index))
        for convolution in self.convolutions:
            h = convolution(self.dropout(h.relu()), edge_index)
        return h


class GIN(nn.Module):
    r"""Graph isomorphism network (Xu et al. 2019) of PyG's GINConv layers, :math:`H' = \mathrm{ReLU}(\mathrm{MLP}((A + I) H))`, each MLP of
    two linear maps with a batch norm between them.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(self, in_features: int, classes: int, width: int = 64, layers: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.first = FeatureMap(in_features, width, bias=False)
        behind = [nn.BatchNorm1d(width), nn.ReLU()]
        mapped = [nn.Sequential(*behind, nn.Linear(width, width if layers > 1 else classes))]
        for layer in range(1, layers):
            hidden = (nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU())
            mapped.append(nn.Sequential(*hidden, nn.Linear(width, width if layer < layers - 1 else classes)))
        self.convolutions = nn.ModuleList(GINConv(mlp) for mlp in mapped)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        h = self.convolutions[0](self.first(x), edge_index)
        for convolution in self.convolutions[1:]:
            h = convolution(self.dropout(h.relu()), edge_index)
        return cast(Tensor, h)


class GAT(nn.Module):
    r"""Graph attention network (Veličković et al. 2018) of two of PyG's GATConv layers, with its settings for Cora: 8 heads of 8 features,
    ELU, then one head; dropout 0.6 of features and of attention.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(self, in_features: int, classes: int, width: int = 8, heads: int = 8, dropout: float = 0.6) -> None:
        super().__init__()
        self.map = FeatureMap(in_features, width * heads, bias=False, dropout=dropout)
        self.first = _mapped(GATConv(width * heads, width, heads, dropout=dropout))
        self.second = GATConv(width * heads, classes, 1, dropout=dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        hidden = nn.functional.elu(self.first(self.map(x), edge_index))
        return cast(Tensor, self.second(self.dropout(hidden), edge_index))


class SGC(nn.Module):
    r"""Simplified graph convolution (Wu et al. 2019), PyG's SGConv: :math:`\hat A^K (X W) + b`, which is :math:`(\hat A^K X) W + b`.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(self, in_features: int, classes: int, hops: int = 2) -> None:
        super().__init__()
        self.map = FeatureMap(in_features, classes, bias=False)
        self.propagate = _mapped(SGConv(classes, classes, K=hops))
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        return cast(Tensor, self.propagate(self.map(x), edge_index)) + self.bias


class SGFormer(nn.Module):
    r"""Linear attention over all nodes beside a GCN (Wu et al., SGFormer, 2023): PyG's model.

    Args:
        gnn_layers, share: of the GCN, and of it in the sum of the two; the defaults are what SGFormer's authors take on Planetoid.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(
        self, in_features: int, classes: int, width: int = 64, gnn_layers: int = 4, dropout: float = 0.5, share: float = 0.8
    ) -> None:
        super().__init__()
        more = {
            "trans_num_layers": 1,
            "trans_dropout": dropout,
            "gnn_num_layers": gnn_layers,
            "gnn_dropout": dropout,
            "graph_weight": share,
        }
        model = PygSGFormer(width, width, classes, **more)
        self.attention, self.gnn, self.out, self.share = model.trans_conv, model.graph_conv, model.fc, model.graph_weight
        self.to_attention, self.to_gnn = FeatureMap(in_features, width), FeatureMap(in_features, width)
        self.attention.fcs[0], self.gnn.fcs[0] = nn.Identity(), nn.Identity()

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        attended = self.attention(self.to_attention(x), edge_index.new_zeros(x.shape[0]))
        return cast(Tensor, self.out(self.share * self.gnn(self.to_gnn(x), edge_index) + (1 - self.share) * attended))


class SpikingGCN(nn.Module):
    r"""SpikingGCN (Zhu et al., IJCAI 2022), a reconstruction: features propagated before anything else, spikes drawn from them, one spiking
    layer, whose rates are read.

    .. math::
        H = \hat A^K X, \qquad i_t = g W\, \mathrm{Bernoulli}(H / \max H)_t, \qquad v_t = (1 - \beta) v_{t-1} + \beta i_t,
        \qquad \mathrm{logits} = \tfrac{1}{T} \sum_t s \cdot z_t

    In eval mode, where a table must not depend on luck, H itself stands in for the mean of its spikes.

    Args:
        hops: K. ticks: T. gain: g. The scale s is learned.

    Shapes:
        x (N, F), edge_index (2, E) → logits (N, C)
    """

    def __init__(
        self,
        in_features: int,
        classes: int,
        hops: int = 2,
        ticks: int = 16,
        dropout: float = 0.5,
        threshold: float = 0.3,
        gain: float = 20.0,
    ) -> None:
        super().__init__()
        self.propagate = _mapped(SGConv(in_features, in_features, K=hops, cached=True))
        self.linear = nn.Linear(in_features, classes)
        self.dropout = SpikeDropout(dropout)
        self.neuron = LIF(0.5, threshold)
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.ticks, self.gain = ticks, gain

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        rates = self.propagate(x.to_dense() if isinstance(x, SparseMatrix) else x, edge_index)
        rates = (rates / rates.max()).clamp(0, 1)
        sent = rates.expand(self.ticks, *rates.shape)
        if self.training:
            sent = self.dropout(torch.bernoulli(sent))
        spikes = self.neuron(self.gain * self.linear(sent))
        return cast(Tensor, self.scale * spikes.mean(dim=0))


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
        self.to_attention = FeatureMap(in_features, width, dropout=dropout)
        self.blocks = nn.ModuleList(TransformerBlock(width, fused) for _ in range(blocks))
        self.to_gnn = FeatureMap(in_features, gnn_width, bias=False, dropout=dropout)
        self.propagate = _mapped(GCNConv(gnn_width, gnn_width, cached=True))
        self.convolutions = nn.ModuleList(GCNConv(gnn_width, gnn_width, cached=True) for _ in range(gnn_layers - 1))
        self.readout = GCNConv(width + gnn_width, classes, cached=True)

    def forward(self, x: Features, edge_index: Tensor) -> Tensor:
        h = self.to_attention(x)
        for block in self.blocks:
            h = block(h)
        g = cast(Tensor, self.propagate(self.to_gnn(x), edge_index)).relu()
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


def _mapped(convolution: Any) -> Any:
    """PyG's layer without its linear map, for features that were mapped already: sparse ones it does not take."""
    convolution.lin = nn.Identity()
    return convolution


BASELINES: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "gcn": GCN,
    "gat": GAT,
    "sgc": SGC,
    "transformer": GraphTransformer,
    "sgformer": SGFormer,
    "spikinggcn": SpikingGCN,
    "gin": GIN,
}
_POOLS: dict[str, Callable[..., Tensor]] = {  # of those that look at no node of another graph
    **dict.fromkeys(("mlp", "gcn", "gat", "sgc"), global_mean_pool),
    "gin": global_add_pool,  # as Xu et al. have it
}


class OnGraph(nn.Module):
    """A baseline with the edges of its graph at hand.

    Shapes:
        x (N, F), dense or sparse → logits (N, C)
    """

    def __init__(self, model: nn.Module, edge_index: NDArray[np.int64]) -> None:
        super().__init__()
        self.model = model
        self.edge_index = torch.from_numpy(edge_index)

    def use(self, graph: sp.csr_matrix) -> None:
        """Run on this graph from now on: Â (n, n), any symmetric CSR matrix with its edges."""
        edges = graph.tocoo()
        apart = edges.row != edges.col
        self.edge_index = torch.from_numpy(np.stack([edges.row[apart], edges.col[apart]]).astype(np.int64))
        for module in self.model.modules():
            if getattr(module, "cached", False):  # what PyG keeps of the graph before
                module.cached, module._cached_edge_index, module._cached_x = False, None, None  # type: ignore[assignment]

    def forward(self, x: Features) -> Tensor:
        return cast(Tensor, self.model(x, self.edge_index))


class OnSet(OnGraph):
    r"""A baseline that classifies the graphs of a set: :math:`\mathrm{logits} = \mathrm{pool}(\mathrm{ReLU}(H)) W + b`, H (N, D) being
    what it gives for nodes, and the pool PyG's mean over the nodes of each graph, or their sum.

    Shapes:
        x (N, F), dense or sparse → logits (G, C)
    """

    def __init__(self, model: nn.Module, graph: GraphData, pool: Callable[..., Tensor], width: int, dropout: float) -> None:
        super().__init__(model, graph.edge_index)
        assert graph.batch is not None
        self.segments = Segments(graph.batch)
        self.pool = pool
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, graph.classes)

    def forward(self, x: Features) -> Tensor:
        pooled = self.pool(super().forward(x).relu(), self.segments.index, len(self.segments))
        return cast(Tensor, self.linear(self.dropout(pooled)))


def baseline(name: str, graph: GraphData, **settings: Any) -> OnGraph:
    """A baseline for a graph, or for a set of graphs, called with its features.

    Args:
        settings: of the model; of a set, whose models give ``width`` features of each node, that too.

    Raises:
        InputError: an unknown name, or a set of graphs for a model that looks at all nodes at once.
    """
    if name not in BASELINES:
        raise InputError(f"baseline {name!r}: does not exist; choose one of {', '.join(BASELINES)}")
    if graph.batch is None:
        return OnGraph(BASELINES[name](graph.features, graph.classes, **settings), graph.edge_index)
    if name not in _POOLS:
        raise InputError(f"baseline {name!r}: classifies nodes only, {graph.name!r} is a set of graphs; choose one of {', '.join(_POOLS)}")
    width, dropout = settings.pop("width", 64), settings.get("dropout", 0.5)
    inner = {"width": width} if name in ("mlp", "gcn", "gin") else {}
    return OnSet(BASELINES[name](graph.features, width, **inner, **settings), graph, _POOLS[name], width, dropout)
