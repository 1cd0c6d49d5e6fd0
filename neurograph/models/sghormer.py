"""SGHormer in the build whose every edge is a synapse (``onchip``): global and local attention in one block, on one membrane shortcut.

Reconstruction after arXiv 2403.17656, not a reproduction: no code was released and the equations were not to be had. What is published:
self-attention is made of spikes and hears all nodes as well as the neighbours, and a rectify block recovers real values from spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import scipy.sparse as sp
from torch import Tensor, nn

from neurograph.models.classifier import ClassifierConfig, SpikingClassifier, neuron
from neurograph.nn import LIF, PerNode, SpikeDropout, SpikeRectify, SpikingGraphSelfAttention

__all__ = ["SGHormer", "SGHormerBlock", "SGHormerConfig", "SGHormerCore"]


@dataclass(frozen=True)
class SGHormerConfig(ClassifierConfig):
    """What an SGHormer is built from, see :class:`ClassifierConfig` for what it shares with other models.

    Args:
        mask: of the attention map: "learned"; to compare with, "ones", or "none" for no global half at all.
        local: what the local half propagates: "spikes" S, or "values" V, which are fewer.
        width, blocks: D of the membrane shortcut, and how many blocks add to it.
        heads, head_width: of Q, K and V.
        threshold, map_threshold: θ of all neurons and of those of the map, volts.
        trace_beta: dt/tau, at its start, of the neurons that hear a rectified spike train; it is learned, layer by layer.
        propagation_gain: the learned gain of every propagation at its start.
        linear_dropout: of spikes before each linear map that adds to the shortcut.
        norm: whether these maps have a batch norm, but for that of the global half, which always has one.
        norm_gain: what the norms of those maps multiply with at their start.
        read_local: the readout hears the local half of the last block too.
        encoder_shortcut: the encoder's current goes past the first block as well; else it acts through that block's spikes alone. What
            goes past has heard no neighbour, and with few labels that cost accuracy.
    """

    mask: Literal["learned", "ones", "none"] = "learned"
    local: Literal["spikes", "values"] = "spikes"
    width: int = 64
    blocks: int = 1
    heads: int = 2
    head_width: int = 8
    threshold: float = 0.3
    map_threshold: float = 0.5
    trace_beta: float = 0.25
    propagation_gain: float = 1.0
    linear_dropout: float = 0.7
    norm: bool = False
    norm_gain: float = 0.05
    read_local: bool = True
    encoder_shortcut: bool = False

    def sizes(self) -> tuple[str, ...]:
        return (*super().sizes(), "width", "blocks", "heads", "head_width")

    @property
    def current_width(self) -> int:
        return self.width

    @property
    def local_width(self) -> int:
        """Features of the local half's spikes."""
        return self.width if self.local == "spikes" else self.heads * self.head_width

    @property
    def spike_width(self) -> int:
        return self.width + (self.local_width if self.read_local else 0)


class SGHormer(SpikingClassifier):
    """SGHormer, build ``onchip``; the spike trains that are read are the last neurons', then the local half's where asked for."""

    name = "sghormer"
    config: SGHormerConfig

    def build_core(self, graph: sp.csr_matrix) -> nn.Module:
        return SGHormerCore(self.config, graph)


class SGHormerCore(nn.Module):
    """What runs on chip: leaves of :mod:`neurograph.nn` and ``+`` only.

    Shapes:
        current (T, N, D) → spikes (T, N, D), and (T, N, local width) where the local half is read
    """

    def __init__(self, config: SGHormerConfig, graph: sp.csr_matrix, rectify: type[SpikeRectify] = SpikeRectify) -> None:
        super().__init__()
        self.read_local = config.read_local
        self.blocks = nn.ModuleList(SGHormerBlock(config, graph, rectify, first=i == 0) for i in range(config.blocks))
        self.neuron = trace_neuron(config)

    def forward(self, current: Tensor) -> tuple[Tensor, ...]:
        h = current
        for block in self.blocks:
            h, local = block(h)
        return (self.neuron(h), local) if self.read_local else (self.neuron(h),)


class SGHormerBlock(nn.Module):
    r"""One block; h is a current, and the shortcut is a membrane shortcut.

    .. math::
        h \leftarrow h + \mathrm{SRB}(\mathrm{SGSA}(SN(h))), \qquad h \leftarrow h + \mathrm{FFN}(SN(h))

    Shapes:
        h (T, N, D) → h (T, N, D), local spikes (T, N, local width)
    """

    def __init__(self, config: SGHormerConfig, graph: sp.csr_matrix, rectify: type[SpikeRectify], first: bool) -> None:
        super().__init__()
        width = config.width
        self.shortcut = config.encoder_shortcut or not first
        self.neuron = neuron(config, config.threshold) if first else trace_neuron(config)
        self.sgsa = SpikingGraphSelfAttention(
            width,
            config.nodes,
            graph,
            heads=config.heads,
            head_width=config.head_width,
            beta=config.beta,
            threshold=config.threshold,
            map_threshold=config.map_threshold,
            reset=config.reset,
            learn_beta=config.learn_beta,
            mask=config.mask,
            local=config.local,
            gain=config.propagation_gain,
            dropout=config.spike_dropout,
            linear_dropout=config.linear_dropout,
            norm=config.norm,
            norm_gain=config.norm_gain,
        )
        self.srb = rectify(width, neuron(config, config.threshold), config.linear_dropout, config.norm, config.norm_gain)
        self.ffn_neuron = trace_neuron(config)
        self.ffn_up = PerNode(width, 2 * width, norm=True)
        self.ffn_hidden = neuron(config, config.threshold)
        self.ffn_dropout = SpikeDropout(config.linear_dropout)
        self.ffn_down = PerNode(2 * width, width, norm=config.norm, norm_gain=config.norm_gain)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        current, local = self.sgsa(self.neuron(h))
        h = h + self.srb(current) if self.shortcut else self.srb(current)
        hidden = self.ffn_hidden(self.ffn_up(self.ffn_neuron(h)))
        if self.training:
            hidden = self.ffn_dropout(hidden)
        return h + cast(Tensor, self.ffn_down(hidden)), local


def trace_neuron(config: SGHormerConfig) -> LIF:
    """A layer that hears what a rectify block gave: slower, with a β of its own."""
    return LIF(config.trace_beta, config.threshold, config.reset, learn_beta=True)
