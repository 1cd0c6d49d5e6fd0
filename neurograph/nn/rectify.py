"""The spiking rectify block (SRB): what a spike train says of the real value behind it, given back to the membrane shortcut."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from neurograph.nn.dropout import SpikeDropout
from neurograph.nn.linear import PerNode
from neurograph.nn.neurons import LIF

__all__ = ["RateRectify", "RunningRate", "SpikeRectify"]


class SpikeRectify(nn.Module):
    r"""SRB for a chip: the spikes themselves, for neurons behind it that leak slowly enough to average them.

    .. math::
        z = SN(a), \qquad R_t = \mathrm{BN}(W z_t + b)

    The leaky trace of R is kept where R arrives: in the membranes of the neurons that hear it, each layer with its own (learned) β.
    Reconstruction after SGHormer (arXiv 2403.17656); a running rate is no synapse, so this one stands for it.

    Args:
        width: D.
        neuron: SN.
        dropout: of z, in training.
        norm: whether BN is there. norm_gain: what it multiplies with at its start.

    Shapes:
        current a (T, N, D) → current R (T, N, D)
    """

    def __init__(self, width: int, neuron: LIF, dropout: float = 0.0, norm: bool = True, norm_gain: float = 1.0) -> None:
        super().__init__()
        self.neuron = neuron
        self.dropout = SpikeDropout(dropout)
        self.linear = PerNode(width, width, norm=norm, norm_gain=norm_gain)

    def forward(self, current: Tensor) -> Tensor:
        spikes = self.neuron(current)
        if self.training:
            spikes = self.dropout(spikes)
        return cast(Tensor, self.linear(spikes))


class RunningRate(nn.Module):
    r"""Mean of all spikes so far. It is real-valued and never decays: nothing on chip does that, so a core that holds it is not exported.

    .. math::
        r_t = \frac{1}{t} \sum_{s \le t} z_s

    Shapes:
        spikes (T, N, D) → rates (T, N, D)
    """

    def forward(self, spikes: Tensor) -> Tensor:
        ticks = torch.arange(1, len(spikes) + 1, dtype=spikes.dtype, device=spikes.device)
        return spikes.cumsum(dim=0) / ticks[:, None, None]


class RateRectify(SpikeRectify):
    r"""SRB as published, from the running rate: :math:`R_t = \mathrm{BN}(W r_t + b)`. Real-valued.

    Shapes:
        current a (T, N, D) → current R (T, N, D)
    """

    def __init__(self, width: int, neuron: LIF, dropout: float = 0.0, norm: bool = True, norm_gain: float = 1.0) -> None:
        super().__init__(width, neuron, dropout, norm, norm_gain)
        self.rate = RunningRate()

    def forward(self, current: Tensor) -> Tensor:
        spikes = self.neuron(current)
        if self.training:
            spikes = self.dropout(spikes)
        return cast(Tensor, self.linear(self.rate(spikes)))
