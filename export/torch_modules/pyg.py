"""PyTorch Geometric's convolutions over a fixed graph: propagation is one step, y = A x; all else in their forward is ordinary torch.

GCNConv  Â (x W) + b, Â normalised by PyG itself     SAGEConv  W_l (mean or sum of neighbours) + W_r x
GINConv  nn((1 + ε) x + sum of neighbours)           SGConv    (Â^K x) W + b
A is made of what the layer hands to ``propagate`` (edge index, edge weights, direction, sum or mean) and checked against its result.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from neurograph.export.torch_modules.values import Expr, Value

if TYPE_CHECKING:
    from neurograph.export.torch_modules.recorder import Recorder

__all__ = ["watch_propagate"]


def watch_propagate(module: Any, recorder: Recorder, path: str) -> None:
    """Let ``recorder`` see each propagation of a convolution; the module is a copy that is thrown away."""
    original = module.propagate

    def propagate(edge_index: Any, size: Any = None, **given: Any) -> Any:
        if recorder.inside:
            return original(edge_index, size=size, **given)
        recorder.inside += 1
        try:
            result = original(edge_index, size=size, **given)
            meant = _meaning(module, recorder, path, edge_index, given, result)
        finally:
            recorder.inside -= 1
        recorder.mean(result, meant)
        return result

    module.propagate = propagate


def _meaning(module: Any, recorder: Recorder, path: str, edge_index: Any, given: dict[str, Any], result: Tensor) -> Value:
    x = given["x"][0] if isinstance(given["x"], tuple) else given["x"]
    value = recorder.value(x)
    weight = given.get("edge_weight")
    if value is None:
        return recorder.refused(result, "propagate of a constant", [])
    kind = getattr(module.aggr_module, "__class__", type(None)).__name__
    reason = None
    if not isinstance(edge_index, Tensor) or edge_index.is_sparse or edge_index.layout.__str__() != "torch.strided":
        reason = "a sparse adjacency, give edge_index of shape (2, edges)"
    elif recorder.value(edge_index) is not None or recorder.value(weight) is not None:
        reason = "a graph that is computed from signals"
    elif kind not in ("SumAggregation", "MeanAggregation"):
        reason = f"aggregation {kind}, must be sum or mean"
    elif len(value.expr.shape) != 2:
        reason = f"features of shape {value.expr.shape}, must be (nodes, features)"
    if reason is None:
        matrix = _matrix(edge_index, weight, kind == "MeanAggregation", module.flow, x.shape[-2], result.shape[-2])
        flat = x.detach().double().numpy().reshape(-1, *x.shape[-2:])
        ours = np.stack([matrix @ one for one in flat]).reshape(tuple(result.shape))
        if np.allclose(ours, result.detach().numpy(), rtol=1e-9, atol=1e-9):
            parts = (matrix.data, matrix.indices, matrix.indptr, np.array(matrix.shape))
            key = (path, *(recorder.constant(part) for part in parts))
            return Value(Expr("aggregate", key, (value.expr,), tuple(result.shape[len(value.outer) :])), value.outer)
        reason = "messages other than weighted neighbours"
    name = f"{type(module).__module__}.{type(module).__qualname__}"
    made = recorder.refused(result, "", [value])
    return Value(replace(made.expr, key=f"module {path!r}: {name} ({reason})"), made.outer)


def _matrix(edge_index: Tensor, weight: Any, mean: bool, flow: str, columns: int, rows: int) -> sp.csr_matrix:
    source, target = edge_index.numpy() if flow == "source_to_target" else edge_index.numpy()[::-1]
    values = np.ones(len(source)) if weight is None else weight.detach().double().numpy().ravel()
    matrix = sp.csr_matrix((values, (target, source)), shape=(rows, columns))
    if mean:
        matrix = sp.diags(1.0 / np.maximum(np.bincount(target, minlength=rows), 1)) @ matrix
    made = sp.csr_matrix(matrix)
    made.sort_indices()
    return made
