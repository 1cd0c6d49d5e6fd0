"""split_readout: what is real-valued behind the last spikes leaves the network that a chip runs, and stays on the host.

Ensures: no real-valued population that no spiking one hears. One between spikes stays, and a chip refuses it by name.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from neurograph.network import Network, Population, Source

__all__ = ["split_readout"]


def split_readout(network: Network) -> tuple[Network, Network | None]:
    """The spiking network and the readout.

    Args:
        network: float.

    Returns:
        The network up to its last spikes, whose outputs are the populations that the readout hears; and the readout as a network of its
        own, whose sources have the names of those populations and take their spikes. None, and the network as it was, where there is no
        readout or nothing but it.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(network.populations)
    graph.add_edges_from((p.source, p.target) for p in network.projections)
    spiking = {p.name for p in network.neurons if not p.is_real}
    behind = {p.name for p in network.neurons if p.is_real and not spiking & nx.descendants(graph, p.name)}
    if not behind or not spiking:
        return network, None
    heard = tuple(dict.fromkeys(p.source for p in network.projections if p.target in behind and p.source not in behind))
    own = {name: p for name, p in network.populations.items() if name in behind}
    sources = {name: _source(network.populations[name]) for name in heard}
    inner = tuple(p for p in network.projections if p.target in behind)
    outputs = tuple(name for name in network.outputs if name in behind) or tuple(own)
    readout = Network({**sources, **own}, inner, network.ticks, network.dt, outputs)
    kept = {name: p for name, p in network.populations.items() if name not in behind}
    chip = [name for name in (*network.outputs, *heard) if name in kept and not kept[name].is_source]
    projections = tuple(p for p in network.projections if p.target not in behind)
    return replace(network, populations=kept, projections=projections, outputs=tuple(dict.fromkeys(chip))), readout


def _source(population: Population) -> Population:
    return population if population.is_source else Population(population.name, population.shape, Source("spikes"))
