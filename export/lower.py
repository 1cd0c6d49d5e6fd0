"""Lowering: a NIR graph with time metadata becomes a float Network.

Neuron nodes become populations, and each path of linear nodes between two of them becomes one projection; a bias on the way becomes the
bias of the population where it ends, a Delay on the way the projection's lag. In a loop, the edge that goes back toward the input carries
the last tick. An Output that linear nodes lead to becomes a real-valued population, v = i, of the Output's name: a readout.
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

from neurograph.errors import GraphError, NetworkError, UnsupportedError
from neurograph.export.compose import compose
from neurograph.export.hdf5_tree import quoted
from neurograph.export.linear_nodes import LINEAR, Affine
from neurograph.export.neuron_nodes import NEURONS, tidy
from neurograph.export.nir_io import MOST_TICKS, TimeMetadata, check_time, time_of
from neurograph.export.node_fields import check_size
from neurograph.export.structure import check_structure, flatten
from neurograph.network import Integrator, Network, Population, Projection, Source
from neurograph.weights import Sparse, Weights, one_to_one

__all__ = ["flatten", "lower"]

Array = NDArray[Any]
_LARGEST = 1e100  # a product of a few parameters of at most 1e30; v stays far from overflow
_MOST_ROWS = 1 << 26


def lower(graph: nir.NIRGraph, time: TimeMetadata | None = None) -> Network:
    """Lower a NIR graph.

    Args:
        graph: as read by :mod:`neurograph.export.nir_io`.
        time: how it runs in ticks, where the graph does not say so itself.

    Raises:
        GraphError: no time metadata or bad one; parts that make no sense.
        UnsupportedError: nodes without a lowering, all of them by name.
    """
    time = time or time_of(graph)
    if time is None:
        raise GraphError("graph: carries no time metadata, so its ticks are not defined; name a --dialect, or export it with neurograph")
    check_time(time)
    nodes, edges = flatten(graph)
    check_structure(nodes, edges)
    _refuse_unsupported(nodes, time)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what overflows is refused below, by name
        return _network(nodes, edges, time)


def _network(nodes: dict[str, Any], edges: list[tuple[str, str]], time: TimeMetadata) -> Network:
    populations: dict[str, Population] = {}
    for name, node in nodes.items():
        if isinstance(node, nir.Input) or type(node) in NEURONS:
            populations[name] = _population(name, node, time)
    graph = _Graph(nodes, edges, time.dt)
    projections: list[Projection] = []
    outputs: list[str] = []
    paths = [(name, path) for name, population in populations.items() for path in graph.paths(name, population.shape)]
    read = [path.end for _, path in paths if isinstance(nodes[path.end], nir.Output) and (path.weights is not None or path.lag)]
    for end in dict.fromkeys(read):
        populations[end] = Population(end, _shape(nodes[end].output_type["output"]), Integrator(beta=1.0, gain=1.0))
    for name, path in paths:
        if isinstance(nodes[path.end], nir.Output):
            outputs.append(path.end if path.end in populations else name)
        if path.end in populations:
            target = populations[path.end]
            weights = one_to_one(populations[name].shape) if path.weights is None else path.weights
            if weights.shape[0] != target.size:
                raise GraphError(
                    f"edge into {quoted(path.end)}: brings {weights.shape[0]} values from {quoted(name)}, the node has {target.size}; "
                    "mend the graph and write it again"
                )
            _refuse_large(f"weights from {quoted(name)} to {quoted(path.end)}", weights.values)
            projections.append(Projection(name, path.end, weights, lag=path.lag))
    _add_biases(graph, populations)
    return Network(populations, _with_recurrence(populations, projections, time), time.ticks, time.dt, tuple(dict.fromkeys(outputs)))


def _population(name: str, node: Any, time: TimeMetadata) -> Population:
    try:
        shape = check_size(_shape(node.output_type["output"]), type(node).__name__)
        return Population(name, shape, Source(time.inputs) if isinstance(node, nir.Input) else NEURONS[type(node)](node, time))
    except GraphError as error:
        raise GraphError(f"node {quoted(name)}: {error}") from None


def _add_biases(graph: _Graph, populations: dict[str, Population]) -> None:
    """The bias of each linear node reaches every neuron behind it once, however many inputs the node has."""
    for name, node in graph.nodes.items():
        if type(node) not in LINEAR:
            continue
        weights, offset = graph.linear(name)
        if not np.any(offset):
            continue
        size = graph.taken(name) if weights is None else weights.shape[0]
        arrives = np.broadcast_to(np.asarray(offset, dtype=np.float64), (1, size))
        for path in graph.paths(name, (size,)):
            if path.end not in populations:
                continue
            target = populations[path.end]
            current = np.asarray(arrives if path.weights is None else path.weights.apply(arrives))[0]
            if len(current) != target.size:
                raise GraphError(f"edge into {quoted(path.end)}: brings {len(current)} values from {quoted(name)}, not {target.size}")
            bias = np.asarray(target.bias) + current.reshape(target.shape)
            _refuse_large(f"bias of {quoted(path.end)}", bias)
            populations[path.end] = replace(target, bias=tidy(bias))


def _refuse_large(what: str, values: Array) -> None:
    if not (np.abs(values) <= _LARGEST).all():
        raise GraphError(f"{what}: a product of nodes passes {_LARGEST:g} or is not a number; scale the weights of its linear nodes down")


@dataclass(frozen=True)
class _Path:
    """Linear nodes from a node that gives ``shape`` to ``end``; weights None is the identity."""

    end: str
    shape: tuple[int, ...]
    weights: Weights | None = None
    lag: int = 0

    @property
    def size(self) -> int:
        """How many values arrive."""
        return int(np.prod(self.shape)) if self.weights is None else int(self.weights.shape[0])


class _Graph:
    """An unfolded graph, and its linear nodes as weights, each made once."""

    def __init__(self, nodes: dict[str, Any], edges: list[tuple[str, str]], dt: float) -> None:
        self.nodes, self.dt = nodes, dt
        self.outgoing: dict[str, list[str]] = {name: [] for name in nodes}
        for a, b in edges:
            self.outgoing[a].append(b)
        self._linear: dict[str, Affine] = {}

    def linear(self, name: str) -> Affine:
        """A linear node as weights and bias."""
        if name not in self._linear:
            node = self.nodes[name]
            try:
                self._linear[name] = LINEAR[type(node)](node, _shape(next(iter(node.input_type.values()))))
            except GraphError as error:
                raise GraphError(f"node {quoted(name)}: {error}") from None
        return self._linear[name]

    def taken(self, name: str) -> int:
        """How many values a node takes."""
        weights = self.linear(name)[0]
        return int(np.prod(_shape(next(iter(self.nodes[name].input_type.values()))))) if weights is None else weights.shape[1]

    def paths(self, start: str, shape: tuple[int, ...]) -> Iterator[_Path]:
        """Every path of linear nodes from behind ``start``, which gives ``shape``, to the next neuron or output."""
        stack = [_Path(name, shape) for name in sorted(self.outgoing[start], reverse=True)]
        while stack:
            path = stack.pop()
            node = self.nodes[path.end]
            if isinstance(node, nir.Output) or type(node) in NEURONS:
                yield path
                continue
            passed = self.delayed(path) if isinstance(node, nir.Delay) else [self.through(path)]
            for next_name in sorted(self.outgoing[path.end], reverse=True):
                stack += [replace(p, end=next_name) for p in passed]

    def through(self, path: _Path) -> _Path:
        """What a path becomes behind a linear node."""
        here, takes = self.linear(path.end)[0], self.taken(path.end)
        if takes != path.size:
            raise GraphError(f"node {quoted(path.end)}: takes {takes} values, but {path.size} arrive; mend the graph and write it again")
        if here is None:
            return path
        try:
            return replace(path, weights=here if path.weights is None else compose(here, path.weights))
        except NetworkError as error:
            raise GraphError(f"node {quoted(path.end)}: {error}") from None

    def delayed(self, path: _Path) -> list[_Path]:
        """What a path becomes behind a Delay: one path for each of its lags."""
        node, what = self.nodes[path.end], f"node {quoted(path.end)}"
        delay = np.asarray(node.delay, dtype=np.float64).ravel()
        if not np.isfinite(delay).all() or (delay < 0).any():
            raise GraphError(f"{what}: delay of {delay.min():g} s, must be at least 0 and finite")
        ticks = np.rint(delay / self.dt)
        if ticks.max() > MOST_TICKS:
            raise GraphError(
                f"{what}: delay of {delay.max():g} s is {ticks.max():g} ticks of {self.dt:g} s, at most {MOST_TICKS:,}; give a larger --dt"
            )
        lags, size = ticks.astype(np.int64), path.size
        if len(lags) not in (1, size):
            raise GraphError(f"{what}: delays {len(lags)} values, but {size} arrive; mend the graph and write it again")
        if (lags == lags[0]).all():
            return [replace(path, lag=path.lag + int(lags[0]))]
        different = np.unique(lags)
        if len(different) * (size + 1) > _MOST_ROWS:
            raise GraphError(f"{what}: {len(different)} different delays of {size} values, at most {_MOST_ROWS // (size + 1)}; round them")
        matrix = (one_to_one(path.shape) if path.weights is None else path.weights).to_csr()
        rows = [sp.diags((lags == lag).astype(np.float64), dtype=np.float64) for lag in different]
        parts = [Sparse(sp.csr_matrix(chosen @ matrix)) for chosen in rows]
        return [replace(path, weights=part, lag=path.lag + int(lag)) for part, lag in zip(parts, different, strict=True)]


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
