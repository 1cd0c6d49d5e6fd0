"""Static currents of a rank's own neurons, bit for bit those of one process.

A float sum depends on its order, and a bias mantissa that lies on a half on its last bit. Rows may be cut before the product where that
leaves every row's order of additions as it is: ``I ⊗ diag(w)``, a column of ones with a diagonal, a CSR over nodes with a diagonal, Sparse.
For all others (a matrix product of BLAS, whose order may depend on the number of rows; a sum over nodes) the product is made as a whole
and its rows are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from neurograph.network import Population, Projection
from neurograph.sim.sharded.assignment import Assignment
from neurograph.sim.sharded.cutting import neurons_of, node_form, rows_of
from neurograph.weights import Identity, Kron, Sparse

__all__ = ["StaticShare", "static_share"]

Array = NDArray[Any]


@dataclass(frozen=True)
class StaticShare:
    """A projection from a static source.

    Args:
        projection: its weights lead to own neurons where ``cut``, else to all.
        cut: whether rows were cut.
        inputs: the source's neurons that cut weights act on; None for all.
        rows: the target's own neurons; None for all.
    """

    projection: Projection
    cut: bool
    inputs: Array | None
    rows: Array | None

    def current(self, values: Array) -> Array:
        """What values (samples, source size) of the whole source bring to own neurons, (samples, own size), float64."""
        if self.cut:
            return self.projection.weights.apply(values if self.inputs is None else values[:, self.inputs])
        whole = self.projection.weights.apply(values)
        return whole if self.rows is None else whole[:, self.rows]


def static_share(projection: Projection, source: Population, target: Population, assignment: Assignment, rank: int) -> StaticShare:
    """A rank's share of a projection from a static source."""
    if not assignment.is_split(target):
        return StaticShare(projection, False, None, None)
    nodes = assignment.nodes(target, rank)
    weights = node_form(projection.weights, source, target, split=(assignment.is_split(source), True))
    diagonal = isinstance(weights, Kron) and (isinstance(weights.right, Identity) or weights.right.ndim == 1)
    if weights is not projection.weights or not (diagonal or isinstance(weights, Sparse)):
        return StaticShare(projection, False, None, neurons_of(nodes, target))
    at_home = isinstance(weights, Kron) and isinstance(weights.left, Identity)
    inputs = neurons_of(nodes, source) if at_home else None
    return StaticShare(replace(projection, weights=rows_of(weights, nodes, target)), True, inputs, None)
