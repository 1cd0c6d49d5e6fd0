"""Counts of a network under NeuroBench's names, so that they can be put beside other people's tables.

NeuroBench (Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems, Nature Communications 16,
1545, 2025, doi:10.1038/s41467-025-56739-4) defines them on a torch module; what its package 2.3.0 does is in ``metrics/workload`` and
``metrics/static`` of its source. benchmarks/neurobench_parity.py compares the two, figure by figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.hw_profiles.counts import Counts
from neurograph.network import FixedLIF, Network
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["neurobench_names"]

Array = NDArray[Any]
_NEURON_VALUES = (
    "alpha", "beta", "threshold", "v_leak", "v_reset", "gain", "reset_by", "du", "dv", "vth", "bias_mant", "v_start"
)  # fmt: skip


def neurobench_names(counts: Counts, network: Network) -> dict[str, float]:
    """NeuroBench's figures of a network, means over samples where they are counts.

    Effective_ACs         a nonzero weight × an input that is not 0, of layers whose input is in {0, 1, −1}: synaptic events of spikes
    Effective_MACs        the same of other inputs: events of numbers (graded messages, real-valued sources)
    Dense                 all weights × all inputs, zeros included, in every tick. Of a CSR matrix: its stored entries
    ActivationSparsity    share of zeros among the outputs of neurons, over all ticks and samples; sources left out
    ConnectionSparsity    share of zeros among stored weights, biases left out, rounded to 4 digits as NeuroBench does
    Footprint             bytes of weights, biases and the neurons' parameters: 4 a value of a float network (float32, whatever the arrays
                          are), and of an integer one as few bytes (1, 2, 4, 8) as hold the largest value of each array

    What differs from NeuroBench on the torch module that a network was made from: a convolution is a CSR matrix here, unrolled and without
    zeros, so pruned weights are in neither Dense nor ConnectionSparsity; a spike of the last tick on a recurrent projection counts here,
    where it is sent; static inputs become currents once an inference on the host, and are no work of a tick.

    Args:
        counts: :func:`neurograph.hw_profiles.counts.count` of this network.

    Raises:
        InputError: counts of another network.
    """
    projections = network.spiking_projections
    if [p.name for p in projections] != [p.name for p in counts.projections]:
        raise InputError(
            f"neurobench_names: counts of {len(counts.projections)} projections, the network has {len(projections)} others; "
            "count a recording of this network"
        )
    events = {"Effective_ACs": 0, "Effective_MACs": 0}
    for projection, counted in zip(projections, counts.projections, strict=True):
        numbers = network.populations[projection.source].sends_numbers
        events["Effective_MACs" if numbers else "Effective_ACs"] += int(counted.synaptic_events.sum())
    stored = [p.weights.values for p in projections]
    weights, zeros = sum(v.size for v in stored), sum(int(np.count_nonzero(v == 0)) for v in stored)
    slots = counts.neurons * counts.ticks * counts.samples
    return {
        **{name: total / counts.samples for name, total in events.items()},
        "Dense": float(counts.ticks * sum(_entries(p.weights) for p in projections)),
        "ActivationSparsity": (slots - int(counts.neuron_spikes.sum())) / slots if slots else 0.0,
        "ConnectionSparsity": round(zeros / weights, 4) if weights else 0.0,
        "Footprint": float(sum(_bytes(v, network) for v in (*stored, *_of_neurons(network)))),
    }


def _entries(weights: Weights) -> int:
    """Entries of the expanded matrix, zeros of dense factors included."""
    if isinstance(weights, Dense):
        return int(weights.matrix.size)
    if isinstance(weights, Sparse):
        return int(weights.matrix.nnz)
    left, right = weights.left, weights.right
    outer = left.size if isinstance(left, (Identity, OnesRow, OnesColumn)) else int(sp.csr_matrix(left).nnz)
    return outer * (right.size if isinstance(right, Identity) else int(right.size))


def _of_neurons(network: Network) -> list[Array]:
    """Biases that are there, and the parameters of every population."""
    found = []
    for population in network.neurons:
        neuron = population.neuron
        names = [n for n in _NEURON_VALUES if n != "gain" or not isinstance(neuron, FixedLIF)]  # it is no parameter of the chip
        given = [getattr(neuron, name, None) for name in names]
        bias = [population.bias] if np.any(population.bias) else []
        found += [np.asarray(value) for value in (*given, *bias) if value is not None]
    return found


def _bytes(values: Array, network: Network) -> int:
    if not network.is_integer:
        return 4 * values.size
    largest = max(int(values.max(initial=0)), -int(values.min(initial=0)) - 1)
    return int(values.size) * next(size for size in (1, 2, 4, 8) if largest < 1 << (8 * size - 1))
