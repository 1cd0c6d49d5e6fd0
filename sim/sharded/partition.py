"""A rank's part of a network: its own rows of every population and every projection, and the halo that they need.

A projection takes one of four ways, by whether its source and its target are split (:mod:`neurograph.sim.sharded.assignment`):

    split → split             rows of own target nodes; columns of own source nodes act at home, those of remote nodes on the halo
    replicated → split        rows of own target nodes; nothing crosses
    split → replicated        columns of own source nodes; the partial sums of all ranks are added up before the exponent's shift
    replicated → replicated   the whole of it on every rank; nothing crosses

The **halo** of a source is the set of remote nodes that a rank's rows hear of, in any of its projections: each spike goes to each rank
at most once, however many projections take it.

Every nonzero weight is on exactly one rank, but for those of the last way, which rank 0 counts. NumPy only; the run over processes is
:mod:`neurograph.sim.sharded.run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import Network, Population, Projection, Source
from neurograph.sim.sharded.assignment import Assignment
from neurograph.sim.sharded.cutting import FanOut, Remote, at_nodes, columns_of, fan_out_of, node_form, rows_of, split_columns
from neurograph.sim.sharded.static import StaticShare, static_share
from neurograph.weights import Weights

__all__ = ["Part", "Share", "assemble", "cut", "cut_population", "requests"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Share:
    """What a rank holds of one projection.

    Args:
        projection: the local one; its weights act on the rank's own neurons of the source (all of them, if replicated).
        remote: weights that act on the halo of the source, (own target neurons, halo nodes · features); None where nothing is remote.
        summed: whether the products of all ranks are added before the shift.
        fan_out: of the rank's own source neurons, over all targets anywhere.
    """

    projection: Projection
    remote: Weights | None
    summed: bool
    fan_out: FanOut


@dataclass(frozen=True)
class Part:
    """A rank's part of a network.

    Args:
        network: populations with own rows only (all rows of replicated ones), and the local projections that carry spikes.
        rank, shards: which part of how many.
        shares: one for each projection of ``network``, in the order of the whole network's ``spiking_projections``.
        statics: what turns static inputs, which every rank is given whole, into the currents of own neurons.
        shapes: of every population of the whole network.
        nodes: split population → its nodes on this rank, ascending.
        halo: source → remote nodes, by owner and then ascending.
        halo_owners: source → owner of each node of the halo.
    """

    network: Network
    rank: int
    shards: int
    shares: tuple[Share, ...]
    statics: tuple[StaticShare, ...]
    shapes: Mapping[str, tuple[int, ...]]
    nodes: Mapping[str, Array]
    halo: Mapping[str, Array]
    halo_owners: Mapping[str, Array]

    def is_mine(self, name: str) -> bool:
        """Whether this rank counts a population's local neurons: those that it owns, and on rank 0 the replicated ones."""
        return name in self.nodes or self.rank == 0

    def own(self, name: str, values: Array, axis: int) -> Array:
        """The rows of own nodes of an array over a whole population, whose nodes lie along ``axis``."""
        return at_nodes(values, self.nodes[name], axis) if name in self.nodes else values


@dataclass(frozen=True)
class _Loose:
    """A share whose remote weights still have the whole network's column numbers."""

    share: Share
    remote: Remote | None


def cut(network: Network, assignment: Assignment, rank: int) -> Part:
    """One rank's part of a whole network."""
    return assemble(network.populations, network.projections, assignment, rank, network)


def assemble(
    populations: Mapping[str, Population],
    projections: Iterable[Projection],
    assignment: Assignment,
    rank: int,
    frame: Any,
) -> Part:
    """:func:`cut` of projections that come one by one, so that no more than one of them is in memory as a whole.

    Args:
        populations: of the whole network.
        projections: of the whole network, with their weights; each is cut before the next is asked for.
        assignment, rank: who owns what, and whose part to make.
        frame: where ``ticks``, ``dt`` and ``outputs`` are (a Network, or what is known of one that is being read).
    """
    loose: list[_Loose] = []
    statics: list[StaticShare] = []
    for projection in projections:
        source, target = populations[projection.source], populations[projection.target]
        if source.is_static:
            statics.append(static_share(projection, source, target, assignment, rank))
        else:
            loose.append(_cut_projection(projection, source, target, assignment, rank))
    halo, owners = _halos(loose, populations, assignment)
    shares = tuple(_renumbered(one, populations, halo) for one in loose)
    local = {name: cut_population(p, assignment, rank) for name, p in populations.items()}
    return Part(
        Network(local, tuple(share.projection for share in shares), frame.ticks, frame.dt, tuple(frame.outputs)),
        rank,
        assignment.shards,
        shares,
        tuple(statics),
        {name: p.shape for name, p in populations.items()},
        {name: assignment.nodes(p, rank) for name, p in populations.items() if assignment.is_split(p) and not p.is_static},
        halo,
        owners,
    )


def cut_population(population: Population, assignment: Assignment, rank: int) -> Population:
    """The population with a rank's own nodes, and their parameters."""
    if not assignment.is_split(population) or population.is_static:
        return population
    rows = assignment.nodes(population, rank)

    def own(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.ndim == len(population.shape) and value.shape[0] != 1:
            return value[rows]
        return value

    neuron = population.neuron
    if not isinstance(neuron, Source):
        neuron = replace(neuron, **{field.name: own(getattr(neuron, field.name)) for field in fields(neuron)})
    return replace(population, shape=(len(rows), *population.shape[1:]), neuron=neuron, bias=own(population.bias))


def requests(part: Part, name: str) -> list[Array]:
    """The nodes of a source that a rank wants to hear of, rank by rank: what it sends around once, before the run."""
    owners = part.halo_owners.get(name)
    if owners is None:
        return [np.zeros(0, dtype=np.int64)] * part.shards
    return [part.halo[name][owners == rank] for rank in range(part.shards)]


def _cut_projection(projection: Projection, source: Population, target: Population, assignment: Assignment, rank: int) -> _Loose:
    here, there = assignment.is_split(source), assignment.is_split(target)
    weights = node_form(projection.weights, source, target, split=(here, there))
    fan_out = fan_out_of(weights, assignment.nodes(source, rank) if here else None, source)
    remote: Remote | None = None
    if there:
        weights = rows_of(weights, assignment.nodes(target, rank), target)
        if here:
            weights, remote = split_columns(weights, assignment.owners[source.shape[0]] == rank, source)
    elif here:
        weights = columns_of(weights, assignment.nodes(source, rank), source)
    return _Loose(Share(replace(projection, weights=weights), None, here and not there, fan_out), remote)


def _halos(
    loose: Iterable[_Loose], populations: Mapping[str, Population], assignment: Assignment
) -> tuple[dict[str, Array], dict[str, Array]]:
    wanted: dict[str, list[Array]] = {}
    for one in loose:
        if one.remote is not None:
            wanted.setdefault(one.share.projection.source, []).append(one.remote.nodes)
    halo, owners = {}, {}
    for name, lists in wanted.items():
        nodes = np.unique(np.concatenate(lists))
        if len(nodes):
            owner = assignment.owners[populations[name].shape[0]][nodes]
            order = np.argsort(owner, kind="stable")
            halo[name], owners[name] = nodes[order], owner[order]
    return halo, owners


def _renumbered(one: _Loose, populations: Mapping[str, Population], halo: Mapping[str, Array]) -> Share:
    if one.remote is None:
        return one.share
    nodes = halo[one.share.projection.source]
    place = np.zeros(int(nodes.max()) + 1, dtype=np.int64)
    place[nodes] = np.arange(len(nodes))
    return replace(one.share, remote=one.remote.at(place[one.remote.nodes], len(nodes)))
