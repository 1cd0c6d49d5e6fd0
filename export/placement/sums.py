"""Sums over more nodes than a core has input axons: a tree of graded partial sums, on targets whose spikes carry a number.

    target ← (1 ⊗ W) s   over N nodes becomes   q_i ← Σ of s over chunk i,   target ← (1 ⊗ W) q   over k = ⌈N / fan_in⌉ chunks

Exact, one machine step a level. It is how such a target would hold the sum; the network that the engines run keeps the one projection. A
partial sum sends a message in every tick in which it is not 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from neurograph.export.placement.grids import grid, links
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.rules import fan_in_of
from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.sim.recording import Recording
from neurograph.weights import Identity, Kron, OnesRow

__all__ = ["with_partial_sums"]


def with_partial_sums(network: Network, limits: Limits, recording: Recording | None) -> tuple[Network, Recording | None, list[str]]:
    """A network whose sums over nodes fit the target's fan-in, its recording, and a note for each sum that was cut.

    Unchanged where everything fits, where the target has no graded spikes, or where what is too large is no sum over nodes: the rule
    ``fan_in`` says so then.
    """
    notes: list[str] = []
    while limits.graded_bits > 1:
        sum_ = _too_long(network, limits)
        if sum_ is None:
            break
        network, recording = _cut(network, sum_, limits, recording)
        chunks = -(-network.populations[sum_.source].shape[0] // limits.fan_in)
        notes.append(
            f"projection {sum_.name}: its sum over {network.populations[sum_.source].shape[0]:,} nodes is past the fan-in of "
            f"{limits.fan_in:,}; counted as {chunks} graded partial sums a feature, one machine step more than the network that runs"
        )
    return network, recording, notes


def _too_long(network: Network, limits: Limits) -> Projection | None:
    """The longest sum over nodes into a population past the limit."""
    of = links(network)
    for name in network.populations:
        if name in {link.projection.target for link in of} and fan_in_of(network, of, name).max() > limits.fan_in:
            sums = [k for k in of if k.projection.target == name and k.kind == "row" and k.source_grid[0] > limits.fan_in]
            if sums:
                return max(sums, key=lambda link: link.source_grid[0]).projection
    return None


def _cut(network: Network, projection: Projection, limits: Limits, recording: Recording | None) -> tuple[Network, Recording | None]:
    nodes, features = grid(network.populations[projection.source])
    chunks = -(-nodes // limits.fan_in)
    of = np.arange(nodes) * chunks // nodes
    matrix = sp.csr_matrix((np.ones(nodes, dtype=np.int64), (of, np.arange(nodes))), shape=(chunks, nodes))
    name = f"{projection.target}.sum{sum(p.startswith(projection.target + '.sum') for p in network.populations)}"
    relay = FixedLIF(du=4095, dv=4095, vth=0, bias_mant=0, bias_exp=0, scale=1.0)
    population = Population(name, (chunks, features), relay, depth=network.populations[projection.source].depth)  # no step of its own here
    assert isinstance(projection.weights, Kron)
    first = Projection(projection.source, name, Kron(matrix, Identity(features)), projection.lag, 1, sign_mode="excitatory")
    second = replace(projection, source=name, weights=Kron(OnesRow(chunks), projection.weights.right), lag=0)
    projections = tuple(new for old in network.projections for new in ((first, second) if old is projection else (old,)))
    made = replace(network, populations={**network.populations, name: population}, projections=projections)
    if recording is None:
        return made, None
    spikes = recording.spikes[projection.source]
    flat = spikes.reshape(*spikes.shape[:2], nodes, features).transpose(2, 0, 1, 3).reshape(nodes, -1)
    sums = (matrix @ flat.astype(np.int64)).reshape(chunks, *spikes.shape[:2], features).transpose(1, 2, 0, 3)
    return made, replace(recording, spikes={**recording.spikes, name: (sums != 0).astype(np.uint8)})
