"""Mending a graph that breaks NIR's type check where only one meaning is possible; every mend is said in a line.

    one element        a neuron whose parameters all have one element takes what arrives
    ones               leading or trailing dimensions of one (a batch of one, an image of one by one) are taken off or put on: an Input
                       takes the shape of what it feeds, a neuron, Scale, Delay or Output that of what arrives, and a Flatten is put before
                       a Linear or Affine
    no shape           an Input that says none takes the shape of what it feeds
    one name           edges that name one node that does not exist, where exactly one node has no edge at all: that is the one

Anything else stays an error.
"""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any

import nir
import numpy as np

from neurograph.errors import GraphError
from neurograph.export.hdf5_tree import quoted
from neurograph.export.shapes import Shape, arriving, check_graph, given, infer, taken
from neurograph.export.structure import DEEPEST_GRAPH, NEURON_TYPES

__all__ = ["checked", "rebuilt", "relax", "unshared"]

_ELEMENTWISE = (*NEURON_TYPES, nir.Scale, nir.Delay)


def relax(graph: nir.NIRGraph) -> tuple[nir.NIRGraph, tuple[str, ...]]:
    """Mend what is clear, then check.

    Args:
        graph: read with ``type_check=False``; it stays as it is.

    Returns:
        A graph that keeps to :func:`~neurograph.export.shapes.check_graph`, and what was mended, line by line.

    Raises:
        GraphError: what is not clear.
    """
    said: list[str] = []
    return check_graph(_relaxed(graph, "", said, 0)), tuple(said)


def checked(graph: nir.NIRGraph) -> nir.NIRGraph:
    """The graph, checked as it stands; see :func:`~neurograph.export.shapes.check_graph`.

    Raises:
        GraphError: what is wrong, and whether :func:`relax` would mend it.
    """
    try:
        return check_graph(graph)
    except GraphError as error:
        mends = _mends(graph)
        way_out = (
            f"; --relax-shapes mends it ({mends[0]})" if mends else "" if "; " in str(error) else "; mend the graph and write it again"
        )
        raise GraphError(f"{error}{way_out}") from None


def _mends(graph: nir.NIRGraph) -> tuple[str, ...]:
    try:
        return relax(graph)[1]
    except GraphError:
        return ()


def unshared(graph: nir.NIRGraph) -> nir.NIRGraph:
    """A graph of copied nodes over the same arrays: shapes can be set in it, and the first stays as it is."""
    nodes = {name: unshared(node) if isinstance(node, nir.NIRGraph) else copy.copy(node) for name, node in graph.nodes.items()}
    return nir.NIRGraph(nodes, list(graph.edges), metadata=graph.metadata, type_check=False)


def rebuilt(node: Any, **changed: Any) -> Any:
    """A copy of a node made of arrays, with float64 parameters, some of them new."""
    types = ("input_type", "output_type", "metadata")
    kept = {f.name: np.asarray(getattr(node, f.name), dtype=np.float64) for f in fields(node) if f.name not in types}
    return type(node)(**{**kept, **changed}, metadata=node.metadata)


def _relaxed(graph: nir.NIRGraph, prefix: str, said: list[str], depth: int) -> nir.NIRGraph:
    if depth > DEEPEST_GRAPH:
        raise GraphError(f"subgraph {quoted(prefix)}: {depth} graphs deep, at most {DEEPEST_GRAPH}; unfold it")
    nodes = {name: copy.copy(node) for name, node in graph.nodes.items()}
    for name, node in nodes.items():
        if isinstance(node, nir.NIRGraph):
            nodes[name] = _relaxed(node, f"{prefix}{name}.", said, depth + 1)
    edges = _named(nodes, list(graph.edges), prefix, said)
    made = nir.NIRGraph(nodes, edges, metadata=graph.metadata, type_check=False)
    _fit_inputs(made, prefix, said)
    for _ in range(len(nodes) + 1):  # what is mended may change what comes after it
        infer(made)
        if not _fit_one_pass(made, prefix, said):
            return made
    return made


def _named(nodes: dict[str, Any], edges: list[tuple[str, str]], prefix: str, said: list[str]) -> list[tuple[str, str]]:
    """Edges, with the one name that does not exist replaced by the one node that has no edge."""
    ends = {end for edge in edges for end in edge}
    missing, loose = sorted(ends - nodes.keys()), sorted(nodes.keys() - ends)
    if len(missing) != 1 or len(loose) != 1:
        return edges
    said.append(
        f"edges of {quoted(prefix[:-1] or 'the graph')} name {quoted(missing[0])}: read as {quoted(loose[0])}, "
        "the only node without an edge"
    )
    return [tuple(loose[0] if end == missing[0] else end for end in edge) for edge in edges]  # type: ignore[misc]


def _fit_inputs(graph: nir.NIRGraph, prefix: str, said: list[str]) -> None:
    """Inputs take the shape of what they feed, where all of that agrees and it differs by ones, or the Input says none."""
    infer(graph)
    for name, node in graph.nodes.items():
        fed = {taken(graph.nodes[b]) for b in arriving(graph)[name]} if isinstance(node, nir.Input) else set()
        wanted = next(iter(fed)) if len(fed) == 1 else None
        sizes = taken(node)
        if wanted in (None, (), sizes):
            continue
        if sizes is None or _only_ones(sizes, wanted):
            graph.nodes[name] = nir.Input({"input": np.array(wanted)}, metadata=node.metadata)
            said.append(f"reshaped node {quoted(prefix + name)}: {'no shape' if sizes is None else sizes} to {wanted}")


def _fit_one_pass(graph: nir.NIRGraph, prefix: str, said: list[str]) -> bool:
    """Fit the first node that does not take what arrives; whether there was one that could be."""
    for a, b in list(graph.edges):
        arrives, node = given(graph.nodes[a]), graph.nodes[b]
        sizes = taken(node)
        if arrives is None or sizes is None or arrives == sizes or len(arrives) == 0:
            continue
        if isinstance(node, NEURON_TYPES) and int(np.prod(sizes)) == 1 and int(np.prod(arrives)) > 1:
            graph.nodes[b] = rebuilt(node, **{key: np.full(arrives, np.ravel(value)[0]) for key, value in _parameters(node).items()})
            said.append(f"widened node {quoted(prefix + b)}: one element to {arrives}")
            return True
        if not _only_ones(arrives, sizes):
            continue
        if isinstance(node, nir.Output):
            graph.nodes[b] = nir.Output({"output": np.array(arrives)}, metadata=node.metadata)
        elif isinstance(node, _ELEMENTWISE):
            graph.nodes[b] = rebuilt(node, **{key: value.reshape(arrives) for key, value in _parameters(node).items()})
        elif isinstance(node, (nir.Affine, nir.Linear)) and len(sizes) == 1:
            _flatten_before(graph, a, b, arrives)
            said.append(f"put a Flatten before node {quoted(prefix + b)}: {arrives} to {sizes}")
            return True
        else:
            continue
        said.append(f"reshaped node {quoted(prefix + b)}: {sizes} to {arrives}")
        return True
    return False


def _flatten_before(graph: nir.NIRGraph, a: str, b: str, arrives: Shape) -> None:
    name = f"{a}_to_{b}"
    while name in graph.nodes:
        name += "_"
    graph.nodes[name] = nir.Flatten({"input": np.array(arrives)}, 0, -1)
    graph.edges.remove((a, b))
    graph.edges += [(a, name), (name, b)]


def _only_ones(a: Shape, b: Shape) -> bool:
    """Whether the one is the other with dimensions of one before or behind it."""
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    for start in range(len(long) - len(short) + 1):
        rest = (*long[:start], *long[start + len(short) :])
        if long[start : start + len(short)] == short and all(n == 1 for n in rest):
            return True
    return False


def _parameters(node: Any) -> dict[str, Any]:
    types = ("input_type", "output_type", "metadata")
    return {f.name: np.asarray(getattr(node, f.name), dtype=np.float64) for f in fields(node) if f.name not in types}
