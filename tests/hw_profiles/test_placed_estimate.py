"""Energy and time over a placement: by hand, and the laws that a placement keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from neurograph.errors import InputError
from neurograph.export.placement import Placement
from neurograph.export.placement.files import to_json
from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.energy import estimate
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Constant, load, names
from neurograph.network import Network
from neurograph.sim.recording import Recording


def routing_of(placement: Placement) -> Routing:
    return Routing.from_json(json.loads(json.dumps(to_json(placement))))


def amount(values: np.ndarray) -> str:
    mean = values.mean()
    return f"{int(mean):,}" if mean == int(mean) else f"{mean:,.1f}"


@pytest.fixture
def counts(integers: Network, recording: Recording) -> Counts:
    return count(integers, recording, host_macs={})


@pytest.fixture
def routing(placements: Callable[..., Placement]) -> Routing:
    return routing_of(placements())


def test_energy_of_loihi1_by_hand(counts: Counts, routing: Routing) -> None:
    result, before = estimate(counts, load("loihi1"), routing), estimate(counts, load("loihi1"))
    parts = {c.name: c.energy_j.value for c in result.components}
    assert parts["spike"] == pytest.approx(1.7e-12 * routing.messages.mean())
    assert parts["routing"] == pytest.approx(3e-12 * routing.hops_east_west.mean() + 4e-12 * routing.hops_north_south.mean())
    assert parts["routing"] > 0
    unplaced = {c.name: c.energy_j.value for c in before.components}
    assert (parts["synapse"], parts["neuron"]) == (unplaced["synapse"], unplaced["neuron"])
    assert "routing" not in unplaced
    assert "hops need a placement" in before.not_included["routing"]
    assert "routing" not in result.not_included
    assert f"{amount(routing.crossings)} counted, not priced" in result.not_included["chip crossings"]
    assert f"{amount(routing.host_messages)} from the host" in result.not_included["host messages"]
    assert (result.cores, result.chips) == (routing.cores, routing.chips) != (before.cores, before.chips)
    assert result.latency_s is not None
    assert result.static_j is not None
    assert result.static_j.high == pytest.approx(104.4e-3 * routing.chips * result.latency_s.high)


def sides(routing: Routing, sample: int, steps: Iterable[int], core: int) -> tuple[float, float]:
    """What a core's neurons and what receiving take on loihi1, spelled out: of steps that fall together, each neuron idle or active once."""
    work = routing.work
    assert work is not None
    at = sample, list(steps), core
    active = work.updates_active[at].sum()
    neurons = 8.4e-9 * active + 5.3e-9 * (work.neurons[core] - active) + 2.1e-9 * work.messages_out[at].sum()
    return float(neurons), float(3.5e-9 * (work.synaptic_events_dense[at] + work.synaptic_events_sparse[at]).sum())


def way(routing: Routing) -> float:
    return float((4.1e-9 * routing.farthest_east_west + 6.5e-9 * routing.farthest_north_south).mean())


def test_latency_waits_for_the_busiest_core_of_each_step(counts: Counts, routing: Routing) -> None:
    result = estimate(counts, load("loihi1"), routing)
    steps = [
        [[sides(routing, sample, [step], core) for core in range(routing.cores)] for step in range(counts.steps_alone)]
        for sample in range(counts.samples)
    ]
    fixed = counts.steps_alone * (465e-9 + way(routing))
    assert result.latency_s is not None
    overlapped = [sum(max(max(both) for both in cores) for cores in sample) for sample in steps]
    assert result.latency_s.value == pytest.approx(np.mean(overlapped) + fixed)
    one_after_another = [sum(max(sum(both) for both in cores) for cores in sample) for sample in steps]
    assert result.latency_s.high == pytest.approx(np.mean(one_after_another) + fixed)
    assert result.times.busiest_over_mean is not None
    assert result.times.busiest_over_mean > 1
    assert result.energy_delay_js == pytest.approx(result.on_chip_j.value * result.latency_s.value)


def test_streamed_steps_of_different_inferences_share_a_core(counts: Counts, routing: Routing) -> None:
    """Step φ of a stream: ticks φ, φ + period, … of the inferences before, and every neuron once."""
    result = estimate(counts, load("loihi1"), routing)
    period = [
        sum(
            max(max(sides(routing, sample, range(phase, counts.steps_alone, counts.steps_streamed), core)) for core in range(routing.cores))
            for phase in range(counts.steps_streamed)
        )
        for sample in range(counts.samples)
    ]
    assert result.throughput_hz is not None
    assert 1 / result.throughput_hz.value == pytest.approx(np.mean(period) + counts.steps_streamed * (465e-9 + way(routing)))
    assert result.latency_s is not None
    assert result.throughput_hz.value > 1 / result.latency_s.value


@pytest.mark.parametrize("name", ["loihi1", "loihi1-sanafe", "loihi2"])
def test_on_one_core_the_busiest_core_does_all(name: str, counts: Counts, placements: Callable[..., Placement]) -> None:
    routing = routing_of(placements(neurons=1000))
    assert routing.cores == 1
    busiest, even = estimate(counts, load(name), routing), estimate(counts, load(name), replace(routing, work=None))
    assert busiest.latency_s is not None
    assert even.latency_s is not None
    assert busiest.throughput_hz is not None
    assert even.throughput_hz is not None
    assert busiest.latency_s.high == pytest.approx(even.latency_s.high)
    assert busiest.throughput_hz.low == pytest.approx(even.throughput_hz.low)
    assert busiest.latency_s.value < even.latency_s.value
    assert busiest.times.busiest_over_mean == pytest.approx(1)
    assert busiest.events_j == even.events_j  # the static share follows the latency


@pytest.mark.parametrize("neurons", [4, 9, 20])
def test_the_busiest_core_is_never_faster_than_an_even_spread(neurons: int, counts: Counts, placements: Callable[..., Placement]) -> None:
    profile = load("loihi1")
    without_hops = {key: constant for key, constant in profile.time.items() if not key.startswith("hop")}
    profile = profile.model_copy(update={"time": without_hops})
    routing = routing_of(placements(neurons=neurons))
    busiest, even = estimate(counts, profile, routing), estimate(counts, profile, replace(routing, work=None))
    assert busiest.latency_s is not None
    assert even.latency_s is not None
    assert busiest.latency_s.high >= even.latency_s.high
    assert any("spread evenly over its cores" in note for note in even.notes)
    assert not any("spread evenly" in note for note in busiest.notes)


@pytest.mark.parametrize("name", names())
def test_low_total_high_with_a_placement(name: str, counts: Counts, routing: Routing) -> None:
    result = estimate(counts, load(name), routing)
    figures = [result.energy_j, result.latency_s, result.throughput_hz, result.streamed_j, result.static_j]
    for figure in figures + [component.energy_j for component in result.components]:
        if figure is not None:
            assert 0 <= figure.low <= figure.value <= figure.high
    assert sum(c.energy_j.value for c in result.components) == pytest.approx(result.energy_j.value)


def test_taking_a_message_in_costs_the_receiver_time(counts: Counts, placements: Callable[..., Placement]) -> None:
    routing = routing_of(placements(neurons=1000))
    profile = load("loihi1-sanafe")
    free = profile.model_copy(update={"time": {key: c for key, c in profile.time.items() if key != "message_in"}})
    with_it, without = estimate(counts, profile, routing).latency_s, estimate(counts, free, routing).latency_s
    assert with_it is not None
    assert without is not None
    received = (routing.messages + routing.host_messages).mean()
    assert with_it.high - without.high == pytest.approx(20e-9 * received)


def test_a_profile_may_price_crossings(counts: Counts, routing: Routing) -> None:
    profile = load("loihi1")
    priced = Constant(value=10.0, unit="pJ", status="assumed", source="test")
    profile = profile.model_copy(update={"energy": {**profile.energy, "chip_crossing": priced}})
    result, before = estimate(counts, profile, routing), estimate(counts, load("loihi1"), routing)
    assert result.energy_j.value - before.energy_j.value == pytest.approx(10e-12 * routing.crossings.mean())
    assert "chip crossings" not in result.not_included
    assert "energy.chip_crossing" in result.constants


def test_hops_without_a_price_are_said(counts: Counts, routing: Routing) -> None:
    profile = load("loihi1")
    energy = {key: constant for key, constant in profile.energy.items() if key != "hop_east_west"}
    result = estimate(counts, profile.model_copy(update={"energy": energy}), routing)
    assert f"{amount(routing.hops_east_west)} east or west counted, not priced" in result.not_included["hops"]


def test_why_there_is_no_placement_is_said(counts: Counts, routing: Routing) -> None:
    result = estimate(counts, load("loihi1"), refused="fan_in is 13,752")
    assert result.not_included["placement"] == "fan_in is 13,752"
    assert result.refused == "fan_in is 13,752"
    with pytest.raises(InputError, match="loihi1: has a placement and a reason why there is none"):
        estimate(counts, load("loihi1"), routing, refused="too large")


def test_operations_have_no_chip(counts: Counts, routing: Routing) -> None:
    assert estimate(counts, load("horowitz45"), routing).energy_j == estimate(counts, load("horowitz45")).energy_j


def test_the_generic_chip_gives_counts_and_no_joules(counts: Counts, routing: Routing) -> None:
    result = estimate(counts, load("generic"), routing)
    assert result.components == ()
    assert (result.streamed_j, result.latency_s, result.static_j, result.energy_delay_js) == (None, None, None, None)
    assert (result.cores, result.chips) == (routing.cores, routing.chips)
    assert any("counts only" in note for note in result.notes)


def test_notes_of_the_placement_are_passed_on(counts: Counts, routing: Routing) -> None:
    noted = replace(routing, notes=("a sum was cut",), work=None)
    assert any("a sum was cut" in note for note in estimate(counts, load("loihi1"), noted).notes)
