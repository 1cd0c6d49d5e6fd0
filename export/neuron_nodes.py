"""NIR's neuron nodes as neurons of a Network, under the time metadata.

forward_euler:      β = dt/τ          exponential_euler: β = 1 − exp(−dt/τ)
LIF, LI             v ← v + β(v_leak − v) + β·r·i
CubaLIF, CubaLI     u ← (1−α)u + α·w_in·i,   v ← v + β(v_leak − v) + β·r·u       (our u is theirs divided by α·w_in)
next_step           reset "subtract" one step late: v ← v − θ/(1−β) in this one
IF, I               v ← v + s·r·i, s = ``input_scale``: 1 where the input of a tick is what arrives in it, dt where it is a current
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import GraphError
from neurograph.export.nir_io import TimeMetadata
from neurograph.network import LIF, CubaLIF, Integrator, Neuron, Threshold

__all__ = ["NEURONS", "tidy"]

Array = NDArray[Any]


def tidy(value: Any) -> Any:
    """One number where all are equal: parameters that do not vary stay scalars."""
    value = np.asarray(value, dtype=np.float64)
    return float(value.flat[0]) if value.size and (value == value.flat[0]).all() else value


def _rate(time: TimeMetadata, tau: Any, what: str) -> Any:
    tau = np.asarray(tau, dtype=np.float64)
    if not (tau > 0).all():
        raise GraphError(f"{what}: time constant {np.min(tau):g} s, must be above 0")
    rate = time.dt / tau if time.scheme == "forward_euler" else -np.expm1(-time.dt / tau)
    if rate.max() > 1:
        raise GraphError(f"{what}: dt {time.dt:g} s is longer than its time constant {np.min(tau):g} s; give a smaller --dt")
    return tidy(rate)


def _threshold(node: Any, time: TimeMetadata) -> Any:
    value = np.asarray(node.v_threshold if hasattr(node, "v_threshold") else node.threshold, dtype=np.float64)
    # v >= θ is v > the number below θ.
    return tidy(np.nextafter(value, -np.inf) if time.compare == ">=" else value)


def _gain(beta: Any, factor: Any) -> Any:
    """γ, or None where it is β itself."""
    factor = np.asarray(factor, dtype=np.float64)
    return None if (factor == 1).all() else tidy(beta * factor)


def _lif(node: nir.LIF, time: TimeMetadata) -> Neuron:
    beta, leak, reset = _rate(time, node.tau, "LIF"), tidy(node.v_leak), tidy(node.v_reset)
    gain = _gain(beta, node.r)
    if gain is None and time.reset == "value" and np.all(beta == 1.0) and not np.any(reset) and not np.any(leak):
        return Threshold(_threshold(node, time))
    return LIF(beta, _threshold(node, time), leak, reset, reset=_rule(time), gain=gain, reset_by=_reset_by(node, beta, time))


def _if(node: nir.IF, time: TimeMetadata) -> Neuron:
    return LIF(0.0, _threshold(node, time), 0.0, tidy(node.v_reset), reset=_rule(time), gain=tidy(np.asarray(node.r) * time.input_scale))


def _cuba_lif(node: nir.CubaLIF, time: TimeMetadata) -> Neuron:
    alpha, beta = _rate(time, node.tau_syn, "CubaLIF"), _rate(time, node.tau_mem, "CubaLIF")
    gain = _gain(beta, np.asarray(node.r) * alpha * np.asarray(node.w_in))
    threshold, by = _threshold(node, time), _reset_by(node, beta, time)
    return CubaLIF(alpha, beta, threshold, tidy(node.v_leak), tidy(node.v_reset), reset=_rule(time), gain=gain, reset_by=by)


def _li(node: nir.LI, time: TimeMetadata) -> Neuron:
    beta = _rate(time, node.tau, "LI")
    return Integrator(beta, tidy(beta * np.asarray(node.r)), v_leak=tidy(node.v_leak))


def _cuba_li(node: nir.CubaLI, time: TimeMetadata) -> Neuron:
    alpha, beta = _rate(time, node.tau_syn, "CubaLI"), _rate(time, node.tau_mem, "CubaLI")
    return Integrator(beta, tidy(beta * np.asarray(node.r) * alpha * np.asarray(node.w_in)), alpha, tidy(node.v_leak))


def _i(node: nir.I, time: TimeMetadata) -> Neuron:
    return Integrator(0.0, tidy(np.asarray(node.r) * time.input_scale))


def _reset_by(node: Any, beta: Any, time: TimeMetadata) -> Any:
    """A θ taken off one step later has met no leak: (1−β)(v − a) = (1−β)v − θ for a = θ/(1−β). A reset to a value is the same then."""
    if time.reset != "subtract" or time.reset_acts == "same_step":
        return None
    if np.any(np.asarray(beta) >= 1):
        raise GraphError("subtracts its threshold a step after the spike, but forgets at once (dt = tau); give it a longer time constant")
    return tidy(np.asarray(node.v_threshold, dtype=np.float64) / (1 - np.asarray(beta)))


def _rule(time: TimeMetadata) -> Any:
    if time.reset not in ("value", "subtract"):
        raise GraphError(f"time metadata: reset {time.reset!r}, must be 'value' or 'subtract'")
    return time.reset


NEURONS: dict[type[Any], Callable[[Any, TimeMetadata], Neuron]] = {
    nir.LIF: _lif,
    nir.IF: _if,
    nir.CubaLIF: _cuba_lif,
    nir.LI: _li,
    nir.CubaLI: _cuba_li,
    nir.I: _i,
    nir.Threshold: lambda node, time: Threshold(_threshold(node, time)),
}
