"""What comes behind the last spikes stays on the host: real-valued readouts (Norse's LI, LICell) have no place on a chip."""

from __future__ import annotations

from typing import Any

import networkx as nx
import nir
import numpy as np

from neurograph.export.neuron_nodes import NEURONS

__all__ = ["without_readout"]

_REAL = (nir.LI, nir.CubaLI, nir.I)


def without_readout(graph: nir.NIRGraph) -> tuple[nir.NIRGraph, list[str]]:
    """The graph up to its last spikes, and the names of the real-valued neurons left out.

    A real-valued neuron that feeds spiking ones stays, and with it the whole graph.
    """
    edges = nx.DiGraph(graph.edges)
    edges.add_nodes_from(graph.nodes)
    spiking = {name for name, node in graph.nodes.items() if type(node) in NEURONS and not isinstance(node, _REAL)}
    real = {name for name, node in graph.nodes.items() if isinstance(node, _REAL)}
    needed = spiking.union(*(nx.ancestors(edges, name) for name in spiking)) if spiking else set()
    if not real or not spiking or real & needed:
        return graph, []
    inputs = {name for name, node in graph.nodes.items() if isinstance(node, nir.Input)}
    nodes: dict[str, Any] = {name: node for name, node in graph.nodes.items() if name in needed | inputs}
    kept = [(a, b) for a, b in graph.edges if a in nodes and b in nodes]
    free = nx.DiGraph(edges)
    free.remove_nodes_from(spiking)
    read = [name for name in graph.nodes if name in spiking and any(_leads_out(graph, free, b) for _, b in edges.out_edges(name))]
    for index, name in enumerate(read):
        nodes[f"output_{index}"] = nir.Output(output_type=np.array(graph.nodes[name].output_type["output"]))
        kept.append((name, f"output_{index}"))
    return nir.NIRGraph(nodes, kept, metadata=graph.metadata), sorted(real)


def _leads_out(graph: nir.NIRGraph, free: Any, start: str) -> bool:
    """Whether a way without spiking neurons leads from a node to an output."""
    return start in free and any(isinstance(graph.nodes[name], nir.Output) for name in {start, *nx.descendants(free, start)})
