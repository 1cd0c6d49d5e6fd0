"""The scan of a LIF layer over all ticks, with a backward pass of its own: what does not depend on the tick before is done for all ticks at
once, and one tensor is kept in place of a graph of twelve operations a tick."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

__all__ = ["SLOPE", "scan"]

SLOPE = 4.0  # of the surrogate


class _Scan(Function):
    @staticmethod
    def forward(ctx: Any, current: Tensor, beta: Tensor | float, threshold: float, subtract: bool) -> Tensor:
        """v before the spike, tick by tick in the order of Norse's step, so that every bit is the same."""
        held = torch.empty_like(current)
        spikes = torch.empty_like(current)
        before: Tensor | None = None
        for tick, v, z in zip(current.unbind(0), held.unbind(0), spikes.unbind(0), strict=True):
            if before is None:
                torch.mul(tick, beta, out=v)
            else:
                torch.sub(tick, before, out=v)
                v.mul_(beta).add_(before)
            torch.gt(v, threshold, out=z)
            before = torch.where(z.bool(), v - threshold, v) if subtract else v.masked_fill(z.bool(), 0.0)
        learned = beta if isinstance(beta, Tensor) else None  # only its gradient needs the current again
        ctx.save_for_backward(current if learned is not None else None, held, spikes, learned)
        ctx.beta, ctx.threshold, ctx.subtract = beta, threshold, subtract
        return spikes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arrived: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        current, v, z, learned = ctx.saved_tensors
        beta, threshold = ctx.beta, ctx.threshold
        slope = (v - threshold).abs_().mul_(SLOPE).add_(1).square_().reciprocal_().mul_(SLOPE)  # ∂z/∂v
        through = 1 - threshold * slope if ctx.subtract else (1 - z).sub_(v * slope)  # ∂v after / ∂v before
        gradient = arrived * slope  # becomes ∂L/∂v before, last tick first
        for tick in range(len(gradient) - 2, -1, -1):
            gradient[tick].addcmul_(through[tick], gradient[tick + 1] * (1 - beta))
        of_beta = None
        if learned is not None and ctx.needs_input_grad[1]:
            after = v - threshold * z if ctx.subtract else v * (1 - z)
            of_beta = (gradient[0] * current[0]).sum()
            of_beta = of_beta + (gradient[1:] * (current[1:] - after[:-1])).sum()
        return (gradient * beta if ctx.needs_input_grad[0] else None), of_beta, None, None


def scan(current: Tensor, beta: Tensor | float, threshold: float, subtract: bool) -> Tensor:
    r"""Spikes of a layer of LIF neurons from :math:`v = 0`; see :class:`neurograph.nn.LIF` for the equations.

    Backward, with :math:`s_t = 4 / (1 + 4 |v_t - \theta|)^2` and :math:`v_t` before the spike:

    .. math::
        g_t = s_t \frac{\partial L}{\partial z_t} + (1 - \beta)\, g_{t+1}\, r_t, \qquad
        r_t = 1 - z_t - v_t s_t \text{ ("value")} \quad\text{or}\quad 1 - \theta s_t \text{ ("subtract")}, \qquad
        \frac{\partial L}{\partial i_t} = \beta g_t

    Args:
        current: (T, …). beta: dt/tau; a tensor of one number where it is learned. threshold: θ. subtract: what a spike does to v.

    Returns:
        Spikes, 0 or 1, (T, …).
    """
    found: Tensor = _Scan.apply(current, beta, threshold, subtract)
    return found
