"""Strands: the parts of a network that features divide, and the data graph that cuts each of them along its nodes.

Two features are coupled where a projection over the same nodes mixes them (a dense right factor), or carries one to the other (a diagonal,
an aggregation A ⊗ I). What is not coupled exchanges no spike, so it may lie anywhere: an aggregation of D features alone is D strands, each
the whole graph at one feature, and attention is one strand of all its populations. A strand is cut between nodes: all that it has of a node
stays together, which makes I ⊗ W free of traffic, and nodes that exchange spikes over A are kept together by the partitioner.

Populations of one node (a sum over nodes, a plain layer) and those behind CSR weights over single neurons are strands of single neurons.

Graded partial sums over chunks of nodes (the pass ``graded_sums``) are carried: chunk c lies where its first node lies, and the strand of
the nodes is cut between chunks, so that spikes into the sums stay on their core and one number a chunk leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import networkx as nx
import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.grids import Array, Link, grid, placed
from neurograph.export.placement.routes import HOST
from neurograph.network import Graded, Network

__all__ = ["Strand", "strands"]


@dataclass(frozen=True)
class Strand:
    """Atoms that are never split, and a graph of what they say to each other.

    Args:
        members: population → its features in this strand. An atom n holds neurons (n, f) of each.
        atoms: how many.
        graph: (atoms, atoms) symmetric, expected messages; None where there are no edges to go by.
        linked: whether those are messages between this strand's own atoms; else the graph is there for the order of nodes alone.
        single: atoms are single neurons, numbered population by population over ``members``.
        key: equal for strands that differ in features only, so that one partition serves them all.
        carried: population of partial sums → the atom that each chunk lies with, shape (chunks,).
        chunk_of: the chunk of each atom, where there are such sums.
    """

    members: Mapping[str, Array]
    atoms: int
    graph: sp.csr_matrix | None
    linked: bool
    single: bool
    key: tuple[object, ...]
    carried: Mapping[str, Array] = field(default_factory=dict)
    chunk_of: Array | None = None

    def put(self, core_of: Mapping[str, Array], shapes: Mapping[str, tuple[int, int]], cores: Array) -> None:
        """Write the core of each atom into ``core_of`` (population → flat array); atoms that are :data:`HOST` are left alone."""
        start, given = 0, cores != HOST
        for name, features in self.members.items():
            if self.single:
                part = slice(start, start := start + len(core_of[name]))
                core_of[name][given[part]] = cores[part][given[part]]
            else:
                core_of[name].reshape(shapes[name])[np.ix_(given, features)] = cores[given][:, None]
        for name, carriers in self.carried.items():
            here = given[carriers]
            core_of[name].reshape(shapes[name])[here] = cores[carriers[here]][:, None]

    def split_features(self, network: Network, links: tuple[Link, ...], rates: Mapping[str, Array]) -> list[Strand]:
        """The same neurons in smaller strands, the way out where a node alone is too much: what a dense projection feeds keeps its features
        together and nothing else, and the rest goes feature by feature."""
        members = {**self.members, **{name: np.arange(grid(network.populations[name])[1]) for name in self.carried}}
        return _node_strands(network, links, rates, set(members), dense=False, only=members)

    def apart(self, network: Network, atom: int) -> list[tuple[Strand, Array]]:
        """An atom without the partial sums that lie with it, and the strands of those sums, each with its own atoms there."""
        found = [(replace(self, carried={}, chunk_of=None, key=(self.key, "bare")), np.array([atom]))]
        for name, carriers in self.carried.items():
            chunks = np.flatnonzero(carriers == atom)
            if len(chunks):
                features = np.arange(grid(network.populations[name])[1])
                found.append((Strand({name: features}, len(carriers), None, False, single=False, key=(name,)), chunks))
        return found


def strands(network: Network, links: tuple[Link, ...], rates: Mapping[str, Array], input_axons: int) -> list[Strand]:
    """Every placed neuron in exactly one strand, in the order of the populations.

    Args:
        rates: population → expected spikes of each neuron, shape (size,).
        input_axons: of a core; partial sums that take more than half of them are not carried.
    """
    single = {p.name for p in placed(network) if grid(p)[0] == 1}
    for link in links:
        if link.target_grid[1] == 1 and link.source_grid[1] == 1:  # weights over single neurons
            flat = [name for name in (link.projection.source, link.projection.target) if grid(network.populations[name])[1] > 1]
            single.update(name for name in flat if not network.populations[name].is_source)
    found = _node_strands(network, links, rates, {p.name for p in placed(network)} - single, dense=True)
    found = _carry(network, links, found, input_axons)
    if single:
        found.append(_single_strand(network, links, rates, [p.name for p in placed(network) if p.name in single]))
    return found


def _carry(network: Network, links: tuple[Link, ...], found: list[Strand], input_axons: int) -> list[Strand]:
    """Partial sums move from strands of their own to that of the nodes which they sum, where these exchange no spikes among themselves."""
    for link in links:
        name, chunks = link.projection.target, link.left.shape[0]
        alone = sum(k.projection.target == name for k in links) == 1
        if not alone or not isinstance(network.populations[name].neuron, Graded) or link.kind != "csr":
            continue
        if (np.diff(link.transposed.indptr) != 1).any():
            continue
        if np.diff(link.left.indptr).max() * link.source_grid[1] > input_axons // 2:
            continue
        chunk_of = link.transposed.indices
        for i, strand in enumerate(found):
            whole = len(strand.members.get(link.projection.source, ())) == link.source_grid[1]
            if whole and not strand.linked and not strand.single and strand.chunk_of is None:
                first = np.array([int(np.flatnonzero(chunk_of == c)[0]) for c in range(chunks)])
                found[i] = replace(strand, carried={name: first}, chunk_of=chunk_of, key=(*strand.key, name))
                found = [s for s in found if name not in s.members]
                break
    return found


def _node_strands(
    network: Network,
    links: tuple[Link, ...],
    rates: Mapping[str, Array],
    names: set[str],
    *,
    dense: bool,
    only: Mapping[str, Array] | None = None,
) -> list[Strand]:
    coupling = nx.Graph()
    for population in placed(network):
        if population.name in names:
            features = range(grid(population)[1]) if only is None else only[population.name].tolist()
            coupling.add_nodes_from((population.name, f) for f in features)
    inside = [k for k in links if {k.projection.source, k.projection.target} <= names and k.left.shape[0] == k.left.shape[1]]
    whole = set() if dense else {k.projection.target for k in inside if _mixes(k)}
    for name in whole:
        nx.add_path(coupling, [vertex for vertex in coupling if vertex[0] == name])
    for link in inside:
        if not whole & {link.projection.source, link.projection.target}:
            e, d = np.nonzero(link.right)
            pairs = zip(d.tolist(), e.tolist(), strict=True)
            edges = (((link.projection.source, a), (link.projection.target, b)) for a, b in pairs)
            coupling.add_edges_from((a, b) for a, b in edges if a in coupling and b in coupling)
    order = {p.name: i for i, p in enumerate(placed(network))}
    graphs: dict[tuple[object, ...], tuple[sp.csr_matrix | None, bool]] = {}
    found = []
    for component in nx.connected_components(coupling):
        chosen: dict[str, list[int]] = {}
        for name, feature in sorted(component, key=lambda vertex: (order[vertex[0]], vertex[1])):
            chosen.setdefault(name, []).append(feature)
        members = {name: np.array(features) for name, features in chosen.items()}
        key = tuple((name, len(features)) for name, features in members.items())
        if key not in graphs:
            graphs[key] = _data_graph(network, links, rates, members)
        found.append(Strand(members, grid(network.populations[next(iter(members))])[0], *graphs[key], single=False, key=key))
    return sorted(found, key=lambda s: [(order[name], int(features[0])) for name, features in s.members.items()])


def _mixes(link: Link) -> bool:
    """Whether a feature of the source reaches other features than its own."""
    rows, columns = np.nonzero(link.right)
    return bool(len(rows) and (np.bincount(rows).max() > 1 or np.bincount(columns).max() > 1))


def _data_graph(
    network: Network, links: tuple[Link, ...], rates: Mapping[str, Array], members: Mapping[str, Array]
) -> tuple[sp.csr_matrix | None, bool]:
    """Messages between nodes, and whether they are the strand's own: over each aggregation, a node's expected spikes to each neighbour.

    Without an aggregation inside the strand, the graph of the whole network over as many nodes, so that what is apart by features still
    keeps the same communities together.
    """
    nodes = grid(network.populations[next(iter(members))])[0]
    square = [k for k in links if k.kind == "csr" and k.left.shape == (nodes, nodes) and k.target_grid[0] == nodes]
    inside = [k for k in square if k.projection.source in members and k.projection.target in members]
    total = sp.csr_matrix((nodes, nodes))
    for link in inside or square:
        spikes = rates[link.projection.source].reshape(link.source_grid)
        own = members.get(link.projection.source)
        weight = (spikes if own is None else spikes[:, own]).sum(axis=1)
        total = total + link.left.astype(np.float64) @ sp.diags(weight + 1e-3 * max(1.0, float(weight.max(initial=0))))
    total = sp.csr_matrix(total + total.T)
    total.setdiag(0)
    total.eliminate_zeros()
    return (total, bool(inside)) if total.nnz else (None, False)


def _single_strand(network: Network, links: tuple[Link, ...], rates: Mapping[str, Array], names: list[str]) -> Strand:
    start, total = {}, 0
    for name in names:
        start[name] = total
        total += network.populations[name].size
    graph = sp.csr_matrix((total, total))
    for link in links:
        source, target = link.projection.source, link.projection.target
        if source in start and target in start and source != target:
            block = sp.coo_matrix(sp.kron(link.left, link.right.astype(np.int64), format="coo"))
            spikes = rates[source][block.col] + 1e-3
            entries = (spikes, (block.row + start[target], block.col + start[source]))
            graph = graph + sp.csr_matrix(entries, shape=(total, total))
    graph = sp.csr_matrix(graph + graph.T)
    graph.setdiag(0)
    graph.eliminate_zeros()
    members = {name: np.arange(grid(network.populations[name])[1]) for name in names}
    key = ("single", *names)
    return Strand(members, total, cast("sp.csr_matrix", graph) if graph.nnz else None, bool(graph.nnz), single=True, key=key)
