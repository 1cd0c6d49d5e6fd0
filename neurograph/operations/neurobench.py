"""The figures of a torch module under NeuroBench's names, by its definitions, exact where its float32 sums drift."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from neurograph.nn import LIF
from neurograph.operations.counting import count_operations
from neurograph.operations.result import LAYERS, OperationCounts

__all__ = ["neurobench_figures"]

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def neurobench_figures(module: nn.Module, *inputs: Any, samples: int = 1) -> tuple[dict[str, float], OperationCounts]:
    """Run a module once and give what NeuroBench 2.3.0 would say of it, and all that was counted.

    Effective_ACs, Effective_MACs    products of two nonzeros in linear and convolution layers, a sample; ACs where the layer's input is in
                                     {0, 1, −1} in this call. No bias
    Dense                            the same with zeros, without padding, a sample
    ActivationSparsity               zeros among the outputs of ReLU, Sigmoid, :class:`neurograph.nn.LIF` and snnTorch's neurons
    ConnectionSparsity               zeros among weights of Linear and Conv layers, rounded to 4 digits
    Footprint                        bytes of parameters and buffers, before the run

    Args:
        module: whose call runs all ticks.
        samples: that the inputs hold.

    Source: ``metrics/workload/synaptic_operations.py`` and its neighbours in NeuroBench 2.3.0.
    """
    footprint = sum(x.numel() * x.element_size() for x in (*module.parameters(), *module.buffers()))
    weights = [part.weight.detach() for part in module.modules() if isinstance(part, _WEIGHTED)]
    stored, zeros = sum(w.numel() for w in weights), sum(int((w == 0).sum()) for w in weights)
    outputs, silent = [0], [0]
    handles = [part.register_forward_hook(_watch(outputs, silent)) for part in module.modules() if _is_activation(part)]
    try:
        counts = count_operations(module, *inputs)
    finally:
        for handle in handles:
            handle.remove()
    figures = {
        "Effective_ACs": counts.effective_acs(LAYERS) / samples,
        "Effective_MACs": counts.effective_macs(LAYERS) / samples,
        "Dense": counts.unpadded(LAYERS) / samples,
        "ActivationSparsity": silent[0] / outputs[0] if outputs[0] else 0.0,
        "ConnectionSparsity": round(zeros / stored, 4) if stored else 0.0,
        "Footprint": float(footprint),
    }
    return figures, counts


def _is_activation(part: nn.Module) -> bool:
    if isinstance(part, (nn.ReLU, nn.Sigmoid, LIF)):
        return True
    return any(kind.__name__ == "SpikingNeuron" and kind.__module__.startswith("snntorch") for kind in type(part).__mro__)


def _watch(outputs: list[int], silent: list[int]) -> Callable[..., None]:
    def hook(_part: nn.Module, _inputs: Any, output: Any) -> None:
        with torch.utils._python_dispatch._disable_current_modes():  # our own question, no work of the module
            values: Tensor = output[0] if isinstance(output, tuple) else output
            outputs[0] += values.numel()
            silent[0] += values.numel() - int(torch.count_nonzero(values))

    return hook
