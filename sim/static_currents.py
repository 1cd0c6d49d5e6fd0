"""Biases: what a neuron's own bias and static sources bring in every tick, turned into volts or mantissas before a run.

Currents are made in blocks of samples and nodes where each neuron takes one value of a source, times a weight: how models hand their
encoder's output to neurons. Of a large network little is there in float64 then at one time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.weights import Identity, Kron

__all__ = ["bias_from", "brought_to", "chosen_features", "unit_of", "varying"]

Array = NDArray[Any]
_BLOCK = 1 << 15  # currents in a block: a quarter MiB of float64, which a core's second-level cache holds


def brought_to(network: Network, population: Population, values: Mapping[str, Array]) -> list[tuple[Projection, Array]]:
    """The projections by which static sources reach a population, each with the values of its source."""
    return [(p, values[p.source]) for p in network.into(population.name) if network.populations[p.source].is_static]


def bias_from(population: Population, brought: Sequence[tuple[Projection, Array]], samples: int) -> Array:
    """The bias of one population, as :class:`neurograph.sim.inputs.Prepared` holds it.

    Args:
        population: one that computes.
        brought: what static sources bring it, values (1 or samples, *shape).
        samples: number of inferences.

    Returns:
        (samples, *shape), a broadcast along axes on which it does not vary.

    Raises:
        QuantizationError: a static current that does not fit a 13-bit mantissa at the population's exponent.
    """
    static = [projection for projection, _ in brought]
    sums = _Sums(population)
    if not static:
        total = sums.of(np.zeros((1,) * sums.own.ndim), sums.own).astype(sums.kind)
        sums.check()
        return np.broadcast_to(total, (samples, *population.shape))
    nodes = _nodes(static)
    given = max(len(value) for _, value in brought) if nodes else samples
    total = np.empty((given, nodes or 1, population.size // (nodes or 1)), sums.kind)
    chosen = [chosen_features(p.weights.right) if nodes and isinstance(p.weights, Kron) else None for p in static]
    own = np.broadcast_to(sums.own, (1, *population.shape)).reshape(1, *total.shape[1:])
    for rows, part in _blocks(*total.shape) if nodes else [(slice(0, given), slice(0, 1))]:
        if nodes:
            currents = [_part(p, value, rows, part, nodes, some) for (p, value), some in zip(brought, chosen, strict=True)]
        else:
            currents = [_whole(p, value, given) for p, value in brought]
        total[rows, part] = sums.of(functools.reduce(np.add, currents), own[:, part])
    sums.check()
    return np.broadcast_to(total.reshape(given, *population.shape), (samples, *population.shape))


def varying(values: Array) -> Array:
    """One entry along each axis on which a broadcast does not vary."""
    return values[tuple(slice(None) if stride else slice(1) for stride in values.strides)]


class _Sums:
    """Static currents and the own bias of a population: volts, or mantissas, whose range is kept to be checked."""

    def __init__(self, population: Population) -> None:
        self.population, neuron = population, population.neuron
        own = np.asarray(neuron.bias_mant if isinstance(neuron, FixedLIF) else population.bias, dtype=np.float64)
        self.own = own.reshape((1,) * (1 + len(population.shape) - own.ndim) + own.shape)
        self.has_own = bool(self.own.any())
        self.kind: Any = np.int32 if isinstance(neuron, FixedLIF) else np.float64
        self.low, self.high = np.inf, -np.inf

    def of(self, current: Array, own: Array) -> Array:
        """The bias of some neurons, for a static current in volts before γ; of integer neurons whole numbers that need not be integers."""
        neuron = self.population.neuron
        if not isinstance(neuron, FixedLIF):
            return current + own
        mantissa = np.multiply(current, neuron.gain)
        np.rint(np.divide(mantissa, unit_of(neuron), out=mantissa), out=mantissa)
        if self.has_own:
            mantissa = mantissa + own
        least, most = float(mantissa.min()), float(mantissa.max())
        if neuron.saturation is not None:
            low, high = neuron.saturation
            if least < low or most > high:
                np.clip(mantissa, low, high, out=mantissa)
            least, most = min(max(least, low), high), min(max(most, low), high)
        self.low, self.high = min(self.low, least), max(self.high, most)
        fits = least >= fx.BIAS_MANT_MIN and most <= fx.BIAS_MANT_MAX
        return mantissa if fits else np.zeros_like(mantissa)  # what does not fit, check refuses

    def check(self) -> None:
        """Refuse mantissas that do not fit.

        Raises:
            QuantizationError: with their range.
        """
        neuron = self.population.neuron
        if isinstance(neuron, FixedLIF) and (self.low < fx.BIAS_MANT_MIN or self.high > fx.BIAS_MANT_MAX):
            raise QuantizationError(
                f"population {self.population.name!r}: bias mantissa {self.low:.0f} to {self.high:.0f} at exponent {neuron.bias_exp}, "
                f"limit {fx.BIAS_MANT_MIN} to {fx.BIAS_MANT_MAX}: larger than the input that the network was quantised on; "
                "export with this one"
            )


def unit_of(neuron: FixedLIF) -> float:
    """Volts of a mantissa of 1."""
    return float(neuron.scale / (1 << fx.V_SHIFT) * 2.0**neuron.bias_exp)


def _nodes(static: list[Projection]) -> int:
    """Into how many parts the neurons can be cut, each of which hears its own part of every source; 0 if the sums are not to be cut.

    A product of matrices is left whole: how BLAS adds may depend on the number of rows, and a mantissa that lies on a half on the last bit.
    """
    sizes = set()
    for projection in static:
        weights = projection.weights
        simple = isinstance(weights, Kron) and (
            isinstance(weights.right, Identity) or weights.right.ndim == 1 or chosen_features(weights.right)
        )
        sizes.add(weights.left.size if simple and isinstance(weights, Kron) and isinstance(weights.left, Identity) else 0)
    return int(sizes.pop()) if len(sizes) == 1 else 0


def _blocks(samples: int, nodes: int, features: int) -> Iterator[tuple[slice, slice]]:
    """Samples and nodes that are done at a time."""
    together = min(nodes, max(1, _BLOCK // features))
    rows = 1 if together < nodes else max(1, _BLOCK // (nodes * features))
    for sample in range(0, samples, rows):
        for node in range(0, nodes, together):
            yield slice(sample, min(sample + rows, samples)), slice(node, min(node + together, nodes))


def _part(projection: Projection, value: Array, rows: slice, part: slice, nodes: int, chosen: slice | None) -> Array:
    """The current of one source at some nodes, (1 or rows, part, features)."""
    given = (value if len(value) == 1 else value[rows]).reshape(-1, nodes, value[0].size // nodes)[:, part]
    assert isinstance(projection.weights, Kron)
    right = projection.weights.right
    if not isinstance(right, Identity):
        given = given * right.astype(np.float64) if right.ndim == 1 else given[:, :, chosen]
    return given.astype(np.float64, copy=False)


def _whole(projection: Projection, value: Array, samples: int) -> Array:
    """The current of one source, (samples, 1, size)."""
    given = np.broadcast_to(value.reshape(len(value), -1), (samples, value[0].size)).astype(np.float64, copy=False)
    return projection.weights.apply(given)[:, None]


def chosen_features(right: Any) -> slice | None:
    """The features that a matrix picks, in their order: its product with them is a slice, exactly."""
    if not isinstance(right, np.ndarray) or right.ndim != 2:
        return None
    rows, width = right.shape
    start = int(right[0].argmax())
    return slice(start, start + rows) if np.array_equal(right, np.eye(rows, width, start)) else None
