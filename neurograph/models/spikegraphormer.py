"""SpikeGraphormer: spiking graph attention beside a spiking GNN, in the build whose every edge is a synapse (``onchip``).

Reconstruction after arXiv 2403.15480, not a reproduction: neurons follow every propagation, the node sum of the attention is scaled,
and the training recipe is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, cast

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.nn import (
    LIF,
    Features,
    PerNode,
    Propagate,
    Select,
    SparseMatrix,
    SpikeDropout,
    SpikingGraphAttention,
    gcn_norm,
    set_weight_bits,
)

__all__ = ["SpikeGraphormer", "SpikeGraphormerConfig", "SpikeGraphormerCore"]


@dataclass(frozen=True)
class SpikeGraphormerConfig:
    """What a SpikeGraphormer is built from; plain values only, so that it can be stored in a checkpoint.

    Args:
        in_features, classes, nodes: of the graph.
        ticks: T.
        attention: build the attention branch; without it the model is a spiking GNN.
        mask: "learned", or "ones" to compare with.
        attention_width, attention_blocks: D and L1 of the attention branch.
        gnn_width, gnn_layers: D and L2 of the GNN branch.
        gnn_linear: a PerNode and a LIF behind each propagation but the last.
        reset: of all neurons.
        beta: dt/tau of all neurons; where ``learn_beta``, the start value.
        gnn_threshold, attention_threshold, mask_threshold: θ in volts.
        encoder_gain: the encoder's output is multiplied by this.
        propagation_gain: the learned gain of every propagation at its start.
        input_dropout: of the features; spike_dropout: of the GNN's spikes before propagation, one mask for all ticks;
            readout_dropout: of the rates.
        propagate_readout: one more Â on the rates, on the host.
        weight_bits: 2 to 8 where the weights on chip are rounded to so many bits in the model itself, training included; else None.
    """

    in_features: int
    classes: int
    nodes: int
    ticks: int = 4
    attention: bool = True
    mask: Literal["learned", "ones"] = "learned"
    attention_width: int = 16
    attention_blocks: int = 1
    gnn_width: int = 64
    gnn_layers: int = 1
    gnn_linear: bool = False
    reset: Literal["value", "subtract"] = "value"
    beta: float = 0.5
    learn_beta: bool = False
    gnn_threshold: float = 0.3
    attention_threshold: float = 0.3
    mask_threshold: float = 0.5
    encoder_gain: float = 20.0
    propagation_gain: float = 1.0
    input_dropout: float = 0.5
    spike_dropout: float = 0.7
    readout_dropout: float = 0.7
    propagate_readout: bool = True
    weight_bits: int | None = None

    def __post_init__(self) -> None:
        sizes = ["in_features", "classes", "nodes", "ticks", "gnn_width", "gnn_layers"]
        for name in [*sizes, *(["attention_width", "attention_blocks"] if self.attention else [])]:
            if getattr(self, name) < 1:
                raise ValueError(f"SpikeGraphormerConfig: {name} is {getattr(self, name)}, must be at least 1")
        if self.weight_bits is not None and self.weight_bits not in range(2, 9):
            raise ValueError(f"SpikeGraphormerConfig: weight_bits is {self.weight_bits!r}, must be 2 to 8, or None")

    @property
    def current_width(self) -> int:
        """D0, features of the encoder's current."""
        return self.gnn_width + (self.attention_width if self.attention else 0)

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(f.name for f in fields(cls))


class SpikeGraphormer(nn.Module):
    r"""Encoder (host) → spiking core (chip) → readout (host).

    .. math::
        i = 20 (X W + b), \quad (S^{att}, S^{gnn}) = \mathrm{core}(i), \quad
        \mathrm{logits} = \hat A \, [\tfrac1T \textstyle\sum_t S^{att}_t, \tfrac1T \sum_t S^{gnn}_t] \, W_r + b_r

    Args:
        config: sizes and settings.
        edge_index: (2, E), both directions of every edge, no self-loops.

    Shapes:
        x (N, F) → logits (N, C)
    """

    name = "spikegraphormer"

    def __init__(self, config: SpikeGraphormerConfig, edge_index: NDArray[np.int64]) -> None:
        super().__init__()
        self.config = config
        graph = gcn_norm(edge_index, config.nodes)
        self.encoder = nn.Linear(config.in_features, config.current_width)
        nn.init.xavier_uniform_(self.encoder.weight)
        nn.init.zeros_(self.encoder.bias)
        self.core = SpikeGraphormerCore(config, graph)
        self.readout_dropout = nn.Dropout(config.readout_dropout)
        self.readout_propagate = Propagate(graph, learn_gain=False) if config.propagate_readout else None
        self.readout_linear = nn.Linear(config.current_width, config.classes)
        self.round_weights(config.weight_bits)

    def round_weights(self, bits: int | None) -> None:
        """From now on the model computes with on-chip weights rounded to ``bits`` bits, as its config then says; None: no longer."""
        set_weight_bits(self.core, bits)
        self.config = replace(self.config, weight_bits=bits)

    def encode(self, x: Features) -> Tensor:
        """The static current of every neuron that hears the input, volts: (N, F) → (N, D0). Runs on the host."""
        if self.training:
            x = _dropout(x, self.config.input_dropout)
        return self.config.encoder_gain * (x @ self.encoder.weight.t() + self.encoder.bias)

    def encoder_folded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (D0, F) and bias (D0,) of :meth:`encode` in float64, with the gain folded in."""
        gain = self.config.encoder_gain
        return gain * self.encoder.weight.detach().double().numpy(), gain * self.encoder.bias.detach().double().numpy()

    def spikes(self, x: Features) -> tuple[Tensor, ...]:
        """Output spikes of each branch: attention (T, N, D) where it is built, then GNN (T, N, D)."""
        current = self.encode(x)
        return cast("tuple[Tensor, ...]", self.core(current.expand(self.config.ticks, *current.shape)))

    def readout(self, spikes: tuple[Tensor, ...]) -> Tensor:
        """Logits (N, C) from the output spikes of the branches. Runs on the host."""
        rates = self.readout_dropout(torch.cat([branch.mean(dim=0) for branch in spikes], dim=-1))
        if self.readout_propagate is not None:
            rates = self.readout_propagate(rates[None])[0]
        return cast(Tensor, self.readout_linear(rates))

    def forward(self, x: Features) -> Tensor:
        return self.readout(self.spikes(x))


class SpikeGraphormerCore(nn.Module):
    """What runs on chip: leaves of :mod:`neurograph.nn` and ``+`` only.

    Shapes:
        current (T, N, D0) → attention spikes (T, N, D) where it is built, GNN spikes (T, N, D)
    """

    def __init__(self, config: SpikeGraphormerConfig, graph: sp.csr_matrix) -> None:
        super().__init__()
        self.attention = AttentionBranch(config) if config.attention else None
        self.gnn = GnnBranch(config, graph)

    def forward(self, current: Tensor) -> tuple[Tensor, ...]:
        if self.attention is None:
            return (self.gnn(current),)
        return self.attention(current), self.gnn(current)


class AttentionBranch(nn.Module):
    """Select → L1 × block → SN."""

    def __init__(self, config: SpikeGraphormerConfig) -> None:
        super().__init__()
        width = config.attention_width
        self.select = Select(0, width, config.current_width)
        self.blocks = nn.ModuleList(AttentionBlock(config) for _ in range(config.attention_blocks))
        self.neuron = _lif(config, config.attention_threshold)

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
        self.neuron = _lif(config, threshold)
        self.sga = SpikingGraphAttention(
            width, config.nodes, config.beta, threshold, config.mask_threshold, config.reset, config.mask, config.learn_beta
        )
        self.ffn_neuron = _lif(config, threshold)
        self.ffn_up = PerNode(width, 2 * width, norm=True)
        self.ffn_hidden = _lif(config, threshold)
        self.ffn_down = PerNode(2 * width, width, norm=True)

    def forward(self, h: Tensor) -> Tensor:
        h = h + self.sga(self.neuron(h))
        return h + cast(Tensor, self.ffn_down(self.ffn_hidden(self.ffn_up(self.ffn_neuron(h)))))


class GnnBranch(nn.Module):
    """Select → SN → L2 × (Â → SN, with a linear map and SN between layers where asked for)."""

    def __init__(self, config: SpikeGraphormerConfig, graph: sp.csr_matrix) -> None:
        super().__init__()
        width = config.current_width
        self.select = Select(width - config.gnn_width, width, width)
        self.neuron = _lif(config, config.gnn_threshold)
        self.layers = nn.ModuleList(GnnLayer(config, graph, last=i == config.gnn_layers - 1) for i in range(config.gnn_layers))

    def forward(self, current: Tensor) -> Tensor:
        spikes = self.neuron(self.select(current))
        for layer in self.layers:
            spikes = layer(spikes)
        return cast(Tensor, spikes)


class GnnLayer(nn.Module):
    """``SN(g Â s)``, then ``SN(BN(W s))`` where asked for. Dropout acts in training only, and tracing in eval mode does not see it."""

    def __init__(self, config: SpikeGraphormerConfig, graph: sp.csr_matrix, last: bool) -> None:
        super().__init__()
        self.dropout = SpikeDropout(config.spike_dropout)
        self.propagate = Propagate(graph, gain=config.propagation_gain)
        self.neuron = _lif(config, config.gnn_threshold)
        self.linear = PerNode(config.gnn_width, config.gnn_width, norm=True) if config.gnn_linear and not last else None
        self.linear_neuron = _lif(config, config.gnn_threshold) if self.linear is not None else None

    def forward(self, spikes: Tensor) -> Tensor:
        if self.training:
            spikes = self.dropout(spikes)
        spikes = self.neuron(self.propagate(spikes))
        if self.linear is not None and self.linear_neuron is not None:
            spikes = self.linear_neuron(self.linear(spikes))
        return spikes


def _lif(config: SpikeGraphormerConfig, threshold: float) -> LIF:
    return LIF(config.beta, threshold, config.reset, config.learn_beta)


def _dropout(x: Features, probability: float) -> Features:
    return x.dropout(probability) if isinstance(x, SparseMatrix) else nn.functional.dropout(x, probability)
