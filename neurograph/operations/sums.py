"""Sums over neighbours as graph layers write them: messages edge by edge, added up where they go.

A sum of messages that were not multiplied is additions. Where the messages are the product of the multiplication just before (an edge's
weight times what its node sends), the two are one multiply-add a message: :mod:`neurograph.operations.counting` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neurograph.operations.work import Call, Work

__all__ = ["SUMS_BY_NAME", "messages_of"]

_SUMMED = ("sum", "add", "mean")
_COMPARED = ("amax", "amin", "max", "min")


def messages_of(call: Call) -> Tensor | None:
    """What is added up; None where this call adds up nothing."""
    return _MESSAGES[call.name](call) if _reduction(call) in _SUMMED else None


def _reduction(call: Call) -> str:
    """How what arrives at one place becomes one value; "none": the last one stays."""
    if call.name in ("index_put", "_index_put_impl"):
        return "sum" if call["accumulate"] else "none"
    return str(call.arguments.get("reduce", "none" if call.name == "scatter" else "sum"))


def _scattered(call: Call) -> Tensor:
    index = call["index"]
    source: Any = call.arguments.get("src", call.arguments.get("source", call.arguments.get("value")))
    if not isinstance(source, Tensor):  # one number for all
        return torch.full(index.shape, source)
    return source[tuple(slice(size) for size in index.shape)] if call.name.startswith("scatter") else source


_MESSAGES: dict[str, Callable[[Call], Tensor]] = {
    "scatter": _scattered,
    "scatter_add": _scattered,
    "scatter_reduce": _scattered,
    "index_add": _scattered,
    "index_reduce": _scattered,
    "index_put": lambda call: call["values"],
    "_index_put_impl": lambda call: call["values"],
    "segment_reduce": lambda call: call["data"],
}


def _sum(call: Call) -> list[Work] | None:
    """None: a product over neighbours, which is not counted."""
    messages = messages_of(call)
    if messages is not None:
        return [Work("propagation", messages.numel(), int(torch.count_nonzero(messages)), True)]
    return [] if _reduction(call) in ("none", *_COMPARED) else None


SUMS_BY_NAME: dict[str, Callable[[Call], list[Work] | None]] = dict.fromkeys(_MESSAGES, _sum)
