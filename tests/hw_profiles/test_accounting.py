"""Level 1 in every accounting, against sums written out here, and the break-even against the energies themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurograph.hw_profiles.accounting import accountings
from neurograph.hw_profiles.baselines import Baseline, gcn, graph_transformer
from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.energy import estimate
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.report import build
from neurograph.hw_profiles.schema import load
from neurograph.network import Network
from neurograph.sim.recording import Recording

HOST = {"encoder": 100, "readout": 50}
EFFECTIVE = {"encoder": 30}
SIZES = {"nodes": 4, "in_features": 5, "width": 3, "classes": 2, "nonzero_features": 7}


@pytest.fixture
def counts(network: Network, recording: Recording) -> Counts:
    return count(network, recording, host_macs=HOST)


@pytest.fixture
def by_name() -> dict[str, object]:
    return {way.name: way for way in accountings(load("horowitz45"), 6, skips_zeros=True)}


def test_the_names_and_the_width_of_activations(by_name: dict[str, object]) -> None:
    assert list(by_name) == [
        "fp32",
        "fp32, zeros skipped",
        "3-bit activations",
        "3-bit activations, zeros skipped",
        "fp32, with memory",
        "3-bit activations, with memory",
    ]
    widths = [accountings(load("horowitz45"), ticks)[1].name for ticks in (1, 3, 4, 7, 8)]
    assert widths == [f"{bits}-bit activations" for bits in (1, 2, 3, 3, 4)]


def test_fp32_is_level_1_of_the_energy_model(counts: Counts, by_name: dict[str, object]) -> None:
    spiking = by_name["fp32"].spiking(counts, EFFECTIVE).at(counts.synaptic_events.mean())
    assert spiking.total.value == pytest.approx(estimate(counts, load("horowitz45")).energy_j.value)


def test_zeros_are_skipped_on_both_sides(counts: Counts, by_name: dict[str, object]) -> None:
    way, transformer = by_name["fp32, zeros skipped"], graph_transformer(**SIZES)
    events = counts.synaptic_events.mean()
    assert way.spiking(counts, EFFECTIVE).at(events).total.value == pytest.approx(4.6e-12 * 80 + 0.9e-12 * events)
    assert way.real(transformer).total.value == pytest.approx(4.6e-12 * (transformer.macs - 4 * 5 * 3 + 7 * 3))
    convolution = gcn(nonzeros=10, **SIZES)
    assert way.real(convolution).total.value == pytest.approx(4.6e-12 * (convolution.macs - 4 * 5 * 3 + 7 * 3))


def test_a_narrow_multiplier_by_hand(counts: Counts, by_name: dict[str, object]) -> None:
    """3 by 8 bits: three eighths of 0.2 pJ and an addition of 0.03 pJ; the spiking side adds 8 bits and its host multiplies 8 by 8."""
    way, baseline = by_name["3-bit activations"], Baseline("b", {"a": 1000})
    assert way.real(baseline).total.value == pytest.approx(1000 * (0.2e-12 * 3 / 8 + 0.03e-12))
    assert way.real(baseline).total.low == pytest.approx(1000 * 3 * 0.03e-12)
    assert way.real(baseline).total.high == pytest.approx(1000 * 0.23e-12)
    assert way.spiking(counts, {}).at(1000).total.value == pytest.approx(150 * 0.23e-12 + 1000 * 0.03e-12)


def test_memory_by_hand(counts: Counts, by_name: dict[str, object]) -> None:
    """Bits of every read and write at 20 pJ for 64 of them (10 to 100), 0.1 pJ an address."""
    way = by_name["3-bit activations, with memory"]
    events, sparse = counts.synaptic_events.mean(), counts.synaptic_events_stored("sparse").mean()
    split = way.spiking(counts, {}).at(events)
    bits = 150 * (8 + 3) + events * (8 + 2 * 24) + sparse * 32 + counts.neuron_updates.mean() * 4 * 24 + counts.spikes.mean() * 32
    assert split.memory.value == pytest.approx(bits * 20e-12 / 64)
    assert (split.memory.low, split.memory.high) == pytest.approx((bits * 10e-12 / 64, bits * 100e-12 / 64))
    assert split.addressing.value == pytest.approx(0.1e-12 * (150 + events))
    real = way.real(gcn(nonzeros=10, **SIZES))
    over_sparse = 10 * 3 + 10 * 2
    macs = 4 * 5 * 3 + 4 * 3 * 2 + over_sparse
    assert real.memory.value == pytest.approx((macs * (8 + 3) + over_sparse * 32) * 20e-12 / 64)
    assert real.addressing.value == pytest.approx(0.1e-12 * macs)


@given(events=st.floats(0, 1e9), macs=st.integers(1, 10**9))
def test_at_the_break_even_both_cost_the_same(events: float, macs: int) -> None:
    empty = Counts(1, 4, 1, (), (), messages_at_least=0, host_macs={"h": 3})  # type: ignore[arg-type]
    for way in accountings(load("horowitz45"), 4):
        cost, real = way.spiking(empty, {}), way.real(Baseline("b", {"a": macs})).total
        assert cost.at(cost.break_even(real)).total.value == pytest.approx(real.value)
        below = cost.at(events).total
        assert below.low <= below.value <= below.high
        assert (events < cost.break_even(real)) == (below.value < real.value) or events == pytest.approx(cost.break_even(real))


def test_the_headline_stays_on_one_level_a_line(network: Network, recording: Recording) -> None:
    report = build(
        network,
        recording,
        profiles=["horowitz45", "loihi1", "generic"],
        host_macs=HOST,
        host_macs_effective=EFFECTIVE,
        bundle_name="b",
        baselines=[graph_transformer(**SIZES)],
    )
    lines = {(line["line"], line["profile"]): line for line in report["headline"]}
    core = lines["spikes alone, against all but encoder and readout, fp32", "horowitz45"]
    attention = graph_transformer(**SIZES)
    assert core["baseline_j"]["total"] == pytest.approx(4.6e-12 * attention.core_macs)
    assert core["spiking_j"]["total"] == pytest.approx(0.9e-12 * report["counts"]["synaptic_events"])
    whole = lines["the chip and its host, against all on that host", "loihi1"]
    chip = next(p for p in report["profiles"] if p["name"] == "loihi1")
    host = load("loihi1").energy["host_mac"].si[0]
    assert whole["spiking_j"]["total"] == chip["energy_j"]["total"]
    assert whole["baseline_j"]["total"] == pytest.approx(host * attention.macs)
    assert {line["profile"] for line in report["headline"]} == {"horowitz45", "loihi1"}  # generic has no energies
    for line in report["headline"]:
        assert line["ratio"]["low"] <= line["ratio"]["value"] <= line["ratio"]["high"]
        assert line["ratio"]["value"] == pytest.approx(line["baseline_j"]["total"] / line["spiking_j"]["total"])


def test_without_memory_constants_memory_is_left_out() -> None:
    bare = load("horowitz45")
    few = bare.model_copy(update={"energy": {key: bare.energy[key] for key in ("mac_fp32", "add_fp32")}})
    assert [way.name for way in accountings(few, 4)] == ["fp32"]


def test_a_silent_network_has_no_ratio(network: Network, recordings: Callable[[float], Recording]) -> None:
    report = build(network, recordings(0.0), host_macs={}, bundle_name="b", baselines=[graph_transformer(**SIZES)])
    lines = {line["line"]: line["ratio"] for line in report["headline"]}
    assert lines["everything, fp32"] is None
    assert Interval.exactly(0.0).value == report["counts"]["synaptic_events"]
