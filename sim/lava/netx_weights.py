"""What lava-dl's netx, and Lava after it, make of the integers of a dense layer.

netx 0.6 hands Lava's Dense ``w << k``, an exponent −k and a number of bits, so that what arrives at a neuron is Σ w·s again; its choices:

    sign      inhibitory where max < 0, excitatory where min >= 0, mixed elsewhere
    k         ⌊log2 r⌋ with r = −256/min, 255/max or min(127/max, −128/min); one more where mixed
    bits      8 − k − n; 2^n (2^(n−1) where mixed) divides every weight, n <= 8

Lava then picks the sign mode itself (inhibitory where max <= 0), clips to 8 bits and drops the low bits. Mostly nothing is lost. But where
no weight is above 0 and the smallest is −2^j, −256 becomes −255, then loses its low bits, so that netx runs −2^j as something nearer to 0.
Weights beyond 8 bits are clipped, or lost altogether. And an all-zero matrix (r = ∞) netx cannot load.

Source: lava-dl 0.6.0 ``netx/utils.py``, lava-nc 0.10.0 ``utils/weightutils.py``; checked against both in tests/sim/lava.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.fixedpoint import SignMode

__all__ = ["Synapses", "exact_synapses", "netx_synapses"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Synapses:
    """Weights as a synapse stores them: what arrives is ``(stored · s) · 2^exponent``."""

    stored: Array
    exponent: int
    mode: SignMode


def netx_synapses(weights: Array) -> Synapses | None:
    """What runs in Lava when netx loads a dense layer.

    Args:
        weights: integers, of any shape.

    Returns:
        Stored weights, exponent and Lava's sign mode; None for weights that are all 0, which netx cannot load.
    """
    w = np.asarray(weights, dtype=np.int64)
    if not w.any():
        return None
    if w.max() > 254 and w.min() < 0:
        w = np.clip(w, -256, 254)
    if w.min() < -256 and w.max() > 0:
        w = np.clip(w, -256, 254)
    largest, smallest = int(w.max()), int(w.min())
    mixed = largest >= 0 and smallest < 0
    positive = (127 if mixed else 255) / largest if largest > 0 else np.inf
    negative = (-128 if mixed else -256) / smallest if smallest < 0 else np.inf
    room = min(positive, negative)
    shift = int(np.floor(np.log2(room))) + mixed
    common = next((n for n in range(8, 0, -1) if not (w % (1 << n)).any()), 0)
    bits = 8 - shift - (common - mixed)
    return _lava(np.left_shift(w.astype(np.int32), shift), -shift, bits)


def _lava(w: Array, exponent: int, bits: int) -> Synapses:
    """Lava's clip to 8 bits and truncation to ``bits``, in its own int32 (a shift by less than 0 is NumPy's)."""
    mode: SignMode = "excitatory" if w.min() >= 0 else "inhibitory" if w.max() <= 0 else "mixed"
    sign = np.int32(-1 if mode == "inhibitory" else 1)
    drop = 8 - bits + (mode == "mixed")
    clipped = np.clip(sign * w, -256 if mode == "mixed" else 0, 255).astype(np.int32)
    stored = sign * np.left_shift(np.right_shift(clipped, drop), drop)
    return Synapses(stored.astype(np.int64), exponent, mode)


def exact_synapses(weights: Array) -> Synapses | None:
    """The same integers in an 8-bit synapse: exponent 0 if it fits, else the one nearest to 0 that loses nothing; None if none does."""
    w = np.asarray(weights, dtype=np.int64)
    natural = fx.sign_mode_of(w)
    for exponent in sorted(range(fx.EXPONENT_MIN, fx.EXPONENT_MAX + 1), key=lambda e: (abs(e), e)):
        if exponent > 0 and (w % (1 << exponent)).any():
            continue
        stored = w >> exponent if exponent >= 0 else w << -exponent
        for mode in dict.fromkeys((natural, "mixed")):
            low, high, step = fx.weight_limits(mode)  # type: ignore[arg-type]
            if stored.size == 0 or (stored.min() >= low and stored.max() <= high and not (stored % step).any()):
                return Synapses(stored, exponent, mode)  # type: ignore[arg-type]
    return None
