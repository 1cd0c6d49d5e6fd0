"""Windows of a dynamic model on one placement: neurons stay where they are, and synapses are swapped.

What is placed is the union of the windows: every node, and a synapse wherever some window has one, with the largest weight that it has in
any. So a core holds every window in turn, since each list of synapses in the union is at least as long as in a window. Then each
window's own synapses and spikes are counted over that placement: what a core holds of a rule is the most that it holds in any window,
neurons aside, which are held all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurograph.core_work import CoreWork
from neurograph.errors import PlacementError
from neurograph.export.placement.grids import Array, links, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.place import LARGEST_WORK, Method, Placement, place
from neurograph.export.placement.rules import Utilisation, check, utilisation
from neurograph.export.placement.traffic import Traffic, count_traffic, spike_totals
from neurograph.export.placement.usage import Usage, measure, parameters
from neurograph.export.placement.work import count_work
from neurograph.network import Network, Projection
from neurograph.sim.recording import Recording
from neurograph.sim.windows import WindowRun
from neurograph.weights import Identity, Kron, Sparse, Weights
from neurograph.windows import DynamicNetwork

__all__ = ["PlacedWindow", "PlacedWindows", "place_windows", "sequence", "union", "whole_graph"]


@dataclass(frozen=True)
class PlacedWindow:
    """One window on the placement of all: what its cores hold of it, and what its recording does there."""

    at: int
    usage: Usage
    traffic: Traffic
    work: CoreWork | None


@dataclass(frozen=True)
class PlacedWindows:
    """A placement of all windows.

    Args:
        placement: of the union; its usage and rules are the most of any window, its traffic is that of all of them.
        windows: those in which something runs.
    """

    placement: Placement
    windows: tuple[PlacedWindow, ...]


def place_windows(
    dynamic: DynamicNetwork, runs: Sequence[WindowRun], limits: Limits, *, method: Method = "metis", seed: int = 0
) -> PlacedWindows:
    """Place all windows of an integer dynamic network, and count its run.

    Args:
        dynamic: aligned and quantised. runs: of it, all windows in their order.
        limits, method, seed: as of :func:`neurograph.export.placement.place.place`.

    Raises:
        PlacementError: a rule that no number of cores satisfies, said whether the largest window alone satisfies it; projections that have
            no union.
        InputError: a recording of another network.
    """
    there = [run for run in runs if run.network is not None and run.recording is not None]
    rates = _rates(dynamic, there)
    try:
        placement = place(union(dynamic), limits, rates=rates, method=method, seed=seed)
    except PlacementError as error:
        raise PlacementError(f"all windows on one placement: {error}{_alone(dynamic, limits, seed)}") from None
    sets = parameters(placement.network)
    made, usages, rules = [], [], []
    for run in there:
        network, nodes = run.network, dynamic.windows[run.at].nodes
        assert network is not None and run.recording is not None
        of = links(network)
        core_of = {p.name: _rows(placement.core_of[p.name], nodes, dynamic.nodes) for p in placed(network)}
        own = {
            name: replace(one, sets=_rows(one.sets, nodes, dynamic.nodes), thresholds=_rows(one.thresholds, nodes, dynamic.nodes))
            for name, one in sets.items()
        }
        usage = measure(network, of, core_of, placement.cores, limits, own)
        traffic = count_traffic(network, usage.routes, core_of, placement.mesh, run.recording)
        bearable = network.ticks * placement.cores <= LARGEST_WORK
        work = count_work(network, usage, core_of, run.recording) if bearable else None
        made.append(PlacedWindow(run.at, replace(usage, routes=()), traffic, work))
        usages.append(usage)
        rules.append(utilisation(usage, network, of, limits))
    held = _held(placement.usage, usages)
    most = _most(utilisation(held, placement.network, (), limits), rules)
    check(most, limits)
    traffic = _added([window.traffic for window in made])
    return PlacedWindows(replace(placement, usage=held, rules=most, traffic=traffic), tuple(made))


def union(dynamic: DynamicNetwork) -> Network:
    """The network over all N nodes whose projections have every synapse of any window, with its largest weight.

    Raises:
        PlacementError: weights that are neither per node nor sparse over nodes or neurons.
    """
    first, windows = dynamic.network, [w for w in dynamic.windows if w.network is not None]
    populations = {p.name: replace(p, shape=(dynamic.nodes, *p.shape[1:])) for p in first.populations.values()}
    projections = []
    for index, projection in enumerate(first.projections):
        parts = [w.network.projections[index] for w in windows if w.network is not None]
        if isinstance(projection.weights, Kron) and isinstance(projection.weights.left, Identity):
            weights: Weights = Kron(Identity(dynamic.nodes), projection.weights.right)
        else:
            scattered = [whole_graph(part, w.nodes, dynamic.nodes) for part, w in zip(parts, windows, strict=True)]
            largest = _largest(scattered)
            weights = Kron(largest, projection.weights.right) if isinstance(projection.weights, Kron) else Sparse(largest)
        projections.append(replace(projection, weights=weights))
    return replace(first, populations=populations, projections=tuple(projections))


def sequence(dynamic: DynamicNetwork, runs: Sequence[WindowRun]) -> tuple[Network, Recording]:
    """All windows as one recording of all N nodes: their ticks one after the other, no spikes of a node that takes no part."""
    there = [(dynamic.windows[run.at].nodes, run.recording) for run in runs if run.recording is not None]
    ticks = sum(recording.ticks for _, recording in there)
    network = replace(union(dynamic), ticks=ticks)
    spikes = {}
    for population in (p for p in network.populations.values() if not p.is_static):
        whole = np.zeros((1, ticks, *population.shape), there[0][1].spikes[population.name].dtype)
        tick = 0
        for nodes, recording in there:
            whole[:, tick : tick + recording.ticks, nodes] = recording.spikes[population.name]
            tick += recording.ticks
        spikes[population.name] = whole
    return network, Recording(there[0][1].engine, ticks, spikes)


def whole_graph(projection: Projection, nodes: Array, count: int) -> sp.csr_matrix:
    """The sparse factor of a window's projection over ``count`` nodes, or over their neurons, in place of the ``nodes`` that take part.

    Raises:
        PlacementError: it has none.
    """
    weights = projection.weights
    if isinstance(weights, Kron) and sp.issparse(weights.left):
        matrix: Any = weights.left
    elif isinstance(weights, Sparse):
        matrix = weights.matrix
    else:
        raise PlacementError(
            f"projection {projection.name}: its weights are {type(weights).__name__}, windows are placed with weights per node or sparse "
            "over nodes; make it one of these"
        )
    entries = matrix.tocoo()
    rows, columns = (_neurons(nodes, size // len(nodes)) for size in matrix.shape)
    shape = tuple(size // len(nodes) * count for size in matrix.shape)
    return sp.csr_matrix((entries.data, (rows[entries.row], columns[entries.col])), shape=shape)


def _neurons(nodes: Array, each: int) -> Array:
    return np.asarray(np.asarray(nodes)[:, None] * each + np.arange(each)).ravel()


def _largest(parts: Sequence[sp.csr_matrix]) -> sp.csr_matrix:
    """Entry by entry the one of largest magnitude."""
    shape = parts[0].shape
    keys, values = np.zeros(0, np.int64), np.zeros(0, parts[0].dtype)
    for part in parts:
        entries = part.tocoo()
        keys = np.concatenate([keys, entries.row.astype(np.int64) * shape[1] + entries.col])
        values = np.concatenate([values, entries.data])
        order = np.lexsort((np.abs(values), keys))
        keys, values = keys[order], values[order]
        last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
        keys, values = keys[last], values[last]
    return sp.csr_matrix((values, (keys // shape[1], keys % shape[1])), shape=shape)


def _rows(values: Array, nodes: Array, count: int) -> Array:
    """Of (N·D,) the neurons of some nodes, (n·D,)."""
    return np.asarray(values.reshape(count, -1)[nodes]).ravel()


def _rates(dynamic: DynamicNetwork, runs: Sequence[WindowRun]) -> dict[str, Array]:
    """Spikes of each neuron over all windows."""
    found: dict[str, Array] = {}
    for run in runs:
        assert run.network is not None and run.recording is not None
        nodes = dynamic.windows[run.at].nodes
        for name, spikes in spike_totals(run.network, run.recording).items():
            total = found.setdefault(name, np.zeros((dynamic.nodes, spikes.size // len(nodes))))
            total[nodes] += spikes.reshape(len(nodes), -1)
    return {name: total.ravel() for name, total in found.items()}


def _held(union_usage: Usage, usages: Sequence[Usage]) -> Usage:
    """The most of any window, core by core; neurons and their parameters are there all the time."""
    always = ("neurons", "parameter_sets", "thresholds", "routes")
    most: dict[str, Any] = {
        f.name: np.max([getattr(usage, f.name) for usage in usages], axis=0) for f in fields(Usage) if f.name not in always
    }
    return replace(union_usage, **most)


def _added(windows: Sequence[Traffic]) -> Traffic:
    """Traffic of all windows; the farthest message is that of any."""
    found: dict[str, Any] = {}
    for f in fields(Traffic):
        values = [getattr(window, f.name) for window in windows]
        found[f.name] = np.max(values, axis=0) if f.name.startswith("farthest") else sum(values[1:], values[0])
    return Traffic(**found)


def _most(held: Sequence[Utilisation], windows: Sequence[Sequence[Utilisation]]) -> tuple[Utilisation, ...]:
    """Rules on cores as they are held, those on networks in the window that uses most."""
    by_rule: dict[str, list[Utilisation]] = {}
    for rule in (rule for rules in windows for rule in rules):
        by_rule.setdefault(rule.rule, []).append(rule)
    return tuple(rule if rule.mean is not None else max(by_rule[rule.rule], key=lambda one: one.used) for rule in held)


def _alone(dynamic: DynamicNetwork, limits: Limits, seed: int) -> str:
    """Whether the window with the most nodes would fit by itself, in words; nothing where it would not."""
    largest = max((w for w in dynamic.windows if w.network is not None), key=lambda w: len(w.nodes))
    assert largest.network is not None
    try:
        found = place(largest.network, limits, seed=seed)
    except PlacementError:
        return ""
    return f" (the largest window alone, of {len(largest.nodes):,} nodes, fits {found.cores:,} cores: what is too much is their union)"
