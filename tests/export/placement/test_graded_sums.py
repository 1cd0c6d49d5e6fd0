"""Sums over nodes cut into graded partial sums: the same spikes, at any chunk sizes and levels, in every engine."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from placing import ROOMY, attention_like

from neurograph.errors import PlacementError, QuantizationError, UnsupportedError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.graded_sums import cut_sum, even_chunks, graded_sums, node_sums
from neurograph.export.passes.node_groups import nodes_on_a_core
from neurograph.export.placement import place
from neurograph.export.quantize import quantize
from neurograph.network import LIF, Graded, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow

CHIP = replace(ROOMY, graded_bits=32)


def summing(seed=0, nodes=9, width=3, lag=0, ticks=6):
    """A sum over nodes into a mask that hears something else too, and goes back to the nodes."""
    rng = np.random.default_rng(seed)
    right = [Identity(width), rng.normal(0.3, 0.3, width), rng.normal(0.3, 0.3, (width, width))][seed % 3]
    populations = [
        Population("in", (nodes, width), Source()),
        Population("kv", (nodes, width), LIF(0.5, 0.3), bias=rng.normal(0, 0.1, (nodes, width))),
        Population("mask", (1, width), LIF(0.5, 0.8), bias=rng.normal(0, 0.2, (1, width))),
        Population("out", (nodes, width), LIF(0.5, 0.3)),
    ]
    projections = (
        Projection("in", "kv", Kron(Identity(nodes), rng.normal(0.3, 0.5, (width, width)))),
        Projection("in", "mask", Dense(rng.normal(0, 0.2, (width, nodes * width)))),
        Projection("kv", "mask", Kron(OnesRow(nodes), right), lag=lag),
        Projection("mask", "out", Kron(OnesColumn(nodes), np.full(width, 0.5))),
        Projection("kv", "out", Kron(Identity(nodes), rng.normal(0.3, 0.5, (width, width)))),
    )
    network = Network({p.name: p for p in populations}, projections, ticks, outputs=("out",))
    return network, {"in": rng.random((2, ticks, nodes, width)) < 0.5}


def assert_same_spikes(network, before, after):
    for name in network.populations:
        np.testing.assert_array_equal(before.spikes[name], after.spikes[name], err_msg=name)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000), nodes=st.integers(2, 13), lag=st.integers(0, 2), levels=st.lists(st.integers(1, 13), min_size=1, max_size=3)
)
def test_any_tree_of_partial_sums_spikes_as_the_sum(seed, nodes, lag, levels):
    network, inputs = summing(seed, nodes, lag=lag)
    rng = np.random.default_rng(seed)
    cut = network
    for size in levels:  # each level sums random nodes of the one before, in chunks of any size
        (found,) = node_sums(cut)
        terms = found.weights.left.size
        cut, name = cut_sum(cut, found, rng.permutation(even_chunks(terms, -(-terms // size))))
        assert isinstance(cut.populations[name].neuron, Graded)
    assert_same_spikes(network, floating.run(network, inputs), floating.run(cut, inputs))
    integer, report = quantize(network, inputs)
    cut_integer, cut_report = quantize(cut, inputs)
    assert list(cut_report.populations) == list(report.populations)
    assert_same_spikes(network, fixed.run(integer, inputs), fixed.run(cut_integer, inputs))


@pytest.mark.parametrize("nodes", [12, 100])
def test_the_pass_cuts_until_everything_fits(nodes):
    network, inputs = summing(1, nodes, ticks=3)
    network = replace(network, projections=tuple(p for p in network.projections if p.name != "in→mask"))
    made, notes = graded_sums(network, replace(CHIP, fan_in=4))
    levels = {12: 2, 100: 3}[nodes]  # 12 → 3 → mask;  100 → 25 → 7 → 2 → mask
    assert len(notes) == levels - 1 + (nodes == 100)
    assert notes[0] == (
        f"projection kv→mask: its sum over {nodes} is past the fan-in of 4; {-(-nodes // 4)} graded partial sums a feature (mask.sum0), "
        "one depth more"
    )
    aligned = align_delays(made)
    assert aligned.populations["mask"].depth == align_delays(network).populations["mask"].depth + len(notes)
    integer, _ = quantize(aligned, inputs)
    place(integer, replace(CHIP, fan_in=4))
    assert_same_spikes(network, floating.run(network, inputs), floating.run(made, inputs))


def test_two_sums_into_one_population_are_both_cut():
    network, _ = attention_like(nodes=12, width=3)
    more = Projection("h", "mask", Kron(OnesRow(12), np.full(3, 16)), sign_mode="excitatory")
    network = replace(network, projections=(*network.projections, more))
    made, notes = graded_sums(network, replace(CHIP, fan_in=11))
    assert len(notes) == 2
    assert {"mask.sum0", "mask.sum1"} <= set(made.populations)
    assert place(align_delays(made), replace(CHIP, fan_in=11)).rules


def test_what_fits_is_left_alone():
    network, _ = summing()
    assert graded_sums(network, CHIP) == (network, ())


def test_a_target_without_graded_spikes_names_every_sum():
    network, _ = summing()
    network = replace(network, projections=(*network.projections, Projection("out", "mask", Kron(OnesRow(9), np.ones(3)), lag=1)))
    with pytest.raises(UnsupportedError) as caught:
        graded_sums(network, replace(ROOMY, target="loihi1", fan_in=8))
    assert str(caught.value) == (
        "target loihi1 cannot take projection kv→mask: a sum over 9 nodes, fan-in 8, needs graded spikes, which it has not; "
        "projection out→mask: a sum over 9 nodes, fan-in 8, needs graded spikes, which it has not: "
        "choose target loihi2, or prune the sum"
    )


def test_messages_of_too_few_bits_are_refused():
    network, _ = summing(nodes=30)
    with pytest.raises(QuantizationError, match=r"'mask.sum0': values to 30, limit 7 \(4-bit messages\)"):
        graded_sums(network, replace(CHIP, fan_in=100, graded_bits=4))


def test_place_refuses_an_uncut_sum_with_the_way_out():
    network, inputs = summing(nodes=12)
    integer, _ = quantize(align_delays(network), inputs)
    with pytest.raises(PlacementError, match="population 'mask': fan_in is 48 synapses.*the pass graded_sums makes it a tree"):
        place(integer, replace(CHIP, fan_in=11))


def test_nodes_on_a_core_counts_axons_and_neurons():
    network, _ = summing(nodes=50, width=3)
    projection = node_sums(network)[0]
    # kv and out are tied: 6 neurons a node, kv's 3 heard by out, 3 by the partial sum, and 3 of the mask on every core
    assert nodes_on_a_core(network, projection, replace(CHIP, input_axons=33)) == (33 - 3) // 6
    assert nodes_on_a_core(network, projection, replace(CHIP, neurons=27)) == (27 - 3) // 6
    assert nodes_on_a_core(network, projection, replace(CHIP, input_axons=8)) is None
    graph = sp.random(50, 50, 0.1, "csr", random_state=0)
    linked = replace(network, projections=(*network.projections, Projection("kv", "out", Kron(graph, Identity(3)))))
    assert nodes_on_a_core(linked, projection, CHIP) is None


def test_relays_on_each_core_send_less_over_the_mesh():
    network, inputs = summing(1, nodes=200, width=3, ticks=8)
    network = replace(network, projections=tuple(p for p in network.projections if p.name != "in→mask"))
    limits = replace(CHIP, input_axons=300, fan_in=300, output_axons=300)
    found = {}
    for relays in ("needed", "cores"):
        made, notes = graded_sums(network, limits, relays=relays)
        assert bool(notes) == (relays == "cores")
        integer, _ = quantize(align_delays(made), inputs)
        found[relays] = place(integer, limits, recording=fixed.run(integer, inputs))
    partial = found["cores"].network.populations["mask.sum0"]
    core_of = found["cores"].core_of
    node_of = np.arange(200) * partial.shape[0] // 200
    at_home = core_of["kv"].reshape(200, 3) == core_of["mask.sum0"].reshape(-1, 3)[node_of]
    assert at_home.all()
    assert found["cores"].traffic.inter_core.sum() < found["needed"].traffic.inter_core.sum()
