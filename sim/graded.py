"""Graded populations, the same in the float and in the fixed engine: Graded z = i, Product z = (a₀ · a₁) >> exponent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import QuantizationError
from neurograph.graded import MESSAGE_BITS, message_limit
from neurograph.network import Population, Product

__all__ = ["MESSAGE", "GradedNeurons", "check_messages_sent"]

Array = NDArray[Any]
MESSAGE = np.int32  # what a recording holds of a graded population


class GradedNeurons:
    """Neurons without state; u and v stand for it in the engines and stay 0.

    Args:
        population: Graded or Product.
        samples: rows.
        dtype: of the currents that the engine brings.
    """

    def __init__(self, population: Population, samples: int, dtype: Any) -> None:
        self.population, self.size = population, population.size
        self.u: Array = np.zeros((samples, 1), dtype=dtype)
        self.v: Array = self.u

    def start(self, bias: Array) -> None:
        """Nothing to clear, and no bias to take."""

    def step(self, current: Array) -> Array:
        """Take (samples, ports · size) and give integers (samples, size).

        Raises:
            QuantizationError: a value that no message holds.
        """
        values = current.astype(np.int64)
        if isinstance(self.population.neuron, Product):
            values = (values[:, : self.size] * values[:, self.size :]) >> self.population.neuron.exponent
        check_messages_sent(self.population, int(np.abs(values).max(initial=0)))
        return values


def check_messages_sent(population: Population, largest: int) -> None:
    """Refuse a magnitude that no message holds.

    Raises:
        QuantizationError: with the population, the value and the limit.
    """
    if largest > message_limit():
        raise QuantizationError(
            f"population {population.name!r}: a value of magnitude {largest:,}, limit {message_limit():,} ({MESSAGE_BITS}-bit "
            "messages); sum over fewer nodes, or threshold before"
        )
