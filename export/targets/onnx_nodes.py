"""Writing down an ONNX graph: nodes and constants in the order in which they were made, every value with a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["BOOL", "DOUBLE", "Nodes", "value_info"]

Array = NDArray[Any]
BOOL, DOUBLE = TensorProto.BOOL, TensorProto.DOUBLE


class Nodes:
    """One graph in the making, or the body of a Scan in it.

    A body shares names and constants with the graph around it: ONNX lets a body read values of the outer graph and forbids it to use
    their names again.
    """

    def __init__(self, around: Nodes | None = None, real: Any = np.float64) -> None:
        """``real``: the type that real constants are stored in."""
        self.real: Any = real if around is None else around.real
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {} if around is None else around.constants
        self._taken: set[str] = set() if around is None else around._taken

    def name(self, wanted: str) -> str:
        """``wanted``, or with the next free number behind it."""
        made, number = wanted, 1
        while made in self._taken:
            number += 1
            made = f"{wanted}_{number}"
        self._taken.add(made)
        return made

    def constant(self, value: Any, name: str) -> str:
        """An initialiser: of the graph's real type, or int64 of integers."""
        array = np.asarray(value)
        made = self.name(name)
        self.constants[made] = np.ascontiguousarray(array, np.int64 if array.dtype.kind in "iu" else self.real).reshape(array.shape)
        return made

    def add(self, op: str, *inputs: str, name: str, outputs: Sequence[str] = (), **attributes: Any) -> str:
        """Append a node; returns the name of its (first) output, made from ``name`` if ``outputs`` does not give it."""
        made = list(outputs) or [self.name(name)]
        self.nodes.append(helper.make_node(op, list(inputs), made, name=made[0], **attributes))
        return made[0]

    def reshape(self, value: str, shape: Sequence[int], name: str) -> str:
        """``value`` as (samples, *shape), samples being what is left over."""
        return self.add("Reshape", value, self.constant(np.array([-1, *shape]), f"{name}_shape"), name=name)

    def initializers(self) -> list[onnx.TensorProto]:
        """The constants as ONNX stores them."""
        return [numpy_helper.from_array(value, name) for name, value in self.constants.items()]


def value_info(name: str, kind: int, shape: Sequence[Any], doc: str = "") -> Any:
    """Name, type and shape of a graph's input or output; a string in the shape is a size that is open."""
    return helper.make_tensor_value_info(name, kind, list(shape), doc_string=doc)
