"""A copy of a model in float64, so that its spikes are those of its equations and not of rounding."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from neurograph.errors import InputError
from neurograph.export.torch_modules.snntorch import is_neuron

__all__ = ["computing", "in_float64"]


def in_float64(model: nn.Module) -> nn.Module:
    """A copy in eval mode, at rest, all of it float64: parameters, buffers, and the loose tensors of Norse's parameters.

    Raises:
        InputError: a model that cannot be copied.
    """
    held = [t for m in model.modules() for t in (*m._buffers.values(), *vars(m).values()) if isinstance(t, Tensor) and not t.is_leaf]
    memo: dict[int, Any] = {id(t): t.detach().clone() for t in held}  # hidden states of a training run
    try:
        made = copy.deepcopy(model, memo).cpu().double().eval().requires_grad_(False)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"model {type(model).__name__}: cannot be copied ({_line(error)}); build it anew with its factory") from None
    for module in made.modules():
        for name, value in list(vars(module).items()):
            if not name.startswith("_"):
                widened = _widened(value)
                if widened is not value:
                    setattr(module, name, widened)
        if is_neuron(module):
            neuron: Any = module
            neuron._init_mem()
            # Their surrogates give float32 spikes, and a float32 number times a threshold rounds it.
            neuron.spike_grad = _Spikes(neuron.spike_grad)
        module.register_forward_pre_hook(_widen_arguments, with_kwargs=True)
    return made


class _Spikes:
    """A spike function whose result has the dtype of its argument."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, x: Tensor) -> Tensor:
        spikes: Tensor = self.function(x)
        return spikes.to(x.dtype)


def _widened(value: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point() and (value.dtype != torch.float64 or value.is_cuda):
        return value.detach().cpu().double()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        made = [_widened(v) for v in value]
        return value if all(a is b for a, b in zip(made, value, strict=True)) else type(value)(*made)
    return value


def _widen_arguments(module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """For tensors that a model makes itself in float32; what is float64 already keeps its identity."""
    return tuple(_widen(a) for a in args), {k: _widen(v) for k, v in kwargs.items()}


def _widen(value: Any) -> Any:
    wide = isinstance(value, Tensor) and value.is_floating_point() and value.dtype != torch.float64
    return value.double() if wide else value


@contextmanager
def computing() -> Iterator[None]:
    """float64 is what ``torch.zeros`` gives, and no gradients are kept."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
