"""The spiking neuron of every model: a leaky integrate-and-fire layer over a whole window of ticks."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from neurograph.nn.scan import scan

__all__ = ["LIF"]

Reset = Literal["value", "subtract"]


class LIF(nn.Module):
    r"""Leaky integrate-and-fire neurons, run over all ticks of an inference from :math:`v = 0`.

    .. math::
        v \leftarrow (1 - \beta) v + \beta i, \qquad z = [v > \theta], \qquad
        v \leftarrow 0 \text{ where } z \text{ ("value")} \quad\text{or}\quad v \leftarrow v - \theta z \text{ ("subtract")}

    Backward: SuperSpike of slope 4, :math:`\partial z / \partial v = 4 / (1 + 4 |v - \theta|)^2`; the reset is not detached.

    Args:
        beta: dt/tau, in (0, 1]; the start value where it is learned.
        threshold: θ in volts, above 0.
        reset: what a spike does to the membrane.
        learn_beta: one learned beta for the layer, the sigmoid of a parameter (PLIF).

    Shapes:
        current (T, N, D) → spikes (T, N, D), 0 or 1 in the dtype of the current.

    Source: Norse's ``lif_box_feed_forward_step``, with dt/tau_mem = beta and v_leak = v_reset = 0, whose spikes are these bit for bit and
    whose gradients are these (:mod:`neurograph.nn.scan`).
    """

    def __init__(self, beta: float = 0.5, threshold: float = 1.0, reset: Reset = "value", learn_beta: bool = False) -> None:
        super().__init__()
        if not 0 < beta <= 1 or (learn_beta and beta == 1):
            limit = "(0, 1) where it is learned" if learn_beta else "(0, 1]"
            raise ValueError(f"LIF: beta is {beta:g}, must lie in {limit}; beta is dt/tau")
        if not threshold > 0:
            raise ValueError(f"LIF: threshold is {threshold:g}, must be above 0; a neuron at rest must not fire")
        if reset not in ("value", "subtract"):
            raise ValueError(f"LIF: reset is {reset!r}, must be 'value' or 'subtract'")
        self._beta = float(beta)
        self._threshold = float(threshold)
        self._reset: Reset = reset
        self.beta_logit = nn.Parameter(torch.tensor(math.log(beta / (1 - beta)))) if learn_beta else None

    @property
    def beta(self) -> float:
        """dt/tau, a plain float, as used by the next call."""
        if self.beta_logit is None:
            return self._beta
        return float(torch.sigmoid(self.beta_logit.detach().double()))

    @property
    def threshold(self) -> float:
        """θ in volts."""
        return self._threshold

    @property
    def reset(self) -> Reset:
        """What a spike does to the membrane: "value" (to 0) or "subtract" (minus θ)."""
        return self._reset

    def forward(self, current: Tensor) -> Tensor:
        beta = self._beta if self.beta_logit is None else torch.sigmoid(self.beta_logit)
        if current.dtype == torch.bfloat16:  # out of autocast; spikes are decided in float32
            current = current.float()
        return scan(current, beta, self._threshold, self._reset == "subtract")

    def extra_repr(self) -> str:
        return f"beta={self.beta:g}, threshold={self.threshold:g}, reset={self.reset!r}, learn_beta={self.beta_logit is not None}"
