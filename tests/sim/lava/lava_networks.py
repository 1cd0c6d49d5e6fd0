"""Small networks, and a tick loop over dense matrices that shares no code with our engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurograph.errors import LavaMissingError
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Projection, Source, Threshold
from neurograph.sim.lava import runtime


def _missing() -> str:
    try:
        runtime.find()
    except LavaMissingError as error:
        return str(error)
    return ""


needs_lava = [pytest.mark.lava, pytest.mark.skipif(bool(_missing()), reason=_missing())]


def align(network: Network) -> Network:
    """Depths and delays by the rule of the design, for networks without loops of more than one population."""
    depth: dict[str, int] = {}
    for name in network.order():
        if not network.populations[name].is_static:
            depth[name] = 1 + max((depth[p.source] for p in network.into(name) if p.lag == 0 and p.source in depth), default=0)
    projections = tuple(
        replace(p, delay=depth[p.target] - depth[p.source] + p.lag) if p.source in depth else p for p in network.projections
    )
    populations = [replace(p, depth=depth.get(p.name)) for p in network.populations.values()]
    return replace(network.with_populations(populations), projections=projections)


def build(populations, projections, ticks) -> Network:
    """``populations``: (name, shape, neuron[, bias]); ``projections``: Projection objects or tuples of their first arguments."""
    integer = any(isinstance(p[2], FixedLIF) for p in populations)
    mode = {"sign_mode": "mixed"} if integer else {}
    made = [p if isinstance(p, Projection) else Projection(*p, **mode) for p in projections]
    return align(Network({p[0]: Population(*p) for p in populations}, tuple(made), ticks))


def source(name: str, *shape: int):
    return (name, shape, Source())


def lif(vth=60, dv=2048, du=4095, bias=0, reset="value") -> FixedLIF:
    return FixedLIF(du=du, dv=dv, vth=vth, bias_mant=bias, bias_exp=6, scale=1.0, reset=reset)


def even(rng, *shape, spread=40.0):
    return (rng.normal(0, spread, shape).round().clip(-127, 127) * 2).astype(int)


class _Integer:
    def __init__(self, p):
        n = p.neuron
        self.n, self.u, self.v = n, np.zeros(p.size, np.int64), np.zeros(p.size, np.int64)
        self.du, self.dv, self.vth, self.bias = (np.broadcast_to(x, p.shape).ravel() for x in (n.du, n.dv, n.vth, n.bias_mant))

    def __call__(self, a):
        def decay(x, d):
            return np.sign(x) * ((np.abs(x) * (4096 - d)) >> 12)

        u = decay(self.u, self.du + 1) + (a.astype(np.int64) << 6)
        u = np.where(u > 1 << 23, u - (1 << 24), u)
        self.u = np.where(u <= -(1 << 23), u + (1 << 24), u)
        v = np.clip(decay(self.v, self.dv) + self.u + (self.bias << self.n.bias_exp), -(1 << 23) + 1, (1 << 23) - 1)
        z = v > self.vth << 6
        self.v = np.where(z, v - (self.vth << 6) if self.n.reset == "subtract" else 0, v)
        return z


class _Float:
    def __init__(self, p):
        self.n, self.shape = p.neuron, p.shape
        self.u, self.v, self.bias = np.zeros(p.size), self.flat(getattr(p.neuron, "v_leak", 0.0)), self.flat(p.bias)

    def flat(self, value):
        return np.broadcast_to(value, self.shape).ravel().astype(float)

    def __call__(self, a):
        n, i = self.n, a + self.bias
        theta = self.flat(n.threshold)
        if isinstance(n, Threshold):
            self.u = self.v = i
            return i > theta
        beta = self.flat(n.beta)
        self.u = (1 - self.flat(n.alpha)) * self.u + i if isinstance(n, CubaLIF) else i
        v = (1 - beta) * self.v + beta * (self.flat(n.v_leak) + self.u)
        z = v > theta
        self.v = np.where(z, v - theta if n.reset == "subtract" else self.flat(n.v_reset), v)
        return z


def loop(network: Network, spikes: dict[str, np.ndarray]):
    """One inference. ``spikes``: source → (T, *shape). Returns spikes, v and u: population → (T, *shape)."""
    dtype = np.int64 if network.is_integer else float
    matrices = [(p, p.weights.to_csr().toarray().astype(dtype)) for p in network.projections]
    state = {p.name: (_Integer if network.is_integer else _Float)(p) for p in network.neurons}
    seen = {name: [row.ravel() for row in values] for name, values in spikes.items()}
    v, u = {name: [] for name in state}, {name: [] for name in state}
    for t in range(network.ticks):
        for name in network.order():
            if name not in state:
                continue
            total = np.zeros(network.populations[name].size, dtype)
            for p, matrix in matrices:
                if p.target == name and t >= p.lag:
                    part = matrix @ seen[p.source][t - p.lag].astype(dtype)
                    if network.is_integer:
                        part = part << p.exponent if p.exponent > 0 else part >> -p.exponent
                    total = total + part
            seen.setdefault(name, []).append(state[name](total))
            v[name].append(state[name].v)
            u[name].append(state[name].u)
    return tuple(
        {name: np.array(rows).reshape(network.ticks, *network.populations[name].shape) for name, rows in part.items()}
        for part in (seen, v, u)
    )


def assert_same(network: Network, recording, spikes: dict[str, np.ndarray]) -> None:
    """Every spike, u and v of every sample as in :func:`loop`; exactly for integers."""
    for sample in range(recording.samples):
        wanted = loop(network, {name: values[sample] for name, values in spikes.items()})
        for kind, parts in zip((recording.spikes, recording.voltages, recording.currents), wanted, strict=True):
            for name, values in parts.items():
                if name in kind:
                    got = kind[name][sample]
                    assert got.shape == values.shape
                    np.testing.assert_allclose(got, values, rtol=0, atol=0 if network.is_integer else 1e-12, err_msg=f"{name} {sample}")


__all__ = [
    "LIF",
    "CubaLIF",
    "FixedLIF",
    "Source",
    "Threshold",
    "align",
    "assert_same",
    "build",
    "even",
    "lif",
    "loop",
    "needs_lava",
    "source",
]
