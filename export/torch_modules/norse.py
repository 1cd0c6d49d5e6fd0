"""Norse 1.1's neurons. All compare v > θ, update the current before the voltage, and start at v_leak.

LIFBoxCell              v ← v + dt·τ_mem⁻¹(v_leak − v + i), reset to a value or by subtraction in the same step
LIFCell, LIF            i ← i + x; v ← v + dt·τ_mem⁻¹(v_leak − v + i), i ← i − dt·τ_syn⁻¹ i, reset to v_reset in the same step
LIFRecurrent(Cell)      likewise with x = W_in x + W_rec z, z of the tick before
IAFCell, IAF            v ← v + x, from v_reset
LICell, LI, LIBoxCell   as LIF without threshold; v goes out. LILinearCell: likewise with W_in
Cells take one tick a call, the others the whole window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np
from torch import nn

from neurograph.export.torch_modules.frameworks import norse, reset_subtract, reset_value
from neurograph.export.torch_modules.neurons import Neuron, RefusedError, Rule, Shape, array, broadcast, li_node, lif_node

__all__ = ["CONTAINERS", "NEURONS"]

CONTAINERS = (norse.SequentialState, norse.Lift, norse.RecurrentSequential)
_VALUE = Rule("value")


def _lif_box(module: Any) -> Neuron:
    p, dt = module.p, float(module.dt)
    if p.reset_method not in (reset_value, reset_subtract):
        raise RefusedError(f"reset_method {getattr(p.reset_method, '__name__', p.reset_method)}, must be reset_value or reset_subtract")
    rule = _VALUE if p.reset_method is reset_value else Rule("subtract", "same_step")

    def node(shape: Shape, tick: float) -> Any:
        beta = dt * array(p.tau_mem_inv)
        return lif_node(shape, tick, beta=beta, threshold=p.v_th, v_leak=p.v_leak, v_reset=p.v_reset)

    return Neuron(node, rule, needs_state=True, rest=_rest(p.v_leak), dt=dt)


def _lif(module: Any, whole: bool = False) -> Neuron:
    p, dt = module.p, float(module.dt)

    def node(shape: Shape, tick: float) -> Any:
        beta, alpha = dt * array(p.tau_mem_inv), dt * array(p.tau_syn_inv)
        return lif_node(shape, tick, beta=beta, threshold=p.v_th, v_leak=p.v_leak, v_reset=p.v_reset, alpha=alpha)

    return Neuron(node, _VALUE, whole=whole, needs_state=True, rest=_rest(p.v_leak), dt=dt)


def _lif_recurrent(module: Any, whole: bool = False) -> Neuron:
    plain = _lif(module, whole)

    def recurrent(shape: Shape, tick: float, acts: str) -> list[Any]:
        return [nir.Linear(array(module.recurrent_weights))]

    return replace(plain, before=array(module.input_weights), recurrent=recurrent)


def _iaf(module: Any, whole: bool = False) -> Neuron:
    p = module.p

    def node(shape: Shape, tick: float) -> Any:
        # It starts at v_reset, and NIR's at 0; the whole axis is shifted, for nothing leaks.
        return nir.IF(r=np.ones(shape), v_threshold=broadcast(array(p.v_th) - array(p.v_reset), shape), v_reset=np.zeros(shape))

    return Neuron(node, _VALUE, whole=whole, needs_state=True, rest=_rest(p.v_reset), dt=float(module.dt))


def _li(module: Any, whole: bool = False) -> Neuron:
    p, dt = module.p, float(module.dt)

    def node(shape: Shape, tick: float) -> Any:
        alpha = dt * array(p.tau_syn_inv) if hasattr(p, "tau_syn_inv") else None
        return li_node(shape, tick, beta=dt * array(p.tau_mem_inv), v_leak=p.v_leak, alpha=alpha)

    weights = array(module.input_weights) if hasattr(module, "input_weights") else None
    return Neuron(node, whole=whole, real=True, before=weights, needs_state=True, rest=_rest(p.v_leak), dt=dt)


def _rest(value: Any) -> tuple[float, ...]:
    return (0.0, *(float(v) for v in np.unique(array(value))))


NEURONS: dict[type[nn.Module], Callable[[Any], Neuron]] = {
    norse.LIFBoxCell: _lif_box,
    norse.LIFCell: _lif,
    norse.LIF: lambda module: _lif(module, True),
    norse.LIFRecurrentCell: _lif_recurrent,
    norse.LIFRecurrent: lambda module: _lif_recurrent(module, True),
    norse.IAFCell: _iaf,
    norse.IAF: lambda module: _iaf(module, True),
    norse.LICell: _li,
    norse.LI: lambda module: _li(module, True),
    norse.LIBoxCell: _li,
    norse.LILinearCell: _li,
}
