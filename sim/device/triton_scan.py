"""The time scan as one Triton kernel a population: u and v stay in registers while a program goes through the ticks of its neurons.

The same functions as :mod:`.torch_scan`. A lane is one neuron of one sample; lanes are numbered sample by sample. Only the current is read
and what is sent (and u and v, if wanted) is written, tick by tick; the current of the next tick is fetched before it is needed. Floats are
not fused into multiply-adds, so that each operation rounds as NumPy's does.
"""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from neurograph.sim.device.parameters import FixedParameters, FloatParameters

try:
    import triton
    import triton.language as tl
except ImportError:  # PyTorch comes without it on some systems
    triton = None

__all__ = ["fixed_scan", "float_scan", "usable"]


def usable() -> bool:
    """Whether Triton is there, and a C compiler, which it builds its launchers with."""
    return triton is not None and (bool(os.environ.get("CC")) or any(shutil.which(name) for name in ("gcc", "clang", "cc")))


def fixed_scan(
    p: FixedParameters, u: Tensor, v: Tensor, current: Tensor, sent: Tensor, us: Tensor | None, vs: Tensor | None, seen: Tensor
) -> None:
    """As :func:`.torch_scan.fixed_scan`."""
    _launch(
        _fixed_kernel,
        (current, u, v, p.u_kept, p.v_kept, p.threshold, p.reset, p.bias, sent, us, vs, seen),
        current,
        sent,
        us,
        p.bias,
        SUBTRACT=p.subtract,
        KEEP=us is not None,
    )


def float_scan(p: FloatParameters, u: Tensor, v: Tensor, current: Tensor, sent: Tensor, us: Tensor | None, vs: Tensor | None) -> None:
    """As :func:`.torch_scan.float_scan`."""
    gain = p.beta if p.gain is None else p.gain
    _launch(
        _float_kernel,
        (current, u, v, p.u_kept, p.beta, gain, p.v_leak, p.threshold, p.reset, p.bias, sent, us, vs),
        current,
        sent,
        us,
        p.bias,
        SUBTRACT=p.subtract,
        KEEP=us is not None,
        SYNAPTIC=p.synaptic,
        GAIN=p.gain is not None,
        REAL=p.real,
    )


def _launch(kernel: Any, pointers: tuple[Any, ...], current: Tensor, sent: Tensor, us: Tensor | None, bias: Tensor, **flags: bool) -> None:
    samples, ticks, size = current.shape
    lanes = samples * size
    if not lanes * ticks:
        return
    for tensor in (current, sent, us):
        assert tensor is None or ((tensor.stride(2) == 1 or size == 1) and (tensor.stride(1) == size or ticks == 1))
    given = [sent if pointer is None else pointer for pointer in pointers]  # what a flag leaves out is never touched
    wide = lanes >= 1 << 15
    block = 128 if wide else 32
    strides = (current.stride(0), sent.stride(0), 0 if us is None else us.stride(0), *bias.expand(samples, size).stride())
    with torch.cuda.device(current.device) if current.is_cuda else nullcontext():
        kernel[(triton.cdiv(lanes, block),)](
            *given, lanes, size, ticks, *strides, **flags, BLOCK=block, num_warps=4 if wide else 1, enable_fp_fusion=False
        )


if triton is not None:

    @triton.jit
    def _decay(x, kept):
        """``sign(x) · (|x| · kept >> 12)``, in two halves, as :func:`.torch_scan._decay`."""
        magnitude = tl.abs(x)
        left = (magnitude >> 12) * kept + (((magnitude & 4095) * kept) >> 12)
        return tl.where(x < 0, -left, left)

    @triton.jit
    def _fixed_kernel(
        current, u, v, u_kept, v_kept, threshold, reset, bias, sent, us, vs, seen, lanes, size, ticks, current_step, sent_step, kept_step,
        bias_sample, bias_neuron, SUBTRACT: tl.constexpr, KEEP: tl.constexpr, BLOCK: tl.constexpr,
    ):  # fmt: skip
        lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = lane < lanes
        lasts = tl.where(inside, ticks, 0)  # a block: Triton's interpreter takes no mask of a scalar and a block under NumPy 2
        sample, neuron = lane // size, lane % size
        state: tl.constexpr = u.dtype.element_ty
        u_left = tl.load(u_kept + neuron, mask=inside, other=0)
        v_left = tl.load(v_kept + neuron, mask=inside, other=0)
        limit = tl.load(threshold + neuron, mask=inside, other=0)
        after = tl.load(reset + neuron, mask=inside, other=0)
        held = tl.load(bias + sample * bias_sample + neuron * bias_neuron, mask=inside, other=0)
        now_u = tl.load(u + lane, mask=inside, other=0)
        now_v = tl.load(v + lane, mask=inside, other=0)
        current += sample * current_step + neuron
        sent += sample * sent_step + neuron
        us += sample * kept_step + neuron
        vs += sample * kept_step + neuron
        wraps = tl.zeros((BLOCK,), tl.int32)
        clips = tl.zeros((BLOCK,), tl.int32)
        largest_u = tl.zeros((BLOCK,), state)
        largest_v = tl.zeros((BLOCK,), state)
        coming = tl.load(current, mask=inside, other=0)
        for t in range(ticks):
            arriving = coming.to(state) << 6
            coming = tl.load(current + size, mask=t + 1 < lasts, other=0)
            raw = _decay(now_u, u_left) + arriving
            now_u = tl.where(raw > 8388608, raw - 16777216, raw)
            now_u = tl.where(now_u <= -8388608, now_u + 16777216, now_u)
            total = _decay(now_v, v_left) + now_u + held
            clipped = tl.minimum(tl.maximum(total, -8388607), 8388607)
            z = clipped > limit
            now_v = tl.where(z, clipped - after if SUBTRACT else after, clipped)
            tl.store(sent, z.to(tl.uint8), mask=inside)
            if KEEP:
                tl.store(us, now_u, mask=inside)
                tl.store(vs, now_v, mask=inside)
            wraps += (now_u != raw).to(tl.int32)
            clips += (clipped != total).to(tl.int32)
            largest_u = tl.maximum(largest_u, tl.abs(raw))
            largest_v = tl.maximum(largest_v, tl.abs(total))
            current += size
            sent += size
            us += size
            vs += size
        tl.store(u + lane, now_u, mask=inside)
        tl.store(v + lane, now_v, mask=inside)
        tl.atomic_add(seen, tl.sum(tl.where(inside, wraps, 0), axis=0).to(tl.int64))
        tl.atomic_add(seen + 1, tl.sum(tl.where(inside, clips, 0), axis=0).to(tl.int64))
        tl.atomic_max(seen + 2, tl.max(tl.where(inside, largest_u, 0), axis=0).to(tl.int64))
        tl.atomic_max(seen + 3, tl.max(tl.where(inside, largest_v, 0), axis=0).to(tl.int64))

    @triton.jit
    def _float_kernel(
        current, u, v, u_kept, beta, gain, v_leak, threshold, reset, bias, sent, us, vs, lanes, size, ticks, current_step, sent_step,
        kept_step, bias_sample, bias_neuron, SUBTRACT: tl.constexpr, KEEP: tl.constexpr, SYNAPTIC: tl.constexpr, GAIN: tl.constexpr,
        REAL: tl.constexpr, BLOCK: tl.constexpr,
    ):  # fmt: skip
        lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = lane < lanes
        lasts = tl.where(inside, ticks, 0)  # a block: Triton's interpreter takes no mask of a scalar and a block under NumPy 2
        sample, neuron = lane // size, lane % size
        u_left = tl.load(u_kept + neuron, mask=inside, other=0.0)
        rate = tl.load(beta + neuron, mask=inside, other=0.0)
        taken = tl.load(gain + neuron, mask=inside, other=0.0)
        rest = tl.load(v_leak + neuron, mask=inside, other=0.0)
        limit = tl.load(threshold + neuron, mask=inside, other=0.0)
        after = tl.load(reset + neuron, mask=inside, other=0.0)
        held = tl.load(bias + sample * bias_sample + neuron * bias_neuron, mask=inside, other=0.0)
        now_u = tl.load(u + lane, mask=inside, other=0.0)
        now_v = tl.load(v + lane, mask=inside, other=0.0)
        current += sample * current_step + neuron
        sent += sample * sent_step + neuron
        us += sample * kept_step + neuron
        vs += sample * kept_step + neuron
        coming = tl.load(current, mask=inside, other=0.0)
        for t in range(ticks):
            arriving = coming + held
            coming = tl.load(current + size, mask=t + 1 < lasts, other=0.0)
            now_u = u_left * now_u + arriving if SYNAPTIC else arriving
            now_v = now_v + rate * (rest - now_v) + taken * now_u if GAIN else now_v + rate * (now_u + rest - now_v)
            if REAL:
                tl.store(sent, now_v, mask=inside)
            else:
                z = now_v > limit
                now_v = tl.where(z, now_v - after if SUBTRACT else after, now_v)
                tl.store(sent, z.to(tl.uint8), mask=inside)
            if KEEP:
                tl.store(us, now_u, mask=inside)
                tl.store(vs, now_v, mask=inside)
            current += size
            sent += size
            us += size
            vs += size
        tl.store(u + lane, now_u, mask=inside)
        tl.store(v + lane, now_v, mask=inside)
