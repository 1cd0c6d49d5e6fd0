"""Greedy and random placement, to compare with: rows of neurons in an order, each onto the open core while the rules allow it.

greedy         populations in the network's order, nodes in theirs: the next core begins where one is full
greedy-nodes   nodes in their order, all populations of each: a greedy that knows the populations and not the graph
random         the same rows shuffled, so every core gets a bit of everything

A row is all features of a population at a node; one that no core holds is halved over its features. What a core holds is kept as it fills,
so that no core has to be counted again. Output axons, and lists that partial rows share, are known at the end only: cores that break a
rule then are halved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from neurograph.errors import PlacementError
from neurograph.export.placement.grids import Array, Link, grid, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.packing import list_bits, synapse_bits
from neurograph.export.placement.rules import broken
from neurograph.export.placement.usage import Parameters, measure
from neurograph.network import Network

__all__ = ["fill"]

Row = tuple[str, int, int, int]  # population, node, first feature, end of features


def fill(
    network: Network,
    links: tuple[Link, ...],
    limits: Limits,
    sets: Mapping[str, Parameters],
    order: Literal["greedy", "greedy-nodes", "random"],
    seed: int = 0,
) -> tuple[dict[str, Array], int]:
    """Core of every neuron, population → (size,), and how many cores there are.

    Raises:
        PlacementError: a neuron that no core holds.
    """
    rows: list[Row] = [(p.name, node, 0, grid(p)[1]) for p in placed(network) for node in range(grid(p)[0])]
    if order == "greedy-nodes":
        rows.sort(key=lambda row: row[1])
    elif order == "random":
        rows = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    filler = _Filler(network, links, limits, sets)
    for row in rows:
        filler.add(row)
    core_of, cores = filler.core_of, filler.core + 1
    while True:
        usage = measure(network, links, core_of, cores, limits, sets)
        bad = np.flatnonzero(broken(usage, limits))
        if not len(bad):
            return core_of, cores
        for core in bad:
            _halve(core_of, int(core), cores, limits)
            cores += 1


def _halve(core_of: dict[str, Array], core: int, new: int, limits: Limits) -> None:
    """Move the second half of a core's neurons to a new core."""
    there = [(name, np.flatnonzero(at == core)) for name, at in core_of.items()]
    total = sum(len(neurons) for _, neurons in there)
    if total == 1:
        name = next(name for name, neurons in there if len(neurons))
        raise PlacementError(
            f"population {name!r}: one neuron alone breaks a rule of a core of {limits.target}; prune its synapses, or take a target with "
            "larger cores"
        )
    left = total // 2
    for name, neurons in there:
        core_of[name][neurons[max(0, left) :]] = new
        left -= len(neurons)


@dataclass
class _Load:
    """What the open core holds."""

    neurons: int = 0
    bits: int = 0
    axons: int = 0
    sets: set[int] = field(default_factory=set)
    thresholds: set[int] = field(default_factory=set)
    lists: dict[tuple[int, int, int], Array] = field(default_factory=dict)


class _Filler:
    def __init__(self, network: Network, links: tuple[Link, ...], limits: Limits, sets: Mapping[str, Parameters]) -> None:
        self.limits, self.sets, self.links = limits, sets, links
        self.into = {p.name: [i for i, k in enumerate(links) if k.projection.target == p.name] for p in placed(network)}
        self.core_of = {p.name: np.zeros(p.size, dtype=np.int64) for p in placed(network)}
        self.width = {p.name: grid(p)[1] for p in placed(network)}
        # the last core that each source neuron has an axon in, so that opening a core clears nothing
        self.axon_in = {k.projection.source: np.full(k.source_grid, -1, dtype=np.int32) for k in links}
        self.synapse = [synapse_bits(k.projection, limits) for k in links]
        self.core, self.load = 0, _Load()

    def add(self, row: Row) -> None:
        name, node, first, end = row
        if self._try(row):
            return
        if self.load.neurons:
            self.core, self.load = self.core + 1, _Load()
            if self._try(row):
                return
        if end - first == 1:
            raise PlacementError(
                f"population {name!r}: one neuron (node {node}, feature {first}) alone breaks a rule of a core of {self.limits.target}; "
                "prune its synapses, or take a target with larger cores"
            )
        middle = (first + end) // 2
        self.add((name, node, first, middle))
        self.add((name, node, middle, end))

    def _try(self, row: Row) -> bool:
        name, node, first, end = row
        limits, load = self.limits, self.load
        at = slice(node * self.width[name] + first, node * self.width[name] + end)
        sets = load.sets | set(self.sets[name].sets[at].tolist())
        thresholds = load.thresholds | set(self.sets[name].thresholds[at].tolist())
        if load.neurons + end - first > limits.neurons or len(sets) > limits.parameter_sets or len(thresholds) > limits.thresholds:
            return False
        axons, bits, commits = 0, 0, []
        for index in self.into[name]:
            for nodes, features, more, key, lengths in self._needs(index, node, first, end):
                stamp = self.axon_in[self.links[index].projection.source]
                axons += int(np.count_nonzero(stamp[nodes][:, features] != self.core))
                bits += more
                commits.append((stamp, nodes, features, key, lengths))
        if load.axons + axons > limits.input_axons or load.bits + bits > limits.synaptic_bits:
            return False
        for stamp, nodes, features, key, lengths in commits:
            stamp[np.ix_(nodes, features)] = self.core
            load.lists[key] = lengths
        load.neurons, load.axons, load.bits, load.sets, load.thresholds = (
            load.neurons + end - first,
            load.axons + axons,
            load.bits + bits,
            sets,
            thresholds,
        )
        self.core_of[name][at] = self.core
        return True

    def _needs(self, index: int, node: int, first: int, end: int) -> Iterator[tuple[Array, Array, int, tuple[int, int, int], Array]]:
        """Source nodes and features that need an axon, more bits, and the lengths of this key's lists with the row in them."""
        link, synapse = self.links[index], self.synapse[index]
        if link.target_grid[1] == 1 and link.source_grid[1] == 1:
            yield from self._single(index, node, first, end)
            return
        met = link.right[first:end].sum(axis=0)
        features = np.flatnonzero(met)
        nodes = link.left.indices[link.left.indptr[node] : link.left.indptr[node + 1]]
        if not len(features) or not len(nodes):
            return
        key, shared = (index, first, end), self.limits.shared_lists
        if link.kind in ("identity", "row"):
            once = shared and key in self.load.lists
            times = 0 if once else 1 if shared else len(nodes)
            yield nodes, features, int(list_bits(met[features], synapse).sum()) * times, key, nodes
            return
        before = self.load.lists.get(key)
        before = np.zeros(link.source_grid[0], dtype=np.int64) if before is None else before
        after = before.copy()
        after[nodes] += 1
        more = 0
        lengths, times_of = np.unique(met[features], return_counts=True)
        for length, times in zip(lengths.tolist(), times_of.tolist(), strict=True):
            grown = list_bits(after[nodes] * length, synapse) - list_bits(before[nodes] * length, synapse)
            more += int(grown.sum()) * (1 if shared and link.uniform else times)
        yield nodes, features, more, key, after

    def _single(self, index: int, node: int, first: int, end: int) -> Iterator[tuple[Array, Array, int, tuple[int, int, int], Array]]:
        link, synapse = self.links[index], self.synapse[index]
        width = self.width[link.projection.target]
        span = link.left.indptr[node * width + first], link.left.indptr[node * width + end]
        nodes, counts = np.unique(link.left.indices[span[0] : span[1]], return_counts=True)
        if not len(nodes):
            return
        key = (index, -1, -1)
        before = self.load.lists.get(key)
        before = np.zeros(link.source_grid[0], dtype=np.int64) if before is None else before
        after = before.copy()
        after[nodes] += counts
        more = int((list_bits(after[nodes], synapse) - list_bits(before[nodes], synapse)).sum())
        yield nodes, np.zeros(1, dtype=np.int64), more, key, after
