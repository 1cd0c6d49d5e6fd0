"""Shapes along the edges of a NIR graph: what each node takes and gives, inferred from the inputs on and checked edge by edge.

NIR 1.0.8 checks this too, but it takes kernels as square, the channels of one group as all, adds inputs and outputs of its own to loose
ends, and names only one side. Inference is needed for pooling, Flatten, Output and convolutions that do not say their input size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np

from neurograph.errors import GraphError
from neurograph.export.hdf5_tree import quoted
from neurograph.export.node_fields import check_size
from neurograph.export.structure import check_edges, check_structure, flatten

__all__ = ["Shape", "arriving", "check_graph", "given", "infer", "pair", "same_padding", "taken"]

Shape = tuple[int, ...]


def check_graph(graph: nir.NIRGraph) -> nir.NIRGraph:
    """Check structure and shapes of a graph; what was inferred is set in its nodes, in place.

    Raises:
        GraphError: see :func:`neurograph.export.structure.check_structure`; a node whose shape does not follow; an edge whose two ends
            disagree, with both shapes.
    """
    infer(graph)
    nodes, edges = flatten(graph)
    check_structure(nodes, edges)
    for a, b, source, target in _ends(graph):
        if source is None or target is None:
            where = quoted(a if source is None else b)
            raise GraphError(f"node {where}: its shape does not follow from its fields or from what arrives; give the shape of the Input")
        if source != target:
            raise GraphError(f"type mismatch on edge {quoted(a)} → {quoted(b)}: {quoted(a)} gives {source}, {quoted(b)} takes {target}")
    return graph


def _ends(graph: nir.NIRGraph, prefix: str = "") -> Iterator[tuple[str, str, Shape | None, Shape | None]]:
    for a, b in graph.edges:
        yield prefix + a, prefix + b, given(graph.nodes[a]), taken(graph.nodes[b])
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            yield from _ends(node, f"{prefix}{name}.")


def infer(graph: nir.NIRGraph) -> None:
    """Set input and output types of every node that an Input reaches, from the inputs on, in place.

    Raises:
        GraphError: dangling or double edges; a node that what arrives does not fit.
    """
    check_edges(graph)
    after = arriving(graph)
    waiting: list[tuple[str, Shape | None]] = [(name, None) for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    waiting += [(name, None) for name, node in graph.nodes.items() if not isinstance(node, nir.Input) and _says_itself(node)]
    done = set()
    while waiting:
        name, arrives = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        try:
            _set_types(graph.nodes[name], arrives)
        except GraphError as error:
            raise GraphError(f"node {quoted(name)} ({type(graph.nodes[name]).__name__}): {error}") from None
        gives = given(graph.nodes[name])
        if gives is not None:
            waiting += [(b, gives) for b in after[name] if b not in done]
    graph.__post_init__()  # its own types are those of its inputs and outputs


def arriving(graph: nir.NIRGraph) -> dict[str, list[str]]:
    """Node → the nodes that it sends to."""
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for a, b in graph.edges:
        after[a].append(b)
    return after


def given(node: Any) -> Shape | None:
    """The shape that a node gives, None where it is not known yet."""
    return _of(node, "output_type")


def taken(node: Any) -> Shape | None:
    """The shape that a node takes, None where it is not known yet."""
    return _of(node, "input_type")


def pair(value: Any) -> tuple[int, int]:
    """One or two numbers as (height, width)."""
    numbers = [int(n) for n in np.atleast_1d(value)]
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def same_padding(padding: Any, kernel: list[int], dilation: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int]:
    """Padding as numbers; "same" keeps the size at stride 1.

    Raises:
        GraphError: "same" where it is not symmetric.
    """
    if not isinstance(padding, (str, bytes)):
        return pair(padding)
    name = padding.decode() if isinstance(padding, bytes) else padding
    if name == "valid":
        return (0, 0)
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if name != "same" or stride != (1, 1) or any(n % 2 for n in total):
        raise GraphError(f"convolution: padding {name!r} with kernel {tuple(kernel)} and stride {stride} is not symmetric; give numbers")
    return (total[0] // 2, total[1] // 2)


def _of(node: Any, kind: str) -> Shape | None:
    types = getattr(node, kind, None) or {}
    sizes = next(iter(types.values()), None)
    return None if sizes is None else tuple(int(size) for size in np.atleast_1d(sizes))


def _says_itself(node: Any) -> bool:
    """Whether the fields of a node say its shape, so that the inference can start from it in a graph whose Input says none."""
    return taken(node) is not None and not isinstance(node, (nir.Conv1d, nir.Conv2d, nir.NIRGraph, nir.Output))


def _set_types(node: Any, arrives: Shape | None) -> None:
    if isinstance(node, nir.NIRGraph):
        for inner in node.nodes.values():
            if isinstance(inner, nir.Input) and taken(inner) is None:
                _put(inner, arrives, arrives)
        infer(node)
        return
    if isinstance(node, (nir.Conv1d, nir.Conv2d)):
        takes, gives = _convolved(node, arrives)
    elif isinstance(node, (nir.SumPool2d, nir.AvgPool2d)):
        takes = taken(node) or arrives
        gives = None if takes is None else _windows(_image(takes), node.kernel_size, node.stride, node.padding, 1, takes[0])
    elif isinstance(node, nir.Flatten):
        takes = taken(node) or arrives
        gives = None if takes is None else _flattened(node, takes)
    elif isinstance(node, (nir.Input, nir.Output)):
        takes = gives = taken(node) if taken(node) is not None else arrives
    else:
        takes, gives = taken(node), given(node)
    for shape in (takes, gives):
        if shape is not None:
            check_size(shape, type(node).__name__)
    _put(node, takes, gives)


def _put(node: Any, takes: Shape | None, gives: Shape | None) -> None:
    node.input_type = {"input": None if takes is None else np.array(takes, dtype=np.int64)}
    node.output_type = {"output": None if gives is None else np.array(gives, dtype=np.int64)}


def _convolved(node: Any, arrives: Shape | None) -> tuple[Shape | None, Shape | None]:
    flat = isinstance(node, nir.Conv1d)
    groups = int(np.ravel(node.groups)[0])
    channels = int(node.weight.shape[1]) * groups
    if node.input_shape is None:
        if arrives is None:
            return None, None
        if len(arrives) != (2 if flat else 3):
            raise GraphError(f"{arrives} arrives, must be (channels, {'length' if flat else 'height, width'})")
        node.input_shape = arrives[1] if flat else arrives[1:]
    size = tuple(int(n) for n in np.atleast_1d(node.input_shape))
    if len(size) == 1 and not flat:
        size *= 2
    if len(size) != (1 if flat else 2):
        raise GraphError(f"input_shape {size}, must have {1 if flat else 2} sizes")
    takes = (channels, *size)
    image = (channels, 1, size[0]) if flat else takes
    kernel = [1, int(node.weight.shape[2])] if flat else [int(n) for n in node.weight.shape[2:]]
    stride, dilation, padding = (_along(value, flat, rest) for value, rest in ((node.stride, 1), (node.dilation, 1), (node.padding, 0)))
    gives = _windows(image, kernel, stride, padding, dilation, int(node.weight.shape[0]))
    return takes, (gives[0], gives[2]) if flat else gives


def _along(value: Any, flat: bool, rest: int) -> Any:
    """For an image of height 1 (Conv1d), a number along its width."""
    return (rest, int(np.atleast_1d(value)[0])) if flat and not isinstance(value, (str, bytes)) else value


def _windows(image: Shape, kernel: Any, stride: Any, padding: Any, dilation: Any, channels: int) -> Shape:
    kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
    padding = same_padding(padding, list(kernel), dilation, stride)
    sizes = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(image[1:], padding, dilation, kernel, stride, strict=True)]
    if min(sizes) < 1:
        raise GraphError(
            f"kernel {kernel} does not fit an input of {image[1:]} with padding {padding}; give a smaller kernel or more padding"
        )
    return (channels, *sizes)


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise GraphError(f"takes {shape}, must be (channels, height, width)")
    return shape


def _flattened(node: Any, shape: Shape) -> Shape:
    start, end = (int(np.ravel(n)[0]) for n in (node.start_dim, node.end_dim))
    first, last = start + len(shape) * (start < 0), end + len(shape) * (end < 0)
    if not 0 <= first <= last < len(shape):
        raise GraphError(f"start_dim {start} and end_dim {end} are no range of dimensions of {shape}")
    return (*shape[:first], int(np.prod(shape[first : last + 1], dtype=object)), *shape[last + 1 :])
