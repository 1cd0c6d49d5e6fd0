"""The floor under every engine: the bare products of a network on the spikes of a run, each by whichever way is fastest here.

    BLAS     float32 by NumPy; int8 with int32 sums by torch, where weights (or their halves) fit and the sums come out exact
    CSR      SciPy, float32
    events   the kernels of simulator_kernels.py on dense bytes, one thread and all
    forms    of Kronecker weights: a product per node, CSR on features, sums and copies over nodes

Ticks and samples are one batch; only what hears itself over a lag takes a product a tick. Operands lie ready in the type and order that
each way likes, and nothing is done with the result. Every way is checked for the same sums.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from simulator_kernels import gather8, gather16, nodes16, scatter

from neurograph.network import Network, Projection
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse

__all__ = ["Part", "Way", "parts_of"]

Array = NDArray[Any]
Run = Callable[[], Any]
EXPANDED = 1 << 22  # entries of a sparse matrix that is tried as a dense one too
THREADS = (1, 2)


@dataclass(frozen=True)
class Way:
    """One way to a product: what is run, and (samples·T, out) that it gave."""

    name: str
    run: Run
    result: Callable[[], Array]


@dataclass
class Part:
    """One projection: its ways, and the fewest seconds that each has taken so far."""

    name: str
    ways: list[Way]
    seconds: dict[str, float]

    def measure(self, budget_s: float) -> None:
        """Time every way, those that are far from winning only a few times."""
        for way in self.ways:
            end, runs = time.perf_counter() + budget_s, 0
            while runs < 5 or time.perf_counter() < end:
                start = time.perf_counter()
                way.run()
                took = time.perf_counter() - start
                self.seconds[way.name] = min(took, self.seconds.get(way.name, took))
                runs += 1
                if runs >= 5 and took > 3 * self.best[1]:
                    break

    @property
    def best(self) -> tuple[str, float]:
        """The fastest way and its seconds."""
        name = min(self.seconds, key=self.seconds.__getitem__)
        return name, self.seconds[name]


def parts_of(network: Network, spikes: Mapping[str, Array], static: Mapping[str, Array]) -> list[Part]:
    """Every projection on the recorded spikes (samples, T, n) of a run, and on the static inputs (samples, …).

    Raises:
        ArithmeticError: ways whose sums differ.
    """
    return [_part(p, static[p.source] if network.populations[p.source].is_static else spikes[p.source]) for p in network.projections]


def _part(projection: Projection, given: Array) -> Part:
    weights = projection.weights
    if given.dtype != np.uint8:
        ways = _static(projection, given)
    elif projection.lag:
        ways = _tick_by_tick(projection, given)
    else:
        flat = np.ascontiguousarray(given.reshape(-1, given.shape[-1]))
        if isinstance(weights, Dense):
            ways = _dense(flat, np.ascontiguousarray(weights.matrix.T))
        elif isinstance(weights, Sparse):
            ways = _sparse(flat, weights.matrix)
        else:
            ways = _by_nodes(flat, weights)
    kept = []
    expected = None
    for way in ways:
        way.run()
        found = np.rint(way.result()).astype(np.int64) if given.dtype == np.uint8 else None
        expected = found if expected is None else expected
        if found is None or np.array_equal(found, expected):
            kept.append(way)
        elif not way.name.startswith("int8"):  # a processor may saturate within int8 products: then it is no way
            raise ArithmeticError(f"projection {projection.name}: {way.name} gives other sums than {ways[0].name}")
    return Part(projection.name, kept, {})


def _dense(x: Array, w: Array) -> list[Way]:
    """x (M, K) uint8, w (K, N) integers."""
    ways = [_blas(x, w)]
    half, unit = _halved(w)
    padded = np.concatenate([half, np.zeros((1, w.shape[1]), w.dtype)])
    if half.min(initial=0) >= -128 and half.max(initial=0) <= 127:
        x8, w8 = torch.from_numpy(x.view(np.int8)), torch.from_numpy(half.astype(np.int8))
        ways += _int8(x8, w8, unit)
        ways += _events("int8 gather", gather8, x, (padded.astype(np.int8),), w.shape[1], unit)
    ways += _events("int16 gather", gather16, x, ((padded * unit).astype(np.int16),), w.shape[1], 1)
    return ways


def _halved(w: Array) -> tuple[Array, int]:
    """Even weights halved, and what to multiply sums by."""
    return (w, 1) if np.any(w % 2) else (w // 2, 2)


def _blas(x: Array, w: Array, shape: tuple[int, ...] | None = None) -> Way:
    xf, wf = x.astype(np.float32), np.ascontiguousarray(w, dtype=np.float32)
    out = np.empty((len(x), w.shape[1]), np.float32)
    return Way("BLAS float32", lambda: np.matmul(xf, wf, out=out), lambda: out)


def _int8(x: Any, w: Any, unit: int) -> list[Way]:
    found: list[Any] = [None]

    def run() -> None:
        found[0] = torch._int_mm(x, w)

    try:
        run()
    except RuntimeError:  # this torch has none for these sizes
        return []
    return [Way("int8 BLAS", run, lambda: found[0].numpy() * unit)]


def _events(name: str, kernels: Mapping[int, Any], x: Array, operands: tuple[Array, ...], size: int, unit: int) -> list[Way]:
    out = np.empty((len(x), size), np.int32)

    def way(threads: int) -> Way:
        return Way(f"{name}, {threads} threads" if threads > 1 else name, lambda: kernels[threads](x, *operands, out), lambda: out * unit)

    return [way(threads) for threads in THREADS]


def _sparse(x: Array, matrix: Any) -> list[Way]:
    csr = sp.csr_matrix(matrix, dtype=np.float32)
    spikes = np.ascontiguousarray(x.T, dtype=np.float32)
    found: list[Any] = [None]

    def run() -> None:
        found[0] = csr @ spikes

    ways = [Way("CSR", run, lambda: found[0].T)]
    columns = sp.csc_matrix(matrix)
    narrow = np.int16 if matrix.shape[0] < 1 << 15 else np.int32
    operands = (columns.indptr.astype(np.int32), columns.indices.astype(narrow), columns.data.astype(np.int16))
    ways += _events("events", scatter, x, operands, matrix.shape[0], 1)
    return [*ways, _blas(x, matrix.toarray().T)] if np.prod(matrix.shape) <= EXPANDED else ways


def _by_nodes(x: Array, weights: Any) -> list[Way]:
    """The natural bare form of a Kronecker product of integers."""
    (m, n), (e, d), right = weights.left.shape, weights.right_shape, weights.right
    y = x.reshape(-1, n, d)
    if isinstance(weights.left, Identity) and not isinstance(right, Identity) and right.ndim == 2:
        return [_reshaped(way, len(y)) for way in _dense(x.reshape(-1, d), np.ascontiguousarray(right.T))]
    if sp.issparse(weights.left):
        return _graph(y, weights)
    w = np.ones(d, np.int16) if isinstance(right, Identity) else right.astype(np.int16)
    if isinstance(weights.left, OnesRow):
        return _sums(y, w)
    out = np.empty((len(y), m, e), np.int16)
    shape = (len(y), m, e) if isinstance(weights.left, OnesColumn) else y.shape
    spread = np.broadcast_to(y.astype(np.int16), shape)
    return [Way("multiply", lambda: np.multiply(spread, w, out=out), lambda: out.reshape(len(y), -1))]


def _reshaped(way: Way, batch: int) -> Way:
    return Way(way.name, way.run, lambda: way.result().reshape(batch, -1))


def _graph(y: Array, weights: Any) -> list[Way]:
    """CSR over nodes, feature by feature; a right factor is the identity in an integer network."""
    left = weights.left
    csr = sp.csr_matrix(left, dtype=np.float32)
    features = np.ascontiguousarray(y.transpose(1, 0, 2), dtype=np.float32).reshape(y.shape[1], -1)
    found: list[Any] = [None]
    out = np.empty((len(y), left.shape[0], y.shape[2]), np.int32)

    def run() -> None:
        found[0] = csr @ features

    def gathered() -> Array:
        return found[0].reshape(left.shape[0], len(y), -1).transpose(1, 0, 2).reshape(len(y), -1)

    integers = sp.csr_matrix(left)
    operands = (integers.indptr.astype(np.int32), integers.indices.astype(np.int32), integers.data.astype(np.int16))
    ways = [Way("CSR", run, gathered)]
    for threads in THREADS:
        name = f"rows of nodes, {threads} threads" if threads > 1 else "rows of nodes"
        ways.append(Way(name, lambda t=threads: nodes16[t](y, *operands, out), lambda: out.reshape(len(y), -1)))
    return ways


def _sums(y: Array, w: Array) -> list[Way]:
    floats, ones = y.astype(np.float32), np.ones((1, y.shape[1]), np.float32)
    found: dict[str, Any] = {}

    def blas() -> None:
        found["BLAS"] = np.matmul(ones, floats)[:, 0] * w

    def summed() -> None:
        found["sum"] = y.sum(axis=1, dtype=np.int32) * w

    return [Way("BLAS float32", blas, lambda: found["BLAS"]), Way("sum", summed, lambda: found["sum"])]


def _static(projection: Projection, values: Array) -> list[Way]:
    """A real product a sample, in the float64 that its rounding to a bias needs."""
    weights = projection.weights
    assert not isinstance(weights, (Dense, Sparse))
    right: Any = weights.right
    x, w = np.ascontiguousarray(values, dtype=np.float64).reshape(-1, right.shape[1]), np.ascontiguousarray(right.T, dtype=np.float64)
    out = np.empty((len(x), w.shape[1]))
    return [Way("BLAS float64", lambda: np.matmul(x, w, out=out), lambda: out)]


def _tick_by_tick(projection: Projection, given: Array) -> list[Way]:
    """T products of what spiked ``lag`` ticks before, one after the other."""
    samples, ticks, size = given.shape
    weights = projection.weights
    assert isinstance(weights, Dense)
    w = np.ascontiguousarray(weights.matrix.T)
    steps = np.ascontiguousarray(given.transpose(1, 0, 2))
    floats, wf, out = steps.astype(np.float32), w.astype(np.float32), np.empty((ticks, samples, w.shape[1]), np.float32)

    def blas() -> None:
        for tick in range(ticks):
            np.matmul(floats[tick], wf, out=out[tick])

    flat = steps.reshape(-1, size)
    batched = _dense(flat, w)
    # A gather takes its rows one after the other anyway, so a batch of them is as fast as so many alone; threads can share samples only.
    rows = [way for way in batched if "gather" in way.name and (samples > 1 or "threads" not in way.name)]
    ways = [Way("BLAS float32", blas, lambda: out.reshape(len(flat), -1)), *rows]
    if any(way.name.startswith("int8 BLAS") for way in batched):
        ways += _int8_by_tick(steps, w)
    return ways


def _int8_by_tick(steps: Array, w: Array) -> list[Way]:
    half, unit = _halved(w)
    x8, w8, found = torch.from_numpy(steps.view(np.int8)), torch.from_numpy(half.astype(np.int8)), list[Any]()

    def run() -> None:
        found[:] = [torch._int_mm(x, w8) for x in x8]

    return [Way("int8 BLAS", run, lambda: np.concatenate([y.numpy() for y in found]) * unit)]
