"""placement.json there and back, and the core map."""

import json
from dataclasses import replace

import numpy as np
import pytest
from placing import ROOMY, attention_like, recorded

from neurograph.errors import BundleError, PlacementError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.graded_sums import graded_sums
from neurograph.export.placement import load, place, save
from neurograph.export.placement.files import summary, to_json
from neurograph.export.placement.loads import link_loads
from neurograph.export.placement.picture import core_map


@pytest.fixture(scope="module")
def network():
    return attention_like(nodes=24)[0]


@pytest.fixture(scope="module")
def placement(network):
    return place(network, replace(ROOMY, neurons=40), recording=recorded(network))


@pytest.mark.parametrize("method", ["metis", "greedy", "random"])
def test_what_is_written_is_read_back(tmp_path, network, method):
    made = place(network, replace(ROOMY, neurons=40), recording=recorded(network), method=method, seed=5)
    save(made, tmp_path / "placement.json")
    read = load(tmp_path / "placement.json", network, recording=recorded(network))
    assert summary(read) == summary(made)
    assert read.limits == made.limits
    for name, cores in made.core_of.items():
        np.testing.assert_array_equal(read.core_of[name], cores)


def test_the_file_says_what_it_should(placement):
    content = json.loads(json.dumps(to_json(placement)))
    assert content["format"] == "neurograph.placement"
    assert content["cores"] == placement.cores == len(content["core_map"])
    assert content["binding_rule"] in {rule["rule"] for rule in content["rules"]}
    neurons = sum(
        sum(b - a for a, b in part["nodes"]) * sum(b - a for a, b in part["features"])
        for core in content["core_map"]
        for part in core["slices"]
    )
    assert neurons == sum(core["used"]["neurons"] for core in content["core_map"]) == placement.usage.neurons.sum()
    assert content["traffic"]["messages"] == placement.traffic.messages.tolist()


def test_partial_sums_are_read_back(tmp_path, network):
    limits = replace(ROOMY, fan_in=23, graded_bits=8)
    network = align_delays(graded_sums(network, limits)[0])
    made = place(network, limits)
    assert made.notes == ("population 'mask.sum0': 6 neurons that send graded spikes (Graded)",)
    save(made, tmp_path / "placement.json")
    assert summary(load(tmp_path / "placement.json", network)) == summary(made)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(version=9), "version 9, this neurograph reads neurograph.placement version 1"),
        (lambda c: c.pop("core_map"), "is damaged"),
        (lambda c: c["core_map"][0].pop("chip"), "is damaged"),
        (lambda c: c["core_map"][0]["slices"][0].update(population="ghost"), "population 'ghost' is not in the network"),
        (lambda c: c["core_map"][1]["slices"].append(c["core_map"][0]["slices"][0]), "lie on two cores"),
        (lambda c: c["core_map"][0]["slices"].pop(), r"placement .*placement\.json: population .* are not all on one of the"),
        (
            lambda c: c["populations"].pop("kv"),
            r"is of another network \(population 'kv' not there, of shape \(24, \d+\) here\); place this",
        ),
        (lambda c: c["populations"].update(ghost=[1, 2]), r"population 'ghost' of shape \(1, 2\) there, not here"),
        (lambda c: c["populations"].update(kv=[9, 9]), r"population 'kv' of shape \(9, 9\) there, of shape \(24, \d+\) here"),
        (lambda c: c.update(populations=3), "is damaged .*place the network again with 'neurograph place'"),
        (lambda c: c["limits"].update(neurons=3), "neurons is"),
        (lambda c: c["core_map"][0]["slices"][0].update(nodes=[[0, 10**6]]), "is damaged"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, network, placement, change, said):
    content = to_json(placement)
    change(content)
    (tmp_path / "placement.json").write_text(json.dumps(content))
    with pytest.raises(PlacementError, match=said):
        load(tmp_path / "placement.json", network)


def test_no_file_and_half_a_file(tmp_path, network, placement):
    with pytest.raises(PlacementError, match="cannot be read"):
        load(tmp_path / "none.json", network)
    (tmp_path / "half.json").write_text(json.dumps(to_json(placement))[:500])
    with pytest.raises(PlacementError, match="is damaged"):
        load(tmp_path / "half.json", network)
    with pytest.raises(BundleError, match="cannot be written"):
        save(placement, tmp_path / "no" / "placement.json")


def test_links_of_the_core_map_carry_all_traffic(placement):
    assert sum(link_loads(placement).values()) == placement.traffic.total.sum()


def test_the_core_map_is_drawn_alike_each_time(tmp_path, placement):
    for name in ("a.svg", "b.svg", "c.png"):
        core_map(placement, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_recording_there_is_a_map_too(tmp_path, network):
    core_map(place(network, ROOMY), tmp_path / "quiet.svg")
    assert b"messages over a link" not in (tmp_path / "quiet.svg").read_bytes()
