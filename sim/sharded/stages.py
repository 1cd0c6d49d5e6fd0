"""A part as a sequence of networks that need nothing from other ranks while they run, and of sums over ranks in between.

What crosses ranks cuts a feed-forward network into levels. A **stage** is a network of all populations of one level: it takes for sources
what its populations hear from earlier levels, own nodes and the halo behind them as one population, so that a sum over both is whole
before it is shifted. A **sum** is one replicated population that hears split ones; it stands before the stage of its level.

    level of a population = max over what it hears of   level of the source + 1, if what comes crosses ranks, else + 0
    level of a sum        = max over what it hears of   level of the source + 1, if that is a stage's, else + 0

The compiled engine runs stages as it runs any network. A loop that crosses ranks has no such order: then there are no stages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import scipy.sparse as sp

from neurograph.network import Network, Population, Projection, Source
from neurograph.sim.groups import groups
from neurograph.sim.sharded.partition import Part, Share
from neurograph.sim.sharded.static import StaticShare
from neurograph.weights import Dense, Identity, Kron, Sparse, Weights

__all__ = ["Heard", "Stage", "Steps", "steps_of"]


@dataclass(frozen=True)
class Heard:
    """A source of a stage: the own nodes of a population, and its halo if ``halo``."""

    population: str
    halo: bool


@dataclass(frozen=True)
class Stage:
    """Populations that run without a word from other ranks.

    Args:
        network: these, and sources for what they hear; its outputs are the populations that anyone beyond it wants.
        heard: source of the network → what it stands for; a source that stands for nothing is silent.
        statics: static source of the network → the share whose currents it brings.
        shares: for each of the network's ``spiking_projections``, its number among the part's shares.
    """

    network: Network
    heard: Mapping[str, Heard]
    statics: Mapping[str, StaticShare]
    shares: tuple[int, ...]


@dataclass(frozen=True)
class Steps:
    """In the order in which they are run.

    Args:
        levels: of each level the sums, then the stage; either may be missing.
        kept: populations and sources whose spikes are held beyond their level, in the order in which they come.
        last: of those that are heard, the level that hears them last.
    """

    levels: tuple[tuple[tuple[str, ...], Stage | None], ...]
    kept: tuple[str, ...]
    last: Mapping[str, int]


def steps_of(part: Part, exchanged: Collection[str], wanted: Collection[str]) -> Steps | None:
    """The steps of a part; None if a loop crosses ranks.

    Args:
        part: of which every rank gets the same levels.
        exchanged: sources that any rank hears across the cut.
        wanted: populations that are recorded.
    """
    network = part.network
    level = _levels(part, exchanged)
    if level is None:
        return None
    sums = {share.projection.target for share in part.shares if share.summed}
    beyond = set(wanted) & {p.name for p in network.neurons}
    for share in part.shares:
        p = share.projection
        outside = network.populations[p.source].is_source or p.source in sums
        if not outside and (p.target in sums or level[p.target] != level[p.source]):
            beyond.add(p.source)
        if p.source in level and p.source not in part.nodes and p.target in part.nodes:
            beyond.add(p.source)  # whom its spikes reach is not known from the rows of one rank
    order = [name for group in groups(network) for name in group]
    levels = []
    for number in range(max(level.values(), default=-1) + 1):
        here = [name for name in order if level[name] == number]
        stage = [name for name in here if name not in sums]
        levels.append((tuple(n for n in here if n in sums), _stage(part, stage, exchanged, beyond) if stage else None))
    sources = [p.name for p in network.sources if not p.is_static]
    last: dict[str, int] = {}
    for share in part.shares:
        p = share.projection
        last[p.source] = max(last.get(p.source, 0), level[p.target])
    return Steps(tuple(levels), (*sources, *(name for name in order if name in beyond or name in sums)), last)


def _levels(part: Part, exchanged: Collection[str]) -> dict[str, int] | None:
    network = part.network
    shares: dict[str, list[Share]] = {p.name: [] for p in network.neurons}
    for share in part.shares:
        shares[share.projection.target].append(share)
    level: dict[str, int] = {}
    sums: set[str] = set()
    for group in groups(network):
        heard = [share for name in group for share in shares[name]]
        inner = [share for share in heard if share.projection.source in group]
        if any(share.summed for share in heard):
            if inner:
                return None
            sums.update(group)
        elif any(_crosses(part, share, exchanged) for share in inner):
            return None
        reached = 0
        for share in heard:
            source = share.projection.source
            if source in level and source not in group:
                later = source not in sums and (bool(sums & set(group)) or _crosses(part, share, exchanged))
                reached = max(reached, level[source] + later)
        level.update(dict.fromkeys(group, reached))
    return level


def _crosses(part: Part, share: Share, exchanged: Collection[str]) -> bool:
    """Whether any rank may hear its halo through this projection; the same answer on every rank."""
    p = share.projection
    split = p.source in part.nodes and p.target in part.nodes and p.source in exchanged
    return split and not (isinstance(p.weights, Kron) and isinstance(p.weights.left, Identity))


def _stage(part: Part, names: Sequence[str], exchanged: Collection[str], beyond: Collection[str]) -> Stage:
    network = part.network
    populations: dict[str, Population] = {}
    heard: dict[str, Heard] = {}
    statics: dict[str, StaticShare] = {}
    projections: list[Projection] = []
    numbers: list[int] = []

    def source_of(population: Population, what: Heard) -> str:
        name = population.name
        if what.halo:
            name = _fresh(f"{name} and halo", network.populations)
            nodes = population.shape[0] + len(part.halo[what.population])
            population = replace(population, name=name, shape=(nodes, *population.shape[1:]))
        populations[name], heard[name] = replace(population, neuron=Source(), bias=0.0), what
        return name

    for number, share in enumerate(part.shares):
        p = share.projection
        if p.target not in names:
            continue
        numbers.append(number)
        if p.source in names:
            projections.append(p)
            continue
        name = source_of(network.populations[p.source], Heard(p.source, share.remote is not None))
        weights = p.weights if share.remote is None else _side_by_side(p.weights, share.remote)
        projections.append(replace(p, source=name, weights=weights))
    for number, static in enumerate(part.statics):
        if static.projection.target in names:
            name = _fresh(f"{static.projection.source} {number}", network.populations)
            weights = static.weights
            populations[name] = Population(name, (weights.shape[1],), Source("static"))
            projections.append(replace(static.projection, source=name, weights=weights))
            statics[name] = static
    if not populations:  # neurons that hear nothing; a source says how many samples there are
        name = _fresh("nothing", network.populations)
        populations[name] = Population(name, (1,), Source())
    for name in names:
        populations[name] = network.populations[name]
    outputs = tuple(name for name in names if name in beyond)
    return Stage(Network(populations, tuple(projections), network.ticks, network.dt, outputs), heard, statics, tuple(numbers))


def _side_by_side(own: Weights, remote: Weights) -> Weights:
    """Weights over own nodes, then those of the halo."""
    if isinstance(own, Kron):
        return Kron(sp.hstack([own.left, cast(Kron, remote).left], "csr"), own.right)
    if isinstance(own, Sparse):
        return Sparse(sp.hstack([own.matrix, cast(Sparse, remote).matrix], "csr"))
    return Dense(np.hstack([own.matrix, cast(Dense, remote).matrix]))


def _fresh(name: str, taken: Collection[Any]) -> str:
    while name in taken:
        name += "'"
    return name
