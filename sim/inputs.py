"""What the host does before a run: check the inputs, turn static currents into biases.

Shapes: a spike source takes (T, *shape) or (samples, T, *shape), binary, a graded one the same in integers; a static source (*shape) or
(samples, *shape), real.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.errors import InputError, QuantizationError
from neurograph.graded import message_limit
from neurograph.network import FixedLIF, Network, Population, Source
from neurograph.sim.graded import MESSAGE

__all__ = ["Prepared", "bias_of", "checked", "prepare"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Prepared:
    """Inputs in the form that engines take.

    Args:
        samples: number of inferences.
        spikes: spike source → uint8 (samples, T, *shape), int32 of a graded one.
        bias: population → (samples, *shape): the total input current in volts before β (float64) for a float neuron, the bias mantissa
            (int64) for a FixedLIF.
    """

    samples: int
    spikes: Mapping[str, Array]
    bias: Mapping[str, Array]

    def sample(self, index: int) -> Prepared:
        """One inference of several."""
        cut = slice(index, index + 1)
        return Prepared(1, {k: v[cut] for k, v in self.spikes.items()}, {k: v[cut] for k, v in self.bias.items()})


def prepare(network: Network, inputs: Mapping[str, Array]) -> Prepared:
    """Check ``inputs`` (source → values) against the network and compute every population's bias.

    Raises:
        InputError: a source without input, input for no source, wrong shape, NaN, or a value that is no spike.
        QuantizationError: a static current that does not fit a 13-bit mantissa at the population's exponent.
    """
    samples, values = checked(network.sources, network.ticks, inputs)
    for source in network.sources:
        if source.is_constant:
            values[source.name] = np.ones((samples, network.ticks, *source.shape), dtype=np.uint8)
    spikes = {s.name: values[s.name] for s in network.sources if not s.is_static}
    return Prepared(samples, spikes, {p.name: _bias(network, p, values, samples) for p in network.neurons})


def checked(sources: Iterable[Population], ticks: int, inputs: Mapping[str, Array]) -> tuple[int, dict[str, Array]]:
    """The number of samples, and the values of every source that takes any, with samples for the first axis.

    Raises:
        InputError: as :func:`prepare`.
    """
    wanted = [source for source in sources if not source.is_constant]
    names = {source.name for source in wanted}
    for name in inputs:
        if name not in names:
            raise InputError(f"input {name!r}: no such source; the network has {', '.join(sorted(names)) or 'none'}")
    values = {source.name: _check(source, inputs, ticks) for source in wanted}
    counts = {name: len(value) for name, value in values.items()}
    samples = max(counts.values(), default=1)
    for name, count in counts.items():
        if count not in (1, samples):
            raise InputError(f"input {name!r}: {count} samples, but another source has {samples}; give all the same number")
        if count < samples:
            values[name] = np.repeat(values[name], samples, axis=0)
    return samples, values


def _check(source: Population, inputs: Mapping[str, Array], ticks: int) -> Array:
    if source.name not in inputs:
        raise InputError(f"input {source.name!r}: missing; give an array of shape {source.shape}")
    value = np.asarray(inputs[source.name])
    shape = source.shape if source.is_static else (ticks, *source.shape)
    if value.shape[-len(shape) :] != shape or value.ndim not in (len(shape), len(shape) + 1):
        raise InputError(f"input {source.name!r}: shape {value.shape}, must be {shape} or (samples, {', '.join(map(str, shape))})")
    value = value.reshape(-1, *shape)
    if source.is_static or source.is_real:
        value = value.astype(np.float64)
        if not np.isfinite(value).all():
            raise InputError(f"input {source.name!r}: holds NaN or infinity; mend the data")
        return value
    if source.is_graded:
        return _messages(source, value)
    if not np.isin(value, (0, 1)).all():
        raise InputError(f"input {source.name!r}: holds values other than 0 and 1, but it is a spike source; encode the data as spikes")
    return value.astype(np.uint8)


def _messages(source: Population, value: Array) -> Array:
    assert isinstance(source.neuron, Source)
    limit = message_limit(source.neuron.bits)
    bad = value[(value != np.rint(value)) | (np.abs(value) > limit)]
    if bad.size:
        raise InputError(f"input {source.name!r}: holds {bad.flat[0]:g}, a graded source takes integers from {-limit:,} to {limit:,}")
    return value.astype(MESSAGE)


def _bias(network: Network, population: Population, values: Mapping[str, Array], samples: int) -> Array:
    """Total static current of one population: its own bias and what static sources send."""
    current = np.zeros((samples, population.size))
    for projection in network.into(population.name):
        if network.populations[projection.source].is_static:
            current += projection.weights.apply(values[projection.source].reshape(samples, -1))
    return bias_of(population, current.reshape(samples, *population.shape))


def bias_of(population: Population, current: Array) -> Array:
    """What :attr:`Prepared.bias` holds of a population for what static sources send, (samples, *shape) in volts before γ.

    Raises:
        QuantizationError: as :func:`prepare`.
    """
    neuron = population.neuron
    if not isinstance(neuron, FixedLIF):
        return current + np.broadcast_to(np.asarray(population.bias, dtype=np.float64), population.shape)
    unit = neuron.scale / (1 << fx.V_SHIFT) * 2.0**neuron.bias_exp
    mantissa = np.rint(neuron.gain * current / unit) + np.broadcast_to(neuron.bias_mant, population.shape)
    if neuron.saturation is not None:
        mantissa = np.clip(mantissa, *neuron.saturation)
    if mantissa.min() < fx.BIAS_MANT_MIN or mantissa.max() > fx.BIAS_MANT_MAX:
        raise QuantizationError(
            f"population {population.name!r}: bias mantissa {mantissa.min():.0f} to {mantissa.max():.0f} at exponent {neuron.bias_exp}, "
            f"limit {fx.BIAS_MANT_MIN} to {fx.BIAS_MANT_MAX}: larger than the input that the network was quantised on; export with this one"
        )
    return mantissa.astype(np.int64)
