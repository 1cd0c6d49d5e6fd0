"""Convolutions of one to three dimensions, transposed ones too.

One place of the kernel at a time: it meets a strided slice of the input (of a transposed one, those inputs that land within the output), of
which only the number of nonzeros a channel matters. Σ over places and channels of nnz(slice) · nnz(weights there) is exact and needs no
convolution.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from neurograph.operations.work import Call, Work, needs_no_multiplier

__all__ = ["convolution"]


def convolution(call: Call) -> list[Work]:
    """Dense as FLOP counters count, padding included; ``unpadded`` and effective ones without it.

    Shapes:
        input (B, C, …), weight (C_out, C / groups, …), transposed (C, C_out / groups, …)
    """
    x, weight, groups, transposed = call["input"], call["weight"], int(call["groups"]), bool(call["transposed"])
    sizes, kernel = x.shape[2:], weight.shape[2:]
    stride, padding, dilation, more = (_each(call[n], len(kernel)) for n in ("stride", "padding", "dilation", "output_padding"))
    ranges = [_ranges(sizes[d], kernel[d], stride[d], padding[d], dilation[d], more[d], transposed) for d in range(len(kernel))]
    outputs = 1 if transposed else math.prod(out for out, _ in ranges)
    dense = len(x) * weight.numel() * (math.prod(sizes) if transposed else outputs)
    fired, synapses = x != 0, _synapses(weight != 0, groups, transposed)
    effective = places = 0
    whole = slice(None)
    for offsets in itertools.product(*(range(size) for size in kernel)):
        window = (whole, whole, *(at[1][offset] for at, offset in zip(ranges, offsets, strict=True)))
        place: Any = (whole, *offsets)
        met = fired[window]
        places += math.prod(met.shape[2:])
        sent = torch.count_nonzero(met, dim=tuple(d for d in range(met.dim()) if d != 1))
        effective += int((sent * synapses[place]).sum())
    unpadded = len(x) * places * weight.shape[0] * weight.shape[1]
    additions = needs_no_multiplier(x, call.role(x), weight, call.role(weight))
    return [Work(f"conv{len(kernel)}d", dense, effective, additions, unpadded)]


def _synapses(nonzero: Tensor, groups: int, transposed: bool) -> Tensor:
    """Nonzero weights that an input of each channel meets at each place of the kernel: (C, …)."""
    if transposed:
        return nonzero.sum(dim=1)
    outputs, inputs, *kernel = nonzero.shape
    return nonzero.reshape(groups, outputs // groups, inputs, *kernel).sum(dim=1).reshape(groups * inputs, *kernel)


def _ranges(
    size: int, kernel: int, stride: int, padding: int, dilation: int, output_padding: int, transposed: bool
) -> tuple[int, list[slice]]:
    """The output's size along an axis, and for each place of the kernel the inputs that it meets."""
    reach = dilation * (kernel - 1) + 1
    if transposed:  # input i and place o give output i·stride + o·dilation − padding
        out = (size - 1) * stride - 2 * padding + reach + output_padding
        bounds = [(-(-(padding - o * dilation) // stride), (out - 1 + padding - o * dilation) // stride) for o in range(kernel)]
        return out, [slice(max(low, 0), max(min(high, size - 1) + 1, 0)) for low, high in bounds]
    out = (size + 2 * padding - reach) // stride + 1
    found = []
    for o in range(kernel):  # output j and place o take input j·stride + o·dilation − padding
        start = o * dilation - padding
        first = max(-(start // stride), 0)  # the first j whose input is at least 0
        last = min((size - 1 - start) // stride, out - 1)
        found.append(slice(start + first * stride, start + last * stride + 1, stride) if last >= first else slice(0, 0))
    return out, found


def _each(value: Any, dimensions: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return [int(v) for v in values] * (dimensions if len(values) == 1 else 1)
