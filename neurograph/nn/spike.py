"""The step of a spiking neuron with a surrogate gradient, for neurons that are not those of :class:`neurograph.nn.LIF`."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from neurograph.nn.scan import SLOPE

__all__ = ["spike"]


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, above: Tensor) -> Tensor:
        ctx.save_for_backward(above)
        return (above >= 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (above,) = ctx.saved_tensors
        return gradients[0] * (SLOPE / (1 + SLOPE * above.abs()).square())


def spike(above: Tensor) -> Tensor:
    r""":math:`[x \ge 0]` of the membrane above its threshold, with the gradient :math:`4 / (1 + 4|x|)^2` of :class:`neurograph.nn.LIF`."""
    return cast(Tensor, _Spike.apply(above))
