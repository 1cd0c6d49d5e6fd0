"""The mesh: which core of which chip a core of the placement becomes, so that messages travel few hops.

Chips stand in a square grid of chips, each a mesh of tiles with some cores a tile; a message goes XY: along x, then along y. A step from a
tile to the next is a hop, or a chip crossing where the next tile is another chip's:

    hops + crossings = |x_a − x_b| + |y_a − y_b|           x, y: of tiles, over all chips

How chips are wired to each other differs from board to board; the square grid is an assumption. METIS spreads cores over chips and over
tiles, then pairs of cores are swapped while that lowers messages × (hops + crossings): a quadratic assignment, solved to a local optimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.grids import Array
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.partition import metis

__all__ = ["Mesh", "arrange", "in_order", "shuffled"]

_SWEEPS = 25


@dataclass(frozen=True)
class Mesh:
    """Where each of K cores lies; arrays of shape (K,).

    Args:
        chip: number of the chip, row by row in a grid ``chips_across`` wide.
        tile: number of the tile in the chip, row by row.
        slot: number of the core in the tile.
    """

    chip: Array
    tile: Array
    slot: Array
    chips_across: int
    tiles_across: int
    tiles_down: int

    @property
    def chips(self) -> int:
        return int(self.chip.max(initial=-1)) + 1

    @property
    def x(self) -> Array:
        return (self.chip % self.chips_across) * self.tiles_across + self.tile % self.tiles_across

    @property
    def y(self) -> Array:
        return (self.chip // self.chips_across) * self.tiles_down + self.tile // self.tiles_across

    def crossings(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Chip borders between cores a and b in x and in y."""
        across = np.abs(self.chip[a] % self.chips_across - self.chip[b] % self.chips_across)
        return across, np.abs(self.chip[a] // self.chips_across - self.chip[b] // self.chips_across)

    def hops(self, a: Array, b: Array) -> tuple[Array, Array]:
        """Hops inside chips between cores a and b in x and in y."""
        across, down = self.crossings(a, b)
        return np.abs(self.x[a] - self.x[b]) - across, np.abs(self.y[a] - self.y[b]) - down


def in_order(cores: int, limits: Limits) -> Mesh:
    """Cores in their own order: chip by chip, tile by tile."""
    return _mesh(np.arange(cores), cores, limits)


def shuffled(cores: int, limits: Limits, seed: int) -> Mesh:
    """Cores in a random order over the same places."""
    return _mesh(np.random.default_rng(seed).permutation(cores), cores, limits)


def arrange(traffic: sp.csr_matrix, limits: Limits, seed: int) -> Mesh:
    """Places that make traffic travel little.

    Args:
        traffic: (K, K) symmetric messages between cores.
        limits: the mesh.
        seed: of METIS.
    """
    cores = traffic.shape[0]
    chips = -(-cores // limits.cores_per_chip)
    places = np.zeros(cores, dtype=np.int64)
    for chip, members in enumerate(_capped(traffic, chips, limits.cores_per_chip, seed)):
        inside = traffic[members][:, members]
        tiles = -(-len(members) // limits.cores_per_tile)
        order = np.concatenate(_capped(sp.csr_matrix(inside), tiles, limits.cores_per_tile, seed))
        places[members[order]] = chip * limits.cores_per_chip + np.arange(len(members))
    return _mesh(_improved(places, traffic, limits), cores, limits)


def _mesh(places: Array, cores: int, limits: Limits) -> Mesh:
    """places: chip · cores_per_chip + tile · cores_per_tile + slot, for each core."""
    chips = -(-cores // limits.cores_per_chip)
    chip, rest = np.divmod(places, limits.cores_per_chip)
    tile, slot = np.divmod(rest, limits.cores_per_tile)
    across = limits.mesh_width
    return Mesh(chip, tile, slot, math.ceil(math.sqrt(chips)), across, limits.tiles_per_chip // across)


def _capped(graph: sp.csr_matrix, parts: int, size: int, seed: int) -> list[Array]:
    """METIS parts of at most ``size`` vertices: what is too much in a part moves to the part with room that it talks to most."""
    part = metis(graph, np.ones(graph.shape[0]), parts, seed)
    held = np.bincount(part, minlength=parts)
    while (held > size).any():
        over = int(np.argmax(held))
        members = np.flatnonzero(part == over)
        onehot = sp.csr_matrix((np.ones(len(part)), (np.arange(len(part)), part)), shape=(len(part), parts))
        talk = np.asarray((graph[members] @ onehot).todense())
        gain = np.where(held < size, talk - talk[:, [over]], -np.inf)
        vertex, to = np.unravel_index(int(gain.argmax()), gain.shape)
        part[members[vertex]] = to
        held[over] -= 1
        held[to] += 1
    return [np.flatnonzero(part == k) for k in range(parts)]


def _improved(places: Array, traffic: sp.csr_matrix, limits: Limits) -> Array:
    """Swap two places, or a core with an empty place, while that lowers Σ traffic · distance."""
    cores, total = len(places), -(-len(places) // limits.cores_per_chip) * limits.cores_per_chip
    everywhere = _mesh(np.arange(total), total, limits)
    tile_of_place = everywhere.chip * limits.tiles_per_chip + everywhere.tile
    tiles, first = np.unique(tile_of_place, return_index=True)
    x, y = everywhere.x[first], everywhere.y[first]
    distance = (np.abs(x[:, None] - x[None, :]) + np.abs(y[:, None] - y[None, :])).astype(np.float64)
    tile_of_place = np.searchsorted(tiles, tile_of_place)

    occupant = np.full(total, -1, dtype=np.int64)
    occupant[places] = np.arange(cores)
    at = tile_of_place[places]
    cost = np.asarray(traffic @ distance[at])  # (K, tiles): what a core's messages would travel from each tile
    for _ in range(_SWEEPS):
        swaps = 0
        for core in np.argsort(-np.asarray(traffic.sum(axis=1)).ravel(), kind="stable"):
            here = at[core]
            others = occupant
            change = cost[core, tile_of_place] - cost[core, here]
            real = others >= 0
            there = others[real]
            change[real] += cost[there, here] - cost[there, at[there]]
            row = slice(traffic.indptr[core], traffic.indptr[core + 1])
            neighbours, messages = traffic.indices[row], traffic.data[row]
            change[places[neighbours]] += 2 * messages * distance[here, at[neighbours]]
            best = int(change.argmin())
            if change[best] >= -1e-9 * max(1.0, abs(cost[core, here])):
                continue
            swaps += 1
            other, mine, target = int(occupant[best]), int(places[core]), int(tile_of_place[best])
            _moved(cost, traffic, core, distance[target] - distance[here])
            if other >= 0:
                _moved(cost, traffic, other, distance[here] - distance[target])
                places[other], at[other] = mine, here
            places[core], at[core] = best, target
            occupant[best], occupant[mine] = core, other
        if not swaps:
            break
    return places


def _moved(cost: Array, traffic: sp.csr_matrix, core: int, change: Array) -> None:
    row = slice(traffic.indptr[core], traffic.indptr[core + 1])
    cost[traffic.indices[row]] += traffic.data[row][:, None] * change[None, :]
