"""A small network with every kind of projection, and a recording of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp

from neurograph.network import LIF, Network, Population, Projection, Source, Threshold
from neurograph.sim.recording import Recording
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, one_to_one

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
