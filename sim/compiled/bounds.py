"""Bounds: the type of a network's sums, from how large they can become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Network
from neurograph.sim.compiled import tables as tb
from neurograph.sim.compiled.layout import Form

__all__ = ["NARROW", "largest_sum", "packed_bits", "row_sum", "sum_type"]

Array = NDArray[Any]
NARROW = (1 << 15) - 1  # the largest sum that 16 bits hold


def sum_type(network: Network, found: Sequence[Form]) -> Any:
    """int32 where neither a weight leaves 16 bits, nor the input of a tick 24 of the 32 bits, nor a parameter its range."""
    if not network.is_integer:
        return np.float64
    bounds = {p.name: 0 for p in network.neurons}
    for form in found:
        most = largest_sum(form)
        exponent = form.projection.exponent
        bounds[form.projection.target] += (most << exponent) if exponent >= 0 else (most >> -exponent) + 1
        if most >= 1 << 31 or int(np.abs(form.weights).max(initial=0)) > NARROW:
            return np.int64
    if max(bounds.values(), default=0) << fx.V_SHIFT > 2 * fx.STATE_LIMIT:
        return np.int64
    for population in network.neurons:
        neuron = population.neuron
        if isinstance(neuron, FixedLIF):
            taken = 0 if neuron.reset_by is None else neuron.reset_by
            values = [np.asarray(x).astype(np.int64) for x in (neuron.vth, neuron.v_reset, taken, neuron.v_start)]
            if np.abs(values[0]).max() << fx.V_SHIFT > fx.STATE_LIMIT or max(np.abs(x).max() for x in values[1:]) > fx.STATE_LIMIT:
                return np.int64
    return np.int32


def largest_sum(form: Form) -> int:
    """The largest Σ|w| over the synapses of one neuron."""
    right = 1 if form.values is None else row_sum(form.values)
    if form.matrix is not None:
        return row_sum(form.matrix)
    if form.sparse is not None:
        return right * int(np.abs(sp.csr_matrix(form.sparse)).sum(axis=1).max()) if form.sparse.nnz else 0
    return right * (form.projection.weights.shape[1] // form.fan.shape[1] if form.kind == tb.REDUCE else 1)


def packed_bits(form: Form, dtype: Any) -> int:
    """Bits of a sum of a sparse matrix, sign included, if the number of its events fits above them; else 0."""
    if form.kind != tb.SPARSE or dtype == np.float64:
        return 0
    bits = largest_sum(form).bit_length() + 1
    fan_in = int(np.bincount(form.sparse.indices).max(initial=0))
    return bits if bits + fan_in.bit_length() < 8 * np.dtype(dtype).itemsize else 0


def row_sum(by_source: Array) -> int:
    """The largest Σ|w| of a target, weights by source."""
    size = np.abs(by_source.astype(np.int64))
    return int((size.sum(axis=0) if by_source.ndim == 2 else size).max(initial=0))
