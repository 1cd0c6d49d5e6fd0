"""saturate_bias: static currents beyond the point where a neuron does the same whatever else it hears.

For a LIF with hard reset to 0 and no synaptic state, with B⁺ and B⁻ the largest positive and negative sums that its synapses can bring
(volts, before γ):

    b > θ/γ + B⁻   fires in every tick;     b < −B⁺   never rises above 0, so never fires

so a bias may be cut at those points without moving a single spike. Integers have 13 bits for a bias mantissa; this leaves them where
they matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.graded import input_bounds
from neurograph.network import LIF, Network, Population, gain_of

__all__ = ["saturation", "synaptic_bounds"]

Array = NDArray[Any]
_MARGIN = 1.01


def synaptic_bounds(network: Network, population: Population) -> tuple[Array, Array]:
    """Largest positive and largest negative (as a magnitude) synaptic sum of each neuron in one tick, shape (size,), volts before γ."""
    return input_bounds(network, population.name)


def saturation(network: Network, population: Population, bounds: tuple[Array, Array] | None = None) -> tuple[float, float] | None:
    """The bias range (low, high) in volts that loses nothing, or None where the neuron is not of that kind.

    ``bounds`` are those of :func:`synaptic_bounds`, or any above them, where they are known.
    """
    neuron = population.neuron
    if not isinstance(neuron, LIF) or neuron.reset != "value" or np.any(neuron.v_leak) or np.any(neuron.v_reset):
        return None
    if np.any(np.asarray(neuron.threshold) <= 0):  # rests at its threshold, so its bias holds a leak too (network.base_of)
        return None
    positive, negative = bounds or synaptic_bounds(network, population)
    ceiling = float((np.max(np.asarray(neuron.threshold) / np.asarray(gain_of(neuron)))) + negative.max())
    floor = float(positive.max() + np.min(neuron.threshold))
    return -_MARGIN * floor, _MARGIN * ceiling
