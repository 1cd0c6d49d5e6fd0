"""What a network in a file must hold before it is believed: sizes, words and ranges that engines rely on and do not look at again.

Engines write and read arrays of the sizes that a network declares, and the compiled one shifts by its exponents. So before a
:class:`~neurograph.network.Network` is made of a file

    neurons             at most :data:`MOST_NEURONS` in all
    spike slots         neurons · ticks at most :data:`MOST_SLOTS`, ticks at most :data:`MOST_TICKS`
    integer networks    weights within 16 bits, exponents −8 to 7, bias exponents 0 to 7, decays 0 to 4096, states within 32 bits
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.plain_text import is_name

__all__ = ["MOST_NEURONS", "MOST_SLOTS", "MOST_TICKS", "checked_field", "checked_name", "checked_sizes", "in_range"]

MOST_NEURONS = 1 << 28
MOST_SLOTS = 1 << 34
MOST_TICKS = 1_000_000
_MOST_LAG = 1 << 20
_WEIGHT = (1 << 15) - 1
_STATE = (1 << 31) - 1


def checked_name(name: Any) -> str:
    """A name that can be printed.

    Raises:
        ValueError: it is none.
    """
    text = str(name)
    if not is_name(text):
        raise ValueError(f"name {text[:60]!r}, must be 1 to 1,000 characters that can be printed")
    return text


def checked_sizes(populations: Iterable[Population], ticks: int) -> None:
    """See that the engines can hold what a network declares.

    Raises:
        ValueError: more neurons, ticks or slots than the limits.
    """
    neurons = 0
    for population in populations:
        size = 1
        for n in population.shape:
            size *= n
        neurons += size
        if not population.shape or len(population.shape) > 8 or min(population.shape) < 1 or neurons > MOST_NEURONS:
            raise ValueError(f"population {population.name!r}: shape {population.shape}, at most {MOST_NEURONS:,} neurons in all")
    if not 1 <= ticks <= MOST_TICKS or neurons * ticks > MOST_SLOTS:
        raise ValueError(f"{ticks:,} ticks of {neurons:,} neurons, at most {MOST_TICKS:,} ticks and {MOST_SLOTS:,} slots")


def checked_field(kind: type[Any], name: str, value: Any) -> Any:
    """A field of a neuron as it was stored: a word that it knows, numbers, or nothing where that is allowed.

    Raises:
        ValueError: another.
    """
    hint = _hints(kind)[name]
    options = get_args(hint) if get_origin(hint) is Union else (hint,)
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    if words:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{kind.__name__}.{name} is {str(value)[:40]!r}, must be one of {', '.join(words)}")
        return value
    if isinstance(value, (str, bytes)) or np.asarray(value).dtype.kind not in "biuf":
        raise ValueError(f"{kind.__name__}.{name} is no number")
    if int in options and float not in options and (np.ndim(value) or value != int(value)):
        raise ValueError(f"{kind.__name__}.{name} is no whole number")
    if kind is Source and name == "bits" and not 1 <= value <= 32:
        raise ValueError(f"Source.bits is {value}, must be 1 to 32")
    if name == "saturation" and (not isinstance(value, tuple) or len(value) != 2 or max(map(abs, value)) > _STATE):
        raise ValueError(f"{kind.__name__}.saturation is {value!r}, must be two numbers")
    return value


_KNOWN_HINTS: dict[type[Any], dict[str, Any]] = {}


def _hints(kind: type[Any]) -> dict[str, Any]:
    if kind not in _KNOWN_HINTS:
        _KNOWN_HINTS[kind] = get_type_hints(kind)
    return _KNOWN_HINTS[kind]


def in_range(network: Network) -> None:
    """See that integers are those that the integer engines were written for, and lags such as can be kept.

    Raises:
        ValueError: the first that is not, by name.
    """
    for projection in network.projections:
        _check(f"projection {projection.name}: lag", projection.lag, 0, _MOST_LAG)
        _check(f"projection {projection.name}: delay", projection.delay or 0, 0, _MOST_LAG)
    _check("steps per tick", network.steps_per_tick, 1, MOST_TICKS)
    if not network.is_integer:
        return
    for projection in network.projections:
        _check_synapses(network, projection)
    for population in network.neurons:
        neuron, where = population.neuron, f"population {population.name!r}: "
        if isinstance(neuron, FixedLIF):
            for key, low, high in (
                ("du", 0, fx.DECAY_UNITY),
                ("dv", 0, fx.DECAY_UNITY),
                ("vth", 0, _STATE),
                ("bias_exp", 0, fx.BIAS_EXP_MAX),
            ):
                _check(f"{where}{key}", getattr(neuron, key), low, high)
            for key in ("bias_mant", "v_reset", "v_start", "reset_by"):
                _check(f"{where}{key}", 0 if getattr(neuron, key) is None else getattr(neuron, key), -_STATE, _STATE)
            if not 0 < neuron.scale < 1e30 or not 0 < neuron.gain < 1e30:
                raise ValueError(f"{where}scale {neuron.scale:g} and gain {neuron.gain:g}, must be above 0")


def _check_synapses(network: Network, projection: Projection) -> None:
    source = network.populations[projection.source]
    if source.is_static:
        return  # real: the host makes a bias of it
    where = f"projection {projection.name}: "
    _check(f"{where}exponent", projection.exponent, fx.EXPONENT_MIN, fx.EXPONENT_MAX)
    _check(f"{where}weight", projection.weights.values, -_WEIGHT, _WEIGHT)
    if projection.sign_mode not in ("mixed", "excitatory", "inhibitory"):
        raise ValueError(f"{where}sign mode {projection.sign_mode!r}, must be mixed, excitatory or inhibitory")


def _check(what: str, values: Any, low: int, high: int) -> None:
    array: NDArray[Any] = np.asarray(values)
    bad = array[(array < low) | (array > high) | (array != np.rint(array))]
    if bad.size:
        raise ValueError(f"{what} {bad.flat[0]:g}, must be a whole number from {low:,} to {high:,}")
