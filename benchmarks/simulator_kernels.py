"""Event-driven sums of weights, as fast as Numba makes them here: spikes are found in dense bytes, their rows of weights added up.

Half of an even 8-bit weight is an int8, of which 256 fit into an int16 sum. Each has a form for one thread and one for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

__all__ = ["gather8", "gather16", "nodes16", "scatter"]


def _gather8(x: Any, w: Any, out: Any) -> None:
    """out (M, N) int32 = x (M, K) uint8 @ w (K + 1, N) int8, whose last row is 0."""
    rows, width, size = x.shape[0], x.shape[1], w.shape[1]
    for m in prange(rows):
        events, found = np.empty(width + 8, np.int32), 0
        for k in range(width):
            events[found] = k
            found += x[m, k]
        while found % 8:
            events[found] = width
            found += 1
        o, partial, since = out[m], np.zeros(size, np.int16), 0
        o[:] = 0
        for e in range(0, found, 8):
            if since == 256:
                for j in range(size):
                    o[j] += np.int32(partial[j])
                    partial[j] = 0
                since = 0
            a, b, c, d = w[events[e]], w[events[e + 1]], w[events[e + 2]], w[events[e + 3]]
            f, g, h, i = w[events[e + 4]], w[events[e + 5]], w[events[e + 6]], w[events[e + 7]]
            for j in range(size):
                four = np.int16(a[j]) + np.int16(b[j]) + np.int16(c[j]) + np.int16(d[j])
                partial[j] = np.int16(partial[j] + four + np.int16(f[j]) + np.int16(g[j]) + np.int16(h[j]) + np.int16(i[j]))
            since += 8
        for j in range(size):
            o[j] += np.int32(partial[j])


def _gather16(x: Any, w: Any, out: Any) -> None:
    """out (M, N) int32 = x (M, K) uint8 @ w (K + 1, N) int16, whose last row is 0."""
    rows, width, size = x.shape[0], x.shape[1], w.shape[1]
    for m in prange(rows):
        events, found = np.empty(width + 4, np.int32), 0
        for k in range(width):
            events[found] = k
            found += x[m, k]
        while found % 4:
            events[found] = width
            found += 1
        o = out[m]
        o[:] = 0
        for e in range(0, found, 4):
            a, b, c, d = w[events[e]], w[events[e + 1]], w[events[e + 2]], w[events[e + 3]]
            for j in range(size):
                o[j] += np.int32(a[j]) + np.int32(b[j]) + np.int32(c[j]) + np.int32(d[j])


def _scatter(x: Any, indptr: Any, targets: Any, values: Any, out: Any) -> None:
    """out (M, N) int32 = x (M, K) uint8 @ columns (K, N): targets and values by the neuron that spikes."""
    for m in prange(x.shape[0]):
        o = out[m]
        o[:] = 0
        for k in range(x.shape[1]):
            if x[m, k]:
                for s in range(indptr[k], indptr[k + 1]):
                    o[targets[s]] += np.int32(values[s])


def _nodes16(x: Any, indptr: Any, sources: Any, values: Any, out: Any) -> None:
    """out (M, V, D) int32 = a graph's rows (V, U) on features x (M, U, D) uint8."""
    graphs, nodes, features = out.shape
    for row in prange(graphs * nodes):
        m, v = row // nodes, row % nodes
        o = out[m, v]
        o[:] = 0
        for s in range(indptr[v], indptr[v + 1]):
            features_of, weight = x[m, sources[s]], np.int32(values[s])
            for j in range(features):
                o[j] += weight * np.int32(features_of[j])


gather8, gather16, scatter, nodes16 = (
    {1: njit(cache=True)(function), 2: njit(cache=True, parallel=True)(function)} for function in (_gather8, _gather16, _scatter, _nodes16)
)
