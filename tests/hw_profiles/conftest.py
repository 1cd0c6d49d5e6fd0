"""A small network with every kind of projection, and a recording of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph.export.placement import Limits, Placement, place
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source, Threshold
from neurograph.sim.recording import Recording
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, one_to_one

Array = NDArray[Any]
NODES, FEATURES, WIDTH, CLASSES, TICKS = 4, 5, 3, 2, 6


@pytest.fixture
def network() -> Network:
    rng = np.random.default_rng(7)
    adjacency = sp.csr_matrix(np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]], dtype=float))
    lif = LIF(beta=0.5, threshold=0.5)
    populations = [
        Population("features", (NODES, FEATURES), Source("static"), depth=1),
        Population("drive", (NODES, FEATURES), Source(), depth=1),
        Population("q", (NODES, WIDTH), lif, bias=0.1, depth=2),
        Population("mask", (1, WIDTH), lif, depth=3),
        Population("gate", (NODES, WIDTH), Threshold(1.5), depth=4),
        Population("out", (NODES, CLASSES), lif, depth=5),
    ]
    projections = (
        Projection("features", "q", Kron(Identity(NODES), rng.normal(size=(WIDTH, FEATURES)))),
        Projection("drive", "q", Kron(Identity(NODES), rng.integers(-1, 2, size=(WIDTH, FEATURES)).astype(float))),
        Projection("q", "q", one_to_one((NODES, WIDTH), -0.5), lag=1, delay=1),
        Projection("q", "mask", Kron(OnesRow(NODES), np.ones(WIDTH))),
        Projection("mask", "gate", Kron(OnesColumn(NODES), np.ones(WIDTH))),
        Projection("q", "gate", one_to_one((NODES, WIDTH))),
        Projection("gate", "out", Kron(adjacency, rng.normal(size=(CLASSES, WIDTH)))),
        Projection("mask", "out", Dense(rng.integers(0, 2, size=(NODES * CLASSES, WIDTH)).astype(float))),
    )
    return Network({p.name: p for p in populations}, projections, ticks=TICKS, outputs=("out",))


@pytest.fixture
def recording(network: Network) -> Recording:
    return _random_recording(network, samples=3, rate=0.3, seed=1)


@pytest.fixture
def recordings(network: Network) -> Callable[[float], Recording]:
    """Recordings by firing rate."""
    return lambda rate: _random_recording(network, samples=2, rate=rate, seed=0)


def _random_recording(network: Network, *, samples: int, rate: float, seed: int) -> Recording:
    rng = np.random.default_rng(seed)
    spikes = {
        p.name: (rng.random((samples, network.ticks, *p.shape)) < rate).astype(np.uint8)
        for p in network.populations.values()
        if not p.is_static
    }
    return Recording("fixed", network.ticks, spikes)


@pytest.fixture
def integers(network: Network) -> Network:
    """The same network in integers, aligned: what can be placed."""

    def even_integers(values: Array) -> Array:
        return np.rint(np.asarray(values) * 8).astype(np.int64) * 2

    neuron = FixedLIF(du=4095, dv=2048, vth=100, bias_mant=0, bias_exp=0, scale=1.0)
    populations = {name: p if p.is_source else replace(p, neuron=neuron, bias=0.0) for name, p in network.populations.items()}
    projections = tuple(
        replace(
            p,
            weights=(Sparse(p.weights.to_csr()) if p.target == "out" and p.source == "gate" else p.weights).map(even_integers),
            delay=None if populations[p.source].is_static else populations[p.target].depth - populations[p.source].depth + p.lag,
        )
        for p in network.projections
    )
    return replace(network, populations=populations, projections=projections)


@pytest.fixture
def placements(integers: Network, recording: Recording) -> Callable[..., Placement]:
    """Placements by neurons a core and cores a chip; two cores a tile."""

    def make(neurons: int = 6, cores_per_chip: int = 4) -> Placement:
        limits = Limits(
            target="test chip",
            neurons=neurons,
            synaptic_bits=10**6,
            input_axons=1000,
            output_axons=1000,
            fan_in=1000,
            fan_out=1000,
            delay=62,
            weight_bits=8,
            parameter_sets=10,
            thresholds=10,
            cores_per_chip=cores_per_chip,
            tiles_per_chip=cores_per_chip // 2,
            mesh_width=2 if cores_per_chip >= 4 else 1,
            shared_lists=True,
        )
        return place(integers, limits, recording=recording)

    return make
