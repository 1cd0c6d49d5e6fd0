"""Lowering: a NIR graph with time metadata becomes a float Network.

Neuron nodes become populations, and each path of linear nodes between two of them becomes one projection; a bias on the way becomes the
bias of the population where it ends. β = dt/tau, α = dt/tau_syn (forward Euler); r scales the incoming weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import GraphError, UnsupportedError
from neurograph.export import nodes as ext
from neurograph.export.compose import compose
from neurograph.export.nir_io import TimeMetadata, time_of
from neurograph.network import LIF, CubaLIF, Network, Neuron, Population, Projection, Source, Threshold
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights, one_to_one

__all__ = ["lower"]

Array = NDArray[Any]
Linear = tuple[Weights, "Array | float"]


def lower(graph: nir.NIRGraph, time: TimeMetadata | None = None) -> Network:
    """Lower a NIR graph.

    Args:
        graph: as read by :mod:`neurograph.export.nir_io`.
        time: how it runs in ticks, where the graph does not say so itself.

    Raises:
        GraphError: no time metadata; an edge that makes no sense.
        UnsupportedError: nodes without a lowering, all of them by name.
    """
    time = time or time_of(graph)
    if time is None:
        raise GraphError("graph: carries no time metadata, so its ticks are not defined; export it with neurograph, or state dt and ticks")
    _refuse_unsupported(graph, time)
    populations: dict[str, Population] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input):
            populations[name] = Population(name, _shape(node.output_type["output"]), Source(time.inputs))
        elif type(node) in _NEURONS:
            neuron = _NEURONS[type(node)](node, time)
            populations[name] = Population(name, _shape(node.output_type["output"]), neuron)
    outgoing: dict[str, list[str]] = {}
    for a, b in graph.edges:
        outgoing.setdefault(a, []).append(b)
    projections: list[Projection] = []
    outputs: list[str] = []
    for name in list(populations):
        for target, weights, bias in _paths(graph, outgoing, name, populations):
            if isinstance(graph.nodes[target], nir.Output):
                outputs.append(name)
                continue
            projections.append(Projection(name, target, weights, lag=int(name == target)))
            if np.any(bias):
                old = populations[target]
                populations[target] = replace(old, bias=_tidy(np.asarray(old.bias) + np.reshape(bias, _bias_shape(bias, old.shape))))
    return Network(populations, tuple(projections), time.ticks, time.dt, tuple(dict.fromkeys(outputs)))


def _paths(
    graph: nir.NIRGraph, outgoing: dict[str, list[str]], start: str, populations: dict[str, Population]
) -> list[tuple[str, Weights, Array | float]]:
    """Every path of linear nodes from ``start`` to the next neuron or output: its end, its composed weights, its bias."""
    found: list[tuple[str, Weights, Array | float]] = []
    stack: list[tuple[str, Weights | None, Array | float, tuple[str, ...]]] = [(n, None, 0.0, (start,)) for n in outgoing.get(start, [])]
    while stack:
        name, weights, bias, path = stack.pop()
        node = graph.nodes[name]
        if name in populations or isinstance(node, nir.Output):
            if name in populations and np.ndim(bias) == 0:
                bias = float(bias)
            found.append((name, weights or one_to_one(populations[start].shape), bias))
            continue
        if name in path:
            raise GraphError(f"graph: loop {' → '.join([*path, name])} holds no neuron, so it has no meaning")
        here, offset = _LINEAR[type(node)](node)
        if weights is not None:
            if np.any(bias):
                offset = offset + here.apply(np.broadcast_to(bias, (1, here.shape[1])))[0]
            here = compose(here, weights)
        stack += [(n, here, offset, (*path, name)) for n in outgoing.get(name, [])]
    return sorted(found, key=lambda item: item[0])


def _refuse_unsupported(graph: nir.NIRGraph, time: TimeMetadata) -> None:
    known = {nir.Input, nir.Output, *_NEURONS, *_LINEAR}
    offenders = [f"node {name!r}: {type(node).__name__}" for name, node in graph.nodes.items() if type(node) not in known]
    for key, value in (("scheme", "forward_euler"), ("order", "current_then_voltage"), ("compare", ">"), ("reset_acts", "same_step")):
        if getattr(time, key) != value:
            offenders.append(f"time metadata {key}={getattr(time, key)!r} (only {value!r})")
    if offenders:
        raise UnsupportedError("lowering to a Network", offenders, "rewrite the model with the nodes and rules that it takes")


def _shape(sizes: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(sizes))


def _tidy(value: Array) -> Any:
    """One number where all are equal: parameters that do not vary stay scalars."""
    value = np.asarray(value, dtype=np.float64)
    return float(value.flat[0]) if value.size and (value == value.flat[0]).all() else value


def _bias_shape(bias: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if np.size(bias) == int(np.prod(shape)) else np.shape(bias)


def _rate(time: TimeMetadata, tau: Array, what: str) -> Any:
    if (np.asarray(tau) <= 0).any():
        raise GraphError(f"{what}: time constant {np.min(tau):g} s, must be above 0")
    return _tidy(time.dt / np.asarray(tau, dtype=np.float64))


def _lif(node: nir.LIF, time: TimeMetadata) -> Neuron:
    _need_unit_r("LIF", node.r)
    beta, reset = _rate(time, node.tau, "LIF"), _tidy(node.v_reset)
    threshold, leak = _tidy(node.v_threshold), _tidy(node.v_leak)
    if np.all(beta == 1.0) and not np.any(reset) and not np.any(leak) and time.reset == "value":
        return Threshold(threshold)
    return LIF(beta, threshold, leak, reset, reset=_reset_rule(time))


def _cuba_lif(node: nir.CubaLIF, time: TimeMetadata) -> Neuron:
    _need_unit_r("CubaLIF", np.asarray(node.r))
    alpha, beta = _rate(time, node.tau_syn, "CubaLIF"), _rate(time, node.tau_mem, "CubaLIF")
    # Forward Euler puts α·w_in on the input; a network keeps weights unscaled only where that product is 1.
    if np.any(np.asarray(alpha) * np.asarray(node.w_in) != 1.0):
        raise UnsupportedError(
            "lowering to a Network", ["CubaLIF: dt/tau_syn · w_in other than 1"], "scale the weights into it instead of w_in"
        )
    return CubaLIF(alpha, beta, _tidy(node.v_threshold), _tidy(node.v_leak), _tidy(node.v_reset), reset=_reset_rule(time))


def _reset_rule(time: TimeMetadata) -> Any:
    if time.reset not in ("value", "subtract"):
        raise GraphError(f"time metadata: reset {time.reset!r}, must be 'value' or 'subtract'")
    return time.reset


def _need_unit_r(kind: str, r: Array) -> None:
    if np.any(np.asarray(r) != 1.0):
        raise UnsupportedError("lowering to a Network", [f"{kind}: r other than 1"], "scale the weights before it by r")


def _affine(node: Any) -> Linear:
    return Dense(np.asarray(node.weight, dtype=np.float64)), np.asarray(getattr(node, "bias", 0.0), dtype=np.float64)


def _per_node(node: ext.PerNode) -> Linear:
    return Kron(Identity(node.nodes), node.weight), np.tile(node.bias, node.nodes) if np.any(node.bias) else 0.0


_NEURONS: dict[type[Any], Callable[[Any, TimeMetadata], Neuron]] = {
    nir.LIF: _lif,
    nir.CubaLIF: _cuba_lif,
}
_LINEAR: dict[type[Any], Callable[[Any], Linear]] = {
    nir.Affine: _affine,
    nir.Linear: _affine,
    ext.PerNode: _per_node,
    ext.Aggregate: lambda node: (Kron(node.matrix(), Identity(node.features)), 0.0),
    ext.ReduceNodes: lambda node: (Kron(OnesRow(node.nodes), node.weight), 0.0),
    ext.BroadcastNodes: lambda node: (Kron(OnesColumn(node.nodes), np.ones(node.features)), 0.0),
    ext.SparseLinear: lambda node: (Sparse(sp.csr_matrix(node.matrix())), 0.0),
}
