"""SpikeGraphormer: spiking graph attention beside a spiking GNN, in the build whose every edge is a synapse (``onchip``).

Reconstruction after arXiv 2403.15480, not a reproduction: neurons follow every propagation, the node sum of the attention is scaled,
and the training recipe is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import scipy.sparse as sp
from torch import Tensor, nn

from neurograph.models.classifier import ClassifierConfig, SpikingClassifier, neuron
from neurograph.nn import PerNode, Propagate, Select, SpikeDropout, SpikingGraphAttention

__all__ = ["SpikeGraphormer", "SpikeGraphormerConfig", "SpikeGraphormerCore"]


@dataclass(frozen=True)
class SpikeGraphormerConfig(ClassifierConfig):
    """What a SpikeGraphormer is built from, see :class:`ClassifierConfig` for what it shares with other models.

    Args:
        attention: build the attention branch; without it the model is a spiking GNN.
        gnn: build the GNN branch; without it no edge is heard but in the readout.
        mask: "learned", or "ones" to compare with: then no node hears another one in the attention branch.
        reduce, heads: of the attention, see :class:`neurograph.nn.SpikingGraphAttention`.
        attention_width, attention_blocks: D and L1 of the attention branch.
        gnn_width, gnn_layers: D and L2 of the GNN branch.
        gnn_linear: behind each propagation a linear map whose output is added to the current that the layer began with.
        gnn_jump: the readout hears the spikes of every layer of the GNN, of the neurons before the first propagation too: what a node is
            itself, beside what its neighbours are.
        gnn_threshold, attention_threshold, mask_threshold: θ in volts.
        propagation_gain: the learned gain of every propagation at its start.
    """

    attention: bool = True
    gnn: bool = True
    mask: Literal["learned", "ones"] = "learned"
    reduce: Literal["nodes", "heads"] = "nodes"
    heads: int = 1
    attention_width: int = 16
    attention_blocks: int = 1
    gnn_width: int = 64
    gnn_layers: int = 1
    gnn_linear: bool = False
    gnn_jump: bool = False
    gnn_threshold: float = 0.3
    attention_threshold: float = 0.3
    mask_threshold: float = 0.5
    propagation_gain: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.attention or self.gnn):
            raise ValueError("SpikeGraphormerConfig: attention and gnn are both off, so that nothing is left; turn one on")

    def sizes(self) -> tuple[str, ...]:
        gnn = ("gnn_width", "gnn_layers") if self.gnn else ()
        attention = ("attention_width", "attention_blocks", "heads") if self.attention else ()
        return (*super().sizes(), *gnn, *attention)

    @property
    def current_width(self) -> int:
        return self.gnn * self.gnn_width + self.attention * self.attention_width

    @property
    def spike_width(self) -> int:
        return self.current_width + self.gnn * self.gnn_jump * self.gnn_layers * self.gnn_width


class SpikeGraphormer(SpikingClassifier):
    """SpikeGraphormer, build ``onchip``; the branches are attention, where it is built, and GNN. Equations: :class:`SpikingClassifier`."""

    name = "spikegraphormer"
    config: SpikeGraphormerConfig

    def build_core(self, graph: sp.csr_matrix) -> nn.Module:
        return SpikeGraphormerCore(self.config, graph)


class SpikeGraphormerCore(nn.Module):
    """What runs on chip: leaves of :mod:`neurograph.nn` and ``+`` only.

    Shapes:
        current (T, N, D0) → attention spikes (T, N, D), GNN spikes (T, N, D), one of each layer where they jump; each where it is built
    """

    def __init__(self, config: SpikeGraphormerConfig, graph: sp.csr_matrix) -> None:
        super().__init__()
        self.attention = AttentionBranch(config) if config.attention else None
        self.gnn = GnnBranch(config, graph) if config.gnn else None

    def forward(self, current: Tensor) -> tuple[Tensor, ...]:
        branches = () if self.attention is None else (self.attention(current),)
        return branches if self.gnn is None else (*branches, *self.gnn(current))


class AttentionBranch(nn.Module):
    """Select → L1 × block → SN."""

    def __init__(self, config: SpikeGraphormerConfig) -> None:
        super().__init__()
        width = config.attention_width
        self.select = Select(0, width, config.current_width)
        self.blocks = nn.ModuleList(AttentionBlock(config) for _ in range(config.attention_blocks))
        self.neuron = neuron(config, config.attention_threshold)

    def forward(self, current: Tensor) -> Tensor:
        h = self.select(current)
        for block in self.blocks:
            h = block(h)
        return cast(Tensor, self.neuron(h))


class AttentionBlock(nn.Module):
    """``h + SGA(SN(h))``, then ``h + FFN(SN(h))``: h is a current, and the shortcut is a membrane shortcut."""

    def __init__(self, config: SpikeGraphormerConfig) -> None:
        super().__init__()
        width, threshold = config.attention_width, config.attention_threshold
        self.neuron = neuron(config, threshold)
        self.sga = SpikingGraphAttention(
            width,
            config.nodes,
            config.beta,
            threshold,
            config.mask_threshold,
            config.reset,
            config.mask,
            config.learn_beta,
            config.heads,
            config.reduce,
        )
        self.ffn_neuron = neuron(config, threshold)
        self.ffn_up = PerNode(width, 2 * width, norm=True)
        self.ffn_hidden = neuron(config, threshold)
        self.ffn_down = PerNode(2 * width, width, norm=True)

    def forward(self, h: Tensor) -> Tensor:
        h = h + self.sga(self.neuron(h))
        return h + cast(Tensor, self.ffn_down(self.ffn_hidden(self.ffn_up(self.ffn_neuron(h)))))


class GnnBranch(nn.Module):
    """Select → SN → L2 × :class:`GnnLayer`; the last spikes, or those of all layers."""

    def __init__(self, config: SpikeGraphormerConfig, graph: sp.csr_matrix) -> None:
        super().__init__()
        width = config.current_width
        self.select = Select(width - config.gnn_width, width, width)
        self.neuron = neuron(config, config.gnn_threshold)
        self.layers = nn.ModuleList(GnnLayer(config, graph) for _ in range(config.gnn_layers))
        self.jump = config.gnn_jump

    def forward(self, current: Tensor) -> tuple[Tensor, ...]:
        h = self.select(current)
        spikes = [self.neuron(h)]
        for layer in self.layers:
            h, sent = layer(h, spikes[-1])
            spikes.append(sent)
        return tuple(spikes if self.jump else spikes[-1:])


class GnnLayer(nn.Module):
    """``p = SN(g Â s)``; then p itself, or, where linear, ``SN(h + BN(W p))``: h is a current, and the shortcut is a membrane shortcut.

    Dropout acts in training only, and tracing in eval mode does not see it.
    """

    def __init__(self, config: SpikeGraphormerConfig, graph: sp.csr_matrix) -> None:
        super().__init__()
        self.dropout = SpikeDropout(config.spike_dropout)
        self.propagate = Propagate(graph, gain=config.propagation_gain)
        self.neuron = neuron(config, config.gnn_threshold)
        self.linear = PerNode(config.gnn_width, config.gnn_width, norm=True) if config.gnn_linear else None
        self.linear_neuron = neuron(config, config.gnn_threshold) if config.gnn_linear else None

    def forward(self, h: Tensor, spikes: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            spikes = self.dropout(spikes)
        spikes = self.neuron(self.propagate(spikes))
        if self.linear is not None and self.linear_neuron is not None:
            h = h + self.linear(spikes)
            spikes = self.linear_neuron(h)
        return h, spikes
