"""ONNX files that others may have made, looked at before they are run: the operators that neurograph writes, and all values in the file.

A model may name a file that holds its tensors (``location``), any file of the user's; may hold operators of other libraries, functions and
loops; and may declare tensors that it does not bring, or that an operator makes without end. None of that is read or run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurograph.errors import BundleError, NeurographError

__all__ = ["MOST_BYTES", "MOST_VALUES", "OPERATORS", "read_onnx"]

MOST_BYTES = (2 << 30) - 1
"""Protobuf's own limit."""
MOST_VALUES = 1 << 30
"""Elements of one value between two operators, where its shape is known."""
OPERATORS = frozenset(
    (
        *("Add", "Cast", "Concat", "Expand", "Gather", "Gemm", "Greater", "Identity", "LayerNormalization", "MatMul", "Mul"),
        *("ReduceSum", "Relu", "Reshape", "Scan", "Shape", "Slice", "Sub", "Sum", "Transpose", "Unsqueeze", "Where"),
    )
)
_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Of an element of each type of TensorProto."""
_DEEPEST = 4


def read_onnx(path: Path, error: type[NeurographError] = BundleError, known: dict[str, int] | None = None, what: str = "host model") -> Any:
    """The model in a file, an ``onnx.ModelProto``.

    Args:
        path: the file.
        error: class of the errors.
        what: the file is, in messages.
        known: open sizes of its inputs that are known, such as ``nodes``.

    Raises:
        error: no ONNX, or what the module says; in one line with the path.
    """
    import onnx
    from google.protobuf.message import DecodeError

    where = f"{what} {path}"
    if path.stat().st_size > MOST_BYTES:
        raise error(f"{where}: {path.stat().st_size:,} bytes, at most {MOST_BYTES:,}; export it again")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        problem = _problem(model)
    except (DecodeError, ValueError, TypeError, RecursionError) as damage:
        raise error(f"{where}: is damaged ({' '.join(str(damage).split())[:120]}); export it again") from None
    problem = problem or _too_large(model, known or {})
    if problem:
        raise error(f"{where}: {problem}; export it again")
    return model


def _problem(model: Any) -> str | None:
    """What is refused without looking at shapes."""
    if model.functions or model.training_info:
        return "holds functions of its own, must be operators alone"
    strange = [o.domain for o in model.opset_import if o.domain not in ("", "ai.onnx")]
    if strange:
        return f"wants operators of {strange[0][:60]!r}, must be ONNX's own"
    return next((found for graph, depth in _graphs(model.graph, 0) if (found := _problem_in(graph, depth))), None)


def _graphs(graph: Any, depth: int) -> Iterator[tuple[Any, int]]:
    """A graph and those within its operators."""
    yield graph, depth
    for node in graph.node if depth <= _DEEPEST else ():
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _graphs(inner, depth + 1)


def _problem_in(graph: Any, depth: int) -> str | None:
    if depth > _DEEPEST or graph.sparse_initializer:
        return f"holds graphs within graphs more than {_DEEPEST} deep, or sparse tensors, which are not read"
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            return f"operator {node.op_type[:60]!r} is not run, must be one of {', '.join(sorted(OPERATORS))}"
        if any(a.HasField("t") or a.tensors or a.HasField("sparse_tensor") for a in node.attribute):
            return f"operator {node.op_type!r} holds a tensor, must take it as an input"
    for tensor in graph.initializer:
        if tensor.data_location or tensor.external_data:
            return f"tensor {tensor.name[:60]!r} lies in another file, which is not read"
        if tensor.data_type not in _BYTES or any(size < 0 for size in tensor.dims) or len(tensor.dims) > 8:
            return f"tensor {tensor.name[:60]!r} is of type {tensor.data_type} and shape {list(tensor.dims)[:8]}"
        if _size(tensor.dims) * _BYTES[tensor.data_type] != len(tensor.raw_data):
            return f"tensor {tensor.name[:60]!r} declares shape {list(tensor.dims)} and brings {len(tensor.raw_data):,} bytes"
    return None


def _too_large(model: Any, known: dict[str, int]) -> str | None:
    """A value that would be larger than the limit, with the sizes that are known put in."""
    import onnx

    for value in model.graph.input:
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param in known:
                size.dim_value = known[size.dim_param]
    try:
        shaped = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # its exceptions share no base class but Exception
        return f"its shapes do not fit ({' '.join(str(error).split())[:120]})"
    for value in (*shaped.input, *shaped.output, *shaped.value_info):
        if value.type.HasField("tensor_type"):
            sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
            if any(size < 0 for size in sizes) or _size(max(size, 1) for size in sizes) > MOST_VALUES:
                return f"value {value.name[:60]!r} is of shape {sizes}, at most {MOST_VALUES:,} elements"
    return None


def _size(dims: Any) -> int:
    size = 1
    for n in dims:
        size *= int(n)
    return size
