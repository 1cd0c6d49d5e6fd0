"""Watching a core: the spikes of every LIF layer and gate during one call."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurograph.nn.attention import And
from neurograph.nn.neurons import LIF

__all__ = ["record_spikes"]


def record_spikes(core: nn.Module, current: Tensor) -> dict[str, Tensor]:
    """Run ``core(current)`` without gradients and return the output of each LIF layer and gate, by name.

    Names are those that tracing gives to populations: the module's path with dots as underscores. Shapes: (T, N, D), (T, 1, D) for masks.
    """
    recorded: dict[str, Tensor] = {}
    handles = []
    for path, module in core.named_modules():
        if isinstance(module, (LIF, And)):
            handles.append(module.register_forward_hook(_keep(recorded, path.replace(".", "_"))))
    try:
        with torch.no_grad():
            core(current)
    finally:
        for handle in handles:
            handle.remove()
    return recorded


def _keep(recorded: dict[str, Tensor], name: str) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        recorded[name] = output

    return hook
