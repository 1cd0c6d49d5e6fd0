"""Reports of dynamic models: sums over windows, one placement of all of them, and the host's work between them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from dynamic_runs import HOST, Run, brute_force, neuron_of, run, synapses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onchip_windows import NODES
from torch.utils.flop_counter import FlopCounterMode

from neurograph.cli.main import run_command
from neurograph.errors import BundleError, InputError, PlacementError
from neurograph.export.bundle.windows import open_dynamic
from neurograph.export.placement import Limits
from neurograph.export.placement.grids import links
from neurograph.export.placement.rules import fan_in_of
from neurograph.export.placement.windows import PlacedWindows, place_windows, sequence, union
from neurograph.hw_profiles import count, estimate, load
from neurograph.hw_profiles.report import rendered
from neurograph.hw_profiles.sequence import added_counts
from neurograph.reporting import report_of
from neurograph.reporting.dynamic import _rivals, counts_of, routing_of
from neurograph.reporting.dynamic_host import between_windows, host_parts
from neurograph.training.dynamic_checkpoint import load_dynamic_model
from neurograph.windows import host_work, is_swapped

PROFILES = ("horowitz45", "loihi1", "loihi1-sanafe", "loihi2")
ROOMY = Limits("test chip", 1000, 10**6, 1000, 1000, 1000, 1000, 62, 8, 1000, 1000, 8, 4, 2, shared_lists=True)
builds = pytest.mark.parametrize("build", ["onchip", "paper"])
some = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
runs = st.builds(run, st.sampled_from(["onchip", "paper"]), st.integers(0, 3))


@some
@given(runs)
def test_counts_are_those_of_a_loop_over_spikes_and_synapses_of_every_window(made: Run) -> None:
    counts = counts_of(made.dynamic, made.windows, HOST)
    expected: Counter[Any] = Counter()
    updates, ticks = 0, 0
    for one in made.there:
        expected += brute_force(one.network, one.recording)
        updates += one.network.ticks * sum(p.size for p in one.network.neurons)
        ticks += one.network.ticks
    assert counts.synaptic_events[0] == sum(n for (kind, _), n in expected.items() if kind == "events") > 0
    for population in counts.populations:
        found = (population.spikes[0], population.messages[0], population.updates_active[0])
        assert found == tuple(expected[kind, population.name] for kind in ("spikes", "messages", "active"))
    for index, projection in enumerate(counts.projections):
        assert projection.synaptic_events[0] == expected["events", index]
        tables = [synapses(one.network, one.network.spiking_projections[index]) for one in made.there]
        assert projection.synapses == max(sum(map(len, table)) for table in tables)
    assert (counts.neuron_updates[0], counts.ticks, counts.window_ticks) == (updates, ticks, made.dynamic.network.ticks)
    assert counts.neurons == NODES * sum(p.shape[1] for p in made.dynamic.network.neurons)


@pytest.mark.parametrize("profile", PROFILES)
@builds
def test_energy_and_latency_without_a_placement_are_the_sums_of_single_windows(build: str, profile: str) -> None:
    made = run(build, 0)
    chip = load(profile)
    parts = [count(one.network, one.recording, host_macs={"encoder": 250}) for one in made.there]
    shapes = {p.name: (NODES, *p.shape[1:]) for p in made.dynamic.network.populations.values()}
    whole = estimate(added_counts(parts, shapes, host_macs={"encoder": 250 * len(parts)}), chip)
    single = [estimate(part, chip) for part in parts]
    for which in ("value", "low", "high"):
        assert getattr(whole.energy_j, which) == pytest.approx(sum(getattr(one.energy_j, which) for one in single), rel=1e-12)
    for component in whole.components:
        shares = [c.energy_j.value for one in single for c in one.components if c.name == component.name]
        assert component.energy_j.value == pytest.approx(sum(shares), rel=1e-12)
    if whole.latency_s is not None:
        latency = sum(one.latency_s.value for one in single)
        assert whole.latency_s.value == pytest.approx(latency, rel=1e-12)
        assert whole.throughput_hz.value == pytest.approx(1 / latency, rel=1e-12)


def cores_of(placed: PlacedWindows, one: Any, nodes: Any) -> dict[str, list[int]]:
    """Core of each neuron of a window."""
    network = one.network
    return {
        p.name: [int(placed.placement.core_of[p.name][neuron_of(network, p.name, i, nodes)]) for i in range(p.size)]
        for p in network.neurons
    }


@some
@given(runs, st.integers(8, 40), st.integers(0, 3))
def test_messages_are_spikes_times_distinct_cores_in_every_window(made: Run, neurons: int, seed: int) -> None:
    limits = replace(ROOMY, neurons=neurons)
    placed = place_windows(made.dynamic, made.windows, limits, seed=seed)
    mesh, sent = placed.placement.mesh, Counter()
    for one, window in zip(made.there, placed.windows, strict=True):
        at = cores_of(placed, one, made.dynamic.windows[one.at].nodes)
        here: Counter[Any] = Counter()
        for name, spikes in one.recording.spikes.items():
            tables = [(p.target, synapses(one.network, p)) for p in one.network.out_of(name)]
            for j, times in enumerate(spikes[0].reshape(one.recording.ticks, -1).sum(axis=0, dtype=int).tolist()):
                for core in {at[target][i] for target, table in tables for i in table[j]}:
                    here["messages"] += times
                    here["inter_core"] += times * (core != at[name][j])
                    (x, y), (cx, cy) = mesh.hops(at[name][j], core), mesh.crossings(at[name][j], core)
                    here["hops_east_west"] += times * int(x)
                    here["hops_north_south"] += times * int(y)
                    here["crossings"] += times * int(cx + cy)
        assert {name: int(getattr(window.traffic, name)[0]) for name in here} == dict(here)
        sent += here
    total = routing_of(placed, "test chip")
    assert {name: int(getattr(total, name)[0]) for name in sent} == dict(sent) and sent["messages"] > 0
    total.check(counts_of(made.dynamic, made.windows, HOST))
    assert total.work.messages_out.sum() == sent["messages"]


@builds
def test_a_core_holds_the_most_that_any_window_has_there(build: str) -> None:
    made, limits = run(build, 1), replace(ROOMY, neurons=24)
    placed = place_windows(made.dynamic, made.windows, limits)
    usage, cores = placed.placement.usage, placed.placement.cores
    axons, weights = np.zeros((len(made.there), cores), int), np.zeros((len(made.there), cores), int)
    for index, one in enumerate(made.there):
        at = cores_of(placed, one, made.dynamic.windows[one.at].nodes)
        met = set()
        for p in one.network.spiking_projections:
            for j, targets in enumerate(synapses(one.network, p)):
                for i in targets:
                    weights[index, at[p.target][i]] += 1
                    met.add((p.source, j, at[p.target][i]))
        for _, _, core in met:
            axons[index, core] += 1
    np.testing.assert_array_equal(usage.input_axons, axons.max(axis=0))
    np.testing.assert_array_equal(usage.synapses, weights.max(axis=0))
    assert cores > 1 and usage.neurons.sum() == NODES * sum(p.shape[1] for p in made.dynamic.network.neurons)
    assert all(rule.used <= rule.limit for rule in placed.placement.rules)
    most = max(int(fan_in_of(one.network, links(one.network), p.name).max()) for one in made.there for p in one.network.neurons)
    assert next(rule for rule in placed.placement.rules if rule.rule == "fan_in").used == most


@builds
def test_the_union_has_every_synapse_of_every_window_and_no_other(build: str) -> None:
    made = run(build, 2)
    whole = union(made.dynamic)
    for index, projection in enumerate(whole.projections):
        found = {(j, i) for j, targets in enumerate(synapses(whole, projection)) for i in targets}
        expected = set()
        for one in made.there:
            part, nodes = one.network.projections[index], made.dynamic.windows[one.at].nodes
            for j, targets in enumerate(synapses(one.network, part)):
                source = neuron_of(one.network, part.source, j, nodes)
                expected |= {(source, neuron_of(one.network, part.target, i, nodes)) for i in targets}
        there = np.concatenate([made.dynamic.windows[one.at].nodes for one in made.there])
        width = whole.populations[projection.source].shape[1]
        assert {(j, i) for j, i in found if j // width in there} == expected  # per-node synapses are at the other nodes too


def test_a_union_that_is_too_much_says_that_windows_alone_would_fit() -> None:
    made = run("onchip", 0)
    most = max(int(fan_in_of(one.network, links(one.network), p.name).max()) for one in made.there for p in one.network.neurons)
    whole = union(made.dynamic)
    assert most < max(int(fan_in_of(whole, links(whole), p.name).max()) for p in whole.neurons)
    with pytest.raises(PlacementError, match=r"all windows on one placement: .*fan_in.*\(the largest window alone, of 7 nodes, fits"):
        place_windows(made.dynamic, made.windows, replace(ROOMY, fan_in=most))
    with pytest.raises(PlacementError, match=r"fan_in is \d+ synapses, test chip has 1; [^(]*$"):
        place_windows(made.dynamic, made.windows, replace(ROOMY, fan_in=1))


@builds
def test_the_sequence_is_every_window_at_its_nodes_and_ticks(build: str) -> None:
    made = run(build, 0)
    network, recording = sequence(made.dynamic, made.windows)
    counts = counts_of(made.dynamic, made.windows, HOST)
    assert network.ticks == recording.ticks == counts.ticks
    assert recording.counts() == {p.name: int(p.spikes[0]) for p in counts.populations if p.role == "neurons"}
    first, last = made.there[0], made.there[-1]
    nodes, ticks = made.dynamic.windows[last.at].nodes, last.recording.ticks
    np.testing.assert_array_equal(recording.spikes["p1"][:, -ticks:, nodes], last.recording.spikes["p1"])
    assert not np.delete(recording.spikes["p1"][:, : first.recording.ticks], made.dynamic.windows[first.at].nodes, axis=2).any()


@builds
def test_the_hosts_work_between_windows_is_that_of_dense_matrices(build: str) -> None:
    made = run(build, 1)
    found = between_windows(made.dynamic, made.windows)
    before: dict[int, Any] = {}
    for one, parts, work in zip(made.windows, found, host_work(made.dynamic), strict=True):
        changed = 0
        for index, p in enumerate(one.network.projections if one.network else ()):
            if not is_swapped(made.dynamic, p):
                continue
            ends = (p.target, p.source)
            nodes, small = made.dynamic.windows[one.at].nodes, p.weights.to_csr().toarray()
            places = [[neuron_of(one.network, name, i, nodes) for i in range(n)] for name, n in zip(ends, small.shape, strict=True)]
            now = np.zeros([NODES * one.network.populations[name].shape[1] for name in ends])
            now[np.ix_(*places)] = small
            changed += int((now != before.get(index, 0)).sum())
            before[index] = now
        assert parts["synapses_changed"] == changed
        held = {name: parts[name] for name in ("synapses_removed", "synapses_written", "currents_written", "neurons_switched")}
        assert list(held.values()) == [work.removed, work.written, work.currents, work.switched]
        assert parts["spikes_dropped"] == one.dropped
    seen = Counter(node for window in made.dynamic.windows for node in window.nodes.tolist())
    again = sum(times - 1 for times in seen.values())  # windows in which a node takes part once more
    a_node = sum(p.shape[1] for p in made.dynamic.network.neurons)
    assert sum(parts["states_held"] for parts in found) == (again * a_node if build == "onchip" else 0)


def test_states_are_set_once_where_membranes_are_carried_and_in_each_window_where_not() -> None:
    onchip, paper = (run(build, 0) for build in ("onchip", "paper"))
    sizes = [sum(p.size for p in one.network.neurons) for one in paper.there]
    assert counts_of(onchip.dynamic, onchip.windows, HOST).state_resets == NODES * sum(p.shape[1] for p in onchip.dynamic.network.neurons)
    assert counts_of(paper.dynamic, paper.windows, HOST).state_resets == sum(sizes)


def test_windows_of_different_models_are_not_added_up() -> None:
    parts = [count(one.network, one.recording, host_macs={}) for build in ("onchip", "paper") for one in run(build, 0).there[:1]]
    with pytest.raises(InputError, match="differ in their populations"):
        added_counts(parts, {}, host_macs={})
    with pytest.raises(InputError, match="none has a node that takes part"):
        added_counts([], {}, host_macs={})


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dynamic-reports")
    for model in ("dysign-onchip", "dysign"):
        assert run_command(["train", model, "--epochs", "2", "--width", "4", "--nodes", "60", "-o", str(folder / f"{model}.pt")]) == 0
        assert run_command(["export", str(folder / f"{model}.pt"), "--target", "loihi2", "-o", str(folder / model), "--no-verify"]) == 0
    return folder


@pytest.mark.parametrize("model", ["dysign-onchip", "dysign"])
def test_the_report_of_a_bundle(bundles: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["report", str(bundles / model), "--json"]) == 0
    text = capsys.readouterr().out
    report = json.loads(text)
    assert run_command(["report", str(bundles / model), "--json"]) == 0
    assert capsys.readouterr().out == text  # the same bytes again
    rows = report["windows_of_model"]
    assert [row["window"] for row in rows] == [0, 1, 2, 3, 4] and rows[2]["nodes"] == rows[2]["spikes"] == 0
    for key in ("synaptic_events", "neuron_updates", "spikes", "messages"):
        assert sum(row[key] for row in rows) == report["counts"][key] > 0
    assert sum(row["currents_written"] for row in rows) == report["counts"]["bias_writes"]
    assert sum(row["state_resets"] for row in rows) == report["counts"]["state_resets"] > 0
    assert max(row["synapses"] for row in rows) == report["activity"]["synapses"]
    assert sum(row["steps"] for row in rows) == report["windows"]["chip_alone"]["steps"]
    assert report["between_windows"]["synapses_written"] == sum(row["synapses_written"] for row in rows)
    by_name = {p["name"]: p for p in report["profiles"]}
    assert by_name["loihi2"]["placement"]["counts"]["messages"] > 0 and by_name["loihi2"]["latency_s"] > 0
    assert "programmable" in by_name["loihi1"]["placement_refused"]
    assert all("the host writes" in p["not_included"]["between windows"] for p in report["profiles"])
    assert {b["name"] for b in report["baselines"]} == {"dense graph transformer", "GRU-GCN"}
    assert sum(len(p["events"]) for p in report["figures"]["raster"]["populations"]) > 0 and report["figures"]["core_maps"]
    assert run_command(["simulate", str(bundles / model), "--json"]) == 0
    assert report["accuracy"] == json.loads(capsys.readouterr().out)["accuracy"]


def test_the_report_as_markdown_has_a_table_of_windows(bundles: Path) -> None:
    text = rendered(report_of(open_dynamic(bundles / "dysign-onchip")), "md")
    lines = text[text.index("## Windows") :].splitlines()
    assert lines[2].startswith("| window | nodes | synapses | synaptic events |") and lines[9].startswith("|    all |")
    assert "windows: 5, of which 4 run; all of them are one inference" in text


def test_the_hosts_multiply_adds_are_those_of_torchs_counter(bundles: Path) -> None:
    """What is dense, of the model itself on its own steps; what is sparse, by the entries of Â."""
    checkpoint = load_dynamic_model(bundles / "dysign-onchip.pt")
    model, steps = checkpoint.model, checkpoint.steps()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for step in steps:
            model.input(step.propagated) + model.own(step.x)
        encoder = counter.get_total_flops() // 2
        reader = model.readout.reader(torch.arange(checkpoint.graph.nodes))
        for at in range(len(steps)):
            reader.read(at, torch.zeros(checkpoint.graph.nodes, model.readout.width))
    macs = host_parts(open_dynamic(bundles / "dysign-onchip")).macs
    entries = sum(step.adjacency._nnz() for step in steps)
    assert macs == {
        "encoder, linear": encoder,
        "encoder, propagation": entries * model.config.in_features,
        "readout": counter.get_total_flops() // 2 - encoder,
    }
    paper = load_dynamic_model(bundles / "dysign.pt")
    fed = host_parts(open_dynamic(bundles / "dysign")).macs["feedback of rates"]
    assert fed == sum(len(step.nodes) for step in steps) * sum(linear.weight.numel() for linear in paper.model.carry)


def test_a_bundle_of_some_windows_or_of_an_older_export_says_what_is_not_counted(bundles: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    export = ["export", str(bundles / "dysign-onchip.pt"), "--target", "loihi2", "--snapshots", "2", "-o", str(part), "--no-verify"]
    assert run_command(export) == 0
    manifest = json.loads((part / "manifest.json").read_text())
    del manifest["origin"]["config"]
    (part / "manifest.json").write_text(json.dumps(manifest))
    report = report_of(open_dynamic(part))
    said = report["profiles"][0]["not_included"]["host"]
    assert "the encoder is not counted" in said and "the readout is not counted" in said
    assert report["host_macs"] == {} and report["baselines"] == [] and "accuracy" not in report


def test_the_gru_gcn_has_the_nodes_own_term_where_the_model_has_it(bundles: Path, tmp_path: Path) -> None:
    part = tmp_path / "plain"
    shutil.copytree(bundles / "dysign-onchip", part)
    manifest = json.loads((part / "manifest.json").read_text())
    manifest["origin"]["config"]["own"] = False
    (part / "manifest.json").write_text(json.dumps(manifest))
    with_own, without = (_rivals(open_dynamic(path))[1].terms for path in (bundles / "dysign-onchip", part))
    assert with_own["encoder linear"] == 2 * without["encoder linear"]
    assert with_own["GRU gates"] == without["GRU gates"]


def test_two_profiles_of_one_name_are_refused_of_a_dynamic_model_too(bundles: Path) -> None:
    with pytest.raises(InputError, match="profile loihi1: is given twice"):
        report_of(open_dynamic(bundles / "dysign"), ["loihi1", "loihi2", "loihi1"])


def test_windows_without_a_sample_say_how_to_make_one(bundles: Path, tmp_path: Path) -> None:
    broken = tmp_path / "b"
    shutil.copytree(bundles / "dysign-onchip", broken)
    with h5py.File(broken / "check.h5", "r+") as file:
        del file["windows/00001/input"]
    manifest = json.loads((broken / "manifest.json").read_text())
    manifest["files"]["check.h5"] = hashlib.sha256((broken / "check.h5").read_bytes()).hexdigest()
    (broken / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"window 1 holds no input of 'current', so there is no run to count; 'neurograph export MODEL"):
        report_of(open_dynamic(broken))
