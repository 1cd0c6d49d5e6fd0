"""A plain step loop over blocks of nodes: an integer network of any size in NumPy, and where a recording differs from it.

No code of an engine is in it. Each population is stepped on the recorded spikes of those that it hears, and its own spikes are compared
with the recorded ones; the network has no loops, so if none differs, the recording is what the loop over all populations gives. A block
is some nodes at all ticks, so that little memory is taken. Products are float64 of integers, exact below 2⁵³; the arithmetic is that of
neurograph/fixedpoint.py's docstring:

    u ← wrap24( decay(u, du + 1) + (a << 6) ),   v ← clip24( decay(v, dv) + u + bias ),   z = [ v > vth << 6 ],   then the reset
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.network import FixedLIF, Network, Population, Projection
from neurograph.sim.tally import Tally
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow

__all__ = ["differences", "miscounts", "synapses"]

Array = NDArray[Any]
_BLOCK = 1 << 15  # neurons
LIMIT = 1 << 23


def differences(network: Network, inputs: Mapping[str, Array], spikes: Mapping[str, Array]) -> dict[str, int]:
    """Spike slots in which a recording of one sample differs from the step loop, by population.

    Args:
        network: integer, without loops; weights of Kronecker form, all populations (nodes, features).
        inputs: static source → (*shape).
        spikes: population → (1, T, *shape), every population.
    """
    return {p.name: sum(_differ(network, p, inputs, spikes, *ends) for ends in _blocks(p)) for p in network.neurons}


def miscounts(network: Network, spikes: Mapping[str, Array], tally: Tally) -> list[str]:
    """What of a tally is not so: spikes of each population, and synaptic events of each projection by the spikes that it carried."""
    wrong = [name for name, z in spikes.items() if int(tally.spikes[name].sum()) != int(np.count_nonzero(z))]
    for projection, events in zip(network.spiking_projections, tally.synaptic_events, strict=True):
        sent = spikes[projection.source].sum(axis=(0, 1), dtype=np.int64)
        if int(events.sum()) != _events(projection, sent):
            wrong.append(projection.name)
    return wrong


def synapses(projection: Projection) -> int:
    """Nonzero weights between neurons."""
    left, right = _factors(projection)
    return int(np.count_nonzero(left.data) if sp.issparse(left) else left.size) * int(np.count_nonzero(right))


def _events(projection: Projection, sent: Array) -> int:
    """Σ over spikes of the nonzero weights that they meet; sent: spikes of each neuron, (nodes, features)."""
    left, right = _factors(projection)
    meets = np.count_nonzero(right, axis=0)
    if isinstance(left, OnesColumn):
        meets = meets * left.size
    if sp.issparse(left):
        sent = sent * np.bincount(left.indices[left.data != 0], minlength=left.shape[1])[:, None]
    return int(sent.sum(axis=0) @ meets)


def _differ(
    network: Network, population: Population, inputs: Mapping[str, Array], spikes: Mapping[str, Array], start: int, stop: int
) -> int:
    """The same for the nodes from ``start`` to ``stop`` of one population."""
    neuron = population.neuron
    assert isinstance(neuron, FixedLIF)

    def part(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, np.int64), population.shape)[start:stop]

    recorded = spikes[population.name][0, :, start:stop]
    threshold, bias = part(neuron.vth) << 6, _bias(network, population, inputs, start, stop)
    u, v = np.zeros(threshold.shape, np.int64), part(neuron.v_start)
    heard = [p for p in network.spiking_projections if p.target == population.name]
    keeps = bool(np.any(np.asarray(neuron.du) != 4095))
    different = 0
    for tick, wanted in enumerate(recorded):
        arrived = sum((_arrived(p, spikes[p.source][0, tick], start, stop) for p in heard), np.zeros_like(u))
        u = (arrived << 6) + (_decayed(u, part(neuron.du) + 1) if keeps else 0)
        u = np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))
        v = np.clip(_decayed(v, part(neuron.dv)) + u + bias, 1 - LIMIT, LIMIT - 1)
        z = v > threshold
        by = threshold if neuron.reset_by is None else part(neuron.reset_by)
        v = np.where(z, v - by if neuron.reset == "subtract" else part(neuron.v_reset), v)
        different += int(np.count_nonzero(z != (wanted != 0)))
    return different


def _arrived(projection: Projection, spikes: Array, start: int, stop: int) -> Array:
    """What the spikes (nodes, features) of one tick bring to some nodes of the target, shifted by the exponent."""
    left, right = _factors(projection)
    if isinstance(left, OnesRow):
        nodes = spikes.sum(axis=0, keepdims=True, dtype=np.int64)
    elif isinstance(left, OnesColumn):
        nodes = np.broadcast_to(spikes, (stop - start, spikes.shape[1]))
    elif isinstance(left, Identity):
        nodes = spikes[start:stop]
    else:
        rows = left[start:stop].astype(np.float64)
        used, columns = np.unique(rows.indices, return_inverse=True)  # so that only the spikes that are heard become float64
        nodes = sp.csr_matrix((rows.data, columns, rows.indptr), (stop - start, len(used))) @ spikes[used].astype(np.float64)
    nodes = nodes.astype(np.float64)
    alone = right.shape[0] == right.shape[1] and np.array_equal(right, np.diag(np.diag(right)))
    total = (nodes * np.diag(right) if alone else nodes @ right.T.astype(np.float64)).astype(np.int64)
    return total << projection.exponent if projection.exponent >= 0 else total >> -projection.exponent


def _bias(network: Network, population: Population, inputs: Mapping[str, Array], start: int, stop: int) -> Array:
    """The static currents and the own bias of some nodes, in steps of v."""
    neuron = population.neuron
    assert isinstance(neuron, FixedLIF)
    current = np.zeros((stop - start, population.shape[1]))
    for projection in network.into(population.name):
        if network.populations[projection.source].is_static:
            left, right = _factors(projection)
            assert isinstance(left, Identity)
            current += inputs[projection.source][start:stop].astype(np.float64) @ right.T
    unit = neuron.scale / 64 * 2.0**neuron.bias_exp
    mantissa = np.rint(neuron.gain * current / unit) + np.broadcast_to(neuron.bias_mant, population.shape)[start:stop]
    if neuron.saturation is not None:
        mantissa = mantissa.clip(*neuron.saturation)
    return mantissa.astype(np.int64) << neuron.bias_exp


def _factors(projection: Projection) -> tuple[Any, Array]:
    """Left factor, and the right one as a matrix (out, in)."""
    weights = projection.weights
    if not isinstance(weights, Kron) or projection.lag or projection.port:
        raise TypeError(f"projection {projection.name}: the check has Kronecker weights without lags only")
    right = weights.right
    if isinstance(right, Identity):
        return weights.left, np.eye(right.size)
    return weights.left, np.diag(right) if right.ndim == 1 else right


def _decayed(x: Array, constant: Array) -> Array:
    """``sign(x) · (|x| · (4096 − constant) >> 12)``."""
    size = np.abs(x) * (4096 - constant) >> 12
    return np.where(x < 0, -size, size)


def _blocks(population: Population) -> list[tuple[int, int]]:
    nodes, features = population.shape
    step = max(1, _BLOCK // features)
    return [(start, min(start + step, nodes)) for start in range(0, nodes, step)]
