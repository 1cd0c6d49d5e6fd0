"""A Network in an HDF5 group, and back, exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import h5py
import numpy as np
import scipy.sparse as sp

from neurograph.csr_checks import checked_csr
from neurograph.errors import NetworkError
from neurograph.hdf5_guard import DAMAGE, line_of
from neurograph.network import (
    LIF,
    CubaLIF,
    FixedLIF,
    Graded,
    Integrator,
    Network,
    Neuron,
    Population,
    Product,
    Projection,
    Source,
    Threshold,
)
from neurograph.plain_text import parse_json
from neurograph.stored_checks import checked_field, checked_name, checked_sizes, in_range
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["VERSION", "StoredNetwork", "load_network", "save_network", "stored_network"]

VERSION = 1
_KINDS = (Source, LIF, CubaLIF, Integrator, Threshold, Graded, Product, FixedLIF)
_NEURONS: dict[str, type[Any]] = {kind.__name__: kind for kind in _KINDS}
_PLAIN: dict[str, type[Any]] = {kind.__name__: kind for kind in (Identity, OnesRow, OnesColumn)}


def save_network(network: Network, group: h5py.Group) -> None:
    """Write ``network`` into an empty group."""
    group.attrs.update(version=VERSION, ticks=network.ticks, dt=network.dt, outputs=json.dumps(list(network.outputs)))
    group.attrs.update(steps_per_tick=network.steps_per_tick, gated=network.gated)
    populations = group.create_group("populations")
    for index, population in enumerate(network.populations.values()):
        one = populations.create_group(f"{index:05d}")
        one.attrs.update(name=population.name, shape=population.shape, depth=population.depth or 0)
        _put(one, "bias", population.bias)
        neuron = one.create_group("neuron")
        neuron.attrs["type"] = type(population.neuron).__name__
        for field in fields(population.neuron):
            _put(neuron, field.name, getattr(population.neuron, field.name))
    projections = group.create_group("projections")
    for index, projection in enumerate(network.projections):
        one = projections.create_group(f"{index:05d}")
        one.attrs.update(source=projection.source, target=projection.target, lag=projection.lag, delay=projection.delay or 0)
        one.attrs.update(exponent=projection.exponent, sign_mode=projection.sign_mode or "")
        if projection.port:
            one.attrs["port"] = projection.port
        _put_weights(one.create_group("weights"), projection.weights)


def load_network(group: h5py.Group) -> Network:
    """Read what :func:`save_network` wrote.

    Raises:
        NetworkError: another version, or parts that are missing or do not fit.
    """
    stored = stored_network(group)
    with _undamaged():
        network = Network(
            stored.populations,
            tuple(stored.projections()),
            stored.ticks,
            stored.dt,
            stored.outputs,
            steps_per_tick=_whole(group.attrs.get("steps_per_tick", 1)),  # neither was stored when neither could be another
            gated=bool(_whole(group.attrs.get("gated", True))),
        )
        in_range(network)
        return network


@dataclass(frozen=True)
class StoredNetwork:
    """A network in a file that is open, without its weights, for a reader that does not want all of them at once."""

    group: h5py.Group
    populations: Mapping[str, Population]
    ticks: int
    dt: float
    outputs: tuple[str, ...]

    def projections(self) -> Iterator[Projection]:
        """One after another, in their order; each is read when it is asked for.

        Raises:
            NetworkError: as :func:`load_network`.
        """
        with _undamaged():
            for key in sorted(self.group["projections"]):
                yield _projection(self.group["projections"][key])


def stored_network(group: h5py.Group) -> StoredNetwork:
    """Open what :func:`save_network` wrote, and read the populations.

    Raises:
        NetworkError: as :func:`load_network`.
    """
    with _undamaged():
        version = _whole(group.attrs.get("version", 0))
        if version != VERSION:
            raise NetworkError(f"network: stored as version {version}, this neurograph reads version {VERSION}; export it again")
        populations = [_population(group["populations"][key]) for key in sorted(group["populations"])]
        outputs = tuple(map(checked_name, parse_json(group.attrs["outputs"])))
        ticks, dt = _whole(group.attrs["ticks"]), _number(group.attrs["dt"])
        checked_sizes(populations, ticks)
        if not 0 < dt < 1e30:
            raise ValueError(f"dt {dt:g} s, must be above 0")
        if len({p.name for p in populations}) < len(populations):
            raise ValueError("two populations of one name")
        return StoredNetwork(group, {p.name: p for p in populations}, ticks, dt, outputs)


@contextmanager
def _undamaged() -> Iterator[None]:
    try:
        yield
    except DAMAGE as error:
        raise NetworkError(f"network: its file is damaged ({line_of(error)}); export it again") from None


def _population(group: h5py.Group) -> Population:
    kind = _NEURONS[str(group["neuron"].attrs["type"])]
    held = {field.name: _get(group["neuron"], field.name) for field in fields(kind) if _has(group["neuron"], field.name)}
    neuron: Neuron = kind(**{name: checked_field(kind, name, value) for name, value in held.items()})
    shape = tuple(_whole(size) for size in np.asarray(group.attrs["shape"]))
    bias = checked_field(Population, "bias", _get(group, "bias"))
    return Population(checked_name(group.attrs["name"]), shape, neuron, bias, _whole(group.attrs["depth"]) or None)


def _projection(group: h5py.Group) -> Projection:
    attrs = group.attrs
    mode: Any = str(attrs["sign_mode"]) or None
    weights = _get_weights(group["weights"])
    times = _whole(attrs["lag"]), _whole(attrs["delay"]) or None
    port = _whole(attrs.get("port", 0))
    return Projection(str(attrs["source"]), str(attrs["target"]), weights, *times, _whole(attrs["exponent"]), mode, port)


def _put(group: h5py.Group, name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, np.ndarray) and value.ndim:
        group.create_dataset(name, data=value, compression="gzip", compression_opts=1)
    else:
        group.attrs[name] = value


def _has(group: h5py.Group, name: str) -> bool:
    return name in group or name in group.attrs


def _get(group: h5py.Group, name: str) -> Any:
    if name in group:
        return group[name][()]
    value = group.attrs[name]
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def _put_csr(group: h5py.Group, matrix: sp.csr_matrix) -> None:
    group.attrs["shape"] = matrix.shape
    for part in ("data", "indices", "indptr"):
        _put(group, part, getattr(matrix, part))


def _get_csr(group: h5py.Group) -> sp.csr_matrix:
    return checked_csr([group[part][()] for part in ("data", "indices", "indptr")], group.attrs["shape"])


def _put_weights(group: h5py.Group, weights: Weights) -> None:
    group.attrs["type"] = type(weights).__name__
    if isinstance(weights, Dense):
        _put(group, "matrix", weights.matrix)
    elif isinstance(weights, Sparse):
        _put_csr(group, weights.matrix)
    else:
        for side in ("left", "right"):
            factor = getattr(weights, side)
            if isinstance(factor, np.ndarray):
                _put(group, side, factor)
                continue
            part = group.create_group(side)
            part.attrs["type"] = "csr" if sp.issparse(factor) else type(factor).__name__
            if sp.issparse(factor):
                _put_csr(part, factor)
            else:
                part.attrs["size"] = factor.size


def _get_weights(group: h5py.Group) -> Weights:
    kind = str(group.attrs["type"])
    if kind == "Dense":
        return Dense(_matrix(group["matrix"][()], 2))
    if kind == "Sparse":
        return Sparse(_get_csr(group))
    return Kron(_factor(group["left"]), _factor(group["right"]))


def _factor(item: Any) -> Any:
    if isinstance(item, h5py.Dataset):
        return _matrix(item[()], 1, 2)
    kind = str(item.attrs["type"])
    return _get_csr(item) if kind == "csr" else _PLAIN[kind](_whole(item.attrs["size"]))


def _matrix(values: Any, *ndims: int) -> Any:
    if values.ndim not in ndims or values.dtype.kind not in "biuf" or not values.size:
        raise ValueError(f"weights of {values.dtype} and shape {values.shape}")
    return values


def _number(value: Any) -> float:
    """One number of an attribute."""
    if np.ndim(value) or np.asarray(value).dtype.kind not in "biuf" or not np.isfinite(value):
        raise ValueError(f"{str(value)[:60]!r}, must be a number")
    return float(value)


def _whole(value: Any) -> int:
    if _number(value) != int(value):
        raise ValueError(f"{value!r}, must be a whole number")
    return int(value)
