"""Multiply-adds of what a network leaves to the host: products of real values with weights."""

from __future__ import annotations

import numpy as np

from neurograph.network import Network
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["dense_macs", "static_macs"]


def static_macs(network: Network) -> dict[str, int]:
    """Multiply-adds that the host needs to turn static inputs into currents, by projection, see :func:`dense_macs`."""
    found: dict[str, int] = {}
    for projection in network.projections:
        if network.populations[projection.source].is_static:
            found[projection.name] = found.get(projection.name, 0) + dense_macs(projection.weights)
    return found


def dense_macs(weights: Weights) -> int:
    """Multiply-adds of one product with these weights on a host: zeros included, nonzeros only of a CSR matrix or factor."""
    if isinstance(weights, Dense):
        return int(weights.matrix.size)
    if isinstance(weights, Sparse):
        return int(np.count_nonzero(weights.matrix.data))
    left, (e, d) = weights.left, weights.right_shape
    right = 0 if isinstance(weights.right, Identity) else int(weights.right.size)
    if isinstance(left, Identity):
        return left.size * right
    if isinstance(left, OnesRow):
        return left.size * d + right
    if isinstance(left, OnesColumn):
        return right
    # the features first, node by node, then the sum over neighbours
    return int(left.shape[1]) * right + int(np.count_nonzero(left.data)) * e
