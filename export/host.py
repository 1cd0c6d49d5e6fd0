"""What stays off chip, as ONNX: the encoder in front of the spiking network and the readout behind it.

encoder.onnx   features (N, F) → current (N, D0)
readout.onnx   one rate matrix (N, D) an output population → logits (N, C); a propagation is Gather · value → ScatterND (add)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import scipy.sparse as sp
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from neurograph.errors import BundleError

__all__ = ["encoder_model", "host_macs", "readout_model", "run_onnx"]

Array = NDArray[Any]
_OPSET = 18


def encoder_model(weight: Array, bias: Array) -> onnx.ModelProto:
    """``features @ weightᵀ + bias``; weight (D0, F), bias (D0,)."""
    outputs, inputs = weight.shape
    nodes = [helper.make_node("Gemm", ["features", "weight", "bias"], ["current"], transB=1)]
    return _model("encoder", nodes, {"features": inputs}, ("current", outputs), {"weight": weight, "bias": bias})


def readout_model(rates: Mapping[str, int], weight: Array, bias: Array, propagation: sp.csr_matrix | None) -> onnx.ModelProto:
    """``(Â) concat(rates) @ weightᵀ + bias``.

    Args:
        rates: output population → its features, in the order in which they are concatenated.
        weight, bias: (C, Σ D) and (C,).
        propagation: Â (N, N), or None.
    """
    tensors: dict[str, Array] = {"weight": weight, "bias": bias}
    nodes = [helper.make_node("Concat", list(rates), ["rates"], axis=1)]
    last = "rates"
    if propagation is not None:
        rows = np.repeat(np.arange(propagation.shape[0]), np.diff(propagation.indptr))
        tensors |= {"edge_to": rows[:, None].astype(np.int64), "edge_from": propagation.indices.astype(np.int64)}
        tensors["edge_weight"] = propagation.data[:, None]
        tensors["zero"] = np.zeros(1)
        nodes += [
            helper.make_node("Gather", ["rates", "edge_from"], ["gathered"], axis=0),
            helper.make_node("Mul", ["gathered", "edge_weight"], ["messages"]),
            helper.make_node("Mul", ["rates", "zero"], ["empty"]),
            helper.make_node("ScatterND", ["empty", "edge_to", "messages"], ["propagated"], reduction="add"),
        ]
        last = "propagated"
    nodes.append(helper.make_node("Gemm", [last, "weight", "bias"], ["logits"], transB=1))
    return _model("readout", nodes, rates, ("logits", len(bias)), tensors)


def run_onnx(path: Path, feeds: Mapping[str, Array]) -> Array:
    """Run a model of one output in onnxruntime; inputs are cast to float32.

    Raises:
        BundleError: onnxruntime refuses the file or the shapes.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in feeds.items()})
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        raise BundleError(f"host model {path}: {' '.join(str(error).split())[:300]}; export the bundle again") from None
    return np.asarray(result)


def host_macs(model: onnx.ModelProto, nodes: int) -> int:
    """Multiply-adds of one inference: dense products in full, a propagation one an edge and feature."""
    tensors = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    width = int(tensors["weight"][1])
    propagation = int(tensors["edge_from"][0]) * width if "edge_from" in tensors else 0
    return nodes * int(np.prod(tensors["weight"])) + propagation


def _model(
    name: str, nodes: Sequence[Any], inputs: Mapping[str, int], output: tuple[str, int], tensors: Mapping[str, Array]
) -> onnx.ModelProto:
    def value(key: str, width: int) -> Any:
        return helper.make_tensor_value_info(key, TensorProto.FLOAT, ["nodes", width])

    stored = [numpy_helper.from_array(t.astype(np.float32) if t.dtype.kind == "f" else t, key) for key, t in tensors.items()]
    graph = helper.make_graph(list(nodes), name, [value(*item) for item in inputs.items()], [value(*output)], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="neurograph")
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model
