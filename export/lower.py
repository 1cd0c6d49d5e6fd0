"""Lowering: a NIR graph with time metadata becomes a float Network.

Neuron nodes become populations, and each path of linear nodes between two of them becomes one projection; a bias on the way becomes the
bias of the population where it ends, a Delay on the way the projection's lag. In a loop, the edge that goes back toward the input carries
the last tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import nir
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import GraphError, UnsupportedError
from neurograph.export.compose import compose
from neurograph.export.linear_nodes import LINEAR
from neurograph.export.neuron_nodes import NEURONS, tidy
from neurograph.export.nir_io import TimeMetadata, time_of
from neurograph.network import Network, Population, Projection, Source
from neurograph.weights import Sparse, Weights, one_to_one

__all__ = ["flatten", "lower"]

Array = NDArray[Any]


def lower(graph: nir.NIRGraph, time: TimeMetadata | None = None) -> Network:
    """Lower a NIR graph.

    Args:
        graph: as read by :mod:`neurograph.export.nir_io`.
        time: how it runs in ticks, where the graph does not say so itself.

    Raises:
        GraphError: no time metadata; parts that make no sense.
        UnsupportedError: nodes without a lowering, all of them by name.
    """
    time = time or time_of(graph)
    if time is None:
        raise GraphError("graph: carries no time metadata, so its ticks are not defined; name a --dialect, or export it with neurograph")
    nodes, edges = flatten(graph)
    _refuse_unsupported(nodes, time)
    populations: dict[str, Population] = {}
    for name, node in nodes.items():
        if isinstance(node, nir.Input):
            populations[name] = Population(name, _shape(node.output_type["output"]), Source(time.inputs))
        elif type(node) in NEURONS:
            try:
                populations[name] = Population(name, _shape(node.output_type["output"]), NEURONS[type(node)](node, time))
            except GraphError as error:
                raise GraphError(f"node {name!r}: {error}") from None
    outgoing: dict[str, list[str]] = {name: [] for name in nodes}
    for a, b in edges:
        outgoing[a].append(b)
    projections: list[Projection] = []
    outputs: list[str] = []
    for name in list(populations):
        for path in _paths(nodes, outgoing, populations[name], time.dt):
            if isinstance(nodes[path.end], nir.Output):
                outputs.append(name)
                continue
            target = populations[path.end]
            weights = one_to_one(populations[name].shape) if path.weights is None else path.weights
            if weights.shape[0] != target.size:
                raise GraphError(f"edge into {path.end!r}: brings {weights.shape[0]} values from {name!r}, the node has {target.size}")
            projections.append(Projection(name, path.end, weights, lag=path.lag))
            if np.any(path.bias):
                bias = np.asarray(target.bias) + np.broadcast_to(path.bias, (target.size,)).reshape(target.shape)
                populations[path.end] = replace(target, bias=tidy(bias))
    return Network(populations, _with_recurrence(populations, projections, time), time.ticks, time.dt, tuple(dict.fromkeys(outputs)))


def flatten(graph: nir.NIRGraph, prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes and edges with nested graphs unfolded; an inner node is named ``outer.inner``."""
    nodes: dict[str, Any] = {}
    entry: dict[str, str] = {}
    leave: dict[str, list[str]] = {}
    edges: list[tuple[str, str]] = []
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[prefix + name] = node
            continue
        inner, inner_edges = flatten(node, f"{prefix}{name}.")
        inputs = [key for key, value in inner.items() if isinstance(value, nir.Input)]
        sinks = [key for key, value in inner.items() if isinstance(value, nir.Output)]
        if len(inputs) != 1 or len(sinks) != 1:
            raise GraphError(f"subgraph {prefix + name!r}: {len(inputs)} inputs and {len(sinks)} outputs, must have one of each")
        entry[prefix + name], leave[prefix + name] = inputs[0], sinks
        edges += inner_edges
        nodes.update(inner)
        for gate in (inputs[0], sinks[0]):  # the subgraph's own ends carry the signal through
            nodes[gate] = nir.Scale(np.ones(_shape(next(iter(inner[gate].output_type.values())))))
    for a, b in graph.edges:
        edges.append((leave[prefix + a][0] if prefix + a in leave else prefix + a, entry.get(prefix + b, prefix + b)))
    return nodes, edges


@dataclass(frozen=True)
class _Path:
    """Linear nodes from a population to ``end``; weights None is the identity."""

    end: str
    weights: Weights | None = None
    bias: Any = 0.0
    lag: int = 0
    seen: tuple[str, ...] = ()


def _paths(nodes: dict[str, Any], outgoing: dict[str, list[str]], start: Population, dt: float) -> Iterator[_Path]:
    """Every path of linear nodes from ``start`` to the next neuron or output."""
    stack = [_Path(name, seen=(start.name,)) for name in sorted(outgoing[start.name], reverse=True)]
    while stack:
        path = stack.pop()
        node = nodes[path.end]
        if isinstance(node, (nir.Input, nir.Output)) or type(node) in NEURONS:
            yield path
            continue
        if path.end in path.seen:
            raise GraphError(f"graph: loop {' → '.join([*path.seen, path.end])} holds no neuron, so it has no meaning")
        try:
            passed = list(_through(node, path, start, dt))
        except GraphError as error:
            raise GraphError(f"node {path.end!r}: {error}") from None
        for next_name in sorted(outgoing[path.end], reverse=True):
            stack += [replace(p, end=next_name, seen=(*path.seen, path.end)) for p in passed]


def _through(node: Any, path: _Path, start: Population, dt: float) -> Iterator[_Path]:
    """What a path becomes behind a linear node: one path, or one for each lag of a Delay."""
    if isinstance(node, nir.Delay):
        yield from _delayed(node, path, start, dt)
        return
    here, offset = LINEAR[type(node)](node, _shape(next(iter(node.input_type.values()))))
    if here is None:
        yield path
        return
    size = start.size if path.weights is None else path.weights.shape[0]
    if here.shape[1] != size:
        raise GraphError(f"takes {here.shape[1]} values, but {size} arrive")
    bias = offset
    if np.any(path.bias):
        bias = offset + here.apply(np.broadcast_to(path.bias, (1, size)))[0]
    yield replace(path, weights=here if path.weights is None else compose(here, path.weights), bias=bias)


def _delayed(node: nir.Delay, path: _Path, start: Population, dt: float) -> Iterator[_Path]:
    delay = np.asarray(node.delay, dtype=np.float64).ravel()
    if not np.isfinite(delay).all() or (delay < 0).any():
        raise GraphError(f"delay of {delay.min():g} s, must be at least 0 and finite")
    lags = np.rint(delay / dt).astype(np.int64)
    if (lags == lags[0]).all():
        yield replace(path, lag=path.lag + int(lags[0]))
        return
    matrix = (one_to_one(start.shape) if path.weights is None else path.weights).to_csr()
    for index, lag in enumerate(np.unique(lags)):
        rows = sp.diags((lags == lag).astype(np.float64), dtype=np.float64)
        yield replace(path, weights=Sparse(sp.csr_matrix(rows @ matrix)), lag=path.lag + int(lag), bias=path.bias if index == 0 else 0.0)


def _with_recurrence(populations: dict[str, Population], projections: list[Projection], time: TimeMetadata) -> tuple[Projection, ...]:
    """Inside a loop, an edge from a population to one no farther from the input gets the lag of recurrence."""
    graph = nx.DiGraph()
    graph.add_nodes_from(populations)
    graph.add_edges_from((p.source, p.target) for p in projections)
    start = {name for name, population in populations.items() if population.is_source}
    distance = dict.fromkeys(populations, len(populations))
    distance |= dict(nx.multi_source_dijkstra_path_length(graph, start)) if start else {}
    rank = {name: i for i, name in enumerate(sorted(populations, key=lambda n: (distance[n], list(populations).index(n))))}
    undelayed = nx.DiGraph()
    undelayed.add_nodes_from(populations)
    undelayed.add_edges_from((p.source, p.target) for p in projections if p.lag == 0)
    group = {name: i for i, members in enumerate(nx.strongly_connected_components(undelayed)) for name in members}

    def goes_back(p: Projection) -> bool:
        return p.lag == 0 and group[p.source] == group[p.target] and rank[p.target] <= rank[p.source]

    return tuple(replace(p, lag=time.recurrent_delay) if goes_back(p) else p for p in projections)


def _refuse_unsupported(nodes: dict[str, Any], time: TimeMetadata) -> None:
    known = {nir.Input, nir.Output, nir.Delay, *NEURONS, *LINEAR}
    offenders = [f"node {name!r}: {type(node).__name__}" for name, node in nodes.items() if type(node) not in known]
    allowed = {
        "scheme": ("forward_euler", "exponential_euler"),
        "order": ("current_then_voltage",),
        "compare": (">", ">="),
        "reset_acts": ("same_step", "next_step"),
    }
    for key, values in allowed.items():
        if getattr(time, key) not in values:
            offenders.append(f"time metadata {key}={getattr(time, key)!r} (only {' or '.join(map(repr, values))})")
    if offenders:
        raise UnsupportedError("lowering to a Network", offenders, "rewrite the model with the nodes and rules that it takes")


def _shape(sizes: Any) -> tuple[int, ...]:
    if sizes is None:
        raise GraphError("a node has no shape; read the graph with type checking, or set its input type")
    return tuple(int(size) for size in np.atleast_1d(sizes)) or (1,)
