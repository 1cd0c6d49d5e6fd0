"""align_delays: from ticks to machine steps.

A spike crosses one connection in one machine step, so a feed-forward network is a pipeline. With

    depth(spike source) = 1,   depth(p) = 1 + max over forward inputs of depth   (1 without any)
    delay(p → q) = depth(q) − depth(p) + lag

tick t of population p happens at machine step t + depth(p), and every projection delivers the tick that the model means.

Requires: a Network without a loop of lag 0.  Ensures: every population has a depth and every spiking projection a delay of at least 1.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from neurograph.errors import UnsupportedError
from neurograph.network import Network

__all__ = ["align_delays", "machine_steps"]


def align_delays(network: Network, *, longest: int = 63) -> Network:
    """Set ``depth`` and ``delay``.

    Args:
        network: any.
        longest: largest delay that the target's synapses take (Lava 63, Loihi 1 62), beyond the one step of the connection.

    Raises:
        UnsupportedError: a recurrent loop over several layers, with its path; a delay past ``longest``. All of them at once.
    """
    spiking = network.spiking_projections
    depth: dict[str, int] = {}
    for name in network.order():
        depth[name] = 1 + max((depth[p.source] for p in spiking if p.target == name and p.lag == 0), default=0)
    offenders = []
    projections = []
    for projection in network.projections:
        if network.populations[projection.source].is_static:
            projections.append(projection)
            continue
        delay = depth[projection.target] - depth[projection.source] + projection.lag
        if delay < 1:
            offenders.append(
                f"loop {_loop(network, projection.source, projection.target)}: its recurrent projection has {delay} machine steps"
            )
        elif delay - 1 > longest:
            offenders.append(f"projection {projection.name}: delay of {delay} machine steps, at most {longest + 1}")
        projections.append(replace(projection, delay=max(delay, 1)))
    if offenders:
        way_out = "keep recurrence inside one population, give the loop more lag, or run it on the float and fixed engines"
        raise UnsupportedError("the pipeline of a chip or of Lava", offenders, way_out)
    populations = {name: replace(population, depth=depth[name]) for name, population in network.populations.items()}
    return replace(network, populations=populations, projections=tuple(projections))


def machine_steps(network: Network) -> int:
    """Steps of one inference alone: T + depth − 1."""
    return network.ticks + max((p.depth or 1) for p in network.populations.values()) - 1


def _loop(network: Network, start: str, end: str) -> str:
    graph = nx.DiGraph()
    graph.add_edges_from((p.source, p.target) for p in network.projections if p.lag == 0)
    return " → ".join([*nx.shortest_path(graph, end, start), end])
