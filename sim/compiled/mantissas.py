"""Biases that static sources drive, made by the library where a population takes some features of one source and saturates in time:
the numbers of :mod:`neurograph.sim.static_currents`, in one pass instead of eight."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Population, Projection
from neurograph.sim.compiled.calls import address
from neurograph.sim.compiled.library import library
from neurograph.sim.static_currents import chosen_features, unit_of
from neurograph.weights import Identity, Kron

__all__ = ["mantissas"]

Array = NDArray[Any]


def mantissas(population: Population, brought: Sequence[tuple[Projection, Array]], samples: int) -> Array | None:
    """As :func:`neurograph.sim.static_currents.bias_from`; None where the library does not know how."""
    neuron = population.neuron
    if len(brought) != 1 or not isinstance(neuron, FixedLIF) or neuron.saturation is None:
        return None
    (projection, value), (low, high) = brought[0], neuron.saturation
    weights = projection.weights
    if not isinstance(weights, Kron) or not isinstance(weights.left, Identity) or low < fx.BIAS_MANT_MIN or high > fx.BIAS_MANT_MAX:
        return None
    chosen = chosen_features(weights.right)
    if chosen is None or value.dtype != np.float64 or not value.flags.c_contiguous:
        return None
    nodes, (width, step) = weights.left.size, weights.right_shape
    own = np.asarray(neuron.bias_mant, np.float64)
    alike = own.size == 1 or (own.size == own.shape[-1] == width == population.shape[-1])  # at all nodes
    rows = np.ascontiguousarray(np.broadcast_to(own.ravel(), width) if alike else np.broadcast_to(own, population.shape))
    made = np.empty((len(value), *population.shape), np.int32)
    numbers = [ctypes.c_double(float(x)) for x in (neuron.gain, unit_of(neuron), low, high)]
    for sample in range(len(value)):
        sizes = [ctypes.c_int64(x) for x in (step, nodes, width, 0 if alike else width)]
        places = [ctypes.c_void_p(x) for x in (address(value[sample]) + 8 * chosen.start, address(rows), address(made[sample]))]
        library().mantissas(*places, *sizes, *numbers)
    return np.broadcast_to(made, (samples, *population.shape))
