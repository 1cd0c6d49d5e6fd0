"""Biases that static sources drive, made by the library where they are wanted: where a population takes some features of one source and
saturates in time. The numbers are those of :mod:`neurograph.sim.static_currents`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Population, Projection
from neurograph.sim.compiled.calls import address
from neurograph.sim.compiled.structures import Currents
from neurograph.sim.static_currents import chosen_features, unit_of
from neurograph.weights import Identity, Kron

__all__ = ["currents"]

Array = NDArray[Any]


def currents(population: Population, brought: Sequence[tuple[Projection, Array]]) -> tuple[Currents, Any] | None:
    """What makes the bias, and what has to be held meanwhile; None where the library does not know how.

    Args:
        brought: what static sources bring, values (1 or samples, *shape).
    """
    neuron = population.neuron
    if len(brought) != 1 or not isinstance(neuron, FixedLIF) or neuron.saturation is None:
        return None
    (projection, value), (low, high) = brought[0], neuron.saturation
    weights = projection.weights
    if not isinstance(weights, Kron) or not isinstance(weights.left, Identity) or low < fx.BIAS_MANT_MIN or high > fx.BIAS_MANT_MAX:
        return None
    chosen = chosen_features(weights.right)
    if chosen is None or value.dtype not in (np.float32, np.float64) or not value.flags.c_contiguous:
        return None
    width, step = weights.right_shape
    own = np.asarray(neuron.bias_mant, np.float64)
    alike = own.size == 1 or (own.size == own.shape[-1] == width == population.shape[-1])  # at all nodes
    rows = np.ascontiguousarray(np.broadcast_to(own.ravel(), width) if alike else np.broadcast_to(own, population.shape))
    made = Currents(
        source=address(value) + value.itemsize * chosen.start,
        own=address(rows),
        is_float=value.dtype == np.float32,
        sample_step=value[0].size if len(value) > 1 else 0,
        step=step,
        rows=weights.left.size,
        width=width,
        own_step=0 if alike else width,
        gain=float(neuron.gain),
        unit=unit_of(neuron),
        low=low,
        high=high,
    )
    return made, (value, rows)
