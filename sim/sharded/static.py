"""Static currents of a rank's own neurons, bit for bit those of one process.

A float sum depends on its order, and a bias mantissa that lies on a half on its last bit. Rows are cut before the product where that leaves
every row's order of additions as it is: where each neuron takes one value of a source, times a weight, and in a CSR over nodes or a Sparse.
For all others (a matrix product of BLAS, whose order depends on the number of rows; a sum over nodes) the product is made as a whole and
its rows are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import Population, Projection
from neurograph.sim.sharded.assignment import Assignment
from neurograph.sim.sharded.cutting import neurons_of, node_form, rows_of
from neurograph.sim.static_currents import chosen_features
from neurograph.weights import Identity, Kron, Sparse, Weights

__all__ = ["StaticShare", "static_share"]

Array = NDArray[Any]


@dataclass(frozen=True)
class StaticShare:
    """A projection from a static source.

    Args:
        projection: its weights lead to own neurons where rows were cut before the product, else to all.
        nodes: own nodes of a split target; None if it is replicated.
        size: own neurons of the target.
        inputs: neurons of the source that the weights act on; None for all.
        rows: own neurons among those that the weights lead to; None for all.
    """

    projection: Projection
    nodes: Array | None
    size: int
    inputs: Array | None = None
    rows: Array | None = None

    @property
    def weights(self) -> Weights:
        """The weights with which :meth:`brought` gives its values."""
        if self.inputs is not None or self.nodes is None:
            return self.projection.weights
        return Kron(Identity(len(self.nodes)), Identity(self.size // len(self.nodes)))

    def brought(self, values: Array) -> tuple[Projection, Array]:
        """What values (1 or samples, *shape) of the whole source are to own neurons, as :func:`..static_currents.bias_from` takes it."""
        flat = values.reshape(len(values), -1)
        if self.inputs is not None:
            return self.projection, flat[:, self.inputs]
        if self.nodes is None:
            return self.projection, flat
        current = self.projection.weights.apply(flat.astype(np.float64, copy=False))
        return replace(self.projection, weights=self.weights), current if self.rows is None else current[:, self.rows]


def static_share(projection: Projection, source: Population, target: Population, assignment: Assignment, rank: int) -> StaticShare:
    """A rank's share of a projection from a static source."""
    if not assignment.is_split(target):
        return StaticShare(projection, None, target.size)
    nodes = assignment.nodes(target, rank)
    rows = neurons_of(nodes, target)
    weights = node_form(projection.weights, source, target, split=(assignment.is_split(source), True))
    if weights is not projection.weights or not _row_by_row(weights):
        return StaticShare(projection, nodes, len(rows), rows=rows)
    at_home = isinstance(weights, Kron) and isinstance(weights.left, Identity)
    inputs = neurons_of(nodes, source) if at_home else None
    return StaticShare(replace(projection, weights=rows_of(weights, nodes, target)), nodes, len(rows), inputs=inputs)


def _row_by_row(weights: Any) -> bool:
    """Whether the sum of a row is the same, bit for bit, whatever other rows there are."""
    if not isinstance(weights, Kron):
        return isinstance(weights, Sparse)
    if isinstance(weights.right, Identity) or weights.right.ndim == 1:
        return True
    return isinstance(weights.left, Identity) and chosen_features(weights.right) is not None
