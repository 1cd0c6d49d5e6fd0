"""What a framework's neuron is in NIR: its node, its rule of reset, and the linear maps that it brings along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

__all__ = ["Neuron", "RefusedError", "Rule", "array", "broadcast", "li_node", "lif_node", "ratio", "time_constant"]

Array = NDArray[Any]
Shape = tuple[int, ...]


class RefusedError(Exception):
    """A module of a known kind with an option that has no counterpart; the message is the reason."""


@dataclass(frozen=True)
class Rule:
    """How neurons of one NIR graph reset: ``reset`` "value" or "subtract"; a reset to a value is the same in this step and the next."""

    reset: str
    acts: str | None = None

    def __str__(self) -> str:
        when = "" if self.acts is None else f" in the {self.acts.replace('_', ' ')}"
        return "resets to a value" if self.reset == "value" else f"subtracts its threshold{when}"


@dataclass(frozen=True)
class Neuron:
    """A neuron module.

    Args:
        node: (shape, dt) → its NIR node.
        rule: of reset; None where any will do.
        whole: it takes the whole window, ticks first, in one call.
        real: real values go out.
        signals: how many of its first tensor arguments are inputs; the others are states.
        before: weights (out, in) in front of it.
        recurrent: (shape, dt, acts) → linear NIR node from its output back to itself, one tick late.
        needs_state: without a given state it starts anew in each call.
        hidden: attributes that keep its state between calls.
        rest: values that a state which the model itself gives at tick 0 may have.
        dt: seconds a tick, where the module says so.
        watch: looks at the module after each call and says why the equation does not hold, if so.
    """

    node: Callable[[Shape, float], Any]
    rule: Rule | None = None
    whole: bool = False
    real: bool = False
    signals: int = 1
    before: Array | None = None
    recurrent: Callable[[Shape, float, str], list[Any]] | None = None
    needs_state: bool = False
    hidden: tuple[str, ...] = ()
    rest: tuple[float, ...] = (0.0,)
    dt: float | None = None
    watch: Callable[[Any], str | None] | None = None


def array(value: Any) -> Array:
    """A parameter in float64."""
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=np.float64)


def broadcast(value: Any, shape: Shape) -> Array:
    """A parameter over the neurons; dimensions of one in front of theirs (a batch) are dropped.

    Raises:
        RefusedError: it does not broadcast.
    """
    given = array(value)
    while given.ndim > len(shape) and given.shape[0] == 1:
        given = given[0]
    try:
        return np.broadcast_to(given, shape).copy()
    except ValueError:
        raise RefusedError(f"a parameter of shape {given.shape} for neurons of shape {shape}") from None


def time_constant(dt: float, rate: Array) -> Array:
    """τ with dt/τ = rate, to the last bit where a float does so."""
    return _exact(dt / rate, lambda tau: dt / tau, rate)


def ratio(value: Array) -> Array:
    """r with value · r = 1, to the last bit where a float does so."""
    return _exact(1.0 / value, lambda r: value * r, np.ones_like(value))


def _exact(near: Array, function: Callable[[Array], Array], wanted: Array) -> Array:
    best = near
    for candidate in (np.nextafter(near, np.inf), np.nextafter(near, -np.inf)):
        best = np.where(function(best) == wanted, best, candidate)
    return np.where(function(best) == wanted, best, near)


def lif_node(
    shape: Shape,
    dt: float,
    *,
    beta: Any,
    threshold: Any,
    v_leak: Any = 0.0,
    v_reset: Any = 0.0,
    alpha: Any = None,
    unit_gain: bool = False,
) -> Any:
    """``u ← (1−α)u + i; v ← v + β(v_leak − v) + γu; z = [v > θ]`` as nir.LIF, nir.CubaLIF or nir.IF.

    Args:
        alpha: None for a neuron without synaptic state.
        unit_gain: γ is 1 in place of β.

    Raises:
        RefusedError: rates outside what NIR's equations hold.
    """
    beta, theta, leak, reset = (broadcast(v, shape) for v in (beta, threshold, v_leak, v_reset))
    synapse = None if alpha is None else broadcast(alpha, shape)
    if synapse is not None and (synapse == 1).all():
        synapse = None
    if (beta == 0).all() and synapse is None and unit_gain:
        return nir.IF(r=np.ones(shape), v_threshold=theta, v_reset=reset)
    _check_rates(beta, synapse)
    gain = ratio(beta) if unit_gain else np.ones(shape)
    tau = time_constant(dt, beta)
    if synapse is None:
        return nir.LIF(tau=tau, r=gain, v_leak=leak, v_threshold=theta, v_reset=reset)
    return nir.CubaLIF(
        tau_syn=time_constant(dt, synapse), tau_mem=tau, r=gain, v_leak=leak, v_threshold=theta, v_reset=reset, w_in=ratio(synapse)
    )


def li_node(shape: Shape, dt: float, *, beta: Any, v_leak: Any, alpha: Any = None) -> Any:
    """``u ← (1−α)u + i; v ← v + β(v_leak − v + u)``, v itself goes out, as nir.LI or nir.CubaLI.

    Raises:
        RefusedError: rates outside what NIR's equations hold.
    """
    beta, leak = broadcast(beta, shape), broadcast(v_leak, shape)
    synapse = None if alpha is None else broadcast(alpha, shape)
    _check_rates(beta, synapse)
    tau = time_constant(dt, beta)
    if synapse is None:
        return nir.LI(tau=tau, r=np.ones(shape), v_leak=leak)
    return nir.CubaLI(tau_syn=time_constant(dt, synapse), tau_mem=tau, r=np.ones(shape), v_leak=leak, w_in=ratio(synapse))


def _check_rates(beta: Array, alpha: Array | None) -> None:
    for what, rate in (("membrane", beta), ("synapse", alpha)):
        if rate is not None and not ((rate > 0) & (rate <= 1)).all():
            raise RefusedError(
                f"a {what} that moves by {rate.min():g} to {rate.max():g} of the way in a tick, must be above 0 and at most 1"
            )
