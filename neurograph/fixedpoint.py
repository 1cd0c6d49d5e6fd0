"""Lava's integer arithmetic (dialect ``lava``): used by quantisation, by the fixed engine and by whatever trains for it.

One step of a FixedLIF, with a = Σ over projections of (W s) · 2^exponent (a negative exponent is a right shift of the sum):

    u ← wrap24( decay(u, du + 1) + (a << 6) )
    v ← clip24( decay(v, dv) + u + (bias_mant << bias_exp) )
    z = [ v > vth << 6 ],  then v ← 0 where z ("value") or v ← v − (vth << 6) z ("subtract")
    decay(x, d) = sign(x) · ( |x| · (4096 − d) >> 12 )

Source: lava-nc 0.10.0, ``lava/proc/lif/models.py`` and ``lava/utils/weightutils.py``; checked bit for bit in tests/sim.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
    "clip24",
    "decay",
    "round_weights",
    "shift",
    "sign_mode_of",
    "weight_limits",
    "wrap24",
]

Array = NDArray[Any]
SignMode = Literal["mixed", "excitatory", "inhibitory"]

DECAY_UNITY = 4096  # 12-bit decay constants
V_SHIFT = 6  # weights and thresholds stand 6 bits above the unit of v
STATE_LIMIT = 1 << 23  # u and v are 24-bit signed
VTH_MAX = (1 << 17) - 1
BIAS_MANT_MIN, BIAS_MANT_MAX, BIAS_EXP_MAX = -4096, 4095, 7
EXPONENT_MIN, EXPONENT_MAX = -8, 7


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


def sign_mode_of(weights: Array) -> SignMode:
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


def round_weights(values: Array, mode: SignMode, bits: int = 8) -> Array:
    """The nearest integers that the target can store (int64), clipped to the range of the mode."""
    low, high, step = weight_limits(mode, bits)
    return np.clip(np.rint(values / step) * step, low, high).astype(np.int64)
