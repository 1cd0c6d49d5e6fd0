"""Tally: exact counts of a run, one integer a sample; an engine gathers them while it runs, or they are taken from a recording.

    spikes            of every population but static sources; of a graded one the messages, numbers other than 0
    synaptic events   Σ over spikes of the nonzero weights that they meet, by projection, counted where the spike is sent
    active updates    neurons × ticks that spiked or got a spike over a nonzero weight
    messages          Σ over spikes of the populations that they reach; ``reached``: spikes that reach any

:mod:`neurograph.hw_profiles.counts` says what they are for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.network import Network, Population
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["Tally", "pattern_of", "reach_of", "tally_of"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Tally:
    """Counts of shape (samples,), int64.

    Args:
        spikes, messages, reached: population → count, static sources left out.
        updates_active: population that computes → count.
        synaptic_events: one count for each of ``network.spiking_projections``, in their order.
    """

    spikes: Mapping[str, Array]
    updates_active: Mapping[str, Array]
    synaptic_events: tuple[Array, ...]
    messages: Mapping[str, Array]
    reached: Mapping[str, Array]

    @classmethod
    def of_table(cls, names: Sequence[str], own: Sequence[str], table: Array) -> Tally:
        """Counts that stand in a table, which are told apart when they are first looked at: some runs take less time than that.

        Args:
            names: of the populations that spike. own: of those that compute, the last of them.
            table: (samples, 4·populations + projections): spikes, active updates, messages and reached in turn, synaptic events.
        """
        made = object.__new__(cls)
        made.__dict__["_table"] = names, own, table
        return made

    if not TYPE_CHECKING:  # or any name would be one of its attributes

        def __getattr__(self, name: str) -> Any:
            if name not in self.__dataclass_fields__ or "_table" not in self.__dict__:
                raise AttributeError(f"a Tally has no {name!r}")
            names, own, table = self.__dict__["_table"]
            columns, count = table.T, len(names)
            self.__dict__.update(
                spikes=dict(zip(names, columns[:count], strict=True)),
                updates_active=dict(zip(own, columns[2 * count - len(own) : 2 * count], strict=True)),
                synaptic_events=tuple(columns[4 * count :]),
                messages=dict(zip(names, columns[2 * count : 4 * count : 2], strict=True)),
                reached=dict(zip(names, columns[2 * count + 1 : 4 * count : 2], strict=True)),
            )
            return self.__dict__[name]


def tally_of(network: Network, spikes: Mapping[str, Array]) -> Tally:
    """Count spikes that were recorded.

    Args:
        network: whose weights they met.
        spikes: population → (samples, T, …), every population but static sources; what is not 0 is a spike.
    """
    fired = {name: _fired(network.populations[name], z) for name, z in spikes.items()}
    per_neuron = {name: z.sum(axis=1, dtype=np.int64) for name, z in fired.items()}
    reach = {name: reach_of(network, name) for name in fired}
    return Tally(
        spikes={name: n.sum(axis=1) for name, n in per_neuron.items()},
        updates_active={p.name: _active(p, network, fired) for p in network.neurons},
        synaptic_events=tuple(per_neuron[p.source] @ np.asarray(p.weights.fan_out(), np.int64) for p in network.spiking_projections),
        messages={name: n @ reach[name] for name, n in per_neuron.items()},
        reached={name: n @ (reach[name] > 0).astype(np.int64) for name, n in per_neuron.items()},
    )


def reach_of(network: Network, name: str) -> Array:
    """How many populations a spike of each neuron reaches, shape (size,)."""
    reaches: dict[str, Array] = {}
    size = network.populations[name].size
    for projection in network.out_of(name):
        reach = np.asarray(projection.weights.fan_out()) > 0
        reaches[projection.target] = reaches.get(projection.target, np.zeros(size, dtype=bool)) | reach
    return cast(Array, np.sum(list(reaches.values()), axis=0, dtype=np.int64)) if reaches else np.zeros(size, dtype=np.int64)


def _fired(population: Population, spikes: Array) -> Array:
    """Bool of shape (samples, T, size)."""
    return cast(Array, np.asarray(spikes).reshape(*spikes.shape[:2], population.size) != 0)


def _active(population: Population, network: Network, fired: Mapping[str, Array]) -> Array:
    incoming = [(p, pattern_of(p.weights)) for p in network.spiking_projections if p.target == population.name and p.lag < network.ticks]
    found = []
    for sample, own in enumerate(fired[population.name]):
        active = own.copy()
        for projection, pattern in incoming:
            sent = fired[projection.source][sample, : network.ticks - projection.lag].astype(np.float32)
            active[projection.lag :] |= pattern.apply(sent) > 0
        found.append(np.count_nonzero(active))
    return np.array(found, dtype=np.int64)


def pattern_of(weights: Weights) -> Weights:
    """The same form with a one at every nonzero weight, in float32: its product with spikes is positive where a spike arrives."""

    def ones(values: Array) -> Array:
        return cast(Array, (np.asarray(values) != 0).astype(np.float32))

    def sparse(matrix: sp.csr_matrix) -> sp.csr_matrix:
        return sp.csr_matrix((ones(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)

    if isinstance(weights, Dense):
        return Dense(ones(weights.matrix))
    if isinstance(weights, Sparse):
        return Sparse(sparse(weights.matrix))
    left = weights.left if isinstance(weights.left, (Identity, OnesRow, OnesColumn)) else sparse(weights.left)
    return Kron(left, weights.right if isinstance(weights.right, Identity) else ones(weights.right))
