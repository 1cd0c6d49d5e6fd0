"""Graded messages are counted apart and charged as what they are: multiplies."""

from __future__ import annotations

import numpy as np
import pytest

from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.energy import estimate
from neurograph.hw_profiles.report import build
from neurograph.hw_profiles.schema import load
from neurograph.network import LIF, Graded, Network, Population, Product, Projection, Source
from neurograph.sim import floating
from neurograph.sim.recording import Recording
from neurograph.weights import Dense, one_to_one

WEIGHTS = np.array([[1.0, -1.0, 0.0, 2.0], [0.0, 1.0, 1.0, 0.0]])


@pytest.fixture
def network() -> Network:
    populations = [
        Population("in", (4,), Source(), depth=1),
        Population("sum", (2,), Graded(), depth=2),
        Population("square", (2,), Product(), depth=3),
        Population("out", (3,), LIF(0.5, 1.0), depth=4),
    ]
    projections = (
        Projection("in", "sum", Dense(WEIGHTS), delay=1),
        Projection("sum", "square", one_to_one((2,)), delay=1),
        Projection("sum", "square", one_to_one((2,)), delay=1, port=1),
        Projection("square", "out", Dense(np.array([[1.0, 0.5], [0.0, 1.0], [0.0, 0.0]])), delay=1),
    )
    return Network({p.name: p for p in populations}, projections, ticks=3, outputs=("out",))


@pytest.fixture
def recording(network: Network) -> Recording:
    # sums by tick: (2, 1), (0, 1), (−1, 0)... of inputs chosen by hand
    return floating.run(network, {"in": np.array([[1, 1, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0]])})


def test_graded_events_are_apart_from_synaptic_events(network: Network, recording: Recording) -> None:
    assert recording.spikes["sum"][0].tolist() == [[2, 1], [0, 1], [0, 1]]
    assert recording.spikes["square"][0].tolist() == [[4, 1], [0, 1], [0, 1]]
    counts = count(network, recording)
    # in: 1 + 2 + 1 weights in tick 0, 1 in tick 1, 1 + 2 in tick 2
    assert counts.synaptic_events.tolist() == [4 + 1 + 3]
    # sum: 4 messages with a weight to each port; square: 1 message of neuron 0 (1 weight), 3 of neuron 1 (2 weights)
    assert counts.graded_events.tolist() == [2 * 4 + 1 + 3 * 2]
    assert counts.graded_spikes.tolist() == [4 + 4]
    by_name = {p.name: p for p in counts.populations}
    assert by_name["sum"].spikes.tolist() == [4]
    assert by_name["sum"].messages.tolist() == [4]  # both ports are the same population
    assert by_name["sum"].state_resets == by_name["square"].state_resets == 0
    assert counts.synaptic_events_stored("dense").tolist() == [8]
    assert counts.state_resets == 3


def test_graded_events_cost_a_multiply_in_operations_and_a_synaptic_event_on_a_chip(network: Network, recording: Recording) -> None:
    counts = count(network, recording, host_macs={})
    operations = estimate(counts, load("horowitz45"))
    assert operations.energy_j.value == pytest.approx(0.9e-12 * 8 + 4.6e-12 * 15)
    assert operations.variants["int8"] == pytest.approx(0.03e-12 * 8 + 0.23e-12 * 15)
    chip = estimate(counts, load("loihi2"))
    (synapse,) = (c for c in chip.components if c.name == "synapse")
    assert {t.counted: (t.count, t.constant) for t in synapse.terms} == {
        "synaptic_events": (8, "energy.synaptic_event"),
        "graded_events": (15, "energy.synaptic_event"),
    }
    assert synapse.energy_j.value == pytest.approx(11.8e-12 * 23)
    assert any("no figure of its own is published" in note for note in chip.notes)


def test_a_report_shows_graded_messages(network: Network, recording: Recording) -> None:
    report = build(network, recording, profiles=[load("loihi2")], bundle_name="b")
    assert report["counts"]["graded_spikes"] == 8
    assert report["counts"]["graded_events"] == 15
    assert report["counts"]["synaptic_events"] == 8
