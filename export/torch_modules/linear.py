"""Linear modules as trees: Linear, Conv1d and Conv2d, batch norms, average pooling, and the linear layers of neurograph.nn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray
from torch import nn

from neurograph.export import nodes as ext
from neurograph.export.torch_modules.frameworks import GraphLinear
from neurograph.export.torch_modules.neurons import RefusedError, array
from neurograph.export.torch_modules.trees import Fixed, Tree, Weighted, push
from neurograph.export.trace import LINEAR as OWN

__all__ = ["LINEAR", "dense", "pooling", "reason"]

Array = NDArray[Any]
Shape = tuple[int, ...]


def dense(name: str, weight: Array, bias: Array | None, arg: Tree) -> Tree:
    """y = W x + b over the last dimension: Affine over (D,), PerNode over (N, D).

    Raises:
        RefusedError: more dimensions.
    """
    shape = (*arg.shape[:-1], len(weight))
    if len(arg.shape) == 1:
        return Weighted(name, weight, bias, arg, shape, 0, _affine)
    if len(arg.shape) != 2:
        raise RefusedError(f"an input of shape {arg.shape}, must be (features,) or (nodes, features); put a Flatten before it")
    rows = arg.shape[0]
    return Weighted(name, weight, bias, arg, shape, 1, lambda w, b: ext.PerNode(w, np.zeros(len(w)) if b is None else b, rows))


def _affine(weight: Array, bias: Array | None) -> Any:
    return nir.Linear(weight) if bias is None else nir.Affine(weight, bias)


def _linear(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    return dense(name, array(module.weight), None if module.bias is None else array(module.bias), arg)


def _conv1d(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    length = int(arg.shape[1])
    stride, dilation = int(module.stride[0]), int(module.dilation[0])
    (padding,) = _padding(module)

    def make(weight: Array, bias: Array | None) -> Any:
        zero = np.zeros(len(weight))
        return nir.Conv1d(length, weight, stride, padding, dilation, module.groups, zero if bias is None else bias)

    return Weighted(name, array(module.weight), None if module.bias is None else array(module.bias), arg, shape, 0, make)


def _conv2d(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    size, padding = (int(arg.shape[1]), int(arg.shape[2])), _padding(module)

    def make(weight: Array, bias: Array | None) -> Any:
        zero = np.zeros(len(weight))
        return nir.Conv2d(size, weight, module.stride, padding, module.dilation, module.groups, zero if bias is None else bias)

    return Weighted(name, array(module.weight), None if module.bias is None else array(module.bias), arg, shape, 0, make)


def _padding(module: Any) -> tuple[int, ...]:
    """In numbers; "same" is symmetric here (:func:`reason` refuses others)."""
    if module.padding == "valid":
        return (0,) * len(module.kernel_size)
    if module.padding == "same":
        return tuple(int(d * (k - 1) // 2) for d, k in zip(module.dilation, module.kernel_size, strict=True))
    return tuple(int(p) for p in module.padding)


def _norm(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    """In eval mode a factor and a bias for each channel, dimension 1 of what torch sees."""
    axis = 1 - outer
    if not 0 <= axis < len(shape):
        raise RefusedError("it would normalise the ticks or the batch")
    scale = 1.0 / np.sqrt(array(module.running_var) + module.eps)
    scale = scale if module.weight is None else scale * array(module.weight)
    shift = -array(module.running_mean) * scale
    shift = shift if module.bias is None else shift + array(module.bias)
    wide = tuple(-1 if i == axis else 1 for i in range(len(shape)))
    return push(arg, np.broadcast_to(scale.reshape(wide), shape), np.broadcast_to(shift.reshape(wide), shape), name)


def pooling(name: str, arg: Tree, shape: Shape, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Tree:
    """An average over windows of an image, zeros at the border counted."""
    if len(arg.shape) != 3:
        raise RefusedError(f"an input of shape {arg.shape}, must be (channels, height, width)")
    return Fixed(name, nir.AvgPool2d(np.array(kernel), np.array(stride), np.array(padding)), arg, shape)


def _average(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    return pooling(name, arg, shape, _pair(module.kernel_size), _pair(module.stride), _pair(module.padding))


def _adaptive(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    if len(arg.shape) != 3 or any(n % m for n, m in zip(arg.shape[1:], shape[1:], strict=True)):
        raise RefusedError(f"windows of different sizes, {arg.shape} to {shape}")
    kernel = (arg.shape[1] // shape[1], arg.shape[2] // shape[2])
    return pooling(name, arg, shape, kernel, kernel, (0, 0))


def _pair(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _own(module: Any, name: str, arg: Tree, shape: Shape, outer: int) -> Tree:
    node = OWN[type(module)](module, shape)
    return Fixed(name, node, arg, shape)


LINEAR: dict[type[nn.Module], Callable[[Any, str, Tree, Shape, int], Tree]] = {
    nn.Linear: _linear,
    GraphLinear: _linear,
    nn.Conv1d: _conv1d,
    nn.Conv2d: _conv2d,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.AvgPool2d: _average,
    nn.AdaptiveAvgPool2d: _adaptive,
    **dict.fromkeys(OWN, _own),
}


def reason(module: Any) -> str | None:
    """Why a module of the map has no counterpart as it is built, if so."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        if module.padding_mode != "zeros":
            return f"padding_mode {module.padding_mode!r}, must be 'zeros'"
        if module.padding == "same" and any(d * (k - 1) % 2 for d, k in zip(module.dilation, module.kernel_size, strict=True)):
            return "padding 'same' that is not symmetric; give numbers"
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.running_mean is None:
        return "track_running_stats=False, so it depends on the batch"
    if isinstance(module, nn.AvgPool2d):
        if module.ceil_mode or module.divisor_override is not None:
            return "ceil_mode or divisor_override"
        if not module.count_include_pad and any(_pair(module.padding)):
            return "count_include_pad=False with padding"
    return None
