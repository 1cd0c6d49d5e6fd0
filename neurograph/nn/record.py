"""Watching a core: what its modules give out during one call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from neurograph.nn.attention import And
from neurograph.nn.neurons import LIF

__all__ = ["record_outputs", "record_spikes", "returned_spikes"]


def record_spikes(core: nn.Module, current: Tensor) -> dict[str, Tensor]:
    """Run ``core(current)`` without gradients and return the output of each LIF layer and gate, by name.

    Names are those that tracing gives to populations: the module's path with dots as underscores. Shapes: (T, N, D), (T, 1, D) for masks.
    """
    recorded = record_outputs(core, current, _spikes)
    return {path.replace(".", "_"): spikes for path, spikes in recorded.items()}


def returned_spikes(core: nn.Module, current: Tensor) -> tuple[str, ...]:
    """Names, as in :func:`record_spikes`, of the layers whose spikes the core returns, in its own order."""
    returned: list[Any] = []
    handle = core.register_forward_hook(lambda module, inputs, output: returned.append(output))
    try:
        recorded = record_outputs(core, current, _spikes)
    finally:
        handle.remove()
    names = {id(spikes): path.replace(".", "_") for path, spikes in recorded.items()}
    (last,) = returned
    return tuple(names[id(spikes)] for spikes in (last if isinstance(last, tuple) else (last,)))


def _spikes(module: nn.Module) -> bool:
    return isinstance(module, (LIF, And))


def record_outputs(core: nn.Module, current: Tensor, wanted: Callable[[nn.Module], bool] = lambda module: True) -> dict[str, Tensor]:
    """Run ``core(current)`` without gradients and return what each wanted module gave out, if it is a tensor, by the module's path."""
    recorded: dict[str, Tensor] = {}

    def keep(path: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            recorded[path] = output

    handles = [module.register_forward_hook(partial(keep, path)) for path, module in core.named_modules() if wanted(module)]
    try:
        with torch.no_grad():
            core(current)
    finally:
        for handle in handles:
            handle.remove()
    return recorded
