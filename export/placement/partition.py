"""METIS: strands cut along the data graph until every piece fits a core, then pieces that talk put on cores together.

METIS (Karypis and Kumar 1998, through pymetis) minimises the messages that are cut. It balances one weight, here each atom's share of the
limits; what it cannot see (several limits at once, axons shared by neighbours) is checked afterwards, and pieces that break a rule are
halved. A network that fits one core is not cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from neurograph.errors import PlacementError
from neurograph.export.placement.grids import Array, Link, grid, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.routes import HOST
from neurograph.export.placement.rules import CORE_RULES, broken
from neurograph.export.placement.strands import Strand, strands
from neurograph.export.placement.usage import Parameters, Usage, measure
from neurograph.metis import Cut, part_graphs
from neurograph.network import Network

__all__ = ["bisect", "metis", "partition"]

_LARGEST_WEIGHT = 10_000  # METIS takes integers
_IMBALANCE = 50  # in thousandths
_COMMUNITIES = 32
_HEAVY = 0.1  # share of the nodes that may be too much for a core each; with more, features are taken apart rather than nodes
_HALVED = 0.2  # share of the pieces that may break a rule and be halved; cutting everything finer costs more cores than that


@dataclass
class _Piece:
    strand: int
    atoms: Array


@dataclass
class _Work:
    network: Network
    links: tuple[Link, ...]
    limits: Limits
    sets: Mapping[str, Parameters]
    rates: Mapping[str, Array]
    seed: int
    parts: list[Strand] = field(default_factory=list)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def empty(self) -> dict[str, Array]:
        return {p.name: np.full(p.size, HOST, dtype=np.int64) for p in placed(self.network)}

    def measure(self, pieces: list[_Piece], *, rest: bool = False) -> tuple[dict[str, Array], Usage]:
        """Each piece on a core of its own; with ``rest``, all other neurons on one more core, so that messages to them count too."""
        core_of = {name: np.full_like(at, len(pieces) if rest else HOST) for name, at in self.empty().items()}
        by_strand: dict[int, Array] = {}
        for core, piece in enumerate(pieces):
            by_strand.setdefault(piece.strand, np.full(self.parts[piece.strand].atoms, HOST, dtype=np.int64))[piece.atoms] = core
        for index, cores in by_strand.items():
            self.parts[index].put(core_of, self.shapes, cores)
        return core_of, measure(self.network, self.links, core_of, len(pieces) + rest, self.limits, self.sets)

    def broken(self, pieces: list[_Piece]) -> tuple[Usage, Array]:
        """Usage of each piece alone, and which of them break a rule."""
        _, usage = self.measure(pieces, rest=True)
        return usage, broken(usage, self.limits)[: len(pieces)]


def partition(
    network: Network, links: tuple[Link, ...], limits: Limits, sets: Mapping[str, Parameters], rates: Mapping[str, Array], seed: int
) -> tuple[dict[str, Array], int]:
    """Core of every neuron, population → (size,), and how many cores there are.

    Args:
        rates: population → expected spikes of each neuron.
        seed: of METIS; the same seed gives the same cores.

    Raises:
        PlacementError: a neuron that breaks a rule by itself, by name.
    """
    if sum(p.size for p in placed(network)) <= limits.neurons:  # the cheapest of the rules: large networks are not measured for it
        whole = {p.name: np.zeros(p.size, dtype=np.int64) for p in placed(network)}
        if not broken(measure(network, links, whole, 1, limits, sets), limits)[0]:
            return whole, 1
    work = _Work(network, links, limits, sets, rates, seed, shapes={p.name: grid(p) for p in placed(network)})
    pieces = _feasible(work, _first_cut(work))
    core_of, usage = work.measure(pieces)
    onto = _pack(work, pieces, core_of, usage)
    merged = {name: onto[at] for name, at in core_of.items()}
    return merged, int(onto.max()) + 1


def metis(graph: sp.csr_matrix | None, weights: Array, parts: int, seed: int) -> Array:
    """Part of each vertex, 0 to ``parts`` − 1.

    Args:
        graph: symmetric, edge weights ≥ 0; None for no edges, which gives runs of consecutive vertices.
        weights: of the vertices, balanced within 5 %.
    """
    return _metis_of_each([(graph, weights, parts)], seed)[0]


def _metis_of_each(asked: Sequence[tuple[sp.csr_matrix | None, Array, int]], seed: int) -> list[Array]:
    """:func:`metis` of several graphs at once."""
    found: list[Array | None] = []
    cuts = []
    for graph, weights, parts in asked:
        if parts == 1 or len(weights) <= 1:
            found.append(np.zeros(len(weights), dtype=np.int64))
        elif graph is None or graph.nnz == 0:
            found.append(_runs(weights, parts))
        else:
            found.append(None)
            edges = np.maximum(1, np.rint(graph.data / graph.data.max() * _LARGEST_WEIGHT)).astype(np.int64)
            vertices = np.maximum(1, np.rint(weights / weights.max() * _LARGEST_WEIGHT)).astype(np.int64)
            cuts.append(Cut(sp.csr_matrix((edges, graph.indices, graph.indptr), shape=graph.shape), parts, vertices))
    cut = iter(part_graphs(cuts, seed=seed, ufactor=_IMBALANCE, ncuts=2))
    return [next(cut) if part is None else part for part in found]


def _runs(weights: Array, parts: int) -> Array:
    """Consecutive vertices in parts as even as they come."""
    middle = np.cumsum(weights) - weights / 2
    return np.minimum((middle / weights.sum() * parts).astype(np.int64), parts - 1)


def bisect(torn: Sequence[tuple[Strand, Array]], seed: int) -> list[list[Array]]:
    """Two halves of some atoms of each strand, neither empty."""
    graphs = [None if strand.chunk_of is not None or strand.graph is None else strand.graph[atoms][:, atoms] for strand, atoms in torn]
    parts = _metis_of_each([(graph, np.ones(len(atoms)), 2) for graph, (_, atoms) in zip(graphs, torn, strict=True)], seed)
    return [_halves(strand, atoms, part) for (strand, atoms), part in zip(torn, parts, strict=True)]


def _halves(strand: Strand, atoms: Array, part: Array) -> list[Array]:
    if strand.chunk_of is not None:
        atoms = atoms[np.argsort(strand.chunk_of[atoms], kind="stable")]
        borders = 1 + np.flatnonzero(np.diff(strand.chunk_of[atoms]))
        middle = len(atoms) // 2 if not len(borders) else int(borders[np.abs(borders - len(atoms) / 2).argmin()])
        return [atoms[:middle], atoms[middle:]]
    halves = [atoms[part == 0], atoms[part == 1]]
    return halves if all(len(half) for half in halves) else [atoms[: len(atoms) // 2], atoms[len(atoms) // 2 :]]


def _first_cut(work: _Work) -> list[_Piece]:
    """A strand in as few pieces as nearly fit: METIS with more parts until few pieces break a rule. Strands alike share the cut."""
    todo = strands(work.network, work.links, work.rates, work.limits.input_axons)
    cuts: dict[tuple[object, ...], list[Array] | None] = {}
    pieces: list[_Piece] = []
    while todo:
        strand = todo.pop(0)
        index = len(work.parts)
        work.parts.append(strand)
        if strand.key not in cuts:
            cuts[strand.key] = _cut(work, index)
        cut = cuts[strand.key]
        if cut is None:  # a node alone is too much: its features apart
            apart = strand.split_features(work.network, work.links, work.rates)
            if len(apart) > 1:
                work.parts.pop()
                todo = apart + todo
                continue
            cut = [np.arange(strand.atoms)]
        pieces += [_Piece(index, atoms) for atoms in cut]
    return pieces


def _cut(work: _Work, index: int) -> list[Array] | None:
    """Pieces of a strand; None where its features have to be taken apart first."""
    strand, everything = work.parts[index], np.arange(work.parts[index].atoms)
    usage, bad = work.broken([_Piece(index, everything)])
    if not bad[0] or strand.single:
        return [everything]  # single neurons differ too much for one count of parts: they are halved where they have to be
    weights = _atom_weights(work, index)
    heavy = weights > 1
    if heavy.mean() > _HEAVY:
        return None if sum(len(f) for f in strand.members.values()) > len(strand.members) else [everything]
    hubs, light = [everything[[atom]] for atom in np.flatnonzero(heavy)], np.flatnonzero(~heavy)  # hubs are taken apart on their own
    graph = None if strand.graph is None else strand.graph[light][:, light]
    weights = weights[light]
    # Neighbours share axons, so linked atoms start from their neurons alone.
    first = [usage.neurons[0] / work.limits.neurons]
    if not strand.linked:
        first += [usage.input_axons[0] / work.limits.input_axons, usage.output_axons[0] / work.limits.output_axons]
    parts = max(2, int(np.ceil(max(first))))
    while True:
        parts = min(parts, len(light))
        if strand.linked:
            part = metis(graph, weights, parts, work.seed)
        elif strand.chunk_of is not None:
            part = _between_chunks(strand.chunk_of[light], weights, parts)
        else:  # even pieces matter more than which nodes they hold: communities one after the other, cut to measure
            order = np.argsort(metis(graph, np.ones(len(light)), min(parts, _COMMUNITIES), work.seed), kind="stable")
            part = np.empty(len(light), dtype=np.int64)
            part[order] = _runs(weights[order], parts)
        pieces = [light[atoms] for k in range(parts) if len(atoms := np.flatnonzero(part == k))]
        _, bad = work.broken([_Piece(index, atoms) for atoms in pieces])
        share = float(bad.mean())
        if share <= (_HALVED if strand.linked else 0) or parts == len(light):
            return pieces + hubs
        parts += max(1, int(parts * (0.02 if share < 0.5 else 0.3 if strand.linked and share == 1 else 0.1)))


def _between_chunks(chunk_of: Array, weights: Array, parts: int) -> Array:
    """Runs of whole chunks; of single atoms where more parts are asked for than there are chunks."""
    chunks, of = np.unique(chunk_of, return_inverse=True)
    if parts <= len(chunks):
        return _runs(np.bincount(of, weights=weights), parts)[of]
    order = np.argsort(of, kind="stable")
    part = np.empty(len(of), dtype=np.int64)
    part[order] = _runs(weights[order], parts)
    return part


def _atom_weights(work: _Work, index: int) -> Array:
    """The largest share of a core's neurons or axons that each atom would take alone."""
    strand = work.parts[index]
    core_of = work.empty()
    strand.put(core_of, work.shapes, np.arange(strand.atoms))
    usage = measure(work.network, work.links, core_of, strand.atoms, work.limits, work.sets)
    rules = (
        usage.neurons / work.limits.neurons,
        usage.input_axons / work.limits.input_axons,
        usage.output_axons / work.limits.output_axons,
    )
    return np.maximum.reduce(rules)


def _feasible(work: _Work, pieces: list[_Piece]) -> list[_Piece]:
    """Pieces that break a rule in two, until none does."""
    while True:
        _, usage = work.measure(pieces)
        bad = broken(usage, work.limits)
        if not bad.any():
            return pieces
        torn = [(work.parts[piece.strand], piece.atoms) for core, piece in enumerate(pieces) if bad[core] and len(piece.atoms) > 1]
        halves = iter(bisect(torn, work.seed))
        kept: list[_Piece] = []
        for core, piece in enumerate(pieces):
            if not bad[core]:
                kept.append(piece)
            elif len(piece.atoms) == 1:
                kept += _atom_apart(work, piece, core, usage)
            else:
                kept += [_Piece(piece.strand, half) for half in next(halves)]
        pieces = kept


def _atom_apart(work: _Work, piece: _Piece, core: int, usage: Usage) -> list[_Piece]:
    """One atom that is too much for a core, population by population and then feature by feature."""
    strand = work.parts[piece.strand]
    if strand.carried:
        made = []
        for other, atoms in strand.apart(work.network, int(piece.atoms[0])):
            work.parts.append(other)
            made.append(_Piece(len(work.parts) - 1, atoms))
        return made
    members = list(strand.members.items())
    if not strand.single and len(members) > 1:
        halves = [dict(members[: len(members) // 2]), dict(members[len(members) // 2 :])]
    elif not strand.single and len(members[0][1]) > 1:
        name, features = members[0]
        halves = [{name: features[: len(features) // 2]}, {name: features[len(features) // 2 :]}]
    else:
        name, features = members[0]
        loads = {rule.__name__: rule(usage, work.limits) for rule in CORE_RULES}
        said = [f"{rule} is {used[core]:,}, the limit {limit:,}" for rule, (used, limit, _) in loads.items() if used[core] > limit]
        raise PlacementError(
            f"population {name!r}: one neuron alone on a core of {work.limits.target}: {'; '.join(said)}; no number of cores holds it: "
            "prune its synapses, or take a target with larger cores"
        )
    made = []
    for half in halves:
        work.parts.append(Strand(half, strand.atoms, strand.graph, strand.linked, single=False, key=(strand.key, *half)))
        made.append(_Piece(len(work.parts) - 1, piece.atoms))
    return made


def _pack(work: _Work, pieces: list[_Piece], core_of: Mapping[str, Array], usage: Usage) -> Array:
    """Pieces onto cores: the largest first, each to the core that it talks to most among those with room, else to a new one.

    What a core holds is taken as the sum of its pieces, which is never less than the truth: pieces can share axons, lists and parameters.
    """
    loads = np.stack([rule(usage, work.limits)[0] for rule in CORE_RULES if rule.__name__ != "fan_out"], axis=1).astype(np.float64)
    limits = np.array([rule(usage, work.limits)[1] for rule in CORE_RULES if rule.__name__ != "fan_out"], dtype=np.float64)
    shares = loads / limits
    talk = piece_traffic(usage, core_of, work.rates)
    onto = np.full(len(pieces), -1, dtype=np.int64)
    filled = np.zeros((len(pieces), len(limits)))
    used = 0
    for piece in np.argsort(-shares.max(axis=1), kind="stable"):
        room = (filled[:used] + shares[piece] <= 1).all(axis=1)
        if room.any():
            row = talk[piece]
            said = np.zeros(used)
            there = onto[row.indices]
            np.add.at(said, there[there >= 0], row.data[there >= 0])
            score = np.where(room, said + 1e-9 * filled[:used].max(axis=1), -1.0)
            best = int(score.argmax())
        else:
            best, used = used, used + 1
        onto[piece] = best
        filled[best] += shares[piece]
    return onto


def piece_traffic(usage: Usage, core_of: Mapping[str, Array], rates: Mapping[str, Array]) -> sp.csr_matrix:
    """Expected messages between cores, both ways, shape (K, K), without those inside a core."""
    total = sp.csr_matrix((usage.cores, usage.cores))
    for route in usage.routes:
        if route.population not in core_of:
            continue
        at = core_of[route.population].reshape(route.grid)[:, route.features]
        spikes = rates[route.population].reshape(route.grid)[:, route.features]
        node, feature = np.nonzero((at != HOST) & (spikes > 0))
        sent = sp.csr_matrix((spikes[node, feature], (at[node, feature], node)), shape=(usage.cores, route.grid[0]))
        total = total + sent @ (route.cores > 0).astype(np.float64)
    total = sp.csr_matrix(total + total.T)
    total.setdiag(0)
    total.eliminate_zeros()
    return total
