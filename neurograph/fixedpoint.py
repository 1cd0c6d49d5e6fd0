"""Lava's integer arithmetic (dialect ``lava``): used by quantisation, by the fixed engine and by whatever trains for it.

One step of a FixedLIF, with a = Σ over projections of (W s) · 2^exponent (a negative exponent is a right shift of the sum):

    u ← wrap24( decay(u, du + 1) + (a << 6) )
    v ← clip24( decay(v, dv) + u + (bias_mant << bias_exp) )
    z = [ v > vth << 6 ],  then v ← 0 where z ("value") or v ← v − (vth << 6) z ("subtract")
    decay(x, d) = sign(x) · ( |x| · (4096 − d) >> 12 )

Source: lava-nc 0.10.0, ``lava/proc/lif/models.py`` and ``lava/utils/weightutils.py``; checked bit for bit in tests/sim.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurograph.integer_widths import DECAY_UNITY, STATE_LIMIT, V_SHIFT

__all__ = [
    "BIAS_EXP_MAX",
    "BIAS_MANT_MAX",
    "BIAS_MANT_MIN",
    "DECAY_UNITY",
    "EXPONENT_MAX",
    "EXPONENT_MIN",
    "STATE_LIMIT",
    "VTH_MAX",
    "V_SHIFT",
    "bits_used",
    "clip24",
    "decay",
    "least_error_exponent",
    "nearest_weights",
    "round_weights",
    "shift",
    "sign_mode_of",
    "weight_limits",
    "widest_exponent",
    "wrap24",
]

Array = NDArray[Any]
SignMode = Literal["mixed", "excitatory", "inhibitory"]
Values = TypeVar("Values", bound=Any)  # a NumPy array or a torch tensor: what rounds weights is the same code for export and training

VTH_MAX = (1 << 17) - 1
BIAS_MANT_MIN, BIAS_MANT_MAX, BIAS_EXP_MAX = -4096, 4095, 7
EXPONENT_MIN, EXPONENT_MAX = -8, 7
_TINY = 2.0**-900  # a weight that is none: its exponent would leave the range of a float


def decay(x: Array, constant: Array | int) -> Array:
    """``sign(x) · (|x| · (4096 − constant) >> 12)``: decays toward zero. Integers in, integers out."""
    return np.sign(x) * ((np.abs(x) * (DECAY_UNITY - np.asarray(constant, dtype=np.int64))) >> 12)


def wrap24(u: Array) -> Array:
    """One wrap at 24 bits: u > 2²³ loses 2²⁴, u <= −2²³ gains 2²⁴."""
    u = np.where(u > STATE_LIMIT, u - 2 * STATE_LIMIT, u)
    return np.where(u <= -STATE_LIMIT, u + 2 * STATE_LIMIT, u)


def clip24(v: Array) -> Array:
    """Clip to ±(2²³ − 1)."""
    return np.clip(v, -STATE_LIMIT + 1, STATE_LIMIT - 1)


def shift(total: Array, exponent: int) -> Array:
    """``total · 2^exponent``; a negative exponent floors, as an arithmetic right shift does."""
    return total << exponent if exponent >= 0 else total >> -exponent


def sign_mode_of(weights: Values) -> SignMode:
    """The sign mode that keeps most bits: one sign only where the weights allow it."""
    if (weights >= 0).all():
        return "excitatory"
    return "inhibitory" if (weights <= 0).all() else "mixed"


def weight_limits(mode: SignMode, bits: int = 8) -> tuple[int, int, int]:
    """Smallest weight, largest weight and step in a sign mode at ``bits`` bits (1 to 8)."""
    step = 1 << (8 - bits + (mode == "mixed"))
    if mode == "mixed":
        return -256, 256 - step, step
    top = 256 - step
    return (0, top, step) if mode == "excitatory" else (-top, 0, step)


def nearest_weights(values: Values, mode: SignMode, bits: int = 8) -> Values:
    """The nearest integers that the target can store, halves to even, clipped to the range of the mode; type and dtype stay."""
    low, high, step = weight_limits(mode, bits)
    return ((values / step).round() * step).clip(low, high)


def round_weights(values: Array, mode: SignMode, bits: int = 8) -> Array:
    """:func:`nearest_weights` as int64."""
    rounded: Array = nearest_weights(values, mode, bits).astype(np.int64)
    return rounded


def widest_exponent(values: Values, mode: SignMode, bits: int = 8) -> int:
    """The smallest e, of any size, at which ``values · 2^−e`` rounds into the range of the mode: none is clipped."""
    low, high, step = weight_limits(mode, bits)
    ends = [(float(values.max()), high + step / 2), (-float(values.min()), step / 2 - low)] if values.shape[0] else []
    return max((math.ceil(math.log2(end / limit)) for end, limit in ends if end > _TINY), default=0)


def least_error_exponent(values: Values, mode: SignMode, bits: int = 8) -> int:
    """The e at which ``nearest_weights(values · 2^−e) · 2^e`` is nearest to ``values`` (least squares).

    It is at most :func:`widest_exponent`; a smaller one clips a few large weights and leaves the many small ones finer steps.
    """

    def error(exponent: int) -> float:
        scaled = values / 2.0**exponent
        return float(((nearest_weights(scaled, mode, bits) - scaled) ** 2).sum()) * 4.0**exponent

    widest = widest_exponent(values, mode, bits)
    return min(range(widest, widest - 3, -1), key=error)


def bits_used(weights: Array) -> int:
    """The fewest bits that hold these integers once a common power of two has gone into the exponent; 0 where all are 0."""
    common = int(np.bitwise_or.reduce(np.abs(weights), initial=0))
    if not common:
        return 0
    levels = weights // (common & -common)
    low, high = int(levels.min()), int(levels.max())
    if low < 0 < high:
        return 1 + max(high.bit_length(), (-low - 1).bit_length())
    return max(high, -low).bit_length()
