"""Element by element: products, sums, reductions and norms.

multiply        one an element, a number as a factor included; additions where a factor is 0 or ±1
add             one an element, subtraction the same; of a sum or a mean, one an element that goes in
normalisation   batch norm with stored statistics: 1 multiply-add an element, x·s + t
                norms that take their statistics from x: 2 additions (mean, centring) and 2 multiply-adds (variance, x·r) an element,
                and 1 more with learned scale and shift
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neurograph.operations.work import Call, Work, is_ternary, needs_no_multiplier

__all__ = ["ELEMENTWISE_BY_NAME"]

Rule = Callable[[Call], "list[Work] | None"]  # None: not counted


def _multiply(call: Call, a: Any, b: Any) -> list[Work] | None:
    if not _floats(a, b):
        return None
    tensors = [x for x in (a, b) if isinstance(x, Tensor)]
    if len(tensors) == 1:
        x, factor = tensors[0], b if tensors[0] is a else a
        return [Work("multiply", x.numel(), int(torch.count_nonzero(x)) if factor != 0 else 0, factor in (0, 1, -1) or is_ternary(x))]
    dense = math.prod(_shape(a, b))
    effective = int(torch.count_nonzero((a != 0) & (b != 0)))
    return [Work("multiply", dense, effective, needs_no_multiplier(a, call.role(a), b, call.role(b)))]


def _add(call: Call, a: Any, b: Any) -> list[Work] | None:
    if not _floats(a, b):
        return None
    found = []
    alpha = call.arguments.get("alpha", 1)
    if alpha not in (1, -1):
        scaled = _multiply(call, a if call.name == "rsub" else b, alpha)
        found += scaled or []
    if not isinstance(b, Tensor):
        return [*found, Work("add", a.numel(), int(torch.count_nonzero(a)) if b != 0 else 0, True)]
    dense = math.prod(_shape(a, b))
    return [*found, Work("add", dense, int(torch.count_nonzero((a != 0) & (b != 0))), True)]


def _sum(call: Call) -> list[Work] | None:
    x = call["self"]
    return [Work("add", x.numel(), int(torch.count_nonzero(x)), True)] if _floats(x) else None


def _mean(call: Call) -> list[Work] | None:
    x, dims = call["self"], call.arguments.get("dim")
    if not _floats(x):
        return None
    places = range(x.dim()) if dims is None or dims == [] else {d % x.dim() for d in dims}
    count = x.numel() // max(math.prod(x.shape[d] for d in places), 1)
    return [Work("add", x.numel(), int(torch.count_nonzero(x)), True), Work("multiply", count, count, False)]


def _power(call: Call) -> list[Work] | None:
    squared = call.arguments.get("exponent", 2) == 2
    return _multiply(call, call["self"], call["self"]) if squared else None


def _fused(call: Call) -> list[Work] | None:
    """self + value · a · b."""
    product = _multiply(call, call["tensor1"], call["tensor2"])
    if product is None:
        return None
    more = [] if call.arguments.get("value", 1) in (1, -1) else [product[0]]
    return [*product, *more, Work("add", product[0].dense, product[0].effective, True)]


def _stored_norm(call: Call) -> list[Work]:
    x = call["input"]
    return [Work("normalisation", x.numel(), int(torch.count_nonzero(x)), False)]


def _own_norm(call: Call) -> list[Work]:
    size = call["input"].numel()
    multiply_adds = size * (2 if call.arguments.get("weight") is None else 3)
    return [Work("normalisation", 2 * size, 2 * size, True), Work("normalisation", multiply_adds, multiply_adds, False)]


def _batch_norm(call: Call) -> list[Work]:
    return _own_norm(call) if call.arguments.get("training", call.arguments.get("train", False)) else _stored_norm(call)


def _shape(a: Tensor, b: Tensor) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(a.shape, b.shape))  # type: ignore[no-untyped-call]


def _floats(*values: Any) -> bool:
    """Whether it is arithmetic of numbers that are stored densely, not of indices."""
    tensors = [x for x in values if isinstance(x, Tensor)]
    return all(x.layout == torch.strided for x in tensors) and any(x.is_floating_point() for x in tensors)


ELEMENTWISE_BY_NAME: dict[str, Rule] = {
    "mul": lambda call: _multiply(call, call["self"], call["other"]),
    "square": _power,
    "pow": _power,
    "add": lambda call: _add(call, call["self"], call["other"]),
    "sub": lambda call: _add(call, call["self"], call["other"]),
    "rsub": lambda call: _add(call, call["self"], call["other"]),
    "addcmul": _fused,
    "sum": _sum,
    "mean": _mean,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_functional": _batch_norm,
    "_native_batch_norm_legit_no_training": _stored_norm,
    "_batch_norm_no_update": _stored_norm,
    "_batch_norm_with_update": _own_norm,
    "cudnn_batch_norm": _batch_norm,
    "native_layer_norm": _own_norm,
    "native_group_norm": _own_norm,
}
