"""Static currents of a rank's own neurons, bit for bit those of one process.

A float sum depends on its order, and a bias mantissa that lies on a half on its last bit. Where each neuron takes one value of a source,
times a weight, there is no sum: such a projection is cut to own neurons. In a CSR over nodes or a Sparse each row is summed by itself: rows
are cut before the product. All others (a matrix product of BLAS, whose order depends on how many rows it is given; a sum over nodes) are
multiplied as a whole, all samples together as one process does it, and own neurons taken out of the product.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import Population, Projection
from neurograph.sim.sharded.assignment import Assignment
from neurograph.sim.sharded.cutting import at_nodes, node_form, rows_of
from neurograph.sim.static_currents import bias_from, chosen_features
from neurograph.weights import Identity, Kron, Sparse, Weights

__all__ = ["StaticShare", "driven_biases", "static_share"]

Array = NDArray[Any]


@dataclass(frozen=True)
class StaticShare:
    """A projection from a static source.

    Args:
        projection: its weights lead to own neurons, or to all of them where ``whole``.
        nodes, size: own nodes of the target (1 of one that is not split), and own neurons.
        alone: whether each neuron takes one value; else the product is made in advance.
        own: own nodes, by their numbers in the whole network; None of a target that is not split.
        whole: whether own neurons are taken out of the product.
    """

    projection: Projection
    nodes: int
    size: int
    alone: bool
    own: Array | None = None
    whole: bool = False

    @property
    def weights(self) -> Weights:
        """The weights with which :meth:`brought` gives its values."""
        return self.projection.weights if self.alone else Kron(Identity(self.nodes), Identity(self.size // self.nodes))

    def brought(self, values: Array, samples: int, own: dict[str, Array] | None = None) -> tuple[Projection, Array]:
        """What values (1 or all samples, *shape) of the whole source are to own neurons, as :func:`..static_currents.bias_from` takes it.

        Args:
            values: of the whole source.
            samples: how many there are.
            own: source → its values at own nodes, which several projections may share; filled in.

        Returns:
            A projection to own neurons, and the values that it takes, flat, (1 or all samples, size).
        """
        flat = values.reshape(len(values), -1)
        if self.alone:
            if self.own is None:
                return self.projection, flat
            own = {} if own is None else own
            name = self.projection.source
            if name not in own:
                own[name] = _of_nodes(values, self.own)
            return self.projection, own[name]
        every = np.broadcast_to(flat, (samples, flat.shape[1]))  # as many rows for BLAS as in one process
        current = self.projection.weights.apply(every.astype(np.float64, copy=False))
        if self.whole and self.own is not None:
            current = _of_nodes(current.reshape(samples, -1, self.size // self.nodes), self.own)
        return replace(self.projection, weights=self.weights), current


def _of_nodes(values: Array, nodes: Array) -> Array:
    """(samples, nodes, …) of some nodes, flat."""
    return at_nodes(values, nodes, 1).reshape(len(values), -1)


def driven_biases(
    populations: Mapping[str, Population], statics: Sequence[StaticShare], values: Mapping[str, Array], samples: int, names: Collection[str]
) -> dict[str, Array]:
    """Bias and static currents of own neurons, (samples, *own shape), of those of ``names`` that static sources drive.

    Raises:
        QuantizationError: as :func:`neurograph.sim.static_currents.bias_from`, of own neurons.
    """
    found = {}
    for name in names:
        mine = [share for share in statics if share.projection.target == name]
        if mine:
            brought = [share.brought(values[share.projection.source], samples) for share in mine]
            found[name] = bias_from(populations[name], brought, samples)
    return found


def static_share(projection: Projection, source: Population, target: Population, assignment: Assignment, rank: int) -> StaticShare:
    """A rank's share of a projection from a static source."""
    given = projection.weights
    if not assignment.is_split(target):
        nodes = given.left.size if isinstance(given, Kron) and isinstance(given.left, Identity) else 1
        return StaticShare(projection, nodes, target.size, _one_value_each(given))
    own = assignment.nodes(target, rank)
    size = len(own) * (target.size // target.shape[0])
    weights = node_form(given, source, target, split=(assignment.is_split(source), True))
    if _one_value_each(weights):
        cut = replace(projection, weights=rows_of(weights, own, target))
        return StaticShare(cut, len(own), size, True, own)
    if weights is given and _row_by_row(weights):
        return StaticShare(replace(projection, weights=rows_of(weights, own, target)), len(own), size, False, own)
    return StaticShare(projection, len(own), size, False, own, whole=True)


def _one_value_each(weights: Weights) -> bool:
    """Whether a neuron's current is a value times a weight."""
    if not isinstance(weights, Kron) or not isinstance(weights.left, Identity):
        return False
    return isinstance(weights.right, Identity) or weights.right.ndim == 1 or chosen_features(weights.right) is not None


def _row_by_row(weights: Weights) -> bool:
    """Whether the sum of a row is the same, bit for bit, whatever other rows there are."""
    if isinstance(weights, Kron):
        return isinstance(weights.right, Identity) or weights.right.ndim == 1
    return isinstance(weights, Sparse)
