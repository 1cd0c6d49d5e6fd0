"""The host parts of a trained model, as ONNX: its encoder, its readout, and a real-valued GNN where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import nn

from neurograph.export.host import PROPAGATION, encoder_model, finished, readout_model
from neurograph.export.targets.onnx_nodes import Nodes
from neurograph.export.targets.onnx_weights import Rows
from neurograph.models import SpikeGraphormerPaper, SpikingClassifier
from neurograph.models.real_gnn import RealGnn

__all__ = ["SEEN", "host_parts"]

Array = NDArray[Any]
SEEN = "seen"  # what the readout hears of the GNN


def host_parts(model: SpikingClassifier, rates: Mapping[str, int]) -> dict[str, onnx.ModelProto]:
    """File name → ONNX.

    Args:
        model: in eval mode.
        rates: output population → its features, in the order in which the readout hears them.
    """
    if isinstance(model, SpikeGraphormerPaper):
        gnn = {} if model.gnn is None else {"gnn.onnx": _gnn(model.gnn)}
        return {"encoder.onnx": _normed_encoder(model), **gnn, "readout.onnx": _fused_readout(model, rates)}
    weight, bias = model.encoder_folded()
    readout = model.readout
    linear = {"weight": _array(readout.linear.weight), "bias": _array(readout.linear.bias)}
    made = readout_model(rates, **linear, propagation=_propagation(readout), plain=readout.plain, mean=_mean(readout))
    return {"encoder.onnx": encoder_model(weight, bias), "readout.onnx": made}


def _normed_encoder(model: SpikeGraphormerPaper) -> onnx.ModelProto:
    """g · ReLU(LN(X W + b))."""
    nodes = Nodes(real=np.float32)
    mapped = _gemm(nodes, "features", model.encoder, "mapped", weight="weight")
    scale, shift = nodes.constant(_array(model.norm.weight), "scale"), nodes.constant(_array(model.norm.bias), "shift")
    normed = nodes.add("LayerNormalization", mapped, scale, shift, name="normed", axis=1, epsilon=model.norm.eps)
    nodes.add("Mul", nodes.add("Relu", normed, name="rectified"), nodes.constant(model.config.encoder_gain, "gain"), name="current")
    return finished("encoder", nodes, {"features": model.config.in_features}, ("current", model.config.current_width))


def _gnn(gnn: RealGnn) -> onnx.ModelProto:
    """See :class:`neurograph.models.real_gnn.RealGnn`."""
    nodes = Nodes(real=np.float32)
    rows = Rows(nodes, sp.csr_matrix(gnn.propagate.matrix()), PROPAGATION, trailing=1)
    mapped = _gemm(nodes, "features", gnn.map, "mapped", weight="weight")
    hops = [nodes.add("Mul", mapped, nodes.constant(gnn.gain, "gain"), name="hop")]
    for layer in range(gnn.layers):
        h = rows.apply(nodes, hops[-1])
        if gnn.linears:
            weight, bias = _folded(gnn.linears[layer], gnn.norms[layer])
            h = nodes.add("Gemm", h, nodes.constant(weight, "layer_weight"), nodes.constant(bias, "layer_bias"), name="linear", transB=1)
            h = nodes.add("Add", nodes.add("Relu", h, name="rectified"), hops[-1], name="hop")
        hops.append(h)
    last = hops[-1]
    if gnn.average:
        total = nodes.add("Sum", *hops, name="total")
        last = nodes.add("Mul", total, nodes.constant(1 / len(hops), "share"), name="mean")
    nodes.add("Relu", last, name=SEEN)
    return finished("gnn", nodes, {"features": gnn.map.in_features}, (SEEN, gnn.map.out_features))


def _fused_readout(model: SpikeGraphormerPaper, rates: Mapping[str, int]) -> onnx.ModelProto:
    """W_f (γ X_gnn + (1 − γ) X_tr) + b_f, or of both side by side."""
    nodes = Nodes(real=np.float32)
    heard = nodes.add("Concat", *rates, name="rates", axis=1)
    propagation = _propagation(model.readout)
    if propagation is not None:
        propagated = Rows(nodes, propagation, PROPAGATION, trailing=1).apply(nodes, heard)
        heard = nodes.add("Concat", propagated, heard, name="heard", axis=1) if model.readout.plain else propagated
    fused = _gemm(nodes, heard, model.readout.linear, "transformed")
    inputs, config = dict(rates), model.config
    if model.gnn is not None:
        inputs[SEEN] = config.gnn_width
        if config.fusion == "cat":
            fused = nodes.add("Concat", fused, SEEN, name="fused", axis=1)
        else:
            seen = nodes.add("Mul", SEEN, nodes.constant(config.gnn_share, "gnn_share"), name="seen_share")
            heard = nodes.add("Mul", fused, nodes.constant(1 - config.gnn_share, "rest"), name="heard_share")
            fused = nodes.add("Add", seen, heard, name="fused")
    _gemm(nodes, fused, model.fuse, "logits", weight="weight")
    return finished("readout", nodes, inputs, ("logits", config.classes))


def _gemm(nodes: Nodes, x: str, linear: nn.Linear, name: str, weight: str = "linear_weight") -> str:
    held = nodes.constant(_array(linear.weight), weight), nodes.constant(_array(linear.bias), f"{weight}_bias")
    return nodes.add("Gemm", x, *held, name=name, transB=1)


def _folded(linear: Any, norm: Any) -> tuple[Array, Array]:
    """Weight and bias of a linear map with the running statistics of a batch norm behind it."""
    gain = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return _array(linear.weight) * gain[:, None], (_array(linear.bias) - _array(norm.running_mean)) * gain + _array(norm.bias)


def _propagation(readout: Any) -> sp.csr_matrix | None:
    return None if readout.propagate is None else sp.csr_matrix(readout.propagate.matrix())


def _mean(readout: Any) -> sp.csr_matrix | None:
    """Over the nodes of each graph, (G, N)."""
    if readout.segments is None:
        return None
    batch, sizes = readout.segments.batch, np.bincount(readout.segments.batch)
    return sp.csr_matrix((1 / sizes[batch], (batch, np.arange(len(batch)))), shape=(len(sizes), len(batch)))


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().double().numpy())
