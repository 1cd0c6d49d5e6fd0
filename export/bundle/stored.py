"""Arrays of a bundle's ``check.h5``, looked at before they are believed: their types, and their shapes against the network's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.csr_checks import checked_csr
from neurograph.network import Network
from neurograph.sim.recording import Recording

__all__ = ["checked_array", "checked_features", "checked_recording"]

Array = NDArray[Any]
_MOST_FEATURES = 1 << 30


def checked_array(data: Any) -> Array:
    """A dataset of finite numbers.

    Raises:
        ValueError: it is another thing.
    """
    values = np.asarray(data[()])
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8 or not values.size:
        raise ValueError(f"{data.name}: {values.dtype} of shape {values.shape}, must be numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{data.name}: holds NaN or infinity")
    return values


def checked_features(group: Any) -> Array:
    """The features of a sample, stored as CSR; (N, F) float32.

    Raises:
        ValueError: they are no such matrix, or larger than a dense one may be.
    """
    matrix = checked_csr([_checked_part(group[part]) for part in ("data", "indices", "indptr")], group.attrs["shape"])
    if matrix.shape[0] * matrix.shape[1] > _MOST_FEATURES:
        raise ValueError(f"features of shape {matrix.shape}, at most {_MOST_FEATURES:,} numbers")
    return np.asarray(matrix.toarray(), np.float32)


def _checked_part(data: Any) -> Array:
    """As :func:`checked_array`, and it may be empty."""
    return checked_array(data) if data.size else np.asarray(data[()])


def checked_recording(group: Any, engine: str, network: Network, *, of_all: bool = False) -> Recording:
    """Spikes that an engine gave at export: population → (samples, T, *shape).

    Args:
        of_all: whether there must be those of every neuron.

    Raises:
        ValueError: of a population that the network has not, or of another shape; or missing.
    """
    missing = [p.name for p in network.neurons if p.name not in group] if of_all else []
    if missing:
        raise ValueError(f"{group.name}: has no spikes of population {missing[0]!r}")
    spikes: dict[str, Array] = {}
    for name, data in group.items():
        if name not in network.populations:
            raise ValueError(f"{data.name}: the network has no population {name!r}")
        wanted = (network.ticks, *network.populations[name].shape)
        if data.shape[1:] != wanted:
            raise ValueError(f"{data.name}: shape {data.shape}, must be (samples, {', '.join(map(str, wanted))})")
        spikes[name] = checked_array(data)
    if not spikes or len({len(values) for values in spikes.values()}) > 1:
        raise ValueError(f"{group.name}: spikes of {len(spikes)} populations, must be of the same samples")
    return Recording(engine, network.ticks, spikes)
