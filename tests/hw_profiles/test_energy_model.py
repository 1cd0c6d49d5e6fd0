from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurograph.errors import ProfileError
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.energy import Interval, estimate, operations_energy
from neurograph.hw_profiles.schema import load, names
from neurograph.network import Network
from neurograph.sim.recording import Recording


def test_operations_is_the_formula_of_the_papers(network: Network, recording: Recording) -> None:
    counts = count(network, recording, host_macs={"encoder": 100, "readout": 50})
    result = estimate(counts, load("horowitz45"))
    events = counts.synaptic_events.mean()
    assert result.energy_j.value == pytest.approx(4.6e-12 * 150 + 0.9e-12 * events)
    assert result.variants["int8"] == pytest.approx(0.23e-12 * 150 + 0.03e-12 * events)
    assert result.latency_s is None
    assert "neuron" in result.not_included


def test_chip_events_of_loihi1_by_hand(network: Network, recording: Recording) -> None:
    counts = count(network, recording, host_macs={})
    result = estimate(counts, load("loihi1"))
    active = counts.updates_active.mean()
    inactive = counts.neurons * counts.steps_alone - active
    parts = {c.name: c.energy_j.value for c in result.components}
    assert parts["synapse"] == pytest.approx(23.6e-12 * counts.synaptic_events.mean())
    assert parts["neuron"] == pytest.approx(81e-12 * active + 52e-12 * inactive)
    assert parts["spike"] == pytest.approx(1.7e-12 * counts.messages.mean())
    assert parts["host"] == 0
    assert result.latency_s is not None
    assert parts["static"] == pytest.approx(0.1044 * result.latency_s.value)  # one chip of 104.4 mW
    assert result.on_chip_j.value == pytest.approx(result.energy_j.value)
    assert result.events_j.value == pytest.approx(sum(parts[name] for name in ("synapse", "neuron", "spike")))
    serial = 3.5e-9 * counts.synaptic_events.mean() + 8.4e-9 * active + 5.3e-9 * inactive + 2.1e-9 * counts.messages.mean()
    assert result.cores == result.chips == 1
    assert result.latency_s is not None
    assert result.latency_s.value == pytest.approx(counts.steps_alone * 465e-9 + serial)
    assert result.energy_delay_js == pytest.approx(result.energy_j.value * result.latency_s.value)


def test_storage_forms_have_their_own_price(network: Network, recording: Recording) -> None:
    counts = count(network, recording, host_macs={})
    parts = {c.name: c.energy_j.value for c in estimate(counts, load("loihi1-sanafe")).components}
    dense, sparse = counts.synaptic_events_stored("dense").mean(), counts.synaptic_events_stored("sparse").mean()
    assert dense > 0
    assert parts["synapse"] == pytest.approx(35.5e-12 * dense + 33.6e-12 * sparse)
    updates, active = counts.neurons * counts.steps_alone, counts.updates_active.mean()
    assert parts["neuron"] == pytest.approx(51.2e-12 * updates + 21.6e-12 * active)
    assert parts["spike"] == pytest.approx(69.3e-12 * counts.neuron_spikes.mean() + 111e-12 * counts.messages.mean())


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_low_total_high(name: str, rate: float, network: Network, recordings: Callable[[float], Recording]) -> None:
    result = estimate(count(network, recordings(rate)), load(name))
    figures = [result.energy_j, result.on_chip_j, result.latency_s, result.throughput_hz, result.streamed_j, result.static_j]
    figures += [component.energy_j for component in result.components]
    for figure in figures:
        if figure is not None:
            assert 0 <= figure.low <= figure.value <= figure.high
    assert sum(c.energy_j.value for c in result.components) == pytest.approx(result.energy_j.value)
    if result.streamed_j is not None:  # fewer steps than alone, which costs what neurons do in them
        assert result.streamed_j.value <= result.energy_j.value
        assert result.streamed_j.value < result.energy_j.value or not any(c.name == "neuron" for c in result.components)


def test_streaming_is_faster_than_one_at_a_time(network: Network, recording: Recording) -> None:
    result = estimate(count(network, recording), load("loihi1"))
    assert result.latency_s is not None
    assert result.throughput_hz is not None
    assert result.throughput_hz.value > 1 / result.latency_s.value


def test_a_profile_without_times_gives_no_latency(network: Network, recording: Recording) -> None:
    bare = load("loihi1").model_copy(update={"time": {}, "power": {}})
    result = estimate(count(network, recording), bare)
    assert (result.latency_s, result.throughput_hz, result.static_j, result.energy_delay_js) == (None, None, None, None)
    assert result.not_included["static"].startswith("no static power")


def test_a_missing_price_is_said_not_taken_as_zero(network: Network, recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "half.toml"
    constant = 'value = 1\nunit = "pJ"\nstatus = "assumed"\nsource = "test"\n'
    path.write_text(f'name = "half"\ntitle = "half"\nlevel = "chip events"\nscope = "most"\n[energy.synaptic_event_sparse]\n{constant}')
    counts = count(network, recording)
    with pytest.raises(ProfileError, match=r"synaptic_event_dense is missing and the network has dense synapses"):
        estimate(counts, load(path))
    path.write_text(path.read_text().replace("_sparse", ""))
    result = estimate(counts, load(path))
    assert [c.name for c in result.components] == ["synapse"]
    assert {"neuron", "spike", "host"} <= set(result.not_included)
    path.write_text(path.read_text() + f"[energy.synaptic_event_dense]\n{constant.replace('1', '3', 1)}")
    mixed = estimate(counts, load(path)).energy_j.value
    assert mixed == pytest.approx(
        3e-12 * counts.synaptic_events_stored("dense").mean() + 1e-12 * counts.synaptic_events_stored("sparse").mean()
    )


EXTRAS = {
    "barrier": (1.0, "barriers"),
    "state_reset": (2.0, "state_resets"),
    "bias_write": (3.0, "bias_writes"),
    "synaptic_event_graded": (5.0, "graded_events"),
}


def test_a_profile_may_price_barriers_resets_and_writes(network: Network, recording: Recording) -> None:
    """What no published profile has a constant for is priced where a user's own has one, and named as left out where not."""
    plain = load("loihi1")
    counts = count(network, recording, host_macs={})
    assert {"barrier", "writes and resets"} <= set(estimate(counts, plain).not_included)
    some = plain.energy["synaptic_event"]
    more = {key: some.model_copy(update={"value": value, "low": None, "high": None}) for key, (value, _) in EXTRAS.items()}
    result = estimate(counts, plain.model_copy(update={"energy": {**plain.energy, **more}}))
    terms = {term.counted: term for component in result.components for term in component.terms}
    assert terms["barriers"].energy_j.value == pytest.approx(1e-12 * counts.steps_alone)
    assert terms["state_resets"].energy_j.value == pytest.approx(2e-12 * counts.state_resets)
    assert terms["bias_writes"].energy_j.value == pytest.approx(3e-12 * counts.bias_writes)
    assert not {"barrier", "writes and resets"} & set(result.not_included)


def test_not_aligned_is_said(network: Network, recording: Recording) -> None:
    flat = network.with_populations(replace(p, depth=None) for p in network.populations.values())
    assert any("not aligned" in note for note in estimate(count(flat, recording), load("loihi1")).notes)


def test_more_chips_than_one_are_said(network: Network, recording: Recording) -> None:
    profile = load("loihi1")
    limits = {key: constant.model_copy(update={"value": 1.0}) for key, constant in profile.limits.items()}
    result = estimate(count(network, recording), profile.model_copy(update={"limits": limits}))
    neurons = count(network, recording).neurons
    assert (result.cores, result.chips) == (neurons, neurons)
    assert any(f"At least {neurons} chips" in note for note in result.notes)


def test_operations_energy_needs_a_profile_of_that_level() -> None:
    with pytest.raises(ProfileError, match=r"loihi1: energy\.mac_fp32 is missing"):
        operations_energy(load("loihi1"), macs=1)


intervals = st.tuples(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(0, 1e3)).map(sorted).map(lambda v: Interval(v[1], v[0], v[2]))


@given(st.lists(intervals), st.floats(0, 1e3))
def test_intervals_keep_their_order(parts: list[Interval], factor: float) -> None:
    total = Interval.total(parts).scaled(factor)
    assert total.low <= total.value <= total.high


def test_what_was_measured_with_a_constant_is_said_to_be_inside_not_to_be_nothing(network: Network, recording: Recording) -> None:
    counts = count(network, recording)
    result = estimate(counts, load("truenorth"))
    assert [c.name for c in result.components] == ["synapse"]
    assert result.not_included["static"].startswith("inside energy.synaptic_event as it fell on one event at the activity")
    assert not any("Every neuron is charged" in note for note in result.notes)
    for share in ("neuron", "spike", "routing", "barrier"):
        assert (
            result.not_included[share] == "inside energy.synaptic_event, which was measured with it: no line of its own, which is not zero"
        )
    assert "has no energy for it" in result.not_included["host"]
    unknown = estimate(counts, load("seneca")).not_included
    assert "does not make it zero" in unknown["neuron"] and unknown["static"].startswith("no static power is published")


def test_a_real_time_tick_is_the_latency_of_a_step(network: Network, recording: Recording) -> None:
    counts = count(network, recording)
    result = estimate(counts, load("truenorth"))
    assert result.latency_s is not None and result.latency_s.value == pytest.approx(counts.steps_alone * 1e-3)
    swept = estimate(counts, load("truenorth-sweep"))
    assert swept.static_j is not None and swept.static_j.value == pytest.approx(64.4e-3 * counts.steps_alone * 1e-3)
    assert swept.events_j.value < result.energy_j.value < swept.energy_j.value


# what is counted → constants any of which prices it, the component that may be named in its stead, the name of its own
KINDS = {
    "updates_active": ({"neuron_update_active", "neuron_access"}, "neuron", "active neuron updates"),
    "updates_inactive": ({"neuron_update_inactive", "neuron_access"}, "neuron", "inactive neuron updates"),
    "neuron_spikes": ({"spike", "neuron_update_active"}, "spike", "spikes"),
    "messages": ({"message"}, "spike", "messages"),
    "host_macs": ({"host_mac"}, "host", "host multiply-adds"),
    "barriers": ({"barrier"}, "barrier", "barriers"),
    "state_resets": ({"state_reset"}, "neuron", "writes and resets"),
    "bias_writes": ({"bias_write"}, "host", "writes and resets"),
}
PRICED = sorted({key for keys, _, _ in KINDS.values() for key in keys} | {"neuron_activation", "message_in"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # nothing changes the network
@given(chosen=st.sets(st.sampled_from(PRICED)))
def test_every_kind_that_is_counted_is_priced_or_named(chosen: set[str], network: Network, recording: Recording) -> None:
    """A profile with one constant of a pair does not give the other side away."""
    counts = count(network, recording, host_macs={"encoder": 7})
    plain = load("loihi1")
    some = plain.energy["synaptic_event"]
    profile = plain.model_copy(update={"energy": {"synaptic_event": some} | dict.fromkeys(chosen, some), "time": {}})
    result = estimate(counts, profile)
    for kind, (keys, component, name) in KINDS.items():
        assert keys & chosen or {component, name} & set(result.not_included), kind
        assert not keys & chosen or name == "writes and resets" or name not in result.not_included, kind
    charged = any("Every neuron is charged" in note for note in result.notes)
    assert charged == ("neuron_access" in chosen or {"neuron_update_active", "neuron_update_inactive"} <= chosen)


def test_what_a_step_takes_no_time_for_is_said(network: Network, recording: Recording) -> None:
    plain = load("loihi1")
    half = plain.model_copy(update={"time": {k: c for k, c in plain.time.items() if k not in ("neuron_update_inactive", "message")}})
    (note,) = [note for note in estimate(count(network, recording), half).notes if "no time" in note]
    assert "no time for inactive neuron updates, messages: latency" in note
    assert not any("no time" in note for note in estimate(count(network, recording), plain).notes)
