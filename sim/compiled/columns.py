"""Columns: how an event goes through a sparse matrix: by weights (SPARSE), by vectors of a column (RUNS), by vectors of a row (DENSE).

The least of these costs, in the time that one weight of SPARSE takes, 0.6 ns on an AMD EPYC with AVX-512 (256 to 4096 neurons a population,
2 and 10 % of them spiking, counts on and off):

    a weight of SPARSE                      1      0.6 ns
    a run                                   2      1.0 to 1.6 ns; a few ns once the weights of all leave a core's second-level cache: 8
    64 bytes of a dense row                 3      1.1 ns, 2.2 ns where mixed signs are counted

so that a random matrix of 16-bit weights is dense from one weight in eleven. A convolution has 10 to 16 weights in a run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.bounds import packed_bits
from neurograph.sim.compiled.layout import Form
from neurograph.sim.compiled.runs import Runs, cut, order_of

__all__ = ["quickest"]

RUN, FAR_RUN, DENSE_LINE = 2, 8, 3
LINE = 64  # bytes
CACHE = 1 << 20  # bytes of weights of runs that stay near
MOST_DENSE = 1 << 22  # bytes of a dense matrix


def quickest(form: Form, shape: tuple[int, ...], dtype: Any) -> Form:
    """The form in which the events of a sparse matrix take least time; one that is not SPARSE stays as it is.

    Args:
        shape: of the target.
        dtype: of the sums.
    """
    if form.kind != tb.SPARSE or not form.sparse.nnz:
        return form
    targets, sources = form.sparse.shape
    row = targets * (2 if dtype == np.int32 else 8)
    dense = DENSE_LINE * sources * -(-row // LINE)
    if row * sources > MOST_DENSE or dense > form.sparse.nnz:
        dense = form.sparse.nnz
    runs = _runs(form, shape, dtype, dense)
    if runs is not None:
        return replace(form, kind=tb.RUNS, runs=runs)
    if dense < form.sparse.nnz:
        return replace(form, kind=tb.DENSE, sparse=None, matrix=form.sparse.T.toarray())
    return form


def _runs(form: Form, shape: tuple[int, ...], dtype: Any, cost: int) -> Runs | None:
    """The matrix in runs, if its sums can be packed and it costs less."""
    bits = packed_bits(form, dtype)
    if not bits:
        return None
    fastest, expected = order_of(form.sparse, shape, dtype)
    if RUN * expected >= cost:
        return None
    runs = cut(form.sparse, fastest, bits, dtype)
    near = runs.weights.nbytes <= CACHE
    return runs if (RUN if near else FAR_RUN) * len(runs.index) < cost else None
