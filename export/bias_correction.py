"""Bias correction: a constant current in place of the mean input that rounding took away or added.

    b ← b + mean over samples and ticks of ( Σ_j W_j s_j − Σ_j Ŵ_j ŝ_j )

W and s are the float network's weights and spikes, Ŵ and ŝ the integer ones, so that what upstream populations fire too often or too seldom
is made good as well. Where nodes share weights, shape (nodes, features), the mean is over nodes too: one value a feature.

Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", here on calibration data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import FixedLIF, Network, Population, Projection

__all__ = ["lost_current"]

Array = NDArray[Any]


def lost_current(
    network: Network,
    target: Population,
    integers: Mapping[int, Projection],
    wanted: Mapping[str, Array],
    heard: Mapping[str, Array],
) -> Array:
    """The mean input that an integer population misses, volts before γ, in a shape that broadcasts to the population's.

    Args:
        network: float.
        target: the integer population.
        integers: its projections, index in the network → integer projection.
        wanted, heard: spikes of the float populations, and those that the integer one hears, (samples, T, *shape).
    """
    neuron = target.neuron
    assert isinstance(neuron, FixedLIF)
    lost = np.zeros(target.size)
    for index, integer in integers.items():
        if network.populations[integer.source].is_static:
            continue
        unit = neuron.scale / neuron.gain * 2.0**integer.exponent
        lost += network.projections[index].weights.apply(_rate(wanted[integer.source]))[0]
        lost -= unit * integer.weights.map(lambda values: values.astype(np.float64)).apply(_rate(heard[integer.source]))[0]
    shaped = lost.reshape(target.shape)
    return shaped.mean(axis=0, keepdims=True) if len(target.shape) == 2 else shaped


def _rate(spikes: Array) -> Array:
    """Mean over samples and ticks, (1, size)."""
    return spikes.reshape(spikes.shape[0] * spikes.shape[1], -1).mean(axis=0, keepdims=True)
