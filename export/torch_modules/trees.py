"""Linear maps between neurons as small trees, and the folding of what is elementwise (batch norm, factors, biases) into weights.

y = s ⊙ (W x + b) + c is (s ⊙ W) x + (s ⊙ b + c), where s and c are the same at all positions of a channel. Over a sum, s goes to every term
and c to the first that can hold it. Behind a propagation over nodes, a map over features may stand before or after it: A (x W) = (A x) W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Union

import nir
import numpy as np
from numpy.typing import NDArray

from neurograph.export import nodes as ext

__all__ = ["Elementwise", "Fixed", "Leaf", "Sum", "Tree", "Weighted", "node_of", "per_channel", "push"]

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Leaf:
    """A neuron's output or an input, ``lag`` ticks ago."""

    name: str
    shape: Shape
    lag: int = 0


@dataclass(frozen=True)
class Sum:
    """Several edges into what comes next."""

    terms: tuple[Tree, ...]
    shape: Shape


@dataclass(frozen=True)
class Weighted:
    """A map with weights whose first dimension is the output channel, and a bias.

    Args:
        axis: of the channel in ``shape``.
        make: (weight, bias) → NIR node.
    """

    name: str
    weight: Array
    bias: Array | None
    arg: Tree
    shape: Shape
    axis: int
    make: Callable[[Array, Array | None], Any]


@dataclass(frozen=True)
class Fixed:
    """A linear node that takes no factor and no bias; ``over_nodes``: it is the same for all features."""

    name: str
    node: Any
    arg: Tree
    shape: Shape
    over_nodes: bool = False


@dataclass(frozen=True)
class Elementwise:
    """scale ⊙ x + shift, both over ``shape``."""

    name: str
    scale: Array
    shift: Array
    arg: Tree
    shape: Shape


Tree = Union[Leaf, Sum, Weighted, Fixed, Elementwise]


def per_channel(values: Array, shape: Shape, axis: int) -> Array | None:
    """One value a channel, or None where they differ within one."""
    full = np.moveaxis(np.broadcast_to(values, shape), axis, 0).reshape(shape[axis], -1)
    return np.ascontiguousarray(full[:, 0]) if (full == full[:, :1]).all() else None


def push(tree: Tree, scale: Array, shift: Array, name: str) -> Tree:
    """scale ⊙ tree + shift, folded into weights as far as it goes."""
    scale, shift = np.broadcast_to(scale, tree.shape), np.broadcast_to(shift, tree.shape)
    if (scale == 1).all() and not shift.any():
        return tree
    if isinstance(tree, Elementwise):
        return push(tree.arg, scale * tree.scale, scale * tree.shift + shift, tree.name)
    if isinstance(tree, Weighted):
        s, c = per_channel(scale, tree.shape, tree.axis), per_channel(shift, tree.shape, tree.axis)
        if s is not None and c is not None:
            weight = tree.weight * s.reshape(-1, *(1,) * (tree.weight.ndim - 1))
            bias = c if tree.bias is None else tree.bias * s + c
            return replace(tree, weight=weight, bias=bias if tree.bias is not None or c.any() else None)
    if isinstance(tree, Fixed) and tree.over_nodes and isinstance(tree.arg, Weighted) and not np.any(_bias(tree.arg.weight, tree.arg.bias)):
        return push(_after_nodes(tree, tree.arg), scale, shift, name)
    if isinstance(tree, Sum):
        takes = next((i for i, term in enumerate(tree.terms) if _holds_bias(term)), 0)
        zero = np.zeros(tree.shape)
        return replace(tree, terms=tuple(push(t, scale, shift if i == takes else zero, name) for i, t in enumerate(tree.terms)))
    return Elementwise(name, np.array(scale), np.array(shift), tree, tree.shape)


def _holds_bias(tree: Tree) -> bool:
    return isinstance(tree, Weighted) or (isinstance(tree, Fixed) and tree.over_nodes and isinstance(tree.arg, Weighted))


def _after_nodes(outer: Fixed, inner: Weighted) -> Weighted:
    """W after A in place of before it."""
    given = inner.arg.shape
    before = ext.Aggregate(outer.node.data, outer.node.indices, outer.node.indptr, outer.node.shape, given[-1])
    rows = int(outer.node.shape[0])
    aggregate = Fixed(outer.name, before, inner.arg, (rows, given[-1]), over_nodes=True)
    return replace(inner, arg=aggregate, shape=(rows, inner.shape[-1]), make=lambda w, b: ext.PerNode(w, _bias(w, b), rows))


def node_of(tree: Elementwise) -> Any | None:
    """A node for what is left of an elementwise map, or None where NIR has none: a bias that differs within a channel."""
    shape, scale, shift = tree.shape, tree.scale, tree.shift
    if not shift.any():
        return nir.Scale(np.array(scale))
    if len(shape) == 1:
        return nir.Affine(np.diag(scale), shift)
    axis = 1 if len(shape) == 2 and per_channel(shift, shape, 0) is None else 0
    s, c = per_channel(scale, shape, axis), per_channel(shift, shape, axis)
    if s is None or c is None or len(shape) > 3:
        return None
    if axis == 1:
        return ext.PerNode(np.diag(s), c, shape[0])
    kernel = s.reshape(-1, 1, *(1,) * (len(shape) - 1))
    if len(shape) == 2:
        return nir.Conv1d(shape[1], kernel, 1, 0, 1, shape[0], c)
    return nir.Conv2d((shape[1], shape[2]), kernel, (1, 1), (0, 0), (1, 1), shape[0], c)


def _bias(weight: Array, bias: Array | None) -> Array:
    return np.zeros(len(weight)) if bias is None else bias
