"""Integer weights into graded populations: what a target stores must be exactly the weight of the model, as sums are passed on unrounded.

    w = w_int · 2^e      with w_int in the range and steps of the sign mode; e = 0 where that is possible, then −1 … −7, then 1 … 7

Exact although a negative exponent shifts the sum: all of Σ w_int z is a multiple of 2^−e. With e ≥ −7 and |Σ w z| below 2²³ the sum before
the shift stays below 2³⁰, and fits the 32 bits of Lava's models.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.network import Projection

__all__ = ["exact_projection"]

_EXPONENTS = (*range(0, -8, -1), *range(1, fx.EXPONENT_MAX + 1))


def exact_projection(projection: Projection, bits: int) -> Projection:
    """The integer projection whose weights, with their exponent, are those of the float one.

    Raises:
        QuantizationError: no exponent makes them so.
    """
    values = np.asarray(projection.weights.values, dtype=np.float64)
    mode = fx.sign_mode_of(values)
    for exponent in _EXPONENTS:
        unit = 2.0**exponent
        if np.array_equal(fx.round_weights(values / unit, mode, bits) * unit, values):
            weights = projection.weights.map(lambda w: fx.round_weights(np.asarray(w, dtype=np.float64) / unit, mode, bits))  # noqa: B023
            return replace(projection, weights=weights, exponent=exponent, sign_mode=mode)
    raise QuantizationError(
        f"projection {projection.name}: integer weights {values.min():g} to {values.max():g} into a graded population fit no exponent "
        f"exactly at {bits} bits ({mode}); use smaller weights, or more --weight-bits"
    )
