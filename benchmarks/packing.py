"""Many small networks of one family as one network: Lava starts a process for every population and projection, so they are shared.

Populations of the same name are laid side by side, parameters neuron by neuron; projections with the same ends, lag, exponent, sign mode
and port become one sparse matrix of blocks. No spike passes between networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from random_families import Case

from neurograph.network import Network, Population, Projection
from neurograph.weights import Sparse

__all__ = ["Packed", "as_one_inference", "pack", "side_by_side"]

Array = NDArray[Any]
SHARED = ("bias_exp", "scale", "exponent", "bits")  # numbers that a population of Lava has once


@dataclass(frozen=True)
class Packed:
    """``case`` is the whole; ``places`` says, network by network, population → population of the whole and neurons of that."""

    case: Case
    places: Sequence[Mapping[str, tuple[str, slice]]]

    def part(self, number: int, values: Mapping[str, Array]) -> dict[str, Array]:
        """Of population → (samples, T, *shape) those of one network, flat: (samples, T, n)."""
        found = {name: place for name, place in self.places[number].items() if place[0] in values}
        return {name: values[whole].reshape(*values[whole].shape[:2], -1)[:, :, where] for name, (whole, where) in found.items()}


def pack(cases: Sequence[Case]) -> Packed:
    """Networks of the same ticks and samples, whose populations of the same name are of one kind."""
    starts: dict[str, int] = {}
    places: list[dict[str, slice]] = []
    for case in cases:
        sizes = {name: p.size for name, p in case.network.populations.items()}
        places.append({name: slice(starts.get(name, 0), starts.get(name, 0) + size) for name, size in sizes.items()})
        starts |= {name: where.stop for name, where in places[-1].items()}
    together = {name: [c.network.populations[name] for c in cases if name in c.network.populations] for name in starts}
    populations = {name: _population(name, parts) for name, parts in together.items()}
    inputs = {
        name: np.concatenate([_flat(c, name) for c in cases if name in c.network.populations], axis=-1)
        for name, p in populations.items()
        if p.is_source and not p.is_constant
    }
    network = Network(populations, tuple(_projections(cases, places, starts)), cases[0].network.ticks)
    return Packed(Case(network, inputs), [{name: (name, where) for name, where in place.items()} for place in places])


def side_by_side(cases: Sequence[Case]) -> Packed:
    """As they are, every population and projection a process of its own: few networks, whose weights keep their forms."""
    populations, projections, inputs, places = {}, [], {}, []
    for number, case in enumerate(cases):
        names = {name: f"n{number}_{name}" for name in case.network.populations}
        populations |= {names[name]: replace(p, name=names[name]) for name, p in case.network.populations.items()}
        projections += [replace(p, source=names[p.source], target=names[p.target]) for p in case.network.projections]
        inputs |= {names[name]: value for name, value in case.inputs.items()}
        places.append({name: (whole, slice(None)) for name, whole in names.items()})
    return Packed(Case(Network(populations, tuple(projections), cases[0].network.ticks), inputs), places)


def _flat(case: Case, name: str) -> Array:
    value, population = np.asarray(case.inputs[name]), case.network.populations[name]
    return value.reshape(*value.shape[: value.ndim - len(population.shape)], population.size)


def _population(name: str, parts: Sequence[Population]) -> Population:
    first = parts[0].neuron
    changes = {}
    for field in fields(first):
        values = [getattr(p.neuron, field.name) for p in parts]
        if field.name in SHARED or isinstance(values[0], (str, tuple)) or values[0] is None:
            assert all(value == values[0] for value in values), (name, field.name)
        else:
            changes[field.name] = _side_by_side(parts, values)
    bias = _side_by_side(parts, [p.bias for p in parts])
    if parts[0].is_source or parts[0].is_graded:
        return Population(name, (sum(p.size for p in parts),), first)
    return Population(name, bias.shape, replace(first, **changes), bias)


def _side_by_side(parts: Sequence[Population], values: Sequence[Any]) -> Array:
    return np.concatenate([np.broadcast_to(np.asarray(v), p.shape).ravel() for p, v in zip(parts, values, strict=True)])


def _projections(cases: Sequence[Case], places: Sequence[Mapping[str, slice]], sizes: Mapping[str, int]) -> list[Projection]:
    blocks: dict[tuple[Any, ...], list[Any]] = {}
    for case, where in zip(cases, places, strict=True):
        seen = Counter[Any]()  # of two that are alike each is summed and shifted by itself
        for p in case.network.projections:
            alike = p.source, p.target, p.lag, p.exponent, p.sign_mode, p.port
            key = *alike, seen[alike]
            seen[alike] += 1
            block = p.weights.to_csr().tocoo()
            blocks.setdefault(key, []).append((block.data, block.row + where[p.target].start, block.col + where[p.source].start))
    made = []
    for (source, target, lag, exponent, mode, port, _), parts in blocks.items():
        data, rows, columns = (np.concatenate(x) for x in zip(*parts, strict=True))
        matrix = sp.csr_matrix((data, (rows, columns)), shape=(sizes[target], sizes[source]))
        made.append(Projection(source, target, Sparse(matrix), lag, exponent=exponent, sign_mode=mode, port=port))
    return made


def as_one_inference(case: Case) -> Case:
    """A network that keeps its state over S inferences of T ticks as one that clears it, over one inference of S · T: Lava keeps none.

    The same only without lags, as a lag carries nothing from one inference to the next.
    """
    network, samples = case.network, len(next(iter(case.inputs.values()), [0]))
    assert not network.is_recurrent
    cleared: list[Population] = [replace(p, neuron=replace(p.neuron, state="cleared")) for p in network.neurons]  # type: ignore[arg-type, call-arg]
    longer = replace(network.with_populations(cleared), ticks=network.ticks * samples)
    return Case(longer, {name: value.reshape(1, -1, *value.shape[2:]) for name, value in case.inputs.items()})
