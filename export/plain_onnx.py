"""ONNX models of a few plain operators, read and run in NumPy: what a bundle's readout is made of.

onnxruntime takes longer to load than a readout takes to run. Operators, all in the types that the file stores:

    Concat (axis)      Gather (axis)      Mul      ReduceSum (axes as input, keepdims)      Gemm (transB): a bᵀ + c, or a b + c

A file is a protobuf message: fields of a key (number · 8 + wire type) and a value (protobuf.dev/programming-guides/encoding); the numbers
of the fields are those of onnx.proto, IR version 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model", "Node", "read_model", "run_plain"]

Array = NDArray[Any]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH, _NODE, _INITIALIZER, _OUTPUT, _NAME = 7, 1, 5, 12, 1
_FLOAT, _INT64 = 1, 7
_DAMAGE = (KeyError, ValueError, IndexError, TypeError, OverflowError, AttributeError)
_MOST_VALUES = 1 << 28  # of one value
_TYPES: dict[int, Any] = {_FLOAT: np.dtype("<f4"), _INT64: np.dtype("<i8")}


def run_plain(path: Path, feeds: Mapping[str, Array]) -> Array | None:
    """Run a model of one output.

    Args:
        path: the file.
        feeds: input → values, cast to float32.

    Returns:
        The output; None where the file is not wholly made of what is known here, or the feeds do not fit: onnxruntime then runs it, or says
        what is wrong with it.
    """
    try:
        model = _model(path.read_bytes())
        values = {**model.constants, **{name: np.asarray(value, np.float32) for name, value in feeds.items()}}
        with np.errstate(all="ignore"):
            return _run(model, values)
    except _DAMAGE:
        return None


def _run(model: Model, values: dict[str, Array]) -> Array:
    for node in model.nodes:
        values[node.output] = _OPERATORS[node.operator](node, *(values[name] for name in node.inputs))
    return values[model.output]


def read_model(path: Path) -> Model | None:
    """Nodes and constants of a file; None where it is stored in a way that is not known here."""
    try:
        return _model(path.read_bytes())
    except _DAMAGE:
        return None


class Node(NamedTuple):
    """One operator."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, int]

    def only(self, *names: str) -> dict[str, int]:
        """The attributes, none but these.

        Raises:
            ValueError: another one, which would mean something else.
        """
        if not self.attributes.keys() <= set(names):
            raise ValueError(f"{self.operator}: attributes {', '.join(self.attributes)}")
        return self.attributes


class Model(NamedTuple):
    """A graph of one output."""

    nodes: list[Node]
    constants: dict[str, Array]
    output: str


def _model(content: bytes) -> Model:
    (graph,) = (value for number, value in _fields(memoryview(content)) if number == _GRAPH)
    nodes: list[Node] = []
    constants: dict[str, Array] = {}
    outputs: list[str] = []
    for number, value in _fields(graph):
        if number == _NODE:
            nodes.append(_node(value))
        elif number == _INITIALIZER:
            constants.update([_tensor(value)])
        elif number == _OUTPUT:
            outputs += [_text(part) for field, part in _fields(value) if field == _NAME]
    (output,) = outputs
    return Model(nodes, constants, output)


def _node(message: memoryview) -> Node:
    """NodeProto: input 1, output 2, name 3, op_type 4, attribute 5."""
    parts: dict[int, list[Any]] = {}
    for number, value in _fields(message):
        parts.setdefault(number, []).append(value)
    if not parts.keys() <= {1, 2, 3, 4, 5}:
        raise ValueError("a node with a domain or other things that change its meaning")
    (output,), (operator,) = parts[2], parts[4]
    return Node(_text(operator), [_text(name) for name in parts[1]], _text(output), dict(map(_attribute, parts.get(5, ()))))


def _attribute(message: memoryview) -> tuple[str, int]:
    """AttributeProto of an integer: name 1, i 3, type 20."""
    parts = dict(_fields(message))
    if not parts.keys() <= {1, 3, 20}:
        raise ValueError("an attribute that is no integer")
    return _text(parts[1]), int(parts[3])


def _tensor(message: memoryview) -> tuple[str, Array]:
    """TensorProto: dims 1, data_type 2, name 8, raw_data 9."""
    dims, parts = [], {}
    for number, value in _fields(message):
        if number == 1:
            dims += [value] if isinstance(value, int) else list(_varints(value))
        else:
            parts[number] = value
    if not parts.keys() <= {2, 8, 9}:
        raise ValueError("a tensor that is stored in another way")
    return _text(parts[8]), np.frombuffer(parts.get(9, b""), _TYPES[parts[2]]).reshape(dims)


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of each field: an int, or the bytes of a text, an array or a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(message):
            raise ValueError("cut off")
        yield number, message[at : at + size]
        at += size


def _varints(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where the next one begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than ten bytes")


def _text(value: memoryview) -> str:
    return bytes(value).decode()


def _bounded(*shape: int) -> None:
    """Refuse a value that no bundle needs: a few bytes of a file would make it."""
    if int(np.prod(shape, dtype=object)) > _MOST_VALUES:
        raise ValueError(f"a value of shape {shape}")


def _concat(node: Node, *parts: Array) -> Array:
    return np.concatenate(parts, axis=node.only("axis")["axis"])


def _gather(node: Node, values: Array, places: Array) -> Array:
    if places.size and places.min() < 0:
        raise ValueError("negative indices")
    axis = node.only("axis").get("axis", 0)
    _bounded(values.size // max(1, values.shape[axis]), places.size)
    return np.take(values, places, axis=axis)


def _mul(node: Node, a: Array, b: Array) -> Array:
    node.only()
    _bounded(*np.broadcast_shapes(a.shape, b.shape))
    return a * b


def _reduce_sum(node: Node, values: Array, axes: Array) -> Array:
    kept = bool(node.only("keepdims").get("keepdims", 1))
    return np.asarray(values.sum(axis=tuple(int(axis) for axis in axes), dtype=values.dtype, keepdims=kept))


def _gemm(node: Node, a: Array, b: Array, c: Array) -> Array:
    right = b.T if node.only("transB").get("transB", 0) else b
    if {a.ndim, right.ndim} != {2}:
        raise ValueError("a product of no matrices")
    _bounded(len(a), right.shape[1])
    _bounded(*np.broadcast_shapes((len(a), right.shape[1]), c.shape))
    return np.asarray(a @ right + c)


_OPERATORS: dict[str, Callable[..., Array]] = {"Concat": _concat, "Gather": _gather, "Mul": _mul, "ReduceSum": _reduce_sum, "Gemm": _gemm}
