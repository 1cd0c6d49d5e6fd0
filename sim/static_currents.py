"""Biases: what a neuron's own bias and static sources bring in every tick, turned into volts or mantissas before a run.

The currents of a large population are made in blocks of samples and nodes, so that little is there in float64 at one time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import QuantizationError
from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.weights import Identity, Kron

__all__ = ["bias_of", "varying"]

Array = NDArray[Any]
_BLOCK = 1 << 16  # currents in a block, half a MiB of float64, which caches hold; weights that mix nodes give a whole sample at once


def bias_of(network: Network, population: Population, values: Mapping[str, Array], samples: int) -> Array:
    """The bias of one population, as :class:`neurograph.sim.inputs.Prepared` holds it.

    Args:
        network, population: the population is one that computes.
        values: static source → (1 or samples, *shape).
        samples: number of inferences.

    Returns:
        (samples, *shape), a broadcast along axes on which it does not vary.

    Raises:
        QuantizationError: a static current that does not fit a 13-bit mantissa at the population's exponent.
    """
    static = [p for p in network.into(population.name) if network.populations[p.source].is_static]
    sums = _Sums(population)
    if not static:
        total = sums.of(np.zeros((1,) * sums.own.ndim), sums.own)
        sums.check()
        return np.broadcast_to(total, (samples, *population.shape))
    given, nodes = max(len(values[p.source]) for p in static), _nodes(static)
    features = population.size // nodes
    own = np.broadcast_to(sums.own, (1, *population.shape)).reshape(1, nodes, features) if sums.own.size > 1 else sums.own.reshape(1, 1, 1)
    total = np.empty((given, nodes, features), sums.kind)
    for rows, part in _blocks(given, nodes, features):
        shape = total[rows, part].shape
        current = np.zeros(shape)
        for projection in static:
            current += _brought(projection, values[projection.source], rows, part, nodes)
        total[rows, part] = sums.of(current, own[:, part] if own.size > 1 else own)
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
        self.kind: Any = np.int32 if isinstance(neuron, FixedLIF) else np.float64
        self.low, self.high = np.inf, -np.inf

    def of(self, current: Array, own: Array) -> Array:
        """The bias of some neurons, for a static current in volts before γ."""
        neuron = self.population.neuron
        if not isinstance(neuron, FixedLIF):
            return current + own
        mantissa = np.multiply(current, neuron.gain)
        mantissa = np.rint(np.divide(mantissa, _unit(neuron), out=mantissa), out=mantissa) + own
        if neuron.saturation is not None:
            np.clip(mantissa, *neuron.saturation, out=mantissa)
        low, high = float(mantissa.min()), float(mantissa.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        fits = low >= fx.BIAS_MANT_MIN and high <= fx.BIAS_MANT_MAX
        return (mantissa if fits else np.zeros_like(mantissa)).astype(self.kind)  # what does not fit, check refuses

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


def _unit(neuron: FixedLIF) -> float:
    """Volts of a mantissa of 1."""
    return float(neuron.scale / (1 << fx.V_SHIFT) * 2.0**neuron.bias_exp)


def _nodes(static: list[Projection]) -> int:
    """Into how many parts the neurons can be cut, each of which hears its own part of every source."""
    sizes = {p.weights.left.size if isinstance(p.weights, Kron) and isinstance(p.weights.left, Identity) else 1 for p in static}
    return sizes.pop() if len(sizes) == 1 else 1


def _blocks(samples: int, nodes: int, features: int) -> Iterator[tuple[slice, slice]]:
    """Samples and nodes that are done at a time."""
    together = min(nodes, max(1, _BLOCK // features))
    rows = 1 if together < nodes else max(1, _BLOCK // (nodes * features))
    for sample in range(0, samples, rows):
        for node in range(0, nodes, together):
            yield slice(sample, min(sample + rows, samples)), slice(node, min(node + together, nodes))


def _brought(projection: Projection, value: Array, rows: slice, part: slice, nodes: int) -> Array:
    """The current of one source, (1 or rows, part, features)."""
    weights, given = projection.weights, value if len(value) == 1 else value[rows]
    if nodes > 1 and isinstance(weights, Kron):
        given = given.reshape(len(given), nodes, -1)[:, part]
        chosen = _chosen(weights.right)
        if chosen is not None:
            return given[:, :, chosen]
        weights = Kron(Identity(part.stop - part.start), weights.right)
    brought = weights.apply(given.reshape(len(given), -1).astype(np.float64, copy=False))
    return brought.reshape(len(brought), part.stop - part.start, -1)


def _chosen(right: Any) -> slice | None:
    """The features that a matrix picks, in their order: its product with them is a slice, exactly."""
    if not isinstance(right, np.ndarray) or right.ndim != 2:
        return None
    rows, width = right.shape
    start = int(right[0].argmax())
    return slice(start, start + rows) if np.array_equal(right, np.eye(rows, width, start)) else None
