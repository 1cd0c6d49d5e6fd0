"""Layout: how many nodes each population is split into, and which kernel runs each projection.

A Kronecker product runs as it is where its factors' nodes are those of its populations; where two projections see one population split
differently, the split of most weights wins and the other projection runs as a sparse matrix, which is the same numbers. How a sparse
matrix runs best is chosen when the type of the sums is known (:mod:`neurograph.sim.compiled.columns`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.network import Network, Projection
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.runs import Runs
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse

__all__ = ["Form", "forms", "nodes_of", "one_sign"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Form:
    """What a kernel needs of a projection.

    Args:
        kind: of the operation. right: IDENTITY, DIAGONAL or FULL.
        matrix: dense weights by source, (in, out), of DENSE and PER_NODE.
        sparse: CSR by target node of AGGREGATE, CSC by source neuron of SPARSE.
        values: the factor over features: (D,) or by source, (D, E).
        runs: how the columns of RUNS are cut, whose sparse matrix stays beside them.
        left, fan: fan-out is left[node] · fan[node, feature]; left None is 1, fan has one row where all nodes share it.
    """

    projection: Projection
    index: int
    kind: int
    fan: Array
    right: int = tb.IDENTITY
    matrix: Array | None = None
    sparse: Any = None
    values: Array | None = None
    runs: Runs | None = None
    left: Array | None = None

    @property
    def weights(self) -> Array:
        """The numbers that are weights."""
        parts = [self.matrix, None if self.sparse is None else self.sparse.data, self.values]
        return np.concatenate([np.ravel(part) for part in parts if part is not None]) if any(p is not None for p in parts) else np.ones(1)


def one_sign(weights: Array) -> bool:
    """Whether no two have opposite signs: then a sum of them is 0 only where no spike met one."""
    return not ((weights > 0).any() and (weights < 0).any())


def nodes_of(network: Network) -> dict[str, int]:
    """Nodes that each population is split into; 1 where no Kronecker product asks for more. One to one, and what is static, have a say
    where no other has."""
    votes: dict[str, Counter[int]] = {name: Counter() for name in network.populations}
    for projection in network.spiking_projections:
        weights = projection.weights
        if isinstance(weights, Kron):
            m, n = weights.left.shape
            strength = 0 if _is_elementwise(weights) else max(m, n)
            votes[projection.source][n] += strength
            votes[projection.target][m] += strength
    for projection in network.projections:
        if network.populations[projection.source].is_static and isinstance(projection.weights, Kron):
            votes[projection.target][projection.weights.left.shape[0]] += 0
    return {name: max(found, key=lambda n: found[n]) if found else 1 for name, found in votes.items()}


def forms(network: Network, nodes: Mapping[str, int]) -> list[Form]:
    """The form of every projection that carries spikes."""
    return [_form(p, i, nodes[p.source], nodes[p.target]) for i, p in enumerate(network.spiking_projections)]


def _is_elementwise(weights: Kron) -> bool:
    return isinstance(weights.left, Identity) and (isinstance(weights.right, Identity) or weights.right.ndim == 1)


def _form(projection: Projection, index: int, sources: int, targets: int) -> Form:
    weights = projection.weights
    if isinstance(weights, Dense):
        return _dense(projection, index, weights.matrix, sources)
    if isinstance(weights, Kron):
        made = _kron(projection, index, weights, sources, targets)
        if made is not None:
            return made
    matrix = weights.matrix if isinstance(weights, Sparse) else weights.to_csr()
    columns = sp.csc_matrix(matrix)
    columns.sum_duplicates()
    columns.eliminate_zeros()
    return Form(projection, index, tb.SPARSE, fan=np.diff(columns.indptr).reshape(sources, -1), sparse=columns)


def _dense(projection: Projection, index: int, matrix: Array, sources: int) -> Form:
    fan = np.count_nonzero(matrix, axis=0).reshape(sources, -1)
    return Form(projection, index, tb.DENSE, fan=fan, matrix=np.ascontiguousarray(matrix.T))


def _kron(projection: Projection, index: int, weights: Kron, sources: int, targets: int) -> Form | None:
    left, right = weights.left, weights.right
    if _is_elementwise(weights):
        return _one_to_one(projection, index, weights, sources, targets)
    if left.shape != (targets, sources):
        return None
    kind, fan, values = _right(right)
    if isinstance(left, Identity):
        assert isinstance(right, np.ndarray)
        if left.size == 1:
            return _dense(projection, index, right, sources)
        return Form(projection, index, tb.PER_NODE, fan=fan, matrix=np.ascontiguousarray(right.T))
    if isinstance(left, OnesRow):
        return Form(projection, index, tb.REDUCE, fan=fan, right=kind, values=values)
    if isinstance(left, OnesColumn):
        return Form(projection, index, tb.BROADCAST, fan=fan * left.size, right=kind, values=values)
    rows = left.copy()
    rows.sum_duplicates()
    rows.eliminate_zeros()
    reach = np.bincount(rows.indices, minlength=rows.shape[1])
    return Form(projection, index, tb.AGGREGATE, fan=fan, right=kind, sparse=rows, values=values, left=reach)


def _right(right: Any) -> tuple[int, Array, Array | None]:
    if isinstance(right, Identity):
        return tb.IDENTITY, np.ones((1, right.size), np.int64), None
    if right.ndim == 1:
        return tb.DIAGONAL, (right != 0).astype(np.int64)[None], right
    return tb.FULL, np.count_nonzero(right, axis=0)[None], np.ascontiguousarray(right.T)


def _one_to_one(projection: Projection, index: int, weights: Kron, sources: int, targets: int) -> Form | None:
    """One row of weights for all nodes; where the populations' nodes are others, it must be the same number at every neuron."""
    if sources != targets:
        return None
    row = np.ones(weights.right.size) if isinstance(weights.right, Identity) else weights.right
    width = weights.shape[0] // sources
    if len(row) > width or width % len(row):
        if (row != row[0]).any():
            return None
        row = row[:1]
    row = np.tile(row, width // len(row))
    return Form(projection, index, tb.ONE_TO_ONE, fan=(row != 0).astype(np.int64)[None], right=tb.DIAGONAL, values=row)
