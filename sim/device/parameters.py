"""What the neurons of a population are given, as tensors: the same for every way to scan them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurograph import fixedpoint as fx
from neurograph.errors import NetworkError
from neurograph.network import LIF, CubaLIF, FixedLIF, Integrator, Population, Threshold, gain_of

__all__ = ["FixedParameters", "FloatParameters", "state_type"]


@dataclass
class FixedParameters:
    """A FixedLIF.

    ``u_kept`` and ``v_kept`` are 4096 − d; threshold, ``reset`` (what a spike subtracts, or what v becomes) and bias are in steps of v. All
    of shape (size,) but the bias, which an inference brings: (samples, size), or 1 for either where samples or neurons are alike.
    """

    u_kept: Tensor
    v_kept: Tensor
    threshold: Tensor
    reset: Tensor
    v_start: Tensor
    subtract: bool
    bias_exp: int
    bias: Tensor

    @staticmethod
    def of(population: Population, device: torch.device, dtype: torch.dtype) -> FixedParameters:
        """Those of ``population`` in integers of a type that :func:`state_type` has chosen."""
        neuron = _fixed(population)

        def put(values: Any) -> Tensor:
            return torch.from_numpy(values).to(device=device, dtype=dtype)

        threshold = _flat(neuron.vth, population) << fx.V_SHIFT
        by = threshold if neuron.reset_by is None else _flat(neuron.reset_by, population)
        return FixedParameters(
            u_kept=put(fx.DECAY_UNITY - 1 - _flat(neuron.du, population)),
            v_kept=put(fx.DECAY_UNITY - _flat(neuron.dv, population)),
            threshold=put(threshold),
            reset=put(by if neuron.reset == "subtract" else _flat(neuron.v_reset, population)),
            v_start=put(_flat(neuron.v_start, population)),
            subtract=neuron.reset == "subtract",
            bias_exp=neuron.bias_exp,
            bias=torch.zeros((0, population.size), dtype=dtype, device=device),
        )


@dataclass
class FloatParameters:
    """A LIF, CubaLIF, Integrator or Threshold in float64; ``u_kept`` is 1 − α."""

    u_kept: Tensor
    beta: Tensor
    gain: Tensor | None
    v_leak: Tensor
    threshold: Tensor
    reset: Tensor
    subtract: bool
    synaptic: bool
    memoryless: bool
    real: bool
    bias: Tensor

    @staticmethod
    def of(population: Population, device: torch.device) -> FloatParameters:
        """Those of ``population``."""
        neuron = population.neuron
        if not isinstance(neuron, (LIF, CubaLIF, Integrator, Threshold)):
            raise NetworkError(f"population {population.name!r}: {type(neuron).__name__} is not a float neuron; use the fixed engine")

        def put(value: Any) -> Tensor:
            return torch.from_numpy(_flat(value, population, np.float64)).to(device)

        def own(key: str, otherwise: float) -> Tensor:
            return put(getattr(neuron, key, otherwise))

        subtract = getattr(neuron, "reset", "value") == "subtract"
        threshold, alpha = own("threshold", np.inf), own("alpha", 1.0)
        by = threshold if getattr(neuron, "reset_by", None) is None else own("reset_by", 0.0)
        return FloatParameters(
            u_kept=1 - alpha,
            beta=own("beta", 1.0),
            gain=None if getattr(neuron, "gain", None) is None else put(gain_of(neuron)),
            v_leak=own("v_leak", 0.0),
            threshold=threshold,
            reset=by if subtract else own("v_reset", 0.0),
            subtract=subtract,
            synaptic=bool((alpha != 1).any()),
            memoryless=isinstance(neuron, Threshold),
            real=isinstance(neuron, Integrator),
            bias=torch.zeros((0, population.size), dtype=torch.float64, device=device),
        )


def state_type(population: Population, largest_current: int | None, ticks: int | None) -> torch.dtype:
    """int32 where u and v of a FixedLIF provably never leave it, before wraps and clips, else int64.

    Args:
        population: the neurons.
        largest_current: of what arrives in one tick, in units of weight; None if that is not known.
        ticks: without clearing the state in between; None if that is not known.

    What is beyond the one wrap of u adds up from tick to tick: |u| <= 2²³ + t·max(0, 64a − 2²⁴).
    """
    neuron = _fixed(population)
    if largest_current is None:
        return torch.int64
    arriving = largest_current << fx.V_SHIFT
    left_over = max(0, arriving - 2 * fx.STATE_LIMIT)
    if left_over and ticks is None:
        return torch.int64
    u = fx.STATE_LIMIT + (ticks or 0) * left_over + arriving
    taken = [neuron.vth, neuron.v_reset, neuron.v_start, *([] if neuron.reset_by is None else [neuron.reset_by])]
    parameters = [abs(x) for value in taken for x in _extremes(value)]
    v = fx.STATE_LIMIT + max(parameters) + (max(parameters) << fx.V_SHIFT) + (-fx.BIAS_MANT_MIN << neuron.bias_exp)
    decays = [1 + d for d in _extremes(neuron.du)] + list(_extremes(neuron.dv))
    mild = min(decays) >= 0 and max(decays) <= fx.DECAY_UNITY
    return torch.int32 if mild and u + v < 1 << 31 else torch.int64


def _extremes(value: Any) -> tuple[int, int]:
    array = np.asarray(value)
    return int(array.min()), int(array.max())


def _flat(value: Any, population: Population, dtype: Any = np.int64) -> Any:
    return np.array(np.broadcast_to(np.asarray(value, dtype=dtype), population.shape).ravel())


def _fixed(population: Population) -> FixedLIF:
    neuron = population.neuron
    if not isinstance(neuron, FixedLIF):
        raise NetworkError(f"population {population.name!r}: {type(neuron).__name__} is not an integer neuron; quantise the network")
    return neuron
