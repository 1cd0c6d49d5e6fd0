from dataclasses import fields, replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import attention, looped_network
from networks import random_network

from neurograph.errors import InputError
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim.inputs import prepare
from neurograph.sim.sharded.assignment import Assignment, by_graph, contiguous
from neurograph.sim.sharded.assignment import given as assigned
from neurograph.sim.sharded.partition import cut, requests
from neurograph.sim.sharded.static import driven_biases
from neurograph.sim.tally import tally_of
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, one_to_one


def integer(network, rng):
    """The same network with small integer weights, some of them stored zeros."""

    def rounded(values):
        return np.where(rng.random(values.shape) < 0.1, 0, np.rint(values * 20)).astype(np.int64)

    return replace(network, projections=tuple(replace(p, weights=p.weights.map(rounded)) for p in network.projections))


def scattered(network, shards, rng):
    """Nodes dealt out at random, at least one to each rank."""
    plain = contiguous(network.populations.values(), shards)
    return Assignment(shards, {n: rng.permutation(owners) for n, owners in plain.owners.items()})


def random_parts(seed, shards, looped):
    rng = np.random.default_rng(seed)
    network = integer((looped_network if looped else random_network)(seed)[0], rng)
    assignment = scattered(network, shards, rng) if seed % 2 else contiguous(network.populations.values(), shards)
    return network, [cut(network, assignment, rank) for rank in range(shards)], rng


def random_spikes(network, rng, samples=2):
    return {name: rng.integers(0, 2, (samples, p.size)) for name, p in network.populations.items() if not p.is_static}


def halo_of(part, name, spikes, features):
    """What the owners of its halo would send to a rank."""
    return spikes.reshape(len(spikes), -1, features)[:, part.halo[name]].reshape(len(spikes), -1)


def product(part, share, network, spikes):
    """A rank's product of one projection, before any sum over ranks."""
    p = share.projection
    shape = network.populations[p.source].shape
    sent = spikes[p.source].reshape(-1, *shape)
    total = p.weights.apply(part.own(p.source, sent, 1).reshape(len(sent), -1))
    if share.remote is not None:
        total = total + share.remote.apply(halo_of(part, p.source, spikes[p.source], int(np.prod(shape[1:]))))
    return total


LAWS = (st.integers(0, 100_000), st.sampled_from([2, 2, 3]), st.booleans())


@settings(max_examples=60)
@given(*LAWS)
def test_products_of_the_parts_are_those_of_the_whole(seed, shards, looped):
    network, parts, rng = random_parts(seed, shards, looped)
    spikes = random_spikes(network, rng)
    for index, projection in enumerate(network.spiking_projections):
        target = network.populations[projection.target]
        whole = projection.weights.apply(spikes[projection.source]).reshape(-1, *target.shape)
        made = [product(part, part.shares[index], network, spikes) for part in parts]
        if parts[0].shares[index].summed:
            assert np.array_equal(sum(made), whole.reshape(len(whole), -1))
            continue
        for part, one in zip(parts, made, strict=True):
            assert np.array_equal(one, part.own(projection.target, whole, 1).reshape(len(one), -1))


@settings(max_examples=60)
@given(*LAWS)
def test_every_synapse_is_on_one_rank(seed, shards, looped):
    network, parts, _ = random_parts(seed, shards, looped)

    def synapses(weights):
        return int(weights.fan_out().sum()) if weights is not None else 0

    for index, projection in enumerate(network.spiking_projections):
        found = [synapses(part.shares[index].projection.weights) + synapses(part.shares[index].remote) for part in parts]
        everywhere = projection.source not in parts[0].nodes and projection.target not in parts[0].nodes
        assert (found[0] if everywhere else sum(found)) == synapses(projection.weights)


@settings(max_examples=40)
@given(*LAWS)
def test_events_are_counted_once_and_where_they_are_sent(seed, shards, looped):
    network, parts, rng = random_parts(seed, shards, looped)
    spikes = random_spikes(network, rng)
    whole = tally_of(network, {name: z[:, None] for name, z in spikes.items()}).synaptic_events
    for index, projection in enumerate(network.spiking_projections):
        shape = network.populations[projection.source].shape
        counted = 0
        for part in parts:
            if part.is_mine(projection.source):
                own = part.own(projection.source, spikes[projection.source].reshape(-1, *shape), 1)
                counted = counted + part.shares[index].fan_out.events(own.reshape(len(own), -1))
        assert np.array_equal(counted, whole[index])


@settings(max_examples=40)
@given(*LAWS)
def test_a_rank_asks_owners_for_remote_nodes_and_for_no_others(seed, shards, looped):
    _, parts, _ = random_parts(seed, shards, looped)
    for part in parts:
        for name, nodes in part.halo.items():
            asked = requests(part, name)
            assert np.array_equal(np.concatenate(asked), nodes)
            assert len(asked[part.rank]) == 0 and len(np.unique(nodes)) == len(nodes)
            for rank, wanted in enumerate(asked):
                assert np.isin(wanted, parts[rank].nodes[name]).all()
            heard = set()
            for share in part.shares:
                if share.projection.source == name and share.remote is not None:
                    columns = np.flatnonzero(share.remote.fan_out().reshape(len(nodes), -1).any(axis=1))
                    heard |= set(columns.tolist())
            assert heard == set(range(len(nodes))), "a halo node that no projection hears of"


@settings(max_examples=40)
@given(*LAWS)
def test_parts_hold_every_node_and_its_parameters_once(seed, shards, looped):
    network, parts, _ = random_parts(seed, shards, looped)
    for name, population in network.populations.items():
        if name not in parts[0].nodes:
            assert all(part.network.populations[name] == population or part.network.populations[name] is population for part in parts)
            continue
        assert sorted(np.concatenate([part.nodes[name] for part in parts])) == list(range(population.shape[0]))
        for part in parts:
            local = part.network.populations[name]
            assert local.shape == (len(part.nodes[name]), *population.shape[1:])
            for field in fields(population.neuron):
                ours, whole = getattr(local.neuron, field.name), getattr(population.neuron, field.name)
                if isinstance(whole, np.ndarray):
                    expected = part.own(name, np.broadcast_to(whole, population.shape), 0)
                    assert np.array_equal(np.broadcast_to(ours, local.shape), expected)
                else:
                    assert ours == whole
            expected = part.own(name, np.broadcast_to(population.bias, population.shape), 0)
            assert np.array_equal(np.broadcast_to(local.bias, local.shape), expected)


@settings(max_examples=40)
@given(st.integers(0, 100_000), st.sampled_from([2, 3]))
def test_static_currents_are_those_of_the_whole_bit_for_bit(seed, shards):
    network, inputs = looped_network(seed, samples=2)
    assignment = scattered(network, shards, np.random.default_rng(seed))
    whole = prepare(network, inputs).bias
    for rank in range(shards):
        part = cut(network, assignment, rank)
        found = driven_biases(part.network.populations, part.statics, inputs, 2, part.network.populations)
        assert set(found) == {p.target for p in network.projections if network.populations[p.source].is_static}
        for name, bias in found.items():
            assert np.array_equal(bias, part.own(name, whole[name], 1))


def two_rings(n=40):
    """Two rings of n nodes, the even and the odd numbers, with one edge between them."""
    ring = np.arange(0, 2 * n, 2)
    edges = [(a, b) for ring_ in (ring, ring + 1) for a, b in zip(ring_, np.roll(ring_, 1), strict=True)] + [(0, 1)]
    rows, columns = np.array(edges + [(b, a) for a, b in edges]).T
    return sp.csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(2 * n, 2 * n))


def propagation(graph, features=2):
    shape = (graph.shape[0], features)
    populations = {"x": Population("x", shape, Source()), "y": Population("y", shape, LIF(0.5, 1.0))}
    return Network(populations, (Projection("x", "y", Kron(graph, Identity(features))),), 3)


def test_metis_finds_the_cut_that_ranges_miss():
    network = propagation(two_rings())
    by_metis = [cut(network, by_graph(network, 2), rank) for rank in range(2)]
    by_range = [cut(network, contiguous(network.populations.values(), 2), rank) for rank in range(2)]
    assert [len(part.halo["x"]) for part in by_metis] == [1, 1]
    assert [len(part.nodes["x"]) for part in by_metis] == [40, 40]
    assert [len(part.halo["x"]) for part in by_range] == [4, 4]


def test_metis_leaves_no_rank_without_a_node():
    network = propagation(sp.csr_matrix(np.ones((5, 5), dtype=np.int64)))
    for shards in (1, 2, 3, 4, 5):
        assert len(np.unique(by_graph(network, shards).owners[5])) == shards


def test_metis_without_a_graph_gives_ranges():
    network, _ = random_network(3)
    dense = replace(network, projections=())
    assert all(np.array_equal(a, np.sort(a)) for a in by_graph(dense, 2).owners.values())


def test_a_kron_stays_a_kron():
    network = attention(np.random.default_rng(0))
    part = cut(network, contiguous(network.populations.values(), 2), 0)
    assert all(isinstance(share.projection.weights, Kron) for share in part.shares)
    assert part.nodes["kv"].tolist() == [0, 1, 2] and "mask" not in part.nodes
    lefts = {share.projection.name: share.projection.weights.left for share in part.shares}
    assert lefts["kv→mask"] == OnesRow(3) and lefts["mask→gate"] == OnesColumn(3) and lefts["x→s"] == Identity(3)
    assert [share.projection.name for share in part.shares if share.summed] == ["kv→mask"]
    assert not part.halo, "attention needs sums, and no halo"


def test_maps_that_do_not_lie_along_the_nodes():
    """Flat into split, split into flat, and Kronecker factors over something else than nodes."""
    rng = np.random.default_rng(0)
    shapes = {"flat": (6,), "nodes": (3, 2), "others": (2, 3), "one": (1, 6)}
    maps = [Kron(Identity(6), np.array([2])), Kron(Identity(3), np.array([[1, 2], [3, 4]])), Kron(Identity(1), rng.integers(-3, 4, (6, 6)))]
    maps += [one_to_one((6,), 3), Dense(rng.integers(-3, 4, (6, 6))), Sparse(sp.random(6, 6, 0.4, "csr", rng=rng, dtype=np.int64))]
    maps += [Kron(sp.csr_matrix(np.array([[0, 5], [6, 0]])), np.array([1, 2, 3]))]
    populations = {name: Population(name, shape, Source()) for name, shape in shapes.items()}
    populations |= {f"to_{name}": Population(f"to_{name}", shape, LIF(0.5, 1.0)) for name, shape in shapes.items()}
    projections = [Projection(a, f"to_{b}", w) for a in shapes for b in shapes for w in maps]
    network = Network(populations, tuple(projections), 2)
    spikes = random_spikes(network, rng)
    parts = [cut(network, contiguous(populations.values(), 2), rank) for rank in range(2)]
    for index, projection in enumerate(network.spiking_projections):
        whole = projection.weights.apply(spikes[projection.source]).reshape(-1, *network.populations[projection.target].shape)
        made = [product(part, part.shares[index], network, spikes) for part in parts]
        if parts[0].shares[index].summed:
            made = [sum(made)] * 2
        for part, one in zip(parts, made, strict=True):
            assert np.array_equal(one, part.own(projection.target, whole, 1).reshape(len(one), -1)), projection


@pytest.mark.parametrize(
    ("owners", "says"),
    [
        ({7: np.zeros(7, dtype=int)}, r"owners of 7 nodes: no population of that many is split; there are 80"),
        ({80: np.zeros(79, dtype=int)}, r"owners of 80 nodes: int64 of shape \(79,\), must be integers of shape \(80,\)"),
        ({80: np.zeros(80)}, "float64"),
        ({80: np.zeros(80, dtype=int)}, "none of rank 1; give each of 0 to 1 at least one node"),
        ({80: np.arange(80) % 3}, "ranks 0 to 2; give each of 0 to 1"),
    ],
)
def test_owners_that_do_not_fit_are_named(owners, says):
    with pytest.raises(InputError, match=says):
        assigned(propagation(two_rings()).populations.values(), owners, 2)


def test_no_shards():
    with pytest.raises(InputError, match="shards 0: must be at least 1"):
        contiguous([], 0)
