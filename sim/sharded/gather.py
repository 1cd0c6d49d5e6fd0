"""Rank 0 gets what the ranks have recorded, as one recording of the whole network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurograph.sim.sharded.halo import pack_bits, unpack_bits
from neurograph.sim.sharded.partition import Part
from neurograph.sim.sharded.world import World

__all__ = ["gathered"]

Array = NDArray[Any]


def gathered(part: Part, world: World, names: list[str], recorded: Mapping[str, Array], *, spikes: bool) -> dict[str, Array]:
    """Population → (samples, T, *shape) on rank 0, nothing on the others; a collective.

    Args:
        part, world: whose rows, among whom.
        names: populations that were recorded, the same on every rank.
        recorded: population → (samples, T, own size).
        spikes: whether these are spikes, of which those that are 0 or 1 travel as bits.
    """
    whole: dict[str, Array] = {}
    for name in names:
        shape = part.shapes[name]
        if name not in part.nodes:
            if world.rank == 0:
                whole[name] = recorded[name].reshape(*recorded[name].shape[:2], *shape)
            continue
        values, nodes = recorded[name], part.nodes[name]
        samples, ticks, _ = values.shape
        rows = values.reshape(samples * ticks, len(nodes), -1).transpose(1, 0, 2).reshape(len(nodes), -1)
        binary = spikes and values.dtype == np.uint8
        sent = torch.from_numpy(np.ascontiguousarray(rows)).to(world.device)
        counts = world.counts(len(nodes))
        numbers = world.to_first(torch.from_numpy(nodes.astype(np.int64)).to(world.device), counts)
        came = world.to_first(pack_bits(sent) if binary else sent, counts)
        if world.rank == 0:
            came = unpack_bits(came, rows.shape[1]) if binary else came
            by_node = came.cpu().numpy().reshape(shape[0], samples, ticks, -1)
            made = np.empty((samples, ticks, shape[0], by_node.shape[3]), dtype=values.dtype)
            made[:, :, numbers.cpu().numpy()] = by_node.transpose(1, 2, 0, 3)
            whole[name] = made.reshape(samples, ticks, *shape)
    return whole
