"""METIS against greedy and random, strands, communities."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from placing import ROOMY, attention_like, lif, recorded

from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.graded_sums import cut_sum, even_chunks, node_sums
from neurograph.export.placement import place
from neurograph.export.placement.grids import links
from neurograph.export.placement.mesh import arrange, in_order, shuffled
from neurograph.export.placement.partition import metis
from neurograph.export.placement.strands import strands
from neurograph.network import Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.weights import Dense, Identity, Kron, Sparse


def rates(network):
    return {p.name: np.ones(p.size) for p in network.populations.values() if not p.is_static}


def test_aggregated_features_are_strands_apart_and_attention_is_one():
    network, _ = attention_like(width=3)
    found = strands(network, links(network), rates(network), ROOMY.input_axons)
    kinds = [tuple(strand.members) for strand in found]
    assert kinds.count(("g0", "g1")) == 3
    assert kinds.count(("h", "kv", "gate")) == 1
    assert kinds[-1] == ("mask",)
    assert [strand.linked for strand in found if "g0" in strand.members] == [True] * 3


def test_communities_of_the_data_graph_stay_together():
    """Two communities and room for one a core: no message leaves its community."""
    network, order = attention_like(nodes=12, width=1)
    network = replace(network, projections=tuple(p for p in network.projections if p.target == "g1"))
    network = replace(network, populations={name: network.populations[name] for name in ("g0", "g1")}, outputs=())
    placement = place(network, replace(ROOMY, neurons=12), recording=recorded(network))
    assert placement.cores == 2
    cores = placement.core_of["g0"]
    np.testing.assert_array_equal(cores, placement.core_of["g1"])
    community = np.asarray(order) // 6
    assert len({(int(a), int(b)) for a, b in zip(cores, community, strict=True)}) == 2
    assert placement.traffic.inter_core.sum() == 0


def test_metis_sends_least():
    network, _ = attention_like(nodes=48, width=4)
    recording = recorded(network)
    total = {
        m: place(network, replace(ROOMY, neurons=120), recording=recording, method=m).traffic.total.sum()
        for m in ("metis", "greedy", "random")
    }
    assert total["metis"] * 2 <= total["greedy"]
    assert total["metis"] * 4 <= total["random"]


def test_plain_layers_of_single_neurons_are_placed():
    rng = np.random.default_rng(0)
    populations = [
        Population("in", (20,), Source(), depth=1),
        Population("a", (40,), lif(), depth=2),
        Population("b", (10,), lif(), depth=3),
    ]
    projections = (
        Projection("in", "a", Dense(rng.integers(-5, 6, (40, 20)) * 2), delay=1),
        Projection("a", "b", Sparse(sp.random(10, 40, 0.3, "csr", rng=rng, data_rvs=lambda k: rng.integers(1, 9, k) * 2)), delay=1),
    )
    network = Network({p.name: p for p in populations}, projections, 3)
    placement = place(network, replace(ROOMY, neurons=12), recording=recorded(network))
    assert 5 <= placement.cores <= 8
    assert placement.usage.synapses.sum() == sum(int(p.weights.fan_out().sum()) for p in projections)


def test_a_node_that_is_too_wide_for_a_core_is_cut_by_features():
    network, _ = attention_like(nodes=4, width=6)
    for method in ("metis", "greedy"):
        placement = place(network, replace(ROOMY, neurons=4), method=method)
        assert placement.usage.neurons.max() <= 4
        assert placement.usage.neurons.sum() == sum(p.size for p in network.neurons)


def test_without_metis_edges_parts_are_even_runs():
    part = metis(None, np.ones(10), 3, seed=0)
    assert (np.diff(part) >= 0).all()
    assert sorted(np.bincount(part)) == [3, 3, 4]


def test_arranged_cores_have_a_place_each_and_travel_less():
    rng = np.random.default_rng(1)
    traffic = sp.random(30, 30, 0.15, "csr", rng=rng, data_rvs=lambda k: rng.integers(1, 100, k).astype(float))
    traffic = sp.csr_matrix(traffic + traffic.T)
    limits = replace(ROOMY, cores_per_chip=16, tiles_per_chip=8, mesh_width=4)

    def travelled(mesh):
        entries = traffic.tocoo()
        (x, y), (cx, cy) = mesh.hops(entries.row, entries.col), mesh.crossings(entries.row, entries.col)
        return (entries.data * (x + y + cx + cy)).sum()

    mesh = arrange(traffic, limits, seed=0)
    places = set(zip(mesh.chip.tolist(), mesh.tile.tolist(), mesh.slot.tolist(), strict=True))
    assert len(places) == 30
    assert mesh.tile.max() < 8
    assert mesh.slot.max() < 2
    assert travelled(mesh) < 0.8 * min(travelled(in_order(30, limits)), travelled(shuffled(30, limits, 0)))


def test_hops_are_to_tiles_and_crossings_to_chips():
    mesh = in_order(16, ROOMY)  # chips of 2 x 2 tiles with 2 cores each, two chips side by side
    a, b = np.array([0, 0, 0, 0]), np.array([1, 2, 6, 8])
    x, y = mesh.hops(a, b)
    across, down = mesh.crossings(a, b)
    assert x.tolist() == [0, 1, 1, 1]
    assert y.tolist() == [0, 0, 1, 0]
    assert (across + down).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_karate_fits_one_chip(compiled, target):
    from neurograph.export.placement import Limits
    from neurograph.hw_profiles.schema import load

    network = compiled.quantized
    limits = Limits.of(target, {key: constant.value for key, constant in load(target).limits.items()})
    placement = place(network, limits, recording=fixed.run(network, compiled.inputs))
    assert placement.chips == 1
    assert placement.traffic.messages.sum() > 0


def test_features_that_follow_each_other_round_are_taken_apart_too():
    swap = Kron(Identity(6), np.array([[0, 16], [16, 0]]))
    network = Network({"p": Population("p", (6, 2), lif(), depth=1)}, (Projection("p", "p", swap, lag=1, delay=1),), 3)
    placement = place(network, replace(ROOMY, neurons=1))
    assert placement.cores == 12
    assert placement.chips == 2


def with_sums(chunks, nodes=60, width=3):
    """Attention over nodes, its sum in graded chunks, and nothing else."""
    network, _ = attention_like(nodes=nodes, width=width)
    network = replace(
        network,
        populations={name: p for name, p in network.populations.items() if name not in ("g0", "g1")},
        projections=tuple(p for p in network.projections if p.target not in ("g0", "g1")),
    )
    return align_delays(cut_sum(network, *node_sums(network), even_chunks(nodes, chunks))[0])


@pytest.mark.parametrize("chunks", [3, 7, 20])
def test_partial_sums_lie_with_the_nodes_that_they_sum(chunks):
    network = with_sums(chunks)
    placement = place(network, replace(ROOMY, neurons=110, graded_bits=32), recording=recorded(network))
    assert placement.cores > 2
    home = placement.core_of["mask.sum0"].reshape(chunks, 3)
    assert (home == home[:, :1]).all()
    if chunks > 3:  # a chunk fits a core
        nodes = placement.core_of["kv"].reshape(60, 3)
        assert (nodes == home[np.arange(60) * chunks // 60]).all()


@pytest.mark.parametrize(("neurons", "axons"), [(40, 70), (40, 95), (40, 300), (11, 300), (4, 300), (2, 100)])
def test_partial_sums_that_do_not_fit_with_their_nodes_lie_elsewhere(neurons, axons):
    network = with_sums(2)
    limits = replace(ROOMY, neurons=neurons, input_axons=axons, graded_bits=32)
    placement = place(network, limits, recording=recorded(network))
    assert placement.usage.neurons.sum() == sum(p.size for p in network.neurons)
    assert all(u.used <= u.limit for u in placement.rules)


def test_what_fits_one_core_is_not_cut():
    network, _ = attention_like()
    placed = place(network, ROOMY)
    assert placed.cores == 1 and {core for core, _ in placed.slices()} == {0}
    assert place(network, replace(ROOMY, neurons=placed.usage.neurons[0] - 1)).cores > 1
