"""Dropout for spike trains: a dropped neuron is silent for the whole inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SpikeDropout"]


class SpikeDropout(nn.Module):
    """Dropout with one mask per node and feature, shared by all ticks. Training only: models skip it in eval mode.

    Shapes:
        spikes (T, N, D) → (T, N, D)
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"SpikeDropout: probability is {probability:g}, must lie in [0, 1)")
        self.probability = probability

    def forward(self, spikes: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return spikes
        return spikes * nn.functional.dropout(torch.ones_like(spikes[:1]), self.probability)

    def extra_repr(self) -> str:
        return f"probability={self.probability:g}"
