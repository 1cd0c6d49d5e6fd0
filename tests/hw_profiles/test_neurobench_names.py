"""NeuroBench's names for counts of a Network, beside sums over the expanded matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurograph.errors import InputError
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.neurobench_names import neurobench_names
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.weights import Dense, Identity, Kron

WEIGHTS = np.array([[1.0, 0, -2], [0, 0, 3]])


def small(kind="spikes", **more):
    populations = {"in": Population("in", (3,), Source(kind)), "out": Population("out", (2,), LIF(0.5, 0.6), bias=0.1)}
    return Network(populations, (Projection("in", "out", Dense(WEIGHTS)),), ticks=2, outputs=("out",), **more)


def names(network, inputs):
    return neurobench_names(count(network, floating.run(network, {"in": inputs}, counts=True)), network)


def test_spikes_are_additions_and_numbers_multiply_adds():
    spikes = np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 0]]], dtype=np.uint8)
    found = names(small(), spikes)
    assert (found["Effective_ACs"], found["Effective_MACs"]) == (2.0, 0.0)  # 3 and 1
    assert found["Dense"] == 2 * 6
    found = names(small("values"), spikes * 0.5)
    assert (found["Effective_ACs"], found["Effective_MACs"]) == (0.0, 2.0)


def test_sparsities_and_footprint():
    found = names(small(), np.zeros((1, 2, 3), np.uint8))
    assert found["ConnectionSparsity"] == 0.5
    assert found["ActivationSparsity"] == 1.0
    assert found["Footprint"] == 4 * (6 + 1 + 4)  # weights, bias; leak, threshold, and the two voltages


def test_the_same_matrix_at_every_node_is_stored_once():
    network = small()
    populations = {
        "in": replace(network.populations["in"], shape=(5, 3)),
        "out": replace(network.populations["out"], shape=(5, 2)),
    }
    shared = replace(network, populations=populations, projections=(Projection("in", "out", Kron(Identity(5), WEIGHTS)),))
    found = names(shared, np.ones((1, 2, 5, 3), np.uint8))
    assert found["Dense"] == 2 * 5 * 6 and found["Effective_ACs"] == 2 * 5 * 3
    assert found["ConnectionSparsity"] == 0.5
    assert found["Footprint"] == 4 * (6 + 1 + 4)


def test_every_form_of_weights_has_the_entries_of_its_matrix(network, recording):
    found = neurobench_names(count(network, recording), network)
    entries = 0
    for p in network.spiking_projections:
        ones = p.weights if p.name == "gate→out" else p.weights.map(np.ones_like)  # of that one both factors hold weights
        full = ones.to_csr()
        entries += full.nnz
    assert found["Dense"] == network.ticks * entries
    assert found["Effective_ACs"] == float(np.mean(count(network, recording).synaptic_events))


def test_an_integer_network_takes_as_many_bytes_as_its_values_need():
    neuron = FixedLIF(du=4095, dv=2048, vth=100, bias_mant=0, bias_exp=0, scale=1.0)
    network = small()
    populations = {**network.populations, "out": replace(network.populations["out"], neuron=neuron, bias=0.0)}
    integers = replace(network, populations=populations, projections=(Projection("in", "out", Dense(WEIGHTS.astype(int))),))
    recording = fixed.run(integers, {"in": np.ones((1, 2, 3), np.uint8)}, counts=True)
    found = neurobench_names(count(integers, recording), integers)
    assert found["Footprint"] == 6 + 2 + 2 + 4  # weights; the two decays; threshold, bias, reset, start


def test_counts_of_another_network_are_refused():
    network = small()
    counts = count(network, floating.run(network, {"in": np.zeros((1, 2, 3), np.uint8)}, counts=True))
    with pytest.raises(InputError, match="counts of 1 projections, the network has 0 others"):
        neurobench_names(counts, replace(network, projections=()))
