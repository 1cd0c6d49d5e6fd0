"""Tiny dynamic models that were compiled and run, and every count of them by a loop over spikes and synapses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from onchip_windows import NODES, SNAPSHOTS, compiled, lively, lively_paper, steps_of

from neurograph.network import Network
from neurograph.reporting.dynamic import runs_of
from neurograph.reporting.dynamic_host import HostParts
from neurograph.sim.recording import Recording
from neurograph.sim.windows import WindowRun
from neurograph.windows import DynamicNetwork

__all__ = ["HOST", "Run", "brute_force", "neuron_of", "run", "synapses"]

HOST = HostParts({"encoder": 1000})


@dataclass(frozen=True)
class Run:
    """A dynamic network and what all of its windows did."""

    dynamic: DynamicNetwork
    windows: list[WindowRun]

    @property
    def there(self) -> list[WindowRun]:
        return [one for one in self.windows if one.network is not None]


@cache
def run(build: str, seed: int) -> Run:
    """Of "onchip" or "paper"; the snapshots grow, pause, and one of them is empty."""
    model = lively(len(SNAPSHOTS), seed) if build == "onchip" else lively_paper(len(SNAPSHOTS), seed)
    dynamic = compiled(model, steps_of(SNAPSHOTS, seed=seed + 1)).quantized
    return Run(dynamic, runs_of(dynamic))


def synapses(network: Network, projection: Any) -> list[list[int]]:
    """Target neurons of each source neuron of a projection, every weight written out."""
    matrix = projection.weights.to_csr().toarray()
    return [np.flatnonzero(matrix[:, j]).tolist() for j in range(matrix.shape[1])]


def neuron_of(network: Network, name: str, neuron: int, nodes: Any) -> int:
    """Number of a window's neuron among those of all nodes."""
    width = network.populations[name].size // len(nodes)
    return int(nodes[neuron // width]) * width + neuron % width


def brute_force(network: Network, recording: Recording) -> Counter[Any]:
    """Events by number of the projection; spikes, active updates and messages by population."""
    found: Counter[Any] = Counter()
    active: set[tuple[str, int, int]] = set()
    reach: dict[str, list[set[str]]] = {p.name: [set() for _ in range(p.size)] for p in network.populations.values()}
    tables = {id(p): synapses(network, p) for p in network.spiking_projections}
    for projection in network.spiking_projections:
        for j, targets in enumerate(tables[id(projection)]):
            if targets:
                reach[projection.source][j].add(projection.target)
    for name, spikes in recording.spikes.items():
        for tick, row in enumerate(spikes[0].reshape(recording.ticks, -1)):
            for j in np.flatnonzero(row).tolist():
                found["spikes", name] += 1
                found["messages", name] += len(reach[name][j])
                active.add((name, tick, j))
                for index, projection in enumerate(network.spiking_projections):
                    for i in tables[id(projection)][j] if projection.source == name else ():
                        found["events", index] += 1
                        if tick + projection.lag < recording.ticks:
                            active.add((projection.target, tick + projection.lag, i))
    for name, _, _ in active:
        found["active", name] += 1
    return found


assert NODES == 14  # the tables of the tests are written for it
