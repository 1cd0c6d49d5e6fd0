"""A plain loop over ticks in NumPy, as a good user of NumPy writes it: what engines are timed against, and an oracle of equal spikes.

In a tick a population takes one product a projection (float32, whose sums of integers are exact below 2²⁴; CSR by SciPy; Kronecker forms
node by node) and one update of its neurons, all samples at once. Nothing of neurograph computes here but the encoding of static inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.network import LIF, FixedLIF, Network, Population, Projection
from neurograph.sim.inputs import prepare
from neurograph.weights import Dense, Identity, OnesColumn, OnesRow, Sparse, Weights

__all__ = ["StepLoop", "exact_type", "product"]

Array = NDArray[Any]
LIMIT = (1 << 23) - 1  # of u and v


class StepLoop:
    """A network made ready; :meth:`run` is what is timed.

    Args:
        network: integer, of FixedLIF, or float, of LIF that rest at 0.

    Raises:
        TypeError: another kind of neuron.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.order = [p for p in map(network.populations.__getitem__, network.order()) if not p.is_source]
        self.neurons = {p.name: _neurons(p) for p in self.order}
        heard = {p.name: [q for q in network.spiking_projections if q.target == p.name] for p in self.order}
        self.into = {name: [_Synapses(p, exact_type(p.weights)) for p in projections] for name, projections in heard.items()}

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Spikes of every population, uint8 (samples, T, n)."""
        samples, spikes, bias = self._inputs(inputs)
        states = {p.name: self.neurons[p.name].start(samples, bias[p.name]) for p in self.order}
        for p in self.order:
            spikes[p.name] = np.zeros((samples, self.network.ticks, p.size), dtype=np.uint8)
        for tick in range(self.network.ticks):
            for p in self.order:
                spikes[p.name][:, tick] = self.neurons[p.name].step(states[p.name], self._current(p, tick, spikes))
        return spikes

    def population(self, name: str, spikes: Mapping[str, Array]) -> Array:
        """Spikes of one population alone, on those of the populations that it hears; for neurons without static input."""
        p, own = self.network.populations[name], self.neurons[name]
        samples = len(next(iter(spikes.values())))
        heard = {**spikes, name: np.zeros((samples, self.network.ticks, p.size), dtype=np.uint8)}
        state = own.start(samples, own.bias)
        for tick in range(self.network.ticks):
            heard[name][:, tick] = own.step(state, self._current(p, tick, heard))
        return heard[name]

    def _current(self, p: Population, tick: int, spikes: Mapping[str, Array]) -> Any:
        total: Any = 0
        for synapses in self.into[p.name]:
            if tick >= synapses.lag:
                total = total + synapses(spikes[synapses.source][:, tick - synapses.lag])
        return total

    def _inputs(self, inputs: Mapping[str, Array]) -> tuple[int, dict[str, Array], dict[str, Array]]:
        """Samples, spikes of sources, bias of neurons."""
        network, spikes = self.network, {name: np.asarray(values) for name, values in inputs.items()}
        bias = {p.name: self.neurons[p.name].bias for p in self.order}
        if any(s.is_static for s in network.sources):
            prepared = prepare(network, inputs)
            spikes = dict(prepared.spikes)
            bias = {p.name: prepared.bias[p.name].reshape(prepared.samples, -1) << getattr(p.neuron, "bias_exp", 0) for p in self.order}
        samples = len(next(iter({**spikes, **bias}.values())))
        constant = {s.name: np.ones((samples, network.ticks, s.size), dtype=np.uint8) for s in network.sources if s.is_constant}
        return samples, {**{name: values.reshape(samples, network.ticks, -1) for name, values in spikes.items()}, **constant}, bias


class _Synapses:
    """Spikes (samples, in) → current (samples, out), shifted by the exponent."""

    def __init__(self, projection: Projection, dtype: Any) -> None:
        self.source, self.lag, self.exponent = projection.source, projection.lag, projection.exponent
        self.integer = projection.sign_mode is not None
        self.dtype, self.product = dtype, product(projection.weights, dtype)

    def __call__(self, spikes: Array) -> Array:
        total = self.product(spikes.astype(self.dtype))
        if not self.integer:
            return total
        whole = total.astype(np.int64)
        return whole << self.exponent if self.exponent >= 0 else whole >> -self.exponent


class _Integers:
    """Lava's integer LIF, see :mod:`neurograph.fixedpoint`."""

    def __init__(self, p: Population) -> None:
        neuron = p.neuron
        assert isinstance(neuron, FixedLIF)

        def flat(value: Any) -> Array:
            return np.broadcast_to(np.asarray(value, dtype=np.int64), p.shape).ravel()

        self.keep_u, self.keep_v = 4095 - flat(neuron.du), 4096 - flat(neuron.dv)
        self.threshold, self.v_start, self.v_reset = flat(neuron.vth) << 6, flat(neuron.v_start), flat(neuron.v_reset)
        self.bias = (flat(neuron.bias_mant) << neuron.bias_exp)[None]
        self.subtract = neuron.reset == "subtract"
        self.reset_by = self.threshold if neuron.reset_by is None else flat(neuron.reset_by)
        self.forgets = not self.keep_u.any()

    def start(self, samples: int, bias: Array) -> list[Array]:
        return [np.zeros((samples, len(self.threshold)), np.int64), np.tile(self.v_start, (samples, 1)), bias]

    def step(self, state: list[Array], current: Any) -> Array:
        u, v, bias = state
        arrived = current << 6
        u = np.zeros_like(u) + arrived if self.forgets else _decayed(u, self.keep_u) + arrived
        beyond = np.abs(u) > LIMIT
        if beyond.any():  # wraps once, and 2²³ itself stays
            u = np.where(u > LIMIT + 1, u - (1 << 24), np.where(u < -LIMIT, u + (1 << 24), u))
        v = np.clip(_decayed(v, self.keep_v) + u + bias, -LIMIT, LIMIT)
        z = v > self.threshold
        state[:2] = u, np.where(z, v - self.reset_by if self.subtract else self.v_reset, v)
        return z


class _Floats:
    """``v ← (1 − β)v + γi``, ``z = [v > θ]``, then 0."""

    def __init__(self, p: Population) -> None:
        if not isinstance(p.neuron, LIF) or np.any(p.neuron.v_leak) or np.any(p.neuron.v_reset) or p.neuron.reset != "value":
            raise TypeError(f"population {p.name!r}: the step loop has FixedLIF, and LIF that rest and start at 0")
        self.neuron, self.size = p.neuron, p.size
        self.gain = p.neuron.beta if p.neuron.gain is None else p.neuron.gain
        self.bias = np.zeros((1, p.size))

    def start(self, samples: int, bias: Array) -> list[Array]:
        return [np.zeros((samples, self.size)), bias]

    def step(self, state: list[Array], current: Any) -> Array:
        v = (1 - self.neuron.beta) * state[0] + self.gain * (current + state[1])
        z = v > self.neuron.threshold
        state[0] = np.where(z, 0.0, v)
        return z


def _neurons(p: Population) -> Any:
    return _Integers(p) if isinstance(p.neuron, FixedLIF) else _Floats(p)


def _decayed(x: Array, keep: Array) -> Array:
    """``sign(x) · (|x| · keep >> 12)``."""
    size = np.abs(x) * keep >> 12
    return np.where(x < 0, -size, size)


def exact_type(weights: Weights) -> Any:
    """float32 where sums of these weights are integers below 2²⁴, else float64."""
    if np.any(weights.values != np.rint(weights.values)):
        return np.float64
    largest = product(weights.map(np.abs), np.float64)(np.ones((1, weights.shape[1]))).max()
    return np.float32 if largest < 1 << 24 else np.float64


def product(weights: Weights, dtype: Any) -> Callable[[Array], Array]:
    """A function (samples, in) → (samples, out) in the form that the weights have."""
    if isinstance(weights, Dense):
        matrix = np.ascontiguousarray(weights.matrix.T, dtype=dtype)
        return lambda x: x @ matrix
    if isinstance(weights, Sparse):
        csr = sp.csr_matrix(weights.matrix, dtype=dtype)
        return lambda x: (csr @ x.T).T
    left, right, (m, n), (e, d) = weights.left, weights.right, weights.left.shape, weights.right_shape
    factor = None if isinstance(right, Identity) else np.ascontiguousarray(right.T, dtype=dtype)
    mix = sp.csr_matrix(left, dtype=dtype) if sp.issparse(left) else None

    def apply(x: Array) -> Array:
        y = x.reshape(len(x), n, d)
        if isinstance(left, OnesRow):
            y = y.sum(axis=1, keepdims=True)
        if factor is not None:
            y = y * factor if factor.ndim == 1 else y @ factor
        if mix is not None:
            y = (mix @ y.transpose(1, 0, 2).reshape(n, -1)).reshape(m, len(x), e).transpose(1, 0, 2)
        if isinstance(left, OnesColumn):
            y = np.broadcast_to(y, (len(x), m, e))
        return np.ascontiguousarray(y).reshape(len(x), m * e)

    return apply
