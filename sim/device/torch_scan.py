"""The time scan in plain torch operations, tick by tick over all samples and neurons: on CPUs, and where Triton is missing.

Both functions read ``current`` (samples, ticks, size), write what goes out into ``sent`` and, where they are given, u and v into
``us`` and ``vs``, and leave the state behind in ``u`` and ``v`` (samples, size).
"""

from __future__ import annotations

import torch
from torch import Tensor

from neurograph import fixedpoint as fx
from neurograph.sim.device.parameters import FixedParameters, FloatParameters

__all__ = ["fixed_scan", "float_scan"]

LIMIT = fx.STATE_LIMIT


def fixed_scan(
    p: FixedParameters, u: Tensor, v: Tensor, current: Tensor, sent: Tensor, us: Tensor | None, vs: Tensor | None, seen: Tensor
) -> None:
    """:mod:`neurograph.fixedpoint`, in the integers of u and v.

    ``seen`` is int64 (4): wraps, clips, largest |u| and |v| before them; all are brought up to date.
    """
    for t in range(current.shape[1]):
        raw = _decay(u, p.u_kept).add_(current[:, t].to(u.dtype) << fx.V_SHIFT)
        once = torch.where(raw > LIMIT, raw - 2 * LIMIT, raw)
        u.copy_(torch.where(once <= -LIMIT, once + 2 * LIMIT, once))
        total = _decay(v, p.v_kept).add_(u).add_(p.bias)
        clipped = total.clamp(-LIMIT + 1, LIMIT - 1)
        z = clipped > p.threshold
        v.copy_(torch.where(z, clipped - p.reset if p.subtract else p.reset, clipped))
        sent[:, t] = z
        if us is not None and vs is not None:
            us[:, t], vs[:, t] = u, v
        seen[0] += torch.count_nonzero(u != raw)
        seen[1] += torch.count_nonzero(clipped != total)
        seen[2] = torch.maximum(seen[2], raw.abs().max())
        seen[3] = torch.maximum(seen[3], total.abs().max())


def float_scan(p: FloatParameters, u: Tensor, v: Tensor, current: Tensor, sent: Tensor, us: Tensor | None, vs: Tensor | None) -> None:
    """The canonical order of :mod:`neurograph.sim.floating`, in float64."""
    for t in range(current.shape[1]):
        arriving = current[:, t] + p.bias
        u.copy_(p.u_kept * u + arriving if p.synaptic else arriving)
        moved = v + p.beta * (u + p.v_leak - v) if p.gain is None else v + p.beta * (p.v_leak - v) + p.gain * u
        if p.real:
            v.copy_(moved)
            sent[:, t] = v
        else:
            z = moved > p.threshold
            v.copy_(torch.where(z, moved - p.reset if p.subtract else p.reset, moved))
            sent[:, t] = z
        if us is not None and vs is not None:
            us[:, t], vs[:, t] = u, v


def _decay(x: Tensor, kept: Tensor) -> Tensor:
    """``sign(x) · (|x| · kept >> 12)``, in two halves of which none leaves int32 for |x| < 2³¹ and kept <= 4096."""
    magnitude = x.abs()
    return ((magnitude >> 12) * kept + ((magnitude & 4095) * kept >> 12)).mul_(x.sign())
