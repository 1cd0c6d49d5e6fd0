"""Usage: what every core would hold if the neurons were placed so. Exact, from the routes; never by expanding a projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurograph.errors import PlacementError
from neurograph.export.placement.grids import Array, Link, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.packing import stored_bits
from neurograph.export.placement.routes import HOST, Lists, Route, lists, routes
from neurograph.network import FixedLIF, Graded, Network, Population, Product

__all__ = ["Parameters", "Usage", "measure", "parameters"]


@dataclass(frozen=True)
class Parameters:
    """Which set of decays and resets, and which threshold, each neuron of a population has: arrays (size,), numbered over the network."""

    sets: Array
    thresholds: Array


@dataclass(frozen=True)
class Usage:
    """What each of K cores holds, arrays of shape (K,).

    Args:
        neurons: placed there.
        input_axons: source neurons that have a synapse there, those of the core itself included.
        output_axons: neuron × destination core over the core's neurons.
        synapses: nonzero weights.
        synaptic_bits: as the target packs them; ``expanded_bits`` without shared lists.
        parameter_sets, thresholds: distinct ones.
        fan_out: the most cores that one of the core's neurons reaches.
        routes: where the messages go.
    """

    neurons: Array
    input_axons: Array
    output_axons: Array
    synapses: Array
    synaptic_bits: Array
    expanded_bits: Array
    parameter_sets: Array
    thresholds: Array
    fan_out: Array
    routes: tuple[Route, ...]

    @property
    def cores(self) -> int:
        return len(self.neurons)


def measure(
    network: Network, of: tuple[Link, ...], core_of: Mapping[str, Array], cores: int, limits: Limits, sets: Mapping[str, Parameters]
) -> Usage:
    """Count what each core holds.

    Args:
        network: placed.
        of: its links, from :func:`neurograph.export.placement.grids.links`.
        core_of: population → core of each neuron, shape (size,); :data:`HOST` for those not to be counted. Sources may be missing.
        cores: K.
        limits: of the target.
        sets: from :func:`parameters`.
    """
    zeros = np.zeros(cores, dtype=np.int64)
    neurons, synapses, bits, expanded = zeros.copy(), zeros.copy(), zeros.copy(), zeros.copy()
    by_link: list[list[Lists]] = []
    for population in placed(network):
        neurons += _per_core(core_of[population.name], cores)
    for link in of:
        parts = lists(link, core_of[link.projection.target], cores)
        by_link.append(parts)
        if parts:
            synapses += sum((_columns(part) * len(part.features) for part in parts), zeros)
            unshared = stored_bits(parts, limits, shared=False)
            expanded += unshared
            bits += stored_bits(parts, limits, shared=True) if limits.shared_lists else unshared
    found = routes(by_link)
    incoming, outgoing, fan_out = zeros.copy(), zeros.copy(), zeros.copy()
    for route in found:
        incoming += np.bincount(route.cores.indices, minlength=cores) * len(route.features)
        if route.population in core_of:
            at = core_of[route.population].reshape(route.grid)[:, route.features]
            here, reached = at != HOST, np.repeat(np.diff(route.cores.indptr)[:, None], at.shape[1], axis=1)
            outgoing += np.bincount(at[here], weights=reached[here], minlength=cores).astype(np.int64)
            np.maximum.at(fan_out, at[here], reached[here])
    return Usage(
        neurons=neurons,
        input_axons=incoming,
        output_axons=outgoing,
        synapses=synapses,
        synaptic_bits=bits,
        expanded_bits=expanded,
        parameter_sets=_distinct({name: sets[name].sets for name in sets}, core_of, cores),
        thresholds=_distinct({name: sets[name].thresholds for name in sets}, core_of, cores),
        fan_out=fan_out,
        routes=tuple(found),
    )


def parameters(network: Network) -> dict[str, Parameters]:
    """Number the sets of parameters of an integer network.

    Raises:
        PlacementError: a float network.
    """
    numbers: dict[tuple[float, ...], int] = {}
    levels: dict[tuple[float, ...], int] = {}
    found = {}
    for population in placed(network):
        neuron = population.neuron
        if isinstance(neuron, (Graded, Product)):  # a program of its own in place of decays, and a threshold of 0
            program = (-1, isinstance(neuron, Product), getattr(neuron, "exponent", 0))
            found[population.name] = Parameters(_numbered(program, population, numbers), _numbered((0,), population, levels))
            continue
        if not isinstance(neuron, FixedLIF):
            raise PlacementError(
                f"population {population.name!r}: {type(neuron).__name__} is no integer neuron, a chip holds FixedLIF; quantise the network"
            )
        by = neuron.vth if neuron.reset_by is None else neuron.reset_by
        subtract = neuron.reset == "subtract"
        decays = (neuron.du, neuron.dv, neuron.v_reset, subtract, by if subtract else 0, neuron.bias_exp)
        found[population.name] = Parameters(_numbered(decays, population, numbers), _numbered((neuron.vth,), population, levels))
    return found


def _numbered(values: tuple[object, ...], population: Population, numbers: dict[tuple[float, ...], int]) -> Array:
    if all(np.ndim(value) == 0 for value in values):  # type: ignore[arg-type]
        key = tuple(float(value) for value in values)  # type: ignore[arg-type]
        return np.full(population.size, numbers.setdefault(key, len(numbers)), dtype=np.int32)
    table = np.stack([np.broadcast_to(np.asarray(value, dtype=np.float64), population.shape).ravel() for value in values], axis=1)
    rows, row_of = np.unique(table, axis=0, return_inverse=True)
    ids = np.array([numbers.setdefault(tuple(row), len(numbers)) for row in rows.tolist()], dtype=np.int32)
    return ids[np.asarray(row_of).reshape(-1)]


def _per_core(at: Array, cores: int) -> Array:
    return np.bincount(at[at != HOST], minlength=cores).astype(np.int64)


def _columns(part: Lists) -> Array:
    return np.bincount(part.lengths.indices, weights=part.lengths.data, minlength=part.lengths.shape[1]).astype(np.int64)


def _distinct(ids: Mapping[str, Array], core_of: Mapping[str, Array], cores: int) -> Array:
    """Distinct numbers met in each core."""
    width = 1 + max((int(values.max()) for values in ids.values()), default=0)
    met = []
    for name, values in ids.items():
        at = core_of[name]
        if values[0] == values[-1] and (values == values[0]).all():  # the common case, without sorting all neurons
            met.append(np.flatnonzero(_per_core(at, cores)) * width + values[0])
        else:
            met.append(np.unique(at[at != HOST].astype(np.int64) * width + values[at != HOST]))
    keys = np.unique(np.concatenate(met)) if met else np.zeros(0, dtype=np.int64)
    return np.bincount(keys // width, minlength=cores).astype(np.int64)
