"""Nodes and edges of a NIR graph as a whole: nested graphs unfolded, and what no graph may have.

an edge to a node that does not exist, or twice the same (NIR: edges are a set, so a second one adds nothing and hides a mistake)
no Input, no Output, an edge into an Input or out of an Output, an Output or a node that no Input reaches
a loop of linear nodes: x = W x has no tick in which it is evaluated
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx
import nir

from neurograph.errors import GraphError
from neurograph.export.hdf5_tree import MOST_EDGES, MOST_NODES, quoted

__all__ = ["DEEPEST_GRAPH", "NEURON_TYPES", "check_edges", "check_structure", "flatten"]

NEURON_TYPES = (nir.LIF, nir.IF, nir.CubaLIF, nir.LI, nir.CubaLI, nir.I, nir.Threshold)
DEEPEST_GRAPH = 32
_MOST_PATHS = 20_000


def flatten(graph: nir.NIRGraph, prefix: str = "", depth: int = 0) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes and edges with nested graphs unfolded; an inner node is named ``outer.inner``.

    Raises:
        GraphError: dangling or double edges, subgraphs without exactly one input and one output or too deep, two nodes of one name.
    """
    if depth > DEEPEST_GRAPH:
        raise GraphError(f"subgraph {quoted(prefix)}: {depth} graphs deep, at most {DEEPEST_GRAPH}; unfold it")
    check_edges(graph, prefix)
    nodes: dict[str, Any] = {}
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    edges: list[tuple[str, str]] = []
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            _add(nodes, {prefix + name: node})
            continue
        inner, inner_edges = flatten(node, f"{prefix}{name}.", depth + 1)
        direct = f"{prefix}{name}."
        inputs = [direct + key for key, value in node.nodes.items() if isinstance(value, nir.Input)]
        sinks = [direct + key for key, value in node.nodes.items() if isinstance(value, nir.Output)]
        if len(inputs) != 1 or len(sinks) != 1:
            raise GraphError(f"subgraph {quoted(prefix + name)}: {len(inputs)} inputs and {len(sinks)} outputs, must have one of each")
        entry[name], leave[name] = inputs[0], sinks[0]
        edges += inner_edges
        for gate in (inputs[0], sinks[0]):  # the subgraph's own ends carry the signal through
            shape = next(iter(inner[gate].output_type.values()))
            inner[gate] = nir.Flatten({"input": shape}, 0, -1)
        _add(nodes, inner)
    edges += [(leave.get(a, prefix + a), entry.get(b, prefix + b)) for a, b in graph.edges]
    if len(nodes) > MOST_NODES or len(edges) > MOST_EDGES:
        raise GraphError(
            f"graph: {len(nodes)} nodes and {len(edges)} edges, at most {MOST_NODES} and {MOST_EDGES}; make populations of single nodes"
        )
    return nodes, edges


def check_edges(graph: nir.NIRGraph, prefix: str = "") -> None:
    """Every edge once, between nodes of the graph.

    Raises:
        GraphError: the first that is not.
    """
    seen = set()
    inside = f" of subgraph {quoted(prefix[:-1])}" if prefix else ""
    for a, b in graph.edges:
        for end in (a, b):
            if end not in graph.nodes:
                raise GraphError(
                    f"edge {quoted(a)} → {quoted(b)}{inside}: names {quoted(end)} which does not exist; there are {_some(graph.nodes)}"
                )
        if (a, b) in seen:
            raise GraphError(
                f"edge {quoted(a)} → {quoted(b)}{inside}: stands there twice; leave one, and double the weight if that is meant"
            )
        seen.add((a, b))


def check_structure(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> None:
    """Check an unfolded graph.

    Raises:
        GraphError: what the head of this module lists, with the names.
    """
    inputs = {name for name, node in nodes.items() if isinstance(node, nir.Input)}
    outputs = {name for name, node in nodes.items() if isinstance(node, nir.Output)}
    for found, what in ((inputs, "Input"), (outputs, "Output")):
        if not found:
            raise GraphError(f"graph: has no {what} node among {_some(nodes)}; add one")
    for a, b in edges:
        if b in inputs or a in outputs:
            end = f"into the Input {quoted(b)}" if b in inputs else f"out of the Output {quoted(a)}"
            raise GraphError(f"edge {quoted(a)} → {quoted(b)}: leads {end}, which takes none")
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    _refuse_loops(graph, nodes)
    reached = set(nx.multi_source_dijkstra_path_length(graph, inputs))
    lost = [name for name in nodes if name not in reached]
    if lost:
        raise GraphError(f"graph: no Input reaches {_some(lost)}; connect what is meant, and leave out the rest")
    _count_paths(graph, nodes)


def _refuse_loops(graph: nx.DiGraph, nodes: dict[str, Any]) -> None:
    linear = graph.subgraph([name for name, node in nodes.items() if not isinstance(node, NEURON_TYPES)])
    if nx.is_directed_acyclic_graph(linear):
        return
    loop = [a for a, _ in nx.find_cycle(linear)]
    raise GraphError(f"graph: loop {' → '.join(quoted(n) for n in [*loop[:8], loop[0]])} holds no neuron, so it has no meaning; put one in")


def _count_paths(graph: nx.DiGraph, nodes: dict[str, Any]) -> None:
    """Each path of linear nodes becomes a projection; parallel ones multiply: 2^n behind n pairs."""
    linear = graph.subgraph([name for name, node in nodes.items() if not isinstance(node, (*NEURON_TYPES, nir.Input))])
    ways: dict[str, int] = {}
    for name in reversed(list(nx.topological_sort(linear))):
        ways[name] = sum(ways.get(b, 1) for b in graph.successors(name)) or 1
    total = sum(ways.get(b, 1) for a in nodes if a not in ways for b in graph.successors(a))
    if total > _MOST_PATHS:
        widest = max(ways, key=lambda name: ways[name])
        raise GraphError(
            f"graph: about 2^{total.bit_length() - 1} paths of linear nodes, most behind {quoted(widest)}, at most {_MOST_PATHS}; "
            "merge parallel nodes into one"
        )


def _add(nodes: dict[str, Any], more: dict[str, Any]) -> None:
    for name in more:
        if name in nodes:
            raise GraphError(f"graph: two nodes are named {quoted(name)} once subgraphs are unfolded; rename one")
    nodes.update(more)


def _some(names: Iterable[str]) -> str:
    """The first few names."""
    names = list(names)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(quoted(name) for name in names[:8]) + more) or "none"
