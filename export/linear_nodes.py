"""NIR's linear nodes as weights: what each of them does to a flat vector, and the bias that it adds.

A convolution or a pooling over a fixed input size is a sparse matrix, in which a padded position has no synapse:

    y[o, h, w] = Σ_{c,i,j} W[o, c, i, j] x[c, h·s − p + i·d, w·s − p + j·d] + b[o]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import GraphError, UnsupportedError
from neurograph.export import nodes as ext
from neurograph.export.shapes import pair, same_padding
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["LINEAR", "MOST_SYNAPSES", "Affine", "convolution"]

Array = NDArray[Any]
MOST_SYNAPSES = 1 << 26
Affine = tuple["Weights | None", "Array | float"]
"""Weights (None: the identity) and bias (0.0: none) over flat vectors."""


def convolution(weight: Array, shape: tuple[int, int, int], stride: Any, padding: Any, dilation: Any, groups: int = 1) -> sp.csr_matrix:
    """A 2-d convolution as a matrix.

    Args:
        weight: (out, in/groups, height, width).
        shape: (channels, height, width) of the input.
        stride, dilation: one or two numbers. padding: likewise, or "same" or "valid".

    Shapes:
        (out · H_out · W_out, channels · height · width)

    Raises:
        GraphError: sizes that do not fit each other.
    """
    channels, *size = shape
    outputs, inner, *kernel = weight.shape
    stride, dilation = pair(stride), pair(dilation)
    padding = same_padding(padding, kernel, dilation, stride)
    if min(*stride, *dilation, groups) < 1 or min(padding) < 0:
        raise GraphError(f"convolution: stride {stride}, dilation {dilation}, padding {padding} and {groups} groups, must be positive")
    if inner * groups != channels or outputs % groups:
        raise GraphError(f"convolution: {channels} channels in {groups} groups for weights of shape {weight.shape}")
    target = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(size, padding, dilation, kernel, stride, strict=True)]
    if min(target) < 1:
        raise GraphError(f"convolution: kernel {tuple(kernel)} does not fit an input of {tuple(size)} with padding {padding}")
    entries = outputs * inner * int(np.prod(kernel)) * target[0] * target[1]
    if entries > MOST_SYNAPSES:
        raise GraphError(f"convolution: {entries:,} synapses, at most {MOST_SYNAPSES:,}; give a larger stride or a smaller image")
    rows, columns, values = [], [], []
    out, within = np.arange(outputs)[:, None], np.arange(inner)[None, :]
    channel = out // (outputs // groups) * inner + within
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            h, w = (np.arange(n) for n in target)
            x, y = h * stride[0] - padding[0] + i * dilation[0], w * stride[1] - padding[1] + j * dilation[1]
            h, x = h[(x >= 0) & (x < size[0])], x[(x >= 0) & (x < size[0])]
            w, y = w[(y >= 0) & (y < size[1])], y[(y >= 0) & (y < size[1])]
            there = (h[:, None] * target[1] + w[None, :]).ravel()
            here = (x[:, None] * size[1] + y[None, :]).ravel()
            rows.append((out[..., None] * (target[0] * target[1]) + there).repeat(inner, axis=1).ravel())
            columns.append((channel[..., None] * (size[0] * size[1]) + here).ravel())
            values.append(np.broadcast_to(weight[:, :, i, j, None], (outputs, inner, len(there))).ravel())
    matrix = sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(outputs * target[0] * target[1], channels * size[0] * size[1]),
    )
    matrix.eliminate_zeros()
    return matrix


def _conv(node: Any, shape: tuple[int, ...]) -> Affine:
    flat = len(shape) == 2  # Conv1d: an image of height 1
    weight = np.asarray(node.weight, dtype=np.float64)
    groups = int(np.ravel(node.groups)[0])
    if flat:
        stride, dilation = (1, int(_first(node.stride))), (1, int(_first(node.dilation)))
        padding = node.padding if isinstance(node.padding, (str, bytes)) else (0, int(_first(node.padding)))
        matrix = convolution(weight[:, :, None, :], (shape[0], 1, shape[1]), stride, padding, dilation, groups)
    else:
        matrix = convolution(weight, _image(shape), node.stride, node.padding, node.dilation, groups)
    bias = np.asarray(0.0 if node.bias is None else node.bias, dtype=np.float64)
    each = matrix.shape[0] // len(weight)
    return Sparse(matrix), np.broadcast_to(bias.ravel(), (len(weight),)).repeat(each) if bias.any() else 0.0


def _pool(node: Any, shape: tuple[int, ...]) -> Affine:
    height, width = pair(node.kernel_size)
    channels = _image(shape)[0]
    share = 1.0 / (height * width) if isinstance(node, nir.AvgPool2d) else 1.0
    kernel = np.full((channels, 1, height, width), share)
    return Sparse(convolution(kernel, _image(shape), node.stride, node.padding, 1, channels)), 0.0


def _affine(node: Any, shape: tuple[int, ...]) -> Affine:
    weight = np.asarray(node.weight, dtype=np.float64)
    if weight.ndim != 2:
        offender = f"{type(node).__name__} with weights of shape {weight.shape}"
        raise UnsupportedError("lowering to a Network", [offender], "use one matrix")
    return Dense(weight), np.asarray(getattr(node, "bias", 0.0), dtype=np.float64).ravel()


def _scale(node: Any, shape: tuple[int, ...]) -> Affine:
    return Kron(Identity(1), np.asarray(node.scale, dtype=np.float64).ravel()), 0.0


def _per_node(node: ext.PerNode, shape: tuple[int, ...]) -> Affine:
    return Kron(Identity(node.nodes), node.weight), np.tile(node.bias, node.nodes) if np.any(node.bias) else 0.0


LINEAR: dict[type[Any], Callable[[Any, tuple[int, ...]], Affine]] = {
    nir.Affine: _affine,
    nir.Linear: _affine,
    nir.Scale: _scale,
    nir.Conv1d: _conv,
    nir.Conv2d: _conv,
    nir.SumPool2d: _pool,
    nir.AvgPool2d: _pool,
    nir.Flatten: lambda node, shape: (None, 0.0),
    ext.PerNode: _per_node,
    ext.Aggregate: lambda node, shape: (Kron(node.matrix(), Identity(node.features)), 0.0),
    ext.ReduceNodes: lambda node, shape: (Kron(OnesRow(node.nodes), node.weight), 0.0),
    ext.BroadcastNodes: lambda node, shape: (Kron(OnesColumn(node.nodes), np.ones(node.features)), 0.0),
    ext.SparseLinear: lambda node, shape: (Sparse(sp.csr_matrix(node.matrix())), 0.0),
}


def _first(value: Any) -> Any:
    return np.atleast_1d(value)[0]


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise GraphError(f"convolution or pooling: input of shape {shape}, must be (channels, height, width); set the graph's input type")
    return (shape[0], shape[1], shape[2])
