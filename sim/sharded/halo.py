"""The halo over a process group: who wants which nodes, and their spikes, packed to bits, for all ticks at hand at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.sim.sharded.partition import Part, requests
from neurograph.sim.sharded.world import World

__all__ = ["Halo", "halos_of", "pack_bits", "unpack_bits"]

Array = NDArray[Any]


class Halo:
    """The remote nodes of one source, and the own nodes that others want.

    Args:
        world: the ranks.
        send: own nodes that each rank wants, counted from the first own one.
        take: how many nodes come from each rank.
        features: neurons of a node.
        binary: whether spikes are 0 or 1, so that one bit carries one.
    """

    def __init__(self, world: World, send: Sequence[Array], take: Sequence[int], features: int, *, binary: bool) -> None:
        self.world, self.take, self.features, self.binary = world, list(take), features, binary
        self.give = [len(nodes) for nodes in send]
        self.nodes = torch.from_numpy(np.concatenate(send).astype(np.int64)).to(world.device)
        self.size = sum(self.take) * features

    def start(self, sent: Tensor) -> Any:
        """Send what others want of ``sent`` (samples, ticks, own size); call what is returned for that of the halo, of the same kind."""
        samples, ticks, _ = sent.shape
        by_node = sent.reshape(samples * ticks, -1, self.features).transpose(0, 1)
        rows = by_node[self.nodes].reshape(len(self.nodes), samples * ticks * self.features)
        finish = self.world.start_exchange(pack_bits(rows) if self.binary else rows.contiguous(), self.give, self.take)

        def received() -> Tensor:
            came: Tensor = finish()
            if self.binary:
                came = unpack_bits(came, samples * ticks * self.features)
            by_node = came.reshape(sum(self.take), samples * ticks, self.features)
            return by_node.transpose(0, 1).reshape(samples, ticks, self.size)

        return received


def halos_of(part: Part, world: World) -> Mapping[str, Halo]:
    """Tell every owner which of its nodes are wanted; the sources of which any rank wants any, in the same order on all ranks."""
    names = sorted(part.nodes)
    wanted = [requests(part, name) for name in names]
    counts = torch.tensor([[len(wanted[i][rank]) for i in range(len(names))] for rank in range(part.shards)], dtype=torch.int64)
    counts = counts.reshape(part.shards, len(names)).to(world.device)
    asked = world.start_exchange(counts, [1] * part.shards, [1] * part.shards)().tolist()  # [rank][name]: how many of mine it wants
    lists = [np.concatenate([wanted[i][rank] for i in range(len(names))] or [np.zeros(0, np.int64)]) for rank in range(part.shards)]
    flat = torch.from_numpy(np.concatenate(lists).astype(np.int64)).to(world.device)
    nodes = world.start_exchange(flat, [len(one) for one in lists], [sum(one) for one in asked])().cpu().numpy()
    in_all = world.sum_integers(counts.sum(dim=0)).tolist()
    send: dict[str, list[Array]] = {name: [] for name in names}
    start = 0
    for rank in range(part.shards):
        for i, name in enumerate(names):
            some = nodes[start : start + asked[rank][i]]
            send[name].append(np.searchsorted(part.nodes[name], some))
            start += len(some)
    halos = {}
    for i, name in enumerate(names):
        if in_all[i]:
            population = part.network.populations[name]
            features = population.size // population.shape[0]
            binary = not population.sends_numbers
            halos[name] = Halo(world, send[name], [len(one) for one in wanted[i]], features, binary=binary)
    return halos


def pack_bits(rows: Tensor) -> Tensor:
    """Zeros and ones (n, k) as bytes (n, ⌈k/8⌉), the first in the highest bit, as NumPy packs."""
    if rows.device.type == "cpu":
        return torch.from_numpy(np.packbits(rows.numpy(), axis=1))
    short = -rows.shape[1] % 8
    bits = torch.nn.functional.pad(rows, (0, short)).reshape(len(rows), (rows.shape[1] + short) // 8, 8)
    return (bits * _place_values(rows.device)).sum(dim=2, dtype=torch.uint8)


def unpack_bits(packed: Tensor, count: int) -> Tensor:
    """The zeros and ones (n, count), uint8."""
    if packed.device.type == "cpu":
        return torch.from_numpy(np.unpackbits(packed.numpy(), axis=1, count=count))
    bits = packed[:, :, None].bitwise_and(_place_values(packed.device)) != 0
    return bits.reshape(len(packed), packed.shape[1] * 8)[:, :count].to(torch.uint8)


def _place_values(device: torch.device) -> Tensor:
    return torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=device)
