"""Traffic of a recorded run over a placement: exact, one message per spike × distinct destination core.

    messages(a → b) = Σ over neurons n on core a that have a synapse on core b of the spikes of n
    hops = Σ messages(a → b) · hops(a, b)           XY routing, :mod:`neurograph.export.placement.mesh`

A message to the neuron's own core takes no hop; one to another core of the same tile takes none either. Spikes of sources come from the
host: they are counted apart, and how far they travel on the mesh is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp

from neurograph.errors import InputError
from neurograph.export.placement.grids import Array
from neurograph.export.placement.mesh import Mesh
from neurograph.export.placement.routes import HOST, Route
from neurograph.network import Network
from neurograph.sim.recording import Recording

__all__ = ["Traffic", "count_traffic", "spike_totals"]


@dataclass(frozen=True)
class Traffic:
    """Counts of a recording, integers of shape (samples,).

    Args:
        messages: all that neurons send, to their own core too.
        inter_core: those to another core.
        hops_east_west, hops_north_south: steps between tiles of a chip.
        crossings: steps from a chip to the next.
        host_messages: spikes of sources × cores that they reach.
        farthest_east_west, farthest_north_south, farthest_crossings: what the message that goes farthest travels.
        between: (K, K) messages from core to core, summed over samples.
    """

    messages: Array
    inter_core: Array
    hops_east_west: Array
    hops_north_south: Array
    crossings: Array
    host_messages: Array
    farthest_east_west: Array
    farthest_north_south: Array
    farthest_crossings: Array
    between: sp.csr_matrix

    @property
    def hops(self) -> Array:
        return self.hops_east_west + self.hops_north_south

    @property
    def total(self) -> Array:
        """Messages × hops, crossings included: what a placement is judged by."""
        return self.hops + self.crossings


def count_traffic(network: Network, routes: Sequence[Route], core_of: Mapping[str, Array], mesh: Mesh, recording: Recording) -> Traffic:
    """Count a recording.

    Args:
        routes: of a measured placement (:class:`neurograph.export.placement.usage.Usage`).
        core_of: population → core of each neuron.

    Raises:
        InputError: the recording misses a population, or has another shape.
    """
    cores = len(mesh.chip)
    rows: dict[str, list[int]] = {field.name: [] for field in fields(Traffic) if field.name != "between"}
    between = sp.csr_matrix((cores, cores), dtype=np.int64)
    for sample in range(recording.samples):
        spikes = spike_totals(network, recording, sample)
        host, matrix = _messages(routes, core_of, spikes, cores)
        entries = matrix.tocoo()
        a, b, sent = entries.row, entries.col, entries.data
        (hop_x, hop_y), (cross_x, cross_y) = mesh.hops(a, b), mesh.crossings(a, b)
        rows["messages"].append(int(sent.sum()))
        rows["inter_core"].append(int(sent[a != b].sum()))
        rows["hops_east_west"].append(int((sent * hop_x).sum()))
        rows["hops_north_south"].append(int((sent * hop_y).sum()))
        rows["crossings"].append(int((sent * (cross_x + cross_y)).sum()))
        rows["host_messages"].append(host)
        steps = np.stack([hop_x, hop_y, cross_x + cross_y], axis=1)
        farthest = steps[steps.sum(axis=1).argmax()] if len(steps) else np.zeros(3, dtype=np.int64)
        for name, travelled in zip(("east_west", "north_south", "crossings"), farthest.tolist(), strict=True):
            rows[f"farthest_{name}"].append(travelled)
        between = between + matrix
    counts = {name: np.array(values, dtype=np.int64) for name, values in rows.items()}
    return Traffic(**counts, between=sp.csr_matrix(between))


def spike_totals(network: Network, recording: Recording, sample: int | None = None) -> dict[str, Array]:
    """Spikes of each neuron over the ticks of a sample (of all samples where None), population → (size,), int64.

    Raises:
        InputError: the recording misses a population, or has another shape.
    """
    found = {}
    for population in network.populations.values():
        if population.is_static:
            continue
        spikes = recording.spikes.get(population.name)
        expected = (recording.samples, network.ticks, *population.shape)
        if spikes is None or spikes.shape != expected:
            got = "is not in it" if spikes is None else f"has shape {spikes.shape}"
            raise InputError(
                f"recording: population {population.name!r} {got}, the network needs {expected} (samples, ticks, *shape); "
                "record the network that is placed"
            )
        chosen = spikes if sample is None else spikes[sample : sample + 1]
        found[population.name] = np.count_nonzero(np.asarray(chosen).reshape(-1, population.size), axis=0).astype(np.int64)
    return found


def _messages(routes: Sequence[Route], core_of: Mapping[str, Array], spikes: Mapping[str, Array], cores: int) -> tuple[int, sp.csr_matrix]:
    host, total = 0, sp.csr_matrix((cores, cores), dtype=np.int64)
    for route in routes:
        sent = spikes[route.population].reshape(route.grid)[:, route.features]
        if route.population not in core_of:
            host += int(sent.sum(axis=1) @ np.diff(route.cores.indptr))
            continue
        at = core_of[route.population].reshape(route.grid)[:, route.features]
        node, feature = np.nonzero((sent > 0) & (at != HOST))
        by_core = sp.csr_matrix((sent[node, feature], (at[node, feature], node)), shape=(cores, route.grid[0]))
        total = total + by_core @ (route.cores > 0).astype(np.int64)
    return host, sp.csr_matrix(total)
