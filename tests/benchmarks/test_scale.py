"""benchmarks/scale.py in a short form: the same way at 10³ and 10⁴ nodes, and that its check finds what is wrong."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import numpy as np
import pytest
import scale
import scale_child
from scale_check import differences, miscounts, synapses
from scale_network import random_edges

from neurograph.data import canonical_edges
from neurograph.sim import fixed

SETTINGS = {"degree": 10.0, "width": 16, "best_of": 2, "max_memory": None, "seed": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scale")


@pytest.fixture(scope="module")
def compiled(folder):
    return scale_child.compile_small(folder, SETTINGS | {"nodes": scale.SMALL})


@pytest.fixture(scope="module")
def found(folder, compiled):
    """What the command finds, its processes run here one after the other."""
    rows = []
    for nodes in (1000, 10_000):
        settings = SETTINGS | {"nodes": nodes}
        rows.append(scale_child.run(folder, settings) | {"check": scale_child.check(folder, settings)})
    return {"compiled": compiled, "rows": rows}


def test_every_size_is_alive_and_does_what_the_plain_loop_does(found):
    assert scale.failures(found) == []
    for row in found["rows"]:
        nodes = row["nodes"]
        assert row["neurons"] == 12 * 16 * nodes + 16 and row["check"]["compared"] == 4 * row["neurons"]
        assert row["edges"] == 5 * nodes
        assert row["spikes"] > 0.05 * row["updates"] and row["synaptic_events"] > 5 * row["spikes"]
        assert 0 < row["run_s"] <= row["first_s"] and row["cpu_s"] > 0 and 0 < row["grown_gib"] < row["peak_gib"]


def test_synapses_are_those_of_the_model(found):
    """16 wide: Q, K, V, two readers of the output map, up and down map to 32 hidden, gates, masks, propagation over edges and itself."""
    per_node = 3 * 16 * 16 + 2 * 16 * 16 + 16 * 32 + 32 * 16 + 3 * 16 + 16 + 16
    for row in found["rows"]:
        most = row["nodes"] * per_node + 16 * (2 * row["edges"] + row["nodes"])
        assert 0.98 * most < row["synapses"] <= most, "a few weights are rounded to 0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: row["rates"].update(gnn_neuron=0.0), "population gnn_neuron fires at 0.0%$"),
        (lambda row: row["rates"].update(gnn_neuron=0.45), "population gnn_neuron fires at 45.0%, at .* where compiled"),
        (lambda row: row["overflows"].update(wraps=7), "7 wraps"),
        (lambda row: row.update(peak_gib=21.0), "21.0 GiB, more than 20"),
        (lambda row: row["check"]["different"].update(gnn_neuron=1), "1 spikes of gnn_neuron differ"),
        (lambda row: row["check"].update(miscounts=["a→b"]), "the count of a→b is off"),
        (lambda row: row["check"].update(spikes=5), "but 5 in the run that recorded them"),
    ],
)
def test_what_is_wrong_is_told(found, change, words):
    changed = copy.deepcopy(found)
    change(changed["rows"][1])
    (line,) = (line for line in scale.failures(changed) if re.search(words, line))
    assert line.startswith("10,000 nodes: ")


def test_time_and_memory_that_grow_faster_than_the_graph_are_told(found):
    rows = [{"nodes": 10**k, "run_s": 10.0 ** (1.04 * k), "grown_gib": 10.0 ** (1.1 * k)} for k in (3, 4, 5)]
    assert scale.exponent(rows, "run_s") == pytest.approx(1.04) and scale.exponent(rows, "grown_gib") == pytest.approx(1.1)
    exponents = {key: scale.exponent(rows, key) for key in ("run_s", "grown_gib")}
    assert scale.failures(found | {"exponents": exponents}) == ["grown_gib grows with exponent 1.100, more than 1.05"]


def test_the_check_finds_one_wrong_spike_of_any_population_and_a_wrong_count(folder, compiled):
    network, inputs, _ = scale_child.ready(folder, SETTINGS | {"nodes": 500})
    recording = fixed.run(network, inputs, record="spikes", counts=True)
    assert not any(differences(network, inputs, recording.spikes).values())
    assert miscounts(network, recording.spikes, recording.tally) == []
    for population in network.neurons:
        name = population.name
        spikes = recording.spikes[name].copy()
        spikes[0, -1, -1, -1] ^= 1
        different = differences(network, inputs, {**recording.spikes, name: spikes})
        assert different[name] == 1, name
        counted = miscounts(network, {**recording.spikes, name: spikes}, recording.tally)
        assert name in counted and all(p.name in counted for p in network.out_of(name) if p.weights.fan_out()[-1])
    events = list(recording.tally.synaptic_events)
    events[3] = events[3] + 1
    wrong = miscounts(network, recording.spikes, replace(recording.tally, synaptic_events=tuple(events)))
    assert wrong == [network.spiking_projections[3].name]
    for projection in network.spiking_projections:
        assert synapses(projection) == projection.weights.fan_out().sum(), projection.name


@pytest.mark.parametrize(("nodes", "degree"), [(10, 4.0), (1000, 10.0), (7, 6.0), (300, 0.5)])
def test_a_random_graph_has_the_edges_that_were_asked_for_in_the_form_of_a_data_set(nodes, degree):
    edges = random_edges(nodes, degree, 3)
    assert edges.shape == (2, 2 * round(nodes * degree / 2))
    np.testing.assert_array_equal(edges, canonical_edges(edges))
    np.testing.assert_array_equal(edges, random_edges(nodes, degree, 3))
    if nodes > degree + 1:
        assert not np.array_equal(edges, random_edges(nodes, degree, 4))


def test_the_command_runs_each_size_in_a_process_of_its_own():
    found = scale.measure([300], width=8, best_of=1, check_up_to=0)
    (row,) = found["rows"]
    assert row["nodes"] == 300 and "check" not in row and "exponents" not in found and found["machine"]
    with pytest.raises(RuntimeError, match="scale: run with 600 nodes ended with status 1(.|\n)*bundle"):
        scale.child("run", scale.Path("/nowhere"), found["settings"] | {"nodes": 600})
