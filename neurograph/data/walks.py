"""Features of nodes out of edges alone, as DeepWalk finds them by sampling: the factors of a matrix of walks, for each step of a graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.errors import DataError

__all__ = ["walk_features"]


def walk_features(
    graph: DynamicGraph, width: int = 128, window: int = 2, smoothing: int = 0, seed: int = 0
) -> Iterator[NDArray[np.float32]]:
    r"""Features of each step, (N, width), out of the edges until then alone. With A of these edges, D its degrees, vol their sum:

    .. math::
        M &= \max\Big(0, \log \frac{\mathrm{vol}}{T} \sum_{r=1}^{T} (D^{-1} A)^r D^{-1}\Big) \approx U \Sigma V^T, \qquad
        Y = \hat A^h U \Sigma^{1/2} \\
        X_t &= Y_t Q_t, \qquad Q_t = \mathrm{argmin}_{Q^T Q = I} \| Y_t Q - X_{t-1} \|_F \text{ over the nodes with an edge before } t

    M is what DeepWalk factorises, with walks of window T and one negative sample (NetMF, Qiu et al., arXiv 1710.02971); only its
    non-zero entries, the nodes within T hops, are stored. Smoothing by Â of the same edges with self-loops is after ProNE (Zhang et al.,
    IJCAI 2019), with powers in place of its filter. Rows have length 1. The rotations, which change no distance, let a step's features
    mean what the last one's did, so that models can share weights between steps. Nodes without an edge so far have zeros. Where there are
    fewer nodes with edges than ``width``, the last columns of Y are 0.

    Args:
        width: of the factors, at least 1. window: T, at least 1; beyond 2 the matrix fills up. smoothing: h. seed: of the randomized SVD
            (Halko et al., arXiv 0909.4061).

    Raises:
        DataError: a width, window or smoothing below these.
    """
    for name, value, least in (("width", width, 1), ("window", window, 1), ("smoothing", smoothing, 0)):
        if value < least:
            raise DataError(f"walk features: {name} {value}, must be at least {least}; give more")
    return _aligned(graph, width, window, smoothing, seed)


def _aligned(graph: DynamicGraph, width: int, window: int, smoothing: int, seed: int) -> Iterator[NDArray[np.float32]]:
    so_far = np.zeros((2, 0), np.int64)
    before = np.zeros((graph.nodes, width), np.float32)
    for edges in graph.snapshots:
        known = np.unique(so_far[0])
        if edges.size:
            so_far = canonical_edges(np.concatenate([so_far, edges], axis=1))
            with threadpool_limits(1, "blas"):  # its sums depend on how many threads it has; a step's features shall not
                found = _factors(so_far, graph.nodes, width, window, smoothing, seed)
                if known.size:
                    found = (found @ orthogonal_procrustes(found[known], before[known])[0]).astype(np.float32)
            before = found
        yield before


def _factors(edges: NDArray[np.int64], nodes: int, width: int, window: int, smoothing: int, seed: int) -> NDArray[np.float32]:
    """Y, (N, width), rows of length 1 or 0."""
    known, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(edges.shape)
    adjacency = sp.csr_matrix((np.ones(edges.shape[1], np.float32), (ends[0], ends[1])), shape=(len(known), len(known)))
    degrees = np.diff(adjacency.indptr)
    walk = sp.diags_array((1 / degrees).astype(np.float32)) @ adjacency
    total = step = walk
    for _ in range(window - 1):
        step = step @ walk
        total = total + step
    matrix = sp.csr_matrix(total @ sp.diags_array((degrees.sum() / window / degrees).astype(np.float32)))
    matrix.data = np.log(np.maximum(matrix.data, 1))
    matrix.eliminate_zeros()
    found = np.zeros((nodes, width), np.float32)
    rank = min(width, len(known))
    left, values, _ = randomized_svd(matrix, rank, n_iter=3, random_state=seed)
    factors = left * np.sqrt(values)
    looped = adjacency + sp.eye_array(len(known), dtype=np.float32, format="csr")
    scale = sp.diags_array(((degrees + 1) ** -0.5).astype(np.float32))
    for _ in range(smoothing):
        factors = scale @ (looped @ (scale @ factors))
    found[known, :rank] = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-12)
    return found
