"""The torch functions that may stand between modules: sums, constant factors, reshapes, choosing ticks and putting them together.

A handler takes the call and its result and returns a Value for each tensor of the result, or None where that step has no counterpart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from torch import Tensor

from neurograph.export.torch_modules.values import ZERO, Expr, IncoherentError, Value, added, leaves, retimed, template

if TYPE_CHECKING:
    from neurograph.export.torch_modules.recorder import Recorder

__all__ = ["CARRIERS", "CASTS", "Call", "handler_of", "stacked"]

CASTS = frozenset({"float", "double", "half", "bfloat16", "to", "type", "type_as"})
Meant = Union[Sequence[Union[Value, None]], None]


@dataclass(frozen=True)
class Call:
    """One call of a torch function."""

    recorder: Recorder
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def value(self, index: int) -> Value | None:
        return self.recorder.value(self.args[index]) if index < len(self.args) else None

    def argument(self, index: int, name: str, default: Any) -> Any:
        return self.args[index] if len(self.args) > index else self.kwargs.get(name, default)


def handler_of(name: str) -> Callable[[Call, Any], Meant] | None:
    """By the qualified name of the function."""
    scope, base = name.rsplit(".", 1)
    if scope in ("torch", "torch.Tensor", "torch.nn.functional", "torch._C._nn", "torch._VF"):
        return _HANDLERS.get(base)
    return _HANDLERS.get(name)


def _same(call: Call, result: Tensor) -> Meant:
    return [call.value(0)]


def _dropout(call: Call, result: Tensor) -> Meant:
    training = call.argument(2, "training", True)
    return [call.value(0)] if not training or call.argument(1, "p", 0.5) == 0 else None


def _reshape(call: Call, result: Tensor) -> Meant:
    value = call.value(0)
    return None if value is None else [call.recorder.placed(result, value.expr, value.whole, value.outer)]


def _permute(call: Call, result: Tensor) -> Meant:
    """Only where it moves ticks and dimensions of one: the order of the others stays."""
    given, value = call.args[0], call.value(0)
    if value is None or [n for n in given.shape if n != 1] != [n for n in result.shape if n != 1]:
        return None
    wide = [s for s, n in zip(given.stride(), given.shape, strict=True) if n != 1]
    if wide != [s for s, n in zip(result.stride(), result.shape, strict=True) if n != 1]:
        return None
    return _reshape(call, result)


def _index(call: Call, result: Tensor) -> Meant:
    given, value = call.args[0], call.value(0)
    if value is None:
        return None
    index = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    named = sum(1 for i in index if i is not None and i is not Ellipsis)
    places: list[Any] = []
    for i in index:
        places += [slice(None)] * (given.ndim - named) if i is Ellipsis else [] if i is None else [i]
    expr, whole = value.expr, value.whole
    for axis, i in enumerate(places):
        size = given.shape[axis]
        if isinstance(i, slice) and i.indices(size) == (0, size, 1):
            continue
        if type(i) is not int:
            return None
        kind = value.outer[axis] if axis < len(value.outer) else ""
        if kind == "T":
            expr, whole = retimed(expr, i % size), False
        elif kind != "B":
            return None
    return [call.recorder.placed(result, expr, whole, tuple(o for o in value.outer if whole or o != "T"))]


def _select(call: Call, result: Tensor) -> Meant:
    axis, i = call.argument(1, "dim", 0), call.argument(2, "index", 0)
    ndim = call.args[0].ndim
    return _index(replace(call, args=(call.args[0], (slice(None),) * (axis % ndim) + (int(i),))), result)


def _unbind(call: Call, result: Any) -> Meant:
    value, axis = call.value(0), call.argument(1, "dim", 0) % call.args[0].ndim
    if value is None or axis >= len(value.outer) or value.outer[axis] != "T":
        return None
    outer = tuple(o for o in value.outer if o != "T")
    return [call.recorder.placed(part, retimed(value.expr, tick), False, outer) for tick, part in enumerate(result)]


def stacked(recorder: Recorder, values: Sequence[Value], result: Tensor) -> Value | None:
    """One tick each, put together: the whole window, or part of it, which only an output may be."""
    if any(v.whole for v in values) or len({v.expr.shape for v in values}) != 1:
        return None
    outer = values[0].outer
    if len(values) == recorder.window:
        try:
            shared = template([v.expr for v in values])
        except IncoherentError:
            return None
        return recorder.placed(result, shared, True, ("T", *outer))
    ends = {leaf for v in values for leaf in leaves(retimed(v.expr, None))}
    return Value(Expr("rate", "a part of the window", tuple(sorted(ends, key=str)), tuple(result.shape)))


def _stack(call: Call, result: Tensor) -> Meant:
    values = [call.recorder.value(t) for t in call.args[0]]
    return None if any(v is None for v in values) else [stacked(call.recorder, [v for v in values if v is not None], result)]


def _cat(call: Call, result: Tensor) -> Meant:
    """Ticks one after the other, or features side by side."""
    tensors = list(call.args[0])
    axis = call.argument(1, "dim", 0) % result.ndim
    known = next(v for v in map(call.recorder.value, tensors) if v is not None)
    values = []
    for tensor in tensors:
        value = call.recorder.value(tensor)
        if value is None and not tensor.any():
            value = Value(replace(ZERO, shape=tuple(tensor.shape[len(known.outer) :])), known.outer)
        if value is None:
            return None
        values.append(value)
    if len(values) == call.recorder.window and all(t.shape[axis] == 1 for t in tensors) and axis <= len(known.outer):
        made = stacked(call.recorder, values, result)
        if made is not None and made.expr.op != "rate":
            return [made]
    place = axis - len(known.outer)
    if place < 0 or len({v.outer for v in values}) != 1:
        return None
    shape = tuple(result.shape[len(known.outer) :])
    return [Value(Expr("cat", place, tuple(v.expr for v in values), shape), known.outer)]


def _add(call: Call, result: Tensor, sign: float = 1.0) -> Meant:
    if call.kwargs.get("alpha", 1) != 1:
        return None
    left, right = call.args[0], call.argument(1, "other", None)
    a, b = call.recorder.value(left), call.recorder.value(right)
    if a is not None and b is not None:
        if sign < 0:
            b = _scaled(call.recorder, b, -1.0, None)
        if a.expr.shape != b.expr.shape:
            return None
        if a.whole != b.whole and any(leaf.tick is not None for leaf in leaves((b if a.whole else a).expr)):
            return None  # the window and one of its ticks
        whole, outer = a.whole or b.whole, a.outer if len(a.outer) >= len(b.outer) else b.outer
        return [call.recorder.placed(result, added([a.expr, b.expr], a.expr.shape), whole, outer)]
    if a is not None:
        return [_with_constant(call.recorder, a, left, result, None, sign, right)]
    return [_with_constant(call.recorder, b, right, result, None if sign > 0 else -1.0, 1.0, left)] if b is not None else None


def _subtract(call: Call, result: Tensor) -> Meant:
    return _add(call, result, -1.0)


def _reflected_subtract(call: Call, result: Tensor) -> Meant:
    swapped = replace(call, args=(call.args[1], call.args[0], *call.args[2:]))
    return _add(swapped, result, -1.0)


def _multiply(call: Call, result: Tensor) -> Meant:
    left, right = call.args[0], call.argument(1, "other", None)
    a, b = call.recorder.value(left), call.recorder.value(right)
    if (a is None) == (b is None):
        return None  # a product of two signals
    value, tensor, constant = (a, left, right) if a is not None else (b, right, left)
    assert value is not None
    factor = _constant(value, tensor, result, constant)
    return None if factor is None else [_scaled(call.recorder, value, factor, None)]


def _divide(call: Call, result: Tensor) -> Meant:
    value, right = call.value(0), call.argument(1, "other", None)
    if value is None or call.recorder.value(right) is not None or call.kwargs.get("rounding_mode"):
        return None
    factor = _constant(value, call.args[0], result, right)
    return None if factor is None or not np.all(factor) else [_scaled(call.recorder, value, 1.0 / factor, None)]


def _negative(call: Call, result: Tensor) -> Meant:
    value = call.value(0)
    return None if value is None else [_scaled(call.recorder, value, -1.0, None)]


def _over_ticks(call: Call, result: Any) -> Meant:
    """A sum or mean over the whole window, which only an output may be: the host counts spikes."""
    value, axes = call.value(0), call.argument(1, "dim", None)
    if value is None or not isinstance(result, Tensor) or not value.whole or axes is None:
        return None
    axes = [axes] if isinstance(axes, int) else list(axes)
    if [a % call.args[0].ndim for a in axes] != [value.outer.index("T")]:
        return None
    return [Value(Expr("rate", call.name, (retimed(value.expr, None),), tuple(result.shape)))]


def _constant(value: Value, tensor: Tensor, result: Tensor, constant: Any) -> Any:
    """A constant operand over the features of ``value``, or None where it changes from tick to tick or widens the signal."""
    if isinstance(constant, (int, float)):
        return np.float64(constant)
    if not isinstance(constant, Tensor) or tuple(result.shape) != tuple(tensor.shape):
        return None
    array = constant.detach().double().cpu().numpy()
    if array.size == 1:
        return np.float64(array.item())
    array = array.reshape((1,) * (result.ndim - array.ndim) + array.shape)
    if any(n != 1 for n in array.shape[: len(value.outer)]):
        return None
    return np.broadcast_to(array.reshape(array.shape[len(value.outer) :]), value.expr.shape)


def _scaled(recorder: Recorder, value: Value, scale: Any, shift: Any) -> Value:
    key = (None if scale is None else recorder.constant(scale), None if shift is None else recorder.constant(shift))
    return Value(Expr("affine", key, (value.expr,), value.expr.shape), value.outer)


def _with_constant(
    recorder: Recorder, value: Value, tensor: Tensor, result: Tensor, scale: Any, sign: float, constant: Any
) -> Value | None:
    """scale · signal + sign · constant."""
    if isinstance(constant, Tensor) and not constant.any():
        made = value if scale is None else _scaled(recorder, value, scale, None)
        return recorder.placed(result, made.expr, made.whole, made.outer)
    shift = _constant(value, tensor, result, constant)
    if shift is None:
        return None
    if scale is None and not np.any(shift):
        return value
    return _scaled(recorder, value, scale, sign * shift)


def _average(call: Call, result: Tensor) -> Meant:
    """F.avg_pool2d as the module."""
    value = call.value(0)
    if value is None or call.argument(4, "ceil_mode", False) or call.argument(6, "divisor_override", None) is not None:
        return None
    kernel = _pair(call.argument(1, "kernel_size", None))
    stride, padding = call.argument(2, "stride", None), _pair(call.argument(3, "padding", 0))
    if not call.argument(5, "count_include_pad", True) and any(padding):
        return None
    key = (kernel, kernel if stride is None or stride == [] else _pair(stride), padding)
    return [Value(Expr("pool", key, (value.expr,), tuple(result.shape[len(value.outer) :])), value.outer)]


def _pair(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[1 if len(value) > 1 else 0]))


CARRIERS = (_same, _reshape, _permute, _index, _select, _unbind, _stack, _cat, _add, _subtract)
_HANDLERS: dict[str, Callable[[Call, Any], Meant]] = {
    **dict.fromkeys(("clone", "contiguous", "detach", "detach_", "cpu", "cuda", "requires_grad_", "alias"), _same),
    **dict.fromkeys(("torch.Tensor.data.__get__", *CASTS), _same),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"), _dropout),
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "ravel", "view_as", "reshape_as"), _reshape),
    **dict.fromkeys(("permute", "transpose", "swapaxes", "movedim", "moveaxis", "t"), _permute),
    **dict.fromkeys(("torch.Tensor.T.__get__", "torch.Tensor.mT.__get__"), _permute),
    "__getitem__": _index,
    "select": _select,
    "unbind": _unbind,
    "stack": _stack,
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    **dict.fromkeys(("add", "add_", "__add__", "__radd__", "__iadd__"), _add),
    **dict.fromkeys(("sub", "subtract", "sub_", "__sub__", "__isub__"), _subtract),
    **dict.fromkeys(("rsub", "__rsub__"), _reflected_subtract),
    **dict.fromkeys(("mul", "multiply", "mul_", "__mul__", "__rmul__", "__imul__"), _multiply),
    **dict.fromkeys(("div", "divide", "div_", "true_divide", "__truediv__", "__itruediv__"), _divide),
    **dict.fromkeys(("neg", "negative", "__neg__"), _negative),
    **dict.fromkeys(("sum", "mean"), _over_ticks),
    "avg_pool2d": _average,
}
