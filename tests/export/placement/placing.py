"""Small integer networks to place, and what a placement of them holds when every synapse is written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from networks import random_network

from neurograph.export.placement import Limits
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim.recording import Recording
from neurograph.weights import Identity, Kron, OnesColumn, OnesRow

ROOMY = Limits(
    target="test chip",
    neurons=1000,
    synaptic_bits=10**6,
    input_axons=1000,
    output_axons=1000,
    fan_in=1000,
    fan_out=1000,
    delay=62,
    weight_bits=8,
    parameter_sets=1000,
    thresholds=1000,
    cores_per_chip=8,
    tiles_per_chip=4,
    mesh_width=2,
    shared_lists=True,
)


def lif(**changes):
    return FixedLIF(**{"du": 4095, "dv": 2048, "vth": 100, "bias_mant": 0, "bias_exp": 0, "scale": 1.0, **changes})


def integer_network(seed):
    """tests/networks.py's random network with integers in place of everything real."""
    rng = np.random.default_rng(seed)
    network, _ = random_network(seed, recurrent=True)
    populations = {
        name: p if p.is_source else Population(name, p.shape, lif(vth=int(rng.integers(1, 4)), dv=int(rng.choice([0, 2048]))), depth=1)
        for name, p in network.populations.items()
    }
    projections = tuple(
        replace(
            p,
            weights=p.weights.map(lambda values: np.rint(values * 8).astype(np.int64) * 2),
            delay=int(rng.integers(1, 4)),
            sign_mode="mixed",
        )
        for p in network.projections
    )
    return replace(network, populations=populations, projections=projections)


def attention_like(nodes=12, width=3, seed=0):
    """A drive, dense maps at each node, a sum over nodes, its broadcast, and an aggregation beside them."""
    rng = np.random.default_rng(seed)
    half = nodes // 2
    block = np.ones((half, half)) - np.eye(half)
    graph = sp.csr_matrix(np.kron(np.eye(2), block).astype(np.int64) * 2)  # two communities that share nothing
    order = rng.permutation(nodes)
    graph = sp.csr_matrix(graph[order][:, order])
    populations = [
        Population("drive", (nodes, width), Source(), depth=1),
        Population("h", (nodes, width), lif(), depth=2),
        Population("kv", (nodes, width), lif(vth=24), depth=3),
        Population("mask", (1, width), lif(vth=7), depth=4),
        Population("gate", (nodes, width), lif(vth=24), depth=5),
        Population("g0", (nodes, width), lif(), depth=2),
        Population("g1", (nodes, width), lif(), depth=3),
    ]

    def dense():
        return Kron(Identity(nodes), rng.integers(1, 50, (width, width)) * 2)

    ones = np.full(width, 16)
    projections = (
        Projection("drive", "h", dense(), delay=1),
        Projection("drive", "g0", Kron(Identity(nodes), ones), delay=1),
        Projection("h", "kv", dense(), delay=1),
        Projection("kv", "mask", Kron(OnesRow(nodes), ones), delay=1),
        Projection("mask", "gate", Kron(OnesColumn(nodes), ones), delay=1),
        Projection("h", "gate", Kron(Identity(nodes), ones), delay=3),
        Projection("g0", "g1", Kron(graph, Identity(width)), delay=1),
    )
    return Network({p.name: p for p in populations}, projections, ticks=4, outputs=("gate",)), order


def recorded(network, seed=0, samples=2, rate=0.4):
    rng = np.random.default_rng(seed)
    spikes = {
        p.name: (rng.random((samples, network.ticks, *p.shape)) < rate).astype(np.uint8)
        for p in network.populations.values()
        if not p.is_static
    }
    return Recording("fixed", network.ticks, spikes)


def written_out(network, core_of, cores):
    """By brute force over expanded weights: synapses, input axons and output axons of each core, and the cores that each neuron reaches."""
    synapses, incoming, outgoing = (np.zeros(cores, dtype=int) for _ in range(3))
    reached = {p.name: [set() for _ in range(p.size)] for p in network.populations.values()}
    for projection in network.spiking_projections:
        matrix = projection.weights.to_csr().tocoo()
        for target, source, weight in zip(matrix.row, matrix.col, matrix.data, strict=True):
            if weight:
                core = core_of[projection.target][target]
                synapses[core] += 1
                reached[projection.source][source].add(core)
    for name, sets in reached.items():
        for neuron, found in enumerate(sets):
            for core in found:
                incoming[core] += 1
            if name in core_of:
                outgoing[core_of[name][neuron]] += len(found)
    return synapses, incoming, outgoing, reached


def steps_between(mesh, a, b):
    """Walk from core a to core b, x first, one tile at a time: hops in x, hops in y, chip borders crossed."""

    def chip(x, y):
        return x // mesh.tiles_across, y // mesh.tiles_down

    x, y, hops_x, hops_y, crossings = mesh.x[a], mesh.y[a], 0, 0, 0
    while (x, y) != (mesh.x[b], mesh.y[b]):
        old = chip(x, y)
        along_x = x != mesh.x[b]
        if along_x:
            x += 1 if mesh.x[b] > x else -1
        else:
            y += 1 if mesh.y[b] > y else -1
        if chip(x, y) != old:
            crossings += 1
        elif along_x:
            hops_x += 1
        else:
            hops_y += 1
    return hops_x, hops_y, crossings
