"""Work per core and step: against every spike followed by hand, and against the counts that the energy report makes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placing import ROOMY, attention_like, integer_network, recorded, written_out

from neurograph.errors import InputError
from neurograph.export.placement import place
from neurograph.export.placement.work import count_work
from neurograph.hw_profiles.counts import count
from neurograph.weights import Dense

SEEDS = st.integers(0, 10_000)


def placed_on_small_cores(network, seed):
    recording = recorded(network, seed)
    return place(network, replace(ROOMY, neurons=5, fan_in=10**6, input_axons=10**6), recording=recording, seed=seed), recording


@settings(max_examples=20)
@given(SEEDS)
def test_work_adds_up_to_the_counts_of_the_report(seed):
    network = integer_network(seed)
    placement, recording = placed_on_small_cores(network, seed)
    work, counts, traffic = placement.work, count(network, recording), placement.traffic
    for name, expected in {
        "synaptic_events_dense": counts.synaptic_events_stored("dense"),
        "synaptic_events_sparse": counts.synaptic_events_stored("sparse"),
        "updates_active": counts.updates_active,
        "neuron_spikes": counts.neuron_spikes,
        "messages_out": traffic.messages,
        "messages_in": traffic.messages,
        "host_messages_in": traffic.host_messages,
    }.items():
        np.testing.assert_array_equal(getattr(work, name).sum(axis=(1, 2)), expected, err_msg=name)
    assert work.neurons.sum() == counts.neurons
    assert work.messages_in.shape == (recording.samples, counts.steps_alone, placement.cores)
    assert (work.updates_active <= work.neurons).all()


@settings(max_examples=10)
@given(SEEDS)
def test_work_is_what_following_every_spike_gives(seed):
    network = integer_network(seed)
    deeper = {name: replace(p, depth=i + 1) for i, (name, p) in enumerate(network.populations.items())}  # windows that start apart
    network = replace(network, populations=deeper)
    placement, recording = placed_on_small_cores(network, seed)
    work, core_of = placement.work, placement.core_of
    _, _, _, reached = written_out(network, core_of, placement.cores)
    events, sent, taken, from_host = (np.zeros_like(work.messages_in) for _ in range(4))
    synapses = {}
    for projection in network.spiking_projections:
        if not isinstance(projection.weights, Dense):
            synapses.setdefault(projection.source, []).append(
                (projection.weights.to_csr().astype(bool).tocsc(), core_of[projection.target])
            )
    for name, spikes in recording.spikes.items():
        flat = spikes.reshape(recording.samples, network.ticks, -1)
        for sample, tick, neuron in zip(*np.nonzero(flat), strict=True):
            step = tick + network.populations[name].depth - 1
            for matrix, at in synapses.get(name, []):
                column = slice(matrix.indptr[neuron], matrix.indptr[neuron + 1])
                for target in matrix.indices[column][matrix.data[column]]:
                    events[sample, step, at[target]] += 1
            for core in reached[name][neuron]:
                (taken if name in core_of else from_host)[sample, step, core] += 1
                if name in core_of:
                    sent[sample, step, core_of[name][neuron]] += 1
    np.testing.assert_array_equal(work.synaptic_events_sparse, events)
    np.testing.assert_array_equal(work.messages_out, sent)
    np.testing.assert_array_equal(work.messages_in, taken)
    np.testing.assert_array_equal(work.host_messages_in, from_host)


def test_the_farthest_message_is_one_that_was_sent():
    network, _ = attention_like(nodes=24)
    traffic = place(network, replace(ROOMY, neurons=10), recording=recorded(network)).traffic
    far = traffic.farthest_east_west + traffic.farthest_north_south + traffic.farthest_crossings
    assert (far > 0).all()
    assert (far * traffic.inter_core >= traffic.total).all()
    one_core = place(network, ROOMY, recording=recorded(network)).traffic
    assert one_core.farthest_east_west.tolist() == one_core.farthest_crossings.tolist() == [0, 0]


def test_no_recording_no_work_and_another_recording_is_refused():
    network, _ = attention_like()
    placement = place(network, ROOMY)
    assert placement.work is None
    short = recorded(replace(network, ticks=2))
    with pytest.raises(InputError, match=r"population 'drive' has shape \(2, 2, 12, 3\), the network needs \(2, 4, 12, 3\)"):
        count_work(network, placement.usage, placement.core_of, short)
