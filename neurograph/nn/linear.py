"""Linear maps over features, the same at every node: what becomes a PerNode projection."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.nn.fake_quantize import FakeQuantized, fake_quantize
from neurograph.nn.sharding import Shard

__all__ = ["PerNode", "Select"]

Array = NDArray[Any]


class PerNode(FakeQuantized, nn.Module):
    r"""The same linear map at every node, with an optional batch norm behind it, as one leaf module.

    .. math::
        y_{tn} = \mathrm{BN}(W x_{tn} + b)

    The statistics of the batch norm are over all T·N rows. At inference they are constants and fold into W and b (:meth:`folded`): the
    moving average of training, or what one pass inside :func:`neurograph.nn.calibrating` measured, which is better: dropout changes them.
    Where ``weight_bits`` is set, what is rounded is the folded weight, the one that is stored on chip: W is such that it folds to that.

    Args:
        in_features, out_features: D_in, D_out. bias: whether b is there. norm: whether the batch norm is.
        norm_gain: what the norm multiplies with at its start; below 1, what is added to a shortcut starts small.

    Shapes:
        x (T, N, D_in) → (T, N, D_out)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, norm: bool = False, norm_gain: float = 1.0) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.calibrating = False
        self.shard: Shard | None = None
        self.linear = nn.Linear(in_features, out_features, bias=bias)
        self.norm = nn.BatchNorm1d(out_features) if norm else None
        if self.norm is not None:
            nn.init.constant_(self.norm.weight, norm_gain)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.linear(x, self._weight(), self.linear.bias)
        if self.norm is None:
            return y
        if self.calibrating:
            self._calibrate(y.flatten(0, 1))
            y = nn.functional.linear(x, self._weight(), self.linear.bias)  # rounded weights hang on the variance
        if self.shard is not None and self.training:
            return self._norm_over_shards(y.flatten(0, 1), self.shard).view(y.shape)
        return cast(Tensor, self.norm(y.flatten(0, 1))).view(y.shape)

    @torch.no_grad()
    def _calibrate(self, rows: Tensor) -> None:
        self._keep(*self._statistics(rows)[:2], momentum=1.0)

    def _norm_over_shards(self, rows: Tensor, shard: Shard) -> Tensor:
        """What the batch norm does in training, with the statistics of the rows of all processes."""
        assert self.norm is not None
        mean, variance, count = self._statistics(rows)
        with torch.no_grad():
            self._keep(mean, variance * count / (count - 1), momentum=self.norm.momentum or 0.1)
        return (rows - mean) / torch.sqrt(variance + self.norm.eps) * self.norm.weight + self.norm.bias

    def _statistics(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance of each feature over the rows of all processes, and how many rows there are."""
        total = (lambda x: x) if self.shard is None else self.shard.total
        count = total(torch.tensor(float(len(rows))))
        mean = total(rows.sum(dim=0)) / count
        return mean, total((rows - mean).square().sum(dim=0)) / count, count

    def _keep(self, mean: Tensor, variance: Tensor, momentum: float) -> None:
        assert self.norm is not None and self.norm.running_mean is not None and self.norm.running_var is not None
        self.norm.running_mean.lerp_(mean.to(self.norm.running_mean.dtype), momentum)
        self.norm.running_var.lerp_(variance.to(self.norm.running_var.dtype), momentum)

    def folded(self) -> tuple[Array, Array]:
        """Weight (out, in) and bias (out,) in float64, with the running statistics of the norm folded in."""
        weight = _float64(fake_quantize(self.linear.weight.double() * self._gain(), self.weight_bits))
        bias = np.zeros(self.out_features) if self.linear.bias is None else _float64(self.linear.bias)
        if self.norm is None:
            return weight, bias
        gain = _float64(self._gain())[:, 0]
        return weight, (bias - _float64(self.norm.running_mean)) * gain + _float64(self.norm.bias)

    def _weight(self) -> Tensor:
        """W, or the W that folds to the rounded weight."""
        weight = self.linear.weight
        if self.weight_bits is None:
            return weight
        gain = self._gain()
        rounded = fake_quantize(weight.double() * gain, self.weight_bits)
        return (rounded / torch.where(gain == 0, 1.0, gain)).to(weight.dtype)

    def _gain(self) -> Tensor:
        """What the norm multiplies each output with at inference, (out, 1), float64."""
        if self.norm is None:
            return torch.ones(self.out_features, 1, dtype=torch.float64)
        variance = self.norm.running_var
        assert variance is not None
        return (self.norm.weight.double() / torch.sqrt(variance.double() + self.norm.eps))[:, None]


class Select(nn.Module):
    """Picks the features ``start`` to ``stop`` of ``width``: how a branch takes its part of the shared input.

    Shapes:
        x (T, N, width) → (T, N, stop − start)
    """

    def __init__(self, start: int, stop: int, width: int) -> None:
        super().__init__()
        if not 0 <= start < stop <= width:
            raise ValueError(f"Select: features {start} to {stop} of {width}, must be 0 <= start < stop <= width")
        self.start = start
        self.stop = stop
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        return x[..., self.start : self.stop]

    def extra_repr(self) -> str:
        return f"start={self.start}, stop={self.stop}, width={self.width}"


def _float64(tensor: Tensor | None) -> Array:
    assert tensor is not None
    return cast(Array, tensor.detach().to("cpu", torch.float64).numpy().copy())
