"""SpikeGraphormer as its authors run it (build ``paper``): a spiking transformer branch beside a real-valued GNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.models.classifier import SpikingClassifier
from neurograph.models.real_gnn import RealGnn
from neurograph.models.spikegraphormer import AttentionBranch, SpikeGraphormerConfig
from neurograph.nn import Features, drop_features, gcn_norm

__all__ = ["SpikeGraphormerPaper", "SpikeGraphormerPaperConfig"]


@dataclass(frozen=True)
class SpikeGraphormerPaperConfig(SpikeGraphormerConfig):
    """What the ``paper`` build is built from; what it shares with ``onchip`` is in :class:`SpikeGraphormerConfig`.

    Args:
        readout: of the spikes; their rates become ``gnn_width`` features.
        fusion: "add" or "cat".
        gnn_share: g of "add".
        gnn_gain, gnn_average, gnn_linear, node_dropout, gnn_dropout: see :class:`RealGnn`.

    ``gnn_threshold``, ``propagation_gain`` and ``spike_dropout`` are those of a spiking GNN and mean nothing here.
    """

    readout: Literal["propagated", "plain", "both"] = "plain"
    encoder_gain: float = 1.0
    heads: int = 2
    gnn_layers: int = 2
    fusion: Literal["add", "cat"] = "add"
    gnn_share: float = 0.5
    gnn_gain: float = 20.0
    gnn_average: bool = True
    gnn_dropout: float = 0.5
    node_dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.gnn_share <= 1:
            raise ValueError(f"SpikeGraphormerPaperConfig: gnn_share is {self.gnn_share:g}, must lie in [0, 1]")
        if not self.attention:
            raise ValueError(
                "SpikeGraphormerPaperConfig: attention is off, so that nothing spikes; set gnn_share to 1, or take another model"
            )

    @property
    def current_width(self) -> int:
        return self.attention_width

    @property
    def spike_width(self) -> int:
        return self.attention_width

    @property
    def readout_width(self) -> int:
        return self.gnn_width


class SpikeGraphormerPaper(SpikingClassifier):
    r"""SpikeGraphormer, build ``paper``; reconstruction after arXiv 2403.15480 and what its authors released.

    .. math::
        i = g\, \mathrm{ReLU}(\mathrm{LN}(X W + b)), \quad X_{tr} = \mathrm{readout}(\mathrm{core}(i)), \quad X_{gnn} = \mathrm{RealGnn}(X),
        \qquad \mathrm{logits} = W_f (\gamma X_{gnn} + (1 - \gamma) X_{tr}) + b_f \;\text{ or }\; W_f [X_{tr}, X_{gnn}] + b_f

    The core is spiking and goes on chip; all else stays on the host.

    Shapes:
        x (N, F) → logits (N, C)
    """

    name = "spikegraphormer-paper"
    decayed = ("encoder.", "gnn.")
    pools = False
    config: SpikeGraphormerPaperConfig

    def __init__(self, config: SpikeGraphormerPaperConfig, edge_index: NDArray[np.int64], batch: NDArray[np.int64] | None = None) -> None:
        super().__init__(config, edge_index, batch)
        self.norm = nn.LayerNorm(config.current_width)
        self.gnn: RealGnn | None = None
        if config.gnn:
            graph = gcn_norm(edge_index, config.nodes)
            how = (config.gnn_gain, config.gnn_average, config.gnn_linear, config.gnn_dropout, config.node_dropout)
            self.gnn = RealGnn(config.in_features, config.gnn_width, config.gnn_layers, graph, *how)
        both = config.gnn and config.fusion == "cat"
        self.fuse = nn.Linear(config.gnn_width * (1 + both), config.classes)

    def build_core(self, graph: sp.csr_matrix) -> nn.Module:
        return PaperCore(self.config)

    def encode(self, x: Features) -> Tensor:
        """The static current of the transformer branch, volts: (N, F) → (N, D). Runs on the host."""
        p = self.config.input_dropout
        x = drop_features(x, p, self.training)
        hidden = self.norm(x @ self.encoder.weight.t() + self.encoder.bias).relu()
        return self.config.encoder_gain * nn.functional.dropout(hidden, p, self.training)

    def classify(self, spikes: tuple[Tensor, ...], x: Features) -> Tensor:
        transformed = self.readout(spikes)
        if self.gnn is None:
            return cast(Tensor, self.fuse(transformed))
        seen = self.gnn(x)
        if self.config.fusion == "cat":
            return cast(Tensor, self.fuse(torch.cat([transformed, seen], dim=-1)))
        share = self.config.gnn_share
        return cast(Tensor, self.fuse(share * seen + (1 - share) * transformed))


class PaperCore(nn.Module):
    """The attention branch alone, which hears the whole current.

    Shapes:
        current (T, N, D) → spikes (T, N, D), alone in a tuple
    """

    def __init__(self, config: SpikeGraphormerConfig) -> None:
        super().__init__()
        self.attention = AttentionBranch(config)

    def forward(self, current: Tensor) -> tuple[Tensor, ...]:
        return (self.attention(current),)
