"""snnTorch 1.0's neurons, known by their names: snnTorch itself is never imported.

Leaky       v ← βv + x − z θ, z = [v > θ] of the tick before ("subtract"); or v set to 0 first ("zero"); or neither ("none")
Synaptic    i ← αi + x; v ← βv + i − z θ
RLeaky, RSynaptic   likewise with x + V(z), V a Linear, Conv2d or factor
reset_delay=False takes θ off, or sets v to 0, in the step of the spike itself. RSynaptic ignores it.
"zero" with reset_delay clears, everywhere but in Leaky, the input of the next step as well: refused. "none" is written as a subtraction
that a synapse of the neuron onto itself gives back.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from torch import nn

from neurograph.export.torch_modules.neurons import Neuron, RefusedError, Rule, Shape, array, broadcast, lif_node

__all__ = ["describe", "is_neuron"]

_NAMES = {f"snntorch._neurons.{name.lower()}.{name}": name for name in ("Leaky", "Synaptic", "RLeaky", "RSynaptic")}


def is_neuron(module: nn.Module) -> bool:
    """Whether it is one of the four, and not a class of the user's own on top of one."""
    return _name(module) in _NAMES


def _name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def describe(module: Any) -> Neuron:
    """One of the four neurons.

    Raises:
        RefusedError: an option without counterpart.
    """
    name = _NAMES[_name(module)]
    if module.inhibition:
        raise RefusedError("inhibition=True")
    if module.state_quant:
        raise RefusedError("state_quant")
    if not (array(module.graded_spikes_factor) == 1).all():
        raise RefusedError("graded_spikes_factor other than 1")
    if (array(module.threshold) < 0).any():
        raise RefusedError("a threshold below 0")
    mechanism, rule = _rule(module, name)

    def node(shape: Shape, dt: float) -> Any:
        # Rates come from 1 − β, as all of NIR's equations do; γ is 1.
        alpha = 1.0 - array(module.alpha).clip(0, 1) if name.endswith("Synaptic") else None
        beta = 1.0 - array(module.beta).clip(0, 1)
        return lif_node(shape, dt, beta=beta, threshold=module.threshold, alpha=alpha, unit_gain=True)

    def recurrent(shape: Shape, dt: float, acts: str) -> list[Any]:
        made = [_recurrent(module, shape)] if name.startswith("R") else []
        if mechanism == "none":  # gives back what the subtraction took off, after the leak where that comes later
            left = 1.0 if acts == "next_step" else broadcast(array(module.beta).clip(0, 1), shape)
            made.append(nir.Scale(broadcast(module.threshold, shape) * left))
        return made

    states = {"Leaky": ("mem",), "Synaptic": ("syn", "mem"), "RLeaky": ("spk", "mem"), "RSynaptic": ("spk", "syn", "mem")}[name]
    late = mechanism == "subtract" and rule is not None and rule.acts == "same_step"
    return Neuron(
        node,
        rule,
        recurrent=recurrent if name.startswith("R") or mechanism == "none" else None,
        hidden=states,
        watch=_above_threshold if late else None,
    )


def _rule(module: Any, name: str) -> tuple[str, Rule | None]:
    """What is done after a spike, and when."""
    mechanism = {"_base_sub": "subtract", "_base_zero": "zero", "_base_int": "none"}.get(module.state_function.__name__)
    stored = {0: "subtract", 1: "zero", 2: "none"}[int(module.reset_mechanism_val)]
    if mechanism != stored:
        raise RefusedError(f"reset_mechanism {mechanism!r} as built, {stored!r} as loaded; build it as it was trained")
    delayed = bool(module.reset_delay) or name == "RSynaptic"
    if mechanism == "none":
        if name.endswith("Synaptic"):
            raise RefusedError("reset_mechanism 'none' with synaptic state")
        return "none", Rule("subtract")
    if mechanism == "subtract":
        return "subtract", Rule("subtract", "next_step" if delayed else "same_step")
    if delayed and name != "Leaky":
        raise RefusedError("reset_mechanism 'zero' clears the input of the next step too; give reset_delay=False or 'subtract'")
    return "zero", Rule("value")


def _above_threshold(module: Any) -> str | None:
    """With reset_delay=False, a v that is above θ even after the subtraction takes θ off again, before it is compared, in the next step."""
    if bool((module.mem > module.threshold).any()):
        return "reset_delay=False, and v stays above the threshold after a spike, which snnTorch then compares a threshold too low"
    return None


def _recurrent(module: Any, shape: Shape) -> Any:
    inner = module.recurrent
    if isinstance(inner, nn.Linear):
        return nir.Affine(array(inner.weight), array(inner.bias))
    if isinstance(inner, nn.Conv2d):
        weight = array(inner.weight)
        bias = np.zeros(len(weight)) if inner.bias is None else array(inner.bias)
        size = (int(shape[1]), int(shape[2]))
        return nir.Conv2d(size, weight, inner.stride, inner.padding, inner.dilation, inner.groups, bias)
    return nir.Scale(broadcast(inner.V, shape))
