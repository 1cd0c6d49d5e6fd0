"""Synaptic memory: the bits that lists of synapses take as the target packs them.

A source neuron's synapses in a core are one list a projection. It is stored in blocks of up to 64 synapses, each block with a header and
rounded up to words of 64 bits:

    bits(L) = Σ over blocks of 64 · ⌈(L_block · (weight + index + delay) + 10) / 64⌉

weight: bits of the projection's own integers, by sign mode. index: ⌈log2 neurons a core⌉. delay: ⌈log2(steps beyond the first + 1)⌉, 0
without one. A zero weight is in no list. Source: the format of Loihi 1 as nengo-loihi counts it (``Synapse.bits_per_axon``: blocks, 4 bits
of format and 6 of length, words of 64 bits, a sparse index a synapse); that Loihi 2 packs the same way is an assumption.

Where the target shares lists (:attr:`Limits.shared_lists`), Kronecker projections are held so:

    I ⊗ W, 1 ⊗ w   the list of a feature is the same at every node: once a core, for each distinct set of target features there
    A ⊗ I          the list of a source node is the same for every feature: once a core, for features that are placed alike
    others         one list a source neuron and core

An axon then brings where its list starts. Without sharing every source neuron has its own list in each core that it reaches.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.grids import Array
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.routes import Lists
from neurograph.network import Projection

__all__ = ["list_bits", "stored_bits", "synapse_bits", "weight_bits"]

BLOCK, HEADER, WORD = 64, 10, 64


def weight_bits(projection: Projection) -> int:
    """Bits that the integers of a projection need, sign included where both signs occur; zeros that all of them end with are not stored.

    −256…254 in even numbers is 8 bits, 0…255 is 8, multiples of 16 of one sign are 4 (Lava's sign modes).
    """
    values = np.asarray(projection.weights.values).astype(np.int64)
    if not values.any():
        return 1
    low, high = int(values.min()), int(values.max())
    mixed = low < 0 < high or projection.sign_mode == "mixed"
    common = int(np.bitwise_or.reduce(np.abs(values)))
    zeros = (common & -common).bit_length() - 1
    top = max(8, high.bit_length(), (-low - 1).bit_length() if mixed else (-low).bit_length())
    return max(1, top + mixed - zeros)


def synapse_bits(projection: Projection, limits: Limits) -> int:
    """Bits of one synapse: weight, index of its target in the core, delay."""
    extra = (projection.delay or 1) - 1
    return weight_bits(projection) + max(1, math.ceil(math.log2(limits.neurons))) + math.ceil(math.log2(extra + 1))


def list_bits(length: Array, synapse: int) -> Array:
    """bits(L) for an array of lengths."""
    length = np.asarray(length, dtype=np.int64)
    full, rest = length // BLOCK, length % BLOCK
    words = full * -(-(BLOCK * synapse + HEADER) // WORD) + np.where(rest > 0, -(-(rest * synapse + HEADER) // WORD), 0)
    return words * WORD


def stored_bits(parts: list[Lists], limits: Limits, *, shared: bool) -> Array:
    """Bits that a link takes in each core, shape (K,); 0 where it has no synapse.

    Args:
        parts: from :func:`neurograph.export.placement.routes.lists`, all of one link.
        limits: of the target.
        shared: with shared lists, or each source neuron with its own.
    """
    if not parts:
        return np.zeros(0, dtype=np.int64)
    synapse, cores = synapse_bits(parts[0].link.projection, limits), parts[0].lengths.shape[1]
    total = np.zeros(cores, dtype=np.int64)
    kind = parts[0].link.kind
    if shared and kind == "csr" and parts[0].link.uniform:
        for u in {u for part in parts for u in part.columns}:
            total += _summed(parts[0].reaches[u], synapse)
        return total
    for part in parts:
        if shared and kind in ("identity", "row"):
            total += _distinct(part, synapse) * len(part.features)
        else:
            total += _summed(part.lengths, synapse) * len(part.features)
    return total


def _summed(lengths: sp.csr_matrix, synapse: int) -> Array:
    """Each list stored."""
    bits = list_bits(lengths.data, synapse)
    return np.bincount(lengths.indices, weights=bits, minlength=lengths.shape[1]).astype(np.int64)


def _distinct(part: Lists, synapse: int) -> Array:
    """Each distinct list stored once a core. Lists are alike where the same columns of target features meet the core."""
    if len(part.columns) == 1:  # one column: the only list there is, wherever it is met
        met = np.zeros(part.lengths.shape[1], dtype=np.int64)
        met[part.lengths.indices] = part.lengths.data
        return list_bits(met, synapse)
    # a random number a column makes the sum over the columns that meet a core the name of their set
    names = np.random.default_rng(0).integers(1, 2**62, size=max(part.columns) + 1)
    named = sum(
        ((part.reaches[u] > 0).astype(np.int64) * int(names[u]) for u in part.columns), sp.csr_matrix(part.lengths.shape, dtype=np.int64)
    )
    named, lengths = sp.csr_matrix(named), part.lengths
    named.sort_indices()
    lengths.sort_indices()
    rows = np.stack([lengths.indices.astype(np.int64), named.data, lengths.data])
    distinct = np.unique(rows, axis=1)
    return np.bincount(distinct[0], weights=list_bits(distinct[2], synapse), minlength=lengths.shape[1]).astype(np.int64)
