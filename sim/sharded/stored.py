"""A rank's part of a network in a file, cut while it is read.

In memory at a time: what the rank keeps, the parameters of the populations, and the one projection that is being cut. That projection is
the limit: its weights are read as a whole.
"""

from __future__ import annotations

import h5py

from neurograph.network import Population
from neurograph.sim.sharded.assignment import contiguous
from neurograph.sim.sharded.partition import Part, assemble
from neurograph.storage import stored_network

__all__ = ["read_part"]


def read_part(group: h5py.Group, shards: int, rank: int) -> tuple[Part, dict[str, Population]]:
    """Rank ``rank``'s part of the network that :func:`neurograph.storage.save_network` wrote, in consecutive ranges of nodes.

    Returns:
        The part, and the populations of the whole network.

    Raises:
        NetworkError: another version, or parts that are missing or do not fit.
    """
    stored = stored_network(group)
    assignment = contiguous(stored.populations.values(), shards)
    return assemble(stored.populations, stored.projections(), assignment, rank, stored), dict(stored.populations)
