"""Level 1 in every accounting, against sums written out here, and the break-even against the energies themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from neurograph.hw_profiles.accounting import accountings, memory_bytes
from neurograph.hw_profiles.baselines import Baseline, gcn, graph_transformer
from neurograph.hw_profiles.counts import Counts, PopulationCounts, ProjectionCounts, count
from neurograph.hw_profiles.energy import estimate
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.report import build, build_counted
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
    """3 by 8 bits: three eighths of 0.2 pJ and an addition of 0.03 pJ, on the spiking network's host too; its events add 8 bits."""
    way, baseline, narrow = by_name["3-bit activations"], Baseline("b", {"a": 1000}), 0.2e-12 * 3 / 8 + 0.03e-12
    assert way.real(baseline).total.value == pytest.approx(1000 * narrow)
    assert way.real(baseline).total.low == pytest.approx(1000 * 3 * 0.03e-12)
    assert way.real(baseline).total.high == pytest.approx(1000 * 0.23e-12)
    assert way.spiking(counts, {}).at(1000).total.value == pytest.approx(150 * narrow + 1000 * 0.03e-12)
    wide = {way.name: way for way in accountings(load("horowitz45"), 256)}["9-bit activations"]
    assert wide.real(baseline).total.value == pytest.approx(1000 * (0.2e-12 * 9 / 8 + 0.03e-12))
    assert wide.real(baseline).total.high == pytest.approx(2000 * 0.23e-12)


def test_memory_by_hand(counts: Counts, network: Network, by_name: dict[str, object]) -> None:
    """Bits of every read and write at 20 pJ for 64 of them (10 to 100), 0.1 pJ an address; an index where a matrix is sparse."""
    way = by_name["3-bit activations, with memory"]
    events = counts.synaptic_events.mean()
    sparse = {p.name for p in network.spiking_projections if sp.issparse(getattr(p.weights, "left", getattr(p.weights, "matrix", None)))}
    assert sparse == {"gate→out"}
    indexed = sum(p.synaptic_events.mean() for p in counts.projections if p.name in sparse)
    split = way.spiking(counts, {}).at(events)
    bits = 150 * (8 + 3) + events * (8 + 2 * 24) + indexed * 32 + counts.neuron_updates.mean() * 4 * 24 + counts.spikes.mean() * 32
    assert split.memory.value == pytest.approx(bits * 20e-12 / 64)
    assert (split.memory.low, split.memory.high) == pytest.approx((bits * 10e-12 / 64, bits * 100e-12 / 64))
    assert split.addressing.value == pytest.approx(0.1e-12 * (150 + events))
    assert sum(memory_bytes(counts).values()) * 8 == pytest.approx(bits - 150 * (8 + 3))
    real = way.real(gcn(nonzeros=10, **SIZES))
    over_sparse = 10 * 3 + 10 * 2
    macs = 4 * 5 * 3 + 4 * 3 * 2 + over_sparse
    assert real.memory.value == pytest.approx((macs * (8 + 3) + over_sparse * 32) * 20e-12 / 64)
    assert real.addressing.value == pytest.approx(0.1e-12 * macs)


def test_the_same_work_costs_the_same_on_both_sides(network: Network, recordings: Callable[[float], Recording]) -> None:
    """A silent network whose host does all that another network does, sparse sums too: host parts and terms of the same sizes."""
    terms = {"linear": 1000, "propagation": 300}
    silent = count(network, recordings(0.0), host_macs={"encoder": 1000, "encoder, propagation": 300})
    other = Baseline("b", terms, sparse=frozenset({"propagation"}))
    for way in accountings(load("horowitz45"), 6):
        states = 0.0 if way.bit is None else way.bit.value * 4 * way.state_bits * silent.neuron_updates.mean()
        assert way.spiking(silent, {}).at(0).total.value == pytest.approx(way.real(other).total.value + states)


def test_what_follows_the_spikes_is_in_the_break_even(network: Network, recordings: Callable[[float], Recording]) -> None:
    """Twice the spikes of every neuron are twice all that is not fixed, so that both runs have one price an event."""
    once = count(network, recordings(0.2), host_macs=HOST)
    twice = replace(
        once,
        populations=tuple(replace(p, spikes=2 * p.spikes) for p in once.populations),
        projections=tuple(replace(p, synaptic_events=2 * p.synaptic_events) for p in once.projections),
    )
    for way in accountings(load("horowitz45"), 6):
        first, second = way.spiking(once, {}), way.spiking(twice, {})
        assert second.per_event.total.value == pytest.approx(first.per_event.total.value)
        assert second.fixed.total.value == pytest.approx(first.fixed.total.value)
        assert first.at(2 * once.synaptic_events.mean()).total.value == pytest.approx(second.at(twice.synaptic_events.mean()).total.value)


def test_a_graded_event_is_a_multiply_add_in_every_accounting(counts: Counts) -> None:
    graded = replace(counts, projections=tuple(replace(p, graded=p.source == "q") for p in counts.projections))
    assert graded.graded_events.any() and graded.synaptic_events.any()
    for way in accountings(load("horowitz45"), 6):
        binary, mixed = (way.spiking(c, {}).at(counts.synaptic_events.mean()) for c in (counts, graded))
        more = graded.graded_events.mean() * (way.graded_mac.value - way.addition.value)
        assert mixed.compute.value == pytest.approx(binary.compute.value + more)
        assert mixed.memory.value >= binary.memory.value
    report = build_counted(graded, engine="fixed", profiles=["horowitz45"], bundle_name="b", baselines=[graph_transformer(**SIZES)])
    core = next(line for line in report["headline"] if line["line"].startswith("spikes alone"))
    assert core["spiking_j"]["total"] == pytest.approx(report["profiles"][0]["components"]["synapse"]["energy_j"])


@given(events=st.floats(0, 1e9), macs=st.integers(1, 10**9))
def test_at_the_break_even_both_cost_the_same(events: float, macs: int) -> None:
    none = np.zeros(1, dtype=np.int64)
    busy = ProjectionCounts("a", "p", "q", "sparse", 50, none + 70, indexed=True)
    population = PopulationCounts("p", "neurons", (10,), 1, none + 20, none + 15, none + 25, none + 70, none + 20, 0, 0)
    empty = Counts(1, 4, 1, (population,), (busy,), messages_at_least=none, host_macs={"h": 3})
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
    assert whole["spiking_j"]["total"] == pytest.approx(chip["energy_j"]["total"])
    assert whole["baseline_j"]["total"] == pytest.approx(host * attention.macs)
    assert {line["profile"] for line in report["headline"]} == {"horowitz45", "loihi1"}  # generic has no energies
    own, cheapest, dearest = 150, load("loihi1").energy["host_mac"].si[1], load("loihi1").energy["host_mac"].si[2]
    chip_j = chip["on_chip_j"]
    ratios = [h * attention.macs / (chip_j[c] + h * own) for h in (cheapest, host, dearest) for c in ("low", "total", "high")]
    assert (whole["ratio"]["low"], whole["ratio"]["high"]) == pytest.approx((min(ratios), max(ratios)))
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


def test_a_chip_that_refused_the_network_has_no_ratio(network: Network, recording: Recording) -> None:
    more = {"host_macs": HOST, "bundle_name": "b", "baselines": [graph_transformer(**SIZES)]}
    lines = build(network, recording, profiles=["loihi1", "loihi2"], routing_refused={"loihi1": "no room"}, **more)["headline"]
    assert {line["profile"] for line in lines if line["level"] == "chip events"} == {"loihi2"}


def test_a_profile_without_a_price_for_the_host_has_no_host_share(network: Network, recording: Recording) -> None:
    report = build(network, recording, profiles=["loihi1", "odin"], host_macs=HOST, bundle_name="b")
    shares = {p["name"]: p["host_share"] for p in report["profiles"]}
    assert shares["odin"] is None and 0 < shares["loihi1"] < 1
    assert build(network, recording, profiles=["odin"], host_macs={}, bundle_name="b")["profiles"][0]["host_share"] == 0


def test_constants_of_level_1_are_listed_without_a_profile_of_it(network: Network, recording: Recording) -> None:
    report = build(network, recording, profiles=["loihi2"], bundle_name="b")
    assert {"energy.mac_fp32", "energy.sram_32kib_64b"} <= {c["name"] for c in report["constants"] if c["profile"] == "horowitz45"}
    assert report["level_1"][0]["accounting"] == "fp32"


def test_static_power_without_a_number_of_chips_is_said(network: Network, recording: Recording) -> None:
    plain = load("loihi1")
    loose = plain.model_copy(update={"limits": {key: c for key, c in plain.limits.items() if key != "cores_per_chip"}})
    assert "no limits.cores_per_chip" in estimate(count(network, recording), loose).not_included["static"]
