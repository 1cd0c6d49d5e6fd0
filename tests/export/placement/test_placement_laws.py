"""What holds for every placement: each neuron once, each synapse once, no rule broken, traffic as counted spike by spike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placing import ROOMY, attention_like, integer_network, recorded, steps_between, written_out

from neurograph.export.placement import METHODS, place
from neurograph.export.placement.grids import grid, links, placed
from neurograph.export.placement.packing import list_bits, stored_bits, synapse_bits
from neurograph.export.placement.routes import lists

SEEDS = st.integers(0, 10_000)


def tight(network, seed):
    """Limits that ask for several cores, each neuron alone still fitting."""
    rng = np.random.default_rng(seed)
    fan_in = max(int(sum(np.asarray(p.weights.to_csr().astype(bool).sum(axis=1)).max() for p in network.spiking_projections)), 1)
    neurons = int(rng.integers(2, 9))
    return replace(ROOMY, neurons=neurons, input_axons=fan_in + int(rng.integers(0, 5)), shared_lists=bool(rng.integers(2)))


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(METHODS))
def test_every_neuron_is_placed_once_and_every_synapse_stored_once(seed, method):
    network = integer_network(seed)
    placement = place(network, tight(network, seed), method=method, seed=seed)
    count = {p.name: np.zeros((p.size,), dtype=int) for p in placed(network)}
    for core, part in placement.slices():
        width = grid(network.populations[part.population])[1]
        neurons = (part.nodes[:, None] * width + part.features).ravel()
        count[part.population][neurons] += 1
        assert (placement.core_of[part.population][neurons] == core).all()
    assert all((times == 1).all() for times in count.values())
    assert placement.usage.synapses.sum() == sum(int(p.weights.fan_out().sum()) for p in network.spiking_projections)
    assert placement.usage.neurons.sum() == sum(p.size for p in placed(network))
    assert all(rule.used <= rule.limit for rule in placement.rules)
    places = set(zip(placement.mesh.chip.tolist(), placement.mesh.tile.tolist(), placement.mesh.slot.tolist(), strict=True))
    assert len(places) == placement.cores


@settings(max_examples=40)
@given(SEEDS, st.sampled_from(METHODS))
def test_cores_hold_what_writing_out_every_synapse_gives(seed, method):
    network = integer_network(seed)
    placement = place(network, tight(network, seed), method=method, seed=seed)
    usage = placement.usage
    synapses, incoming, outgoing, reached = written_out(network, placement.core_of, placement.cores)
    np.testing.assert_array_equal(usage.synapses, synapses)
    np.testing.assert_array_equal(usage.input_axons, incoming)
    np.testing.assert_array_equal(usage.output_axons, outgoing)
    assert usage.fan_out.max() == max(len(found) for p in placed(network) for found in reached[p.name])
    for core in range(placement.cores):
        neurons = [network.populations[name].neuron for name, at in placement.core_of.items() if (at == core).any()]
        assert usage.thresholds[core] == len({neuron.vth for neuron in neurons})
        assert usage.parameter_sets[core] == len({neuron.dv for neuron in neurons})


@settings(max_examples=30)
@given(SEEDS, st.sampled_from(METHODS))
def test_traffic_is_what_following_every_spike_gives(seed, method):
    network = integer_network(seed)
    recording = recorded(network, seed)
    placement = place(network, tight(network, seed), recording=recording, method=method, seed=seed)
    _, _, _, reached = written_out(network, placement.core_of, placement.cores)
    traffic, totals = placement.traffic, np.zeros((recording.samples, 6), dtype=int)
    for name, spikes in recording.spikes.items():
        flat = spikes.reshape(recording.samples, network.ticks, -1)
        for sample, _, neuron in zip(*np.nonzero(flat), strict=True):
            for core in reached[name][neuron]:
                if name not in placement.core_of:
                    totals[sample, 5] += 1
                    continue
                own = placement.core_of[name][neuron]
                totals[sample] += [1, core != own, *steps_between(placement.mesh, own, core), 0]
    for column, name in enumerate(("messages", "inter_core", "hops_east_west", "hops_north_south", "crossings", "host_messages")):
        np.testing.assert_array_equal(getattr(traffic, name), totals[:, column], err_msg=name)
    np.testing.assert_array_equal(traffic.total, totals[:, 2:5].sum(axis=1))


@settings(max_examples=30)
@given(SEEDS)
def test_memory_is_what_writing_out_every_list_gives(seed):
    """Own lists: one for each source neuron, projection and core. Shared: those that repeat, once."""
    network = integer_network(seed)
    limits = tight(network, seed)
    placement = place(network, limits, seed=seed)
    for link in links(network):
        parts = lists(link, placement.core_of[link.projection.target], placement.cores)
        own, shared = np.zeros(placement.cores, dtype=int), np.zeros(placement.cores, dtype=int)
        once = set()
        matrix = link.projection.weights.to_csr().astype(bool).tocsc()
        table = placement.core_of[link.projection.target].reshape(link.target_grid)
        for source in range(matrix.shape[1]):
            node, feature = divmod(source, link.source_grid[1])
            targets = matrix.indices[matrix.indptr[source] : matrix.indptr[source + 1]]
            targets = targets[matrix.data[matrix.indptr[source] : matrix.indptr[source + 1]]]
            at = placement.core_of[link.projection.target][targets]
            for core in np.unique(at):
                mine = targets[at == core]
                bits = int(list_bits(len(mine), synapse_bits(link.projection, limits)))
                own[core] += bits
                features = mine % link.target_grid[1]
                if link.kind in ("identity", "row"):
                    key = core, feature, tuple(features)
                elif link.kind == "csr" and link.uniform:
                    key = core, node, tuple(table[:, features[0]])
                else:
                    key = core, source
                if key not in once:
                    once.add(key)
                    shared[core] += bits
        if parts:
            np.testing.assert_array_equal(stored_bits(parts, limits, shared=False), own)
            np.testing.assert_array_equal(stored_bits(parts, limits, shared=True), shared)


def test_a_stored_zero_takes_no_memory_and_no_axon():
    network, _ = attention_like()
    before = place(network, ROOMY).usage
    zeroed = tuple(replace(p, weights=p.weights.map(lambda values: values * 0)) if p.source == "kv" else p for p in network.projections)
    after = place(replace(network, projections=zeroed), ROOMY).usage
    size = network.populations["kv"].size
    assert before.synapses.sum() - after.synapses.sum() == size
    assert before.input_axons.sum() - after.input_axons.sum() == size
    assert after.synaptic_bits.sum() < before.synaptic_bits.sum()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_placement(method):
    network, _ = attention_like()
    limits = replace(ROOMY, neurons=20)
    first, second = (place(network, limits, recording=recorded(network), method=method, seed=3) for _ in range(2))
    assert all((first.core_of[name] == second.core_of[name]).all() for name in first.core_of)
    assert (first.mesh.chip == second.mesh.chip).all() and (first.mesh.tile == second.mesh.tile).all()
