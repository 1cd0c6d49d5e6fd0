"""Integer networks that part emulators of Loihi from one another, one rule at a time and all at once; and probes of single values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.weights import Dense

__all__ = ["CASES", "PROBES", "Case", "Probe", "lively", "probe_network", "values_of"]

Array = NDArray[Any]
Job = tuple[Network, Mapping[str, Array]]
TICKS, INPUTS, SIZES = 40, 12, {"a": 10, "b": 8, "c": 9}
EDGES = (("in", "a", 0), ("a", "b", 0), ("b", "b", 1), ("a", "c", 0), ("b", "c", 0), ("in", "c", 2))
CHAIN = (("in", "a", 0), ("a", "b", 0), ("b", "b", 1), ("b", "c", 0), ("in", "c", 2))


@dataclass(frozen=True)
class Case:
    """Three populations, one of which hears itself, with skips; and what is particular to them.

    Args:
        name: in the table.
        lava: whether neurograph hands such a network to Lava.
        weights: (rng, shape) → integers; mode: their sign mode, edge by edge in turn.
        exponents: smallest and largest.
        du, dv: ranges of the decays, of which each population has two.
        bias: (largest mantissa, exponent).
        threshold: v at which neurons fire, as a share of what half of the inputs bring in one tick.
        edges: source, target, lag.
        whole: the emulators run the network at once, as a pipeline, in place of population by population.
        inhibited_first: inputs of negative weight spike in the first half of the ticks, the others in the second.
    """

    name: str
    lava: bool = True
    weights: Callable[[np.random.Generator, tuple[int, int]], Array] = lambda rng, shape: 2 * rng.integers(-126, 127, shape)
    modes: tuple[str, ...] = ("mixed",)
    exponents: tuple[int, int] = (0, 2)
    du: tuple[int, int] = (400, 4096)
    dv: tuple[int, int] = (100, 4096)
    bias: tuple[int, int] = (500, 2)
    threshold: float = 0.5
    edges: tuple[tuple[str, str, int], ...] = EDGES
    whole: bool = False
    inhibited_first: bool = False
    seeds: Sequence[int] = field(default=(0,))

    def jobs(self) -> list[Job]:
        """The networks, one a seed, and their inputs."""
        return [self._job(seed) for seed in self.seeds]

    def _job(self, seed: int) -> Job:
        rng = np.random.default_rng([seed, *self.name.encode()])
        sizes = {"in": INPUTS, **SIZES}
        projections = []
        for index, (source, target, lag) in enumerate(self.edges):
            mode: Any = self.modes[index % len(self.modes)]
            weights = self.weights(rng, (sizes[target], sizes[source]))
            weights = weights if mode == "mixed" else abs(weights) if mode == "excitatory" else -abs(weights)
            if self.inhibited_first and source == "in":
                weights = np.where(np.arange(INPUTS) < INPUTS // 2, -abs(weights), abs(weights))
            exponent = int(rng.integers(self.exponents[0], self.exponents[1] + 1))
            projections.append(Projection(source, target, Dense(weights), lag=lag, exponent=exponent, sign_mode=mode))
        populations = [Population("in", (INPUTS,), Source()), *(self._population(rng, name, projections) for name in SIZES)]
        spikes = rng.random((TICKS, INPUTS)) < 0.5
        if self.inhibited_first:
            spikes &= (np.arange(TICKS)[:, None] < TICKS // 2) == (np.arange(INPUTS) < INPUTS // 2)
        return Network({p.name: p for p in populations}, tuple(projections), TICKS), {"in": spikes}

    def _population(self, rng: np.random.Generator, name: str, projections: Sequence[Projection]) -> Population:
        size = SIZES[name]
        half = np.arange(size) % 2
        into = [p for p in projections if p.target == name]
        reach = 0.5 * sum(float(np.abs(p.weights.values).sum()) / size * 2.0**p.exponent for p in into)
        vth = np.clip(self.threshold * reach * np.array([0.7, 1.3]), 1, 131_071).astype(int)
        most, exponent = self.bias
        bias = rng.integers(-most, most + 1, size)
        du, dv = rng.integers(*self.du, 2)[half], rng.integers(*self.dv, 2)[half]
        return Population(name, (size,), FixedLIF(du, dv, vth[half], bias, exponent, 1.0))


def _odd(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return 2 * rng.integers(-20, 20, shape) + 1


def _small(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return 2 * rng.integers(-30, 31, shape)


def _edge(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.choice([-256, -254, 254, 128], shape)


_MODES = ("mixed", "excitatory", "mixed")
CASES = (
    Case("even weights, exponents 0 to 2", threshold=0.35),
    Case("negative exponents", weights=_small, exponents=(-7, -2), bias=(40, 0), threshold=0.3),
    Case("odd weights of one sign", weights=_odd, modes=("excitatory", "excitatory", "inhibitory"), bias=(100, 2), threshold=0.8),
    Case("odd weights of both signs", lava=False, weights=_odd, bias=(100, 2)),
    Case("weights of −256", weights=_edge, exponents=(0, 1), threshold=0.2),
    Case("input past 2²¹", exponents=(6, 6), du=(3900, 4096), threshold=0.25),
    Case("u past 2²³", weights=_edge, exponents=(7, 7), du=(1, 50), dv=(3000, 4096), threshold=0.3),
    Case("v past 2²³", exponents=(4, 5), du=(4000, 4096), dv=(0, 3), inhibited_first=True, bias=(4095, 6), threshold=0.2),
    Case("u + bias past 2²³", weights=_small, exponents=(7, 7), du=(150, 400), dv=(4000, 4096), bias=(4095, 7)),
    Case("all of it at random", lava=False, weights=_odd, modes=_MODES, exponents=(-4, 4), bias=(4095, 5), threshold=1.0, seeds=(0, 1)),
    Case(
        "the same as one pipeline",
        lava=False,
        weights=_odd,
        modes=("mixed", "excitatory", "mixed", "mixed", "mixed"),
        exponents=(-4, 0),
        bias=(0, 0),
        threshold=0.2,
        edges=CHAIN,
        whole=True,
    ),
)


# Probes: one neuron each, all in one population


@dataclass(frozen=True)
class Probe:
    """One neuron: what it hears, and which of its values is read.

    Args:
        name: in the table.
        pulses: exponent → weights of the spikes that arrive in tick 0; steady: of those that arrive in every tick.
        read: "u", "v" (steps of v), "spikes" or "stored" (u in units of weight), at ``tick``.
    """

    name: str
    read: str
    tick: int = 0
    pulses: Mapping[int, Sequence[int]] = field(default_factory=dict)
    steady: Mapping[int, Sequence[int]] = field(default_factory=dict)
    du: int = 4095
    dv: int = 4095
    vth: int = 131_071
    bias: tuple[int, int] = (0, 0)
    lava: bool = True


def _weight(weight: int, **more: Any) -> Probe:
    return Probe(f"weight {weight}, both signs in the projection".replace("-", "−"), "stored", pulses={0: (weight,)}, **more)


PROBES = (
    *(_weight(weight, lava=False) for weight in (5, 3, 1, -1, -3, -5)),
    _weight(-256),
    Probe("three spikes of weight 6, exponent −3", "stored", pulses={-3: (6, 6, 6)}),
    Probe("three spikes of weight −6, exponent −3", "stored", pulses={-3: (-6, -6, -6)}),
    Probe("one spike of weight −256, exponent 7", "stored", pulses={7: (-256,)}),
    Probe("two spikes of weight 254, exponent 7: u", "u", pulses={7: (254, 254)}),
    Probe("five spikes of weight 254, exponent 7: u", "u", pulses={7: (254,) * 5}),
    Probe("u = 1,280 decays, du 0", "u", 1, pulses={0: (20,)}, du=0),
    Probe("u = −1,280 decays, du 1,000", "u", 1, pulses={0: (-20,)}, du=1000),
    Probe("v = 1,280 decays, dv 1,000", "v", 1, pulses={0: (20,)}, dv=1000),
    Probe("v = −1,280 decays, dv 1,000", "v", 1, pulses={0: (-20,)}, dv=1000),
    Probe("v = threshold: spikes", "spikes", pulses={0: (20,)}, vth=20),
    Probe("v past threshold: v after it", "v", pulses={0: (22,)}, vth=20),
    Probe("v goes on by −524,288 a tick, 18 ticks, dv 0: v", "v", 17, bias=(-4096, 7), dv=0),
    Probe("u = 8.3 million and a bias of 524,160: spikes", "spikes", 3, steady={7: (254,)}, du=0, bias=(4095, 7)),
)


def probe_network(probes: Sequence[Probe]) -> Job:
    """One population of them; the source's first neurons spike in tick 0, its last in every tick."""
    size, width = len(probes), 8
    matrices: dict[int, Array] = {}
    for row, probe in enumerate(probes):
        for first, given in ((0, probe.pulses), (width, probe.steady)):
            for exponent, weights in given.items():
                matrix = matrices.setdefault(exponent, np.zeros((size, 2 * width), dtype=np.int64))
                matrix[row, first : first + len(weights)] = weights
    projections = tuple(Projection("in", "n", Dense(matrix), exponent=e, sign_mode="mixed") for e, matrix in matrices.items())
    du, dv, vth, mantissa, exponents = (
        np.array([get(p) for p in probes])
        for get in (lambda p: p.du, lambda p: p.dv, lambda p: p.vth, lambda p: p.bias[0], lambda p: p.bias[1])
    )
    top = int(exponents.max())
    neuron = FixedLIF(du, dv, vth, mantissa >> (top - exponents), top, 1.0)
    ticks = 1 + max(p.tick for p in probes)
    spikes = np.zeros((ticks, 2 * width), dtype=np.uint8)
    spikes[0, :width], spikes[:, width:] = 1, 1
    network = Network({"in": Population("in", (2 * width,), Source()), "n": Population("n", (size,), neuron)}, projections, ticks)
    return network, {"in": spikes}


def values_of(probes: Sequence[Probe], recording: Any) -> list[int]:
    """What each probe reads in a recording of its network."""
    kinds = {"u": recording.currents, "stored": recording.currents, "v": recording.voltages, "spikes": recording.spikes}
    read = [int(kinds[p.read]["n"][0, p.tick, i]) for i, p in enumerate(probes)]
    return [value >> 6 if probe.read == "stored" else value for probe, value in zip(probes, read, strict=True)]


def lively(job: Job, spikes: Mapping[str, Array]) -> bool:
    """Whether enough of every population spikes, and not all of it."""
    return all(0.01 < float(np.mean(spikes[p.name])) < 0.95 for p in job[0].neurons)
