"""A rank's part of a network in a file, cut while it is read.

In memory at a time: what the rank keeps, the parameters of the populations, and the one projection that is being cut. That projection is
the limit: its weights are read as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
from numpy.typing import NDArray

from neurograph.network import Population
from neurograph.sim.sharded.assignment import given
from neurograph.sim.sharded.partition import Part, assemble
from neurograph.storage import stored_network

__all__ = ["read_part"]


def read_part(
    group: h5py.Group, shards: int, rank: int, *, owners: Mapping[int, NDArray[Any]] | None = None
) -> tuple[Part, dict[str, Population]]:
    """Rank ``rank``'s part of the network that :func:`neurograph.storage.save_network` wrote.

    Args:
        group: of a file that is open.
        shards, rank: which part of how many.
        owners: as :func:`neurograph.sim.sharded.assignment.given`; consecutive ranges of nodes where there are none.

    Returns:
        The part, and the populations of the whole network.

    Raises:
        InputError: owners that do not fit. NetworkError: another version, or parts that are missing or do not fit.
    """
    stored = stored_network(group)
    assignment = given(stored.populations.values(), owners or {}, shards)
    return assemble(stored.populations, stored.projections(), assignment, rank, stored), dict(stored.populations)
