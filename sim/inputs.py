"""What the host does before a run: check the inputs, turn static currents into biases.

Shapes: a spike source takes (T, *shape) or (samples, T, *shape), binary, a graded one the same in integers; a static source (*shape) or
(samples, *shape), real.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.graded import message_limit
from neurograph.network import Network, Population, Projection, Source
from neurograph.sim.graded import MESSAGE
from neurograph.sim.static_currents import bias_from, brought_to, varying

__all__ = ["Prepared", "checked", "plain_spikes", "prepare", "refuse_nameless"]

Array = NDArray[Any]
Later = Callable[[Population, Sequence[tuple[Projection, Array]]], Any]  # what makes a bias of the static currents; None where nothing does
_BYTES = np.dtype(np.uint8)


@dataclass(frozen=True)
class Prepared:
    """Inputs in the form that engines take.

    Args:
        samples: number of inferences.
        spikes: spike source → uint8 (samples, T, *shape), int32 of a graded one.
        bias: population → (samples, *shape): the total input current in volts before β (float64) for a float neuron, the bias mantissa
            (int32, which a bias exponent of 7 does not overflow) for a FixedLIF. Along an axis on which it does not vary it is a
            read-only broadcast, and takes no memory.
        later: population → what makes its bias where it is wanted, in the stead of ``bias``; of an engine that asked for it.
    """

    samples: int
    spikes: Mapping[str, Array]
    bias: Mapping[str, Array]
    later: Mapping[str, Any] = field(default_factory=dict)

    def flat_bias(self, name: str) -> Array:
        """The bias of a population, flat and as small as it goes: (samples, size); (1, size) if samples are alike; (1, 1) if all are."""
        least = varying(self.bias[name])
        if least.size == 1:
            return least.reshape(1, 1)
        whole = self.bias[name] if least.shape[0] == self.samples else self.bias[name][:1]
        return whole.reshape(len(whole), -1)

    def sample(self, index: int) -> Prepared:
        """One inference of several."""
        cut = slice(index, index + 1)
        return Prepared(1, {k: v[cut] for k, v in self.spikes.items()}, {k: v[cut] for k, v in self.bias.items()})


def prepare(
    network: Network, inputs: Mapping[str, Array], *, biased: Collection[str] | None = None, later: Later | None = None
) -> Prepared:
    """Check ``inputs`` (source → values) against the network and compute every population's bias, or only those of ``biased``;
    ``later`` is asked for each first.

    Raises:
        InputError: a source without input, input for no source, wrong shape, NaN, or a value that is no spike.
        QuantizationError: a static current that does not fit a 13-bit mantissa at the population's exponent.
    """
    samples, values = checked(network.sources, network.ticks, inputs)
    spikes = {}
    for source in network.sources:
        if source.is_constant:
            spikes[source.name] = np.ones((samples, network.ticks, *source.shape), dtype=np.uint8)
        elif not source.is_static:
            spikes[source.name] = values[source.name]
    chosen = network.neurons if biased is None else [network.populations[name] for name in biased]
    brought = {p.name: brought_to(network, p, values) for p in chosen}
    made = {p.name: later(p, brought[p.name]) for p in chosen} if later else {}
    delayed = {name: maker for name, maker in made.items() if maker is not None}
    return Prepared(samples, spikes, {p.name: bias_from(p, brought[p.name], samples) for p in chosen if p.name not in delayed}, delayed)


def refuse_nameless(sources: Iterable[Population], inputs: Any) -> None:
    """Refuse values that do not say which source they are for.

    Raises:
        InputError: with the names of the sources.
    """
    if isinstance(inputs, Mapping):
        return
    names = [source.name for source in sources if not source.is_constant]
    shape = f" of shape {tuple(inputs.shape)}" if hasattr(inputs, "shape") else ""
    example = ", ".join(f"{name!r}: values" for name in names[:3]) + (", ..." if names[3:] else "")
    raise InputError(
        f"inputs: {type(inputs).__name__}{shape}, must be a mapping from the name of each source to its values; give {{{example}}}"
    )


def plain_spikes(shapes: Sequence[tuple[str, tuple[int, ...]]], inputs: Mapping[str, Array]) -> Prepared | None:
    """What :func:`prepare` makes of bytes with samples first for every source, in less time; None of anything else, and of shapes that it
    would refuse. Whether they are 0 and 1 is not looked at: who takes them does when it reads them, and lets :func:`prepare` refuse them.

    Args:
        shapes: every source with (T, *shape); all are of spikes, and no population is driven by a static one.
        inputs: source → values.
    """
    samples = 0
    for name, shape in shapes:
        value = inputs.get(name)
        if type(value) is not np.ndarray or value.dtype != _BYTES or value.shape[1:] != shape or not value.size:
            return None
        if len(value) != (samples or len(value)):
            return None
        samples = len(value)
    return Prepared(samples, inputs, {}) if samples and len(inputs) == len(shapes) else None


def checked(sources: Iterable[Population], ticks: int, inputs: Mapping[str, Array]) -> tuple[int, dict[str, Array]]:
    """The number of samples, and the values of every source that takes any: (samples, …), of a static one (1 or samples, …).

    Raises:
        InputError: as :func:`prepare`.
    """
    wanted = [source for source in sources if not source.is_constant]
    names = {source.name for source in wanted}
    for name in inputs:
        if name not in names:
            raise InputError(f"input {name!r}: no such source; the network has {', '.join(sorted(names)) or 'none'}")
    values = {source.name: _check(source, inputs, ticks) for source in wanted}
    samples = max(map(len, values.values()), default=1)
    for source in wanted:
        count = len(values[source.name])
        if count == samples:
            continue
        if count != 1:
            raise InputError(f"input {source.name!r}: {count} samples, but another source has {samples}; give all the same number")
        if not source.is_static:
            values[source.name] = np.repeat(values[source.name], samples, axis=0)
    return samples, values


def _check(source: Population, inputs: Mapping[str, Array], ticks: int) -> Array:
    if source.name not in inputs:
        raise InputError(f"input {source.name!r}: missing; give an array of shape {source.shape}")
    given, static = np.asarray(inputs[source.name]), source.is_static
    shape = source.shape if static else (ticks, *source.shape)
    value = given if given.ndim > len(shape) else given[np.newaxis]
    if value.shape[1:] != shape:
        what = "one value a neuron" if static else "ticks first"
        raise InputError(
            f"input {source.name!r}: shape {given.shape}, must be {shape} or (samples, {', '.join(map(str, shape))}), {what}; "
            "reshape the data"
        )
    kind = value.dtype.kind
    if kind not in "biuf" or not value.size:
        raise InputError(
            f"input {source.name!r}: {value.dtype} of shape {given.shape}, must be numbers of at least one sample; give an array"
        )
    if static or source.is_real:
        value = value if static and value.dtype in (np.float32, np.float64) else value.astype(np.float64)
        if not np.isfinite(value).all():
            raise InputError(f"input {source.name!r}: holds NaN or infinity; mend the data")
        return value
    if source.is_graded:
        return _messages(source, value)
    if kind == "b":
        return value.view(np.uint8)
    if not (np.maximum.reduce(value, axis=None) <= 1 if kind == "u" else ((value == 0) | (value == 1)).all()):
        wrong = value[(value != 0) & (value != 1)]
        raise InputError(
            f"input {source.name!r}: holds values other than 0 and 1 ({wrong.size:,}, the first {wrong[0]:g}), but it is a spike source; "
            "encode the data as spikes"
        )
    return value.astype(np.uint8, copy=False)


def _messages(source: Population, value: Array) -> Array:
    assert isinstance(source.neuron, Source)
    limit = message_limit(source.neuron.bits)
    bad = value[(value != np.rint(value)) | (np.abs(value) > limit)]
    if bad.size:
        raise InputError(f"input {source.name!r}: holds {bad.flat[0]:g}, a graded source takes integers from {-limit:,} to {limit:,}")
    return value.astype(MESSAGE)
