"""Groups of populations that hear each other: the strongly connected components of a network."""

from __future__ import annotations

from neurograph.network import Network

__all__ = ["groups"]


def groups(network: Network) -> list[list[str]]:
    """Strongly connected groups of populations, upstream first; within a group in tick order."""
    edges = [(p.source, p.target) for p in network.projections if not network.populations[p.source].is_source]
    rank = {name: i for i, name in enumerate(network.order())}
    if all(rank[source] < rank[target] for source, target in edges):
        return [[p.name] for p in sorted(network.neurons, key=lambda p: rank[p.name])]
    import networkx as nx  # takes longer to load than many a network to run

    graph = nx.DiGraph()
    graph.add_edges_from(edges)
    graph.add_nodes_from(p.name for p in network.neurons)
    condensed = nx.condensation(graph)
    return [sorted(condensed.nodes[i]["members"], key=rank.__getitem__) for i in nx.topological_sort(condensed)]
