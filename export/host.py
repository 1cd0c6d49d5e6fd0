"""What stays off chip, as ONNX: the encoder in front of the spiking network and the readout behind it.

encoder.onnx   features (N, F) → current (N, D0)
gnn.onnx       features (N, F) → seen (N, D): the real-valued GNN of a model that has one
readout.onnx   one rate matrix (N, D) an output population, and ``seen`` where there is a GNN → logits (N, C), or (G, C) of a set of graphs;
               a propagation, and the mean over the nodes of each graph, is rows of like length, gathered and summed
               (:class:`neurograph.export.targets.onnx_weights.Rows`; onnxruntime's adding scatter loses summands)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import scipy.sparse as sp
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from neurograph.export.targets.onnx_nodes import Nodes
from neurograph.export.targets.onnx_weights import Rows

__all__ = ["PROPAGATION", "effective_macs", "encoder_model", "finished", "host_macs", "macs_by_matrix", "readout_model"]

Array = NDArray[Any]
_OPSET = 18
PROPAGATION = "propagation"  # beginning of the names of its constants
_PARTS = (PROPAGATION, f"{PROPAGATION}_of_means")  # of the halves of what is heard


def encoder_model(weight: Array, bias: Array) -> onnx.ModelProto:
    """``features @ weightᵀ + bias``; weight (D0, F), bias (D0,)."""
    outputs, inputs = weight.shape
    nodes = Nodes(real=np.float32)
    nodes.add("Gemm", "features", nodes.constant(weight, "weight"), nodes.constant(bias, "bias"), name="current", transB=1)
    return finished("encoder", nodes, {"features": inputs}, ("current", outputs))


def readout_model(
    rates: Mapping[str, int],
    weight: Array,
    bias: Array,
    propagation: sp.csr_matrix | None,
    plain: bool = False,
    mean: sp.csr_matrix | None = None,
) -> onnx.ModelProto:
    """``[Â R, R] @ weightᵀ + bias`` with ``R = concat(rates)``, of a set of graphs ``M [Â R, R]``; see :class:`neurograph.nn.Readout`.

    Args:
        rates: output population → its features, in the order in which they are concatenated.
        weight, bias: (C, Σ D), twice as wide for both halves, and (C,).
        propagation: Â (N, N), or None to leave the first half out.
        plain: whether the second half is there beside the first.
        mean: M (G, N), over the nodes of each graph; None where nodes are classified. M Â is one matrix.
    """
    nodes = Nodes(real=np.float32)
    last = nodes.add("Concat", *rates, name="rates", axis=1)
    parts = ([] if propagation is None else [propagation]) + ([None] if plain or propagation is None else [])
    if mean is not None:
        parts = [mean if part is None else sp.csr_matrix(mean @ part) for part in parts]
    heard = [
        last if part is None else Rows(nodes, part, where, trailing=1).apply(nodes, last)
        for part, where in zip(parts, _PARTS, strict=False)
    ]
    last = heard[0] if len(heard) == 1 else nodes.add("Concat", *heard, name="heard", axis=1)
    nodes.add("Gemm", last, nodes.constant(weight, "weight"), nodes.constant(bias, "bias"), name="logits", transB=1)
    return finished("readout", nodes, rates, ("logits", len(bias)))


def host_macs(model: onnx.ModelProto, nodes: int) -> int:
    """Multiply-adds of one inference: dense products in full, a propagation, or a mean over graphs, one an entry and feature."""
    return sum(macs_by_matrix(model, nodes))


def macs_by_matrix(model: onnx.ModelProto, nodes: int) -> tuple[int, int]:
    """:func:`host_macs` over dense matrices, and over sparse ones (propagations, means over graphs), whose entries' places are read too."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    widths = {value.name: value.type.tensor_type.shape.dim[1].dim_value for value in model.graph.input}
    read = sum(tensor.dims[0] for name, tensor in tensors.items() if name.startswith(f"{PROPAGATION}/columns")) or nodes
    dense = sparse = 0
    for node in model.graph.node:
        known = [widths[name] for name in node.input if name in widths]
        width = known[0] if known else 0
        if node.op_type == "Gemm":
            outputs, inputs = tensors[node.input[1]].dims
            dense, width = dense + (read if node.output[0] == "logits" else nodes) * outputs * inputs, outputs
        elif node.op_type == "Mul" and node.input[1].startswith(tuple(f"{part}/weights" for part in _PARTS)):
            sparse += int(np.count_nonzero(numpy_helper.to_array(tensors[node.input[1]]))) * width
        elif node.op_type == "Concat" and node.attribute[0].i == 1:
            width = sum(known)
        widths[node.output[0]] = width
    return dense, sparse


def effective_macs(encoder: onnx.ModelProto, nonzeros: int) -> int:
    """Multiply-adds of one inference of the encoder on a host that skips inputs of 0: one a nonzero feature and output.

    Args:
        encoder: from :func:`encoder_model`.
        nonzeros: of the features.
    """
    (weight,) = (tensor.dims for tensor in encoder.graph.initializer if tensor.name == "weight")
    return nonzeros * int(weight[0])


def finished(name: str, nodes: Nodes, inputs: Mapping[str, int], output: tuple[str, int]) -> onnx.ModelProto:
    """The model of these nodes, checked: input → its width, and the output's name and width."""

    def value(key: str, width: int) -> Any:
        return helper.make_tensor_value_info(key, TensorProto.FLOAT, ["nodes", width])

    graph = helper.make_graph(nodes.nodes, name, [value(*item) for item in inputs.items()], [value(*output)], nodes.initializers())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="neurograph")
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model
