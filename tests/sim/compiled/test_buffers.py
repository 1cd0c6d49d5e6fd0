"""Buffers of the compiled engine: states take memory only where they outlive a call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim.compiled.buffers import plan
from neurograph.sim.compiled.program import build
from neurograph.weights import Identity, Kron


def network(*, lag=0, state="cleared"):
    populations = [Population("s", (5, 2), Source("spikes")), Population("p", (5, 3), LIF(0.5, 1.0, state=state))]
    projections = [Projection("s", "p", Kron(Identity(5), np.ones((3, 2))))]
    if lag:
        projections.append(Projection("p", "p", Kron(Identity(5), np.ones((3, 3))), lag=lag))
    return Network({p.name: p for p in populations}, tuple(projections), ticks=4)


@pytest.mark.parametrize(
    ("made", "ticks", "neurons"),
    [
        (network(), 4, 0),  # each neuron goes through all its ticks at once
        (network(), 2, 15),  # two pieces of two ticks
        (network(lag=1), 4, 15),  # tick by tick
        (network(state="kept"), 4, 15),  # from sample to sample
    ],
)
@pytest.mark.parametrize("recording", [False, True])
def test_states_are_stored_only_where_they_outlive_a_call(made, ticks, neurons, recording):
    sizes = plan(build(made), ticks, recording=recording, counting=True).sizes
    assert sizes["v"] == neurons and sizes["u"] == 0
    assert sizes["recorded_v"] == (15 * ticks if recording else 0)


def test_a_network_of_more_nodes_takes_as_many_times_the_memory():
    def bytes_of(nodes):
        shapes = {"s": (nodes, 2), "p": (nodes, 3)}
        small = network()
        populations = {name: replace(p, shape=shapes[name]) for name, p in small.populations.items()}
        projections = (replace(small.projections[0], weights=Kron(Identity(nodes), np.ones((3, 2)))),)
        program = build(Network(populations, projections, ticks=4))
        return program.nbytes + plan(program, 4, recording=False, counting=True).nbytes

    assert bytes_of(10**6) < 11 * bytes_of(10**5)
    assert bytes_of(10**6) < 4 * (2 + 3) * 10**6 + 2**20, "a byte a spike slot, and nothing else of each neuron"
