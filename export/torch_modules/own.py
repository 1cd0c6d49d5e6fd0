"""neurograph.nn's layers: each takes the whole window (T, N, D)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from neurograph.export.torch_modules.neurons import Neuron, Rule, Shape, lif_node
from neurograph.nn.attention import And
from neurograph.nn.neurons import LIF

__all__ = ["NEURONS"]


def _lif(module: LIF) -> Neuron:
    def node(shape: Shape, dt: float) -> Any:
        return lif_node(shape, dt, beta=module.beta, threshold=module.threshold)

    return Neuron(node, Rule("value") if module.reset == "value" else Rule("subtract", "same_step"), whole=True)


def _gate(module: And) -> Neuron:
    """AND of two spikes: each brings 1, so only both together pass 1.5; β = 1 forgets at once."""
    return Neuron(lambda shape, dt: lif_node(shape, dt, beta=1.0, threshold=1.5), whole=True, signals=2)


NEURONS: dict[type[nn.Module], Callable[[Any], Neuron]] = {LIF: _lif, And: _gate}
