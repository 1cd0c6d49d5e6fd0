"""Tracing: the spiking core of a trained torch module becomes a NIR graph (graph form), through nirtorch with our own module map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import nir
import nirtorch
import numpy as np
from torch import Tensor, nn

from neurograph.errors import UnsupportedError
from neurograph.export import nodes as ext
from neurograph.export.nir_io import TimeMetadata
from neurograph.nn.attention import And, BroadcastNodes, ReduceNodes
from neurograph.nn.linear import PerNode, Select
from neurograph.nn.neurons import LIF
from neurograph.nn.propagate import Propagate
from neurograph.nn.record import record_outputs
from neurograph.nn.wires import Wires

__all__ = ["DT", "LINEAR", "trace"]

DT = 1e-3  # seconds a tick; Norse's default, and only the ratio dt/tau matters to a spike
Shape = tuple[int, ...]


def trace(core: nn.Module, current: Tensor) -> nir.NIRGraph:
    """Trace ``core`` to NIR in graph form.

    Node names are the module paths with dots as underscores. Sums become several edges into one node; batch norms are folded into the
    linear map before them; the gates of attention become memoryless LIF nodes (tau = dt, threshold 1.5); dropout is gone in eval mode.

    Args:
        core: maps the input current (T, N, D) to spikes (a tensor or a tuple of them), in eval mode.
        current: one example of the input, for the shapes.

    Raises:
        UnsupportedError: modules without a counterpart on chip, all of them by their qualified names.
    """
    core.eval()
    outputs = record_outputs(core, current)
    shapes = {core.get_submodule(path): tuple(output.shape[1:]) for path, output in outputs.items()}  # without ticks
    _refuse_unknown(core, shapes)
    module_map = {kind: _with_shape(convert, shapes) for kind, convert in _CONVERT.items()}
    traced = nirtorch.torch_to_nir(core, module_map, type_check=False)
    ticks = len(current)
    return _finish(traced, tuple(current.shape[1:]), TimeMetadata(DT, ticks, reset=_reset(core)))


def _lif(module: LIF, shape: Shape) -> nir.LIF:
    return _lif_node(DT / module.beta, module.threshold, shape)


def _gate(module: And, shape: Shape) -> nir.LIF:
    """AND of two spikes: each brings 1, so only both together pass 1.5; tau = dt forgets at once."""
    return _lif_node(DT, 1.5, shape)


def _lif_node(tau: float, threshold: float, shape: Shape) -> nir.LIF:
    zeros = np.zeros(shape)
    return nir.LIF(tau=np.full(shape, tau), r=np.ones(shape), v_leak=zeros, v_threshold=np.full(shape, threshold), v_reset=zeros)


def _per_node(module: PerNode, shape: Shape) -> ext.PerNode:
    weight, bias = module.folded()
    return ext.PerNode(weight, bias, shape[0])


def _select(module: Select, shape: Shape) -> ext.PerNode:
    weight = np.eye(module.width)[module.start : module.stop]
    return ext.PerNode(weight, np.zeros(len(weight)), shape[0])


def _wires(module: Wires, shape: Shape) -> ext.PerNode:
    weight = module.weight()
    return ext.PerNode(weight, np.zeros(len(weight)), shape[0])


def _propagate(module: Propagate, shape: Shape) -> ext.Aggregate:
    matrix = module.matrix()
    return ext.Aggregate(matrix.data, matrix.indices, matrix.indptr, np.array(matrix.shape), shape[1])


def _reduce(module: ReduceNodes, shape: Shape) -> ext.ReduceNodes | nir.NIRGraph:
    weight = module.weight()
    if module.segments is None or len(module.segments) == 1:
        return ext.ReduceNodes(weight.reshape(-1), module.nodes)
    batch = module.segments.batch
    starts = np.searchsorted(batch, np.arange(len(weight) + 1))
    total = ext.Aggregate(np.ones(len(batch)), np.arange(len(batch)), starts, np.array((len(weight), len(batch))), module.width)
    return nir.NIRGraph.from_list(total, nir.Scale(weight))  # the weight is that of a graph and a feature


def _broadcast(module: BroadcastNodes, shape: Shape) -> ext.BroadcastNodes | ext.Aggregate:
    if module.segments is None or len(module.segments) == 1:
        return ext.BroadcastNodes(module.nodes, shape[1])
    batch, nodes = module.segments.batch, len(module.segments.batch)
    return ext.Aggregate(np.ones(nodes), batch, np.arange(nodes + 1), np.array((nodes, len(module.segments))), shape[1])


LINEAR: dict[type[nn.Module], Callable[[Any, Shape], Any]] = {
    PerNode: _per_node,
    Select: _select,
    Wires: _wires,
    Propagate: _propagate,
    ReduceNodes: _reduce,
    BroadcastNodes: _broadcast,
}
_CONVERT: dict[type[nn.Module], Callable[[Any, Shape], Any]] = {LIF: _lif, And: _gate, **LINEAR}


def _with_shape(convert: Callable[[Any, Shape], Any], shapes: dict[nn.Module, Shape]) -> Callable[[nn.Module], Any]:
    return lambda module: convert(module, shapes[module])


def _refuse_unknown(core: nn.Module, shapes: dict[nn.Module, Shape]) -> None:
    inside = {child for module in core.modules() if type(module) in _CONVERT for child in module.modules() if child is not module}
    offenders = [
        f"module {path!r}: {type(module).__module__}.{type(module).__qualname__}"
        for path, module in core.named_modules()
        if module in shapes and not any(module.children()) and type(module) not in _CONVERT and module not in inside
    ]
    if offenders:
        raise UnsupportedError("NIR", offenders, "build the core from the layers of neurograph.nn")


def _reset(core: nn.Module) -> str:
    resets = {module.reset for module in core.modules() if isinstance(module, LIF)}
    if len(resets) > 1:
        raise UnsupportedError("NIR", ["a network with both reset rules"], "use one reset rule in all its neurons")
    return str(resets.pop()) if resets else "value"


def _unfolded(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A module that became two linear nodes in a row: the second has its name, the first stands before it."""
    for name in [name for name, node in nodes.items() if isinstance(node, nir.NIRGraph)]:
        first, second = (node for node in nodes[name].nodes.values() if not isinstance(node, (nir.Input, nir.Output)))
        nodes[name], nodes[f"{name}_sum"] = second, first
        edges = [(a, f"{name}_sum" if b == name else b) for a, b in edges] + [(f"{name}_sum", name)]
    return nodes, edges


def _finish(traced: nir.NIRGraph, shape: Shape, time: TimeMetadata) -> nir.NIRGraph:
    """Give the input its shape, each output a node of its own, and the graph its time."""
    nodes = dict(traced.nodes)
    (source,) = (name for name, node in nodes.items() if isinstance(node, nir.Input))
    nodes[source] = nir.Input(input_type=np.array(shape))
    (sink,) = (name for name, node in nodes.items() if isinstance(node, nir.Output))
    del nodes[sink]
    edges = sorted({(a, b) for a, b in traced.edges if b != sink})
    ends = sorted({a for a, b in traced.edges if b == sink})
    nodes, edges = _unfolded(nodes, edges)
    for index, end in enumerate(ends):
        name = f"output_{index}"
        nodes[name] = nir.Output(output_type=nodes[end].output_type["output"])
        edges.append((end, name))
    return nir.NIRGraph(nodes, edges, metadata={"neurograph": asdict(time)})
