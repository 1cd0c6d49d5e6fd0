"""Scales that suit the weights of one projection, as candidates for the scale of its target.

A scale matters to weights only up to a power of two, which the exponent makes good. Of all units (volts that an integer weight of 1
brings at exponent 0) three kinds are worth a try beside an even search:

    grid     w/unit is a whole multiple of the step for every weight: nothing is lost. Models trained for few bits are of this kind
    full     the largest weight, of either sign, becomes the largest integer of that sign
    nearest  the least squared error; where there are few bits and a few large weights it clips those
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx

__all__ = ["grid_of", "suited_units"]

Array = NDArray[Any]
_MOST_LEVELS = 256
_OFF_GRID = 1e-5  # of a step: float32 weights of 8 bits are nearer than this
_FINE = tuple(2.0 ** (-k / 16) for k in range(32))


def suited_units(values: Array, mode: fx.SignMode, bits: int) -> tuple[float, ...]:
    """The units above, those that lose nothing first; none for weights that are all zero."""
    low, high, step = fx.weight_limits(mode, bits)
    largest, smallest = float(values.max(initial=0)), float(values.min(initial=0))
    full = [end / limit for end, limit in ((largest, high), (smallest, low)) if end and limit]
    grid = grid_of(values)
    exact = [] if grid is None else [grid / step]
    if not full or (exact and np.array_equal(fx.nearest_weights(np.rint(values / exact[0]), mode, bits), np.rint(values / exact[0]))):
        return tuple(exact[:1] if full else [])

    def error(unit: float) -> float:
        return float(((fx.nearest_weights(values / unit, mode, bits) * unit - values) ** 2).sum())

    return (*full, min((max(full) * part for part in _FINE), key=error))


def grid_of(values: Array) -> float | None:
    """The largest Δ of which all values are whole multiples, |w| <= 256 Δ; None where there is none."""
    sizes = np.unique(np.abs(values))
    sizes = sizes[sizes > 0]
    if not 0 < len(sizes) <= _MOST_LEVELS:
        return None
    for count in range(1, _MOST_LEVELS + 1):
        levels = sizes * (count / sizes[-1])
        if (np.abs(levels - np.rint(levels)) < _OFF_GRID).all():
            return float(sizes[-1]) / count
    return None
