r"""Training for few bits: layers whose synapses a chip stores in integers compute with weights that are rounded as export rounds them.

.. math::
    Q(w) = 2^e \cdot \mathrm{nearest}(2^{-e} w), \qquad
    \frac{\partial Q}{\partial w} = 1 \text{ where } w \text{ lies in the range of the integers, } 0 \text{ where it is clipped}

``nearest`` and e are :func:`~neurograph.fixedpoint.nearest_weights` and :func:`~neurograph.fixedpoint.least_error_exponent`, the functions
of export. All steps are powers of two of a volt, so that all projections into a population share a scale; export finds it again,
because it looks for scales at which weights lose nothing (:mod:`neurograph.export.quantize`).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError

__all__ = ["FakeQuantized", "check_weight_bits", "fake_quantize", "set_weight_bits"]


class FakeQuantized:
    """A layer with weights on chip. ``weight_bits`` is None, or what they are rounded to in every call, in training and at inference."""

    weight_bits: int | None = None


def set_weight_bits(core: nn.Module, bits: int | None) -> None:
    """Round the weights of every on-chip layer in ``core`` to ``bits`` bits from now on; None: no longer.

    Raises:
        QuantizationError: bits out of range.
    """
    check_weight_bits(bits)
    for module in core.modules():
        if isinstance(module, FakeQuantized):
            module.weight_bits = bits


def check_weight_bits(bits: int | None) -> None:
    """Raise a QuantizationError where ``bits`` is neither None nor 2 to 8."""
    if bits is not None and (type(bits) is not int or not 2 <= bits <= 8):
        raise QuantizationError(f"weight bits: {bits!r}, must be 2 to 8; train with 8, or without")


def fake_quantize(weights: Tensor, bits: int | None) -> Tensor:
    """Q of the weights of one layer, in float64, whatever their dtype: float32 would round other weights than export does.

    Args:
        weights: of any shape; the sign mode and the exponent are those of all of them together.
        bits: 2 to 8, or None to leave them as they are.
    """
    if bits is None:
        return weights
    exact = weights.double()
    values = exact.detach().flatten()
    mode = fx.sign_mode_of(values)
    unit = 2.0 ** fx.least_error_exponent(values, mode, bits)
    return cast(Tensor, _Nearest.apply(exact / unit, mode, bits)) * unit


class _Nearest(torch.autograd.Function):
    """``nearest_weights`` with a straight-through gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, mode: fx.SignMode, bits: int) -> Tensor:
        low, high, step = fx.weight_limits(mode, bits)
        ctx.save_for_backward((values >= low - step / 2) & (values <= high + step / 2))
        return fx.nearest_weights(values, mode, bits)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None
