"""The data of a report's pictures: exact, small, and the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from neurograph.export.placement import Placement
from neurograph.network import Network
from neurograph.reporting import figures
from neurograph.reporting.figures import figures_of
from neurograph.sim.recording import Recording


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_the_histogram_holds_every_neuron_and_every_spike(network: Network, recordings: Callable[[float], Recording], rate: float) -> None:
    recording = recordings(rate)
    rates = figures_of(network, recording, {})["rates"]
    assert set(rates["populations"]) == set(recording.spikes)
    for name, spikes in recording.spikes.items():
        held = rates["populations"][name]
        assert len(held["neurons"]) == network.ticks + 1
        assert sum(held["neurons"]) == network.populations[name].size * recording.samples
        assert sum(k * n for k, n in enumerate(held["neurons"])) == np.count_nonzero(spikes)


def test_the_raster_shows_what_its_neurons_did_in_sample_0(network: Network, recording: Recording) -> None:
    raster = figures_of(network, recording, {})["raster"]
    assert [p["population"] for p in raster["populations"]] == list(recording.spikes)
    for p in raster["populations"]:
        spikes = recording.spikes[p["population"]][0].reshape(network.ticks, -1)
        assert p["size"] == spikes.shape[1]
        expected = {(tick, row) for tick in range(network.ticks) for row, neuron in enumerate(p["neurons"]) if spikes[tick, neuron]}
        assert {(tick, row) for tick, row in p["events"]} == expected


def test_a_large_network_gives_a_small_raster_evenly_spread(
    network: Network, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "RASTER_NEURONS", 17)
    monkeypatch.setattr(figures, "RASTER_TICKS", 4)
    raster = figures_of(network, recording, {})["raster"]
    rows = {p["population"]: p["neurons"] for p in raster["populations"]}
    assert sum(len(neurons) for neurons in rows.values()) == 17
    assert all(len(neurons) >= 1 for neurons in rows.values())
    assert raster["ticks_drawn"] == 4
    assert raster["ticks"] == network.ticks
    for name, neurons in rows.items():
        gaps = np.diff([-1, *neurons, network.populations[name].size])
        assert gaps.max() - gaps[1:-1].min(initial=99) <= max(2, network.populations[name].size // len(neurons))
    monkeypatch.setattr(figures, "RASTER_NEURONS", 2)
    few = figures_of(network, recording, {})["raster"]
    assert len(few["populations"]) == 2
    assert few["populations_in_all"] == len(recording.spikes)


def test_a_core_map_holds_all_neurons_and_messages(integers: Network, recording: Recording, placements: Callable[..., Placement]) -> None:
    placement, other = placements(), placements(neurons=20)
    maps = figures_of(integers, recording, {"a": placement, "b": placement, "c": other})["core_maps"]
    assert [m["profiles"] for m in maps] == [["a", "b"], ["c"]]
    for held, of in zip(maps, (placement, other), strict=True):
        columns, traffic, work = held["columns"], of.traffic, of.work
        assert traffic is not None and work is not None
        assert columns["neurons"] == of.usage.neurons.tolist()
        assert columns["messages_out"] == work.messages_out.sum(axis=(0, 1)).tolist()
        assert columns["messages_in"] == work.messages_in.sum(axis=(0, 1)).tolist()
        assert columns["host_messages_in"] == work.host_messages_in.sum(axis=(0, 1)).tolist()
        assert sum(link[4] for link in held["links"]) == traffic.total.sum()
        assert held["links_in_all"] == len(held["links"])
        for core, population in enumerate(columns["population"]):
            here = {name: int((at == core).sum()) for name, at in of.core_of.items()}
            assert here[held["populations"][population]] == max(here.values())


def test_a_map_of_many_cores_adds_up_tiles_and_keeps_the_busiest_links(
    integers: Network, recording: Recording, placements: Callable[..., Placement], monkeypatch: pytest.MonkeyPatch
) -> None:
    placement = placements()
    (whole,) = figures_of(integers, recording, {"a": placement})["core_maps"]
    monkeypatch.setattr(figures, "MAP_CORES", 3)
    monkeypatch.setattr(figures, "MAP_LINKS", 2)
    (held,) = figures_of(integers, recording, {"a": placement})["core_maps"]
    tiles = set(zip(whole["columns"]["x"], whole["columns"]["y"], strict=True))
    assert held["units"] == "tile"
    assert set(zip(held["columns"]["x"], held["columns"]["y"], strict=True)) == tiles
    assert len(held["columns"]["x"]) == len(tiles) < placement.cores
    for key in ("neurons", "messages_out", "messages_in", "host_messages_in"):
        assert sum(held["columns"][key]) == sum(whole["columns"][key])
    assert held["links"] == whole["links"][:2]
    assert [link[4] for link in whole["links"]] == sorted((link[4] for link in whole["links"]), reverse=True)


def test_the_same_run_gives_the_same_json(integers: Network, recording: Recording, placements: Callable[..., Placement]) -> None:
    one, two = (json.dumps(figures_of(integers, recording, {"a": placements()}), allow_nan=False) for _ in range(2))
    assert one == two
