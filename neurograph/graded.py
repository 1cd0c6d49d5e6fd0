"""Graded messages: how large the integers can become that graded populations pass on.

    spike            0 … 1
    graded source    what its bits hold
    Graded           Σ over synapses of w · z, each z at the end of its range that makes the sum largest or smallest
    Product          the same for both inputs, then the extremes of (a₀ · a₁) >> exponent

A message of b bits holds −(2^(b−1) − 1) … 2^(b−1) − 1. 24 bits are what Lava's graded processes declare for inputs, states and messages
(lava-nc 0.10.0, ``lava/proc/graded/models.py``, ``precision=24``), whatever a chip's messages hold beyond; its Python models compute in
int32, so a product must fit 32 bits before the shift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import NetworkError, QuantizationError
from neurograph.network import Network, Population, Product, Projection, Source

__all__ = ["MESSAGE_BITS", "check_messages", "input_bounds", "message_limit", "message_range", "synaptic_sums"]

Array = NDArray[Any]
Range = tuple[Array, Array]
MESSAGE_BITS = 24
_PRODUCT_LIMIT = (1 << 31) - 1


def message_limit(bits: int = MESSAGE_BITS) -> int:
    """The largest magnitude that a signed message of ``bits`` bits holds, never more than 24 bits give."""
    return int((1 << (min(bits, MESSAGE_BITS) - 1)) - 1)


def message_range(network: Network, name: str) -> Range:
    """Smallest and largest value that each neuron of a population can send, two arrays of shape (size,).

    Raises:
        NetworkError: graded populations that hear each other in a loop, whose values have no bound.
    """
    return _range(network, name, {}, ())


def input_bounds(network: Network, name: str, *, port: int = 0) -> Range:
    """Largest positive and largest negative (as a magnitude) sum that synapses can bring to each neuron in one tick, shape (size,).

    Volts before γ in a float network, units of weight (times 2^exponent, and not rounded) in an integer one.

    Raises:
        NetworkError: as :func:`message_range`.
    """
    return _bounds(network, name, port, {}, ())


def synaptic_sums(projections: Iterable[Projection], size: int, range_of: Callable[[str], Range]) -> Range:
    """:func:`input_bounds` of projections into one population of so many neurons, for sources that send what ``range_of`` says."""
    positive, negative = np.zeros(size), np.zeros(size)
    for projection in projections:
        low, high = range_of(projection.source)
        unit = 2.0**projection.exponent
        up = projection.weights.map(lambda w: np.maximum(w, 0.0))
        down = projection.weights.map(lambda w: np.maximum(-w, 0.0))
        positive += unit * up.apply(high[None])[0]
        negative += unit * down.apply(high[None])[0]
        if low.any():
            positive += unit * down.apply(-low[None])[0]
            negative += unit * up.apply(-low[None])[0]
    return positive, negative


def check_messages(network: Network, *, bits: int = MESSAGE_BITS) -> None:
    """Refuse graded populations whose values could leave a message of ``bits`` bits.

    Raises:
        QuantizationError: every offender with its largest value. NetworkError: as :func:`message_range`.
    """
    limit, known, offenders = message_limit(bits), {}, []  # type: int, dict[str, Range], list[str]
    for population in network.neurons:
        if not population.is_graded:
            continue
        low, high = _range(network, population.name, known, ())
        largest = int(max(high.max(), -low.min()))
        if largest > limit:
            offenders.append(
                f"population {population.name!r}: values to {largest:,}, limit {limit:,} ({min(bits, MESSAGE_BITS)}-bit messages)"
            )
        if isinstance(population.neuron, Product):
            before = _largest_product(network, population, known)
            if before > _PRODUCT_LIMIT:
                offenders.append(f"population {population.name!r}: products to {before:,} before the shift, limit {_PRODUCT_LIMIT:,}")
    if offenders:
        raise QuantizationError(f"{'; '.join(offenders)}; sum over fewer nodes, or threshold before")


def _range(network: Network, name: str, known: dict[str, Range], path: tuple[str, ...]) -> Range:
    population = network.populations[name]
    if not population.is_graded:
        return np.zeros(population.size), np.ones(population.size)
    if isinstance(population.neuron, Source):
        every = np.full(population.size, float(message_limit(population.neuron.bits)))
        return -every, every
    if name in path:
        loop = " → ".join([*path[path.index(name) :], name])
        raise NetworkError(f"loop {loop}: holds graded populations only, so its values have no bound; put a neuron with a threshold in")
    if name not in known:
        known[name] = _relayed(network, population, known, (*path, name))
    return known[name]


def _relayed(network: Network, population: Population, known: dict[str, Range], path: tuple[str, ...]) -> Range:
    positive, negative = _bounds(network, population.name, 0, known, path)
    if not isinstance(population.neuron, Product):
        return -negative, positive
    other = _bounds(network, population.name, 1, known, path)
    products = np.stack([a * b for a in (-negative, positive) for b in (-other[1], other[0])])
    unit = 2.0**population.neuron.exponent
    return np.floor(products.min(axis=0) / unit), np.floor(products.max(axis=0) / unit)


def _largest_product(network: Network, population: Population, known: dict[str, Range]) -> int:
    a, b = (np.maximum(*_bounds(network, population.name, port, known, ())) for port in (0, 1))
    return int((a * b).max())


def _bounds(network: Network, name: str, port: int, known: dict[str, Range], path: tuple[str, ...]) -> Range:
    heard = [p for p in network.into(name) if p.port == port and not network.populations[p.source].is_static]
    return synaptic_sums(heard, network.populations[name].size, lambda source: _range(network, source, known, path))
