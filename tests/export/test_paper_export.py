"""Dy-SIGN of the paper build as networks, window by window, against the torch model itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onchip_windows import NODES, SNAPSHOTS, compiled, lively_paper, ring, steps_of

from neurograph.errors import UnsupportedError
from neurograph.export import dynamic, targets
from neurograph.export.bundle.windows import Labels, open_dynamic
from neurograph.export.bundle.windows_write import write_dynamic
from neurograph.export.dynamic import compile_windows, float_windows, torch_windows
from neurograph.network import FixedLIF
from neurograph.sim.windows import compare_windows, joined, run_windows
from neurograph.weights import Sparse
from neurograph.windows import rates_of


def differences(model, steps, network):
    """Slots in which the float engine differs from torch, slots compared, and the largest difference of a rate after a window."""
    wrong, slots, farthest = 0, 0, 0.0
    for run, step, (spikes, held) in zip(run_windows(network, "float"), steps, torch_windows(model, steps, NODES), strict=True):
        if run.recording is None:
            assert spikes is None
            continue
        for name, wanted in spikes.spikes.items():
            wrong += int(np.count_nonzero(run.recording.spikes[name] != wanted))
            slots += wanted.size
        ours = np.concatenate([rates_of(network, run.recording.spikes[name][0]) for name in network.network.outputs], axis=1)
        farthest = max(farthest, float(np.abs(ours - held[step.nodes.numpy()]).max()))
    return wrong, slots, farthest


@pytest.mark.parametrize("parts", [{}, {"carry": False}, {"compensation": False, "own": False}, {"leak": 1.0, "start": 0.0}])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_float_engine_gives_every_spike_and_every_rate_of_the_torch_model(layers, parts):
    model, steps = lively_paper(4, layers=layers, **parts), steps_of(SNAPSHOTS)
    network = float_windows(model, steps, NODES)
    wrong, slots, farthest = differences(model, steps, network)
    assert (wrong, slots) == (0, 5 * 3 * layers * (5 + 4 + 7)) and farthest < 1e-12
    assert 0.1 < np.mean([run.recording.spikes["p1"].mean() for run in run_windows(network, "float") if run.recording]) < 0.9


def test_rates_of_the_window_before_change_what_fires():
    model, steps = lively_paper(4), steps_of(SNAPSHOTS)
    network = float_windows(model, steps, NODES)
    alone = dynamic.replace(network, feedback={})
    runs = [list(run_windows(one, "float")) for one in (network, alone)]
    assert joined(compare_windows(runs[0][:1], runs[1][:1])).ok  # nothing was before
    assert not joined(compare_windows(*runs)).ok


def test_a_membrane_that_lands_on_its_threshold_fires_as_in_torch():
    """Without a leak, halves: u is V to the last bit in every other step."""
    model, steps = lively_paper(2, layers=1, leak=1.0, start=0.5), steps_of((ring(0, 1, 2), ring(0, 1, 2)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.input.bias.fill_(0.5)
    network = float_windows(model, steps, NODES)
    assert differences(model, steps, network)[0] == 0
    first = next(iter(run_windows(network, "float")))
    assert first.recording.spikes["p1"][0, :, 0, 0].tolist() == [1, 0, 1, 0, 1]


def test_integers_share_one_scale_hold_a_synapse_each_and_fire_nearly_as_floats_do():
    made = compiled(lively_paper(4), steps_of(SNAPSHOTS))
    there = [window.network for window in made.quantized.windows if window.network is not None]
    for network in there:
        for name in ("p1", "p2"):
            neuron = network.populations[name].neuron
            assert isinstance(neuron, FixedLIF) and (neuron.du, neuron.dv, neuron.reset) == (4095, 205, "subtract")
            assert neuron.scale == there[0].populations[name].neuron.scale
        assert {type(p.weights) for p in network.projections if p.lag and p.source == p.target} == {Sparse}
        assert all(p.delay == 1 for p in network.spiking_projections) and network.steps_per_tick == 1
    for a, b in zip(run_windows(made.network, "float"), run_windows(made.quantized, "fixed"), strict=True):
        for name in () if a.recording is None else ("p1", "p2"):
            assert np.mean(a.recording.spikes[name] != b.recording.spikes[name]) < 0.06
            assert not b.recording.notes["wraps"] and not b.recording.notes["clips"]


@settings(max_examples=15)
@given(
    layers=st.integers(1, 3),
    latency=st.integers(1, 6),
    leak=st.sampled_from([0.5, 0.9, 1.0]),
    start=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_any_model_is_run_as_torch_runs_it_and_pipelined_as_it_is_run(layers, latency, leak, start, seed):
    model = lively_paper(4, seed, layers=layers, latency=latency, leak=leak, start=start)
    steps = steps_of(SNAPSHOTS, seed=seed)
    made = compiled(model, steps)
    wrong, slots, farthest = differences(model, steps, made.network)
    assert wrong == 0 and slots > 0 and farthest < 1e-12
    found = joined(compare_windows(list(run_windows(made.quantized, "fixed")), list(run_windows(made.quantized, "pipelined-fixed"))))
    assert found.ok and found.compared_voltages > 0


def test_a_bundle_gives_back_what_the_host_does_and_its_rates_classify_as_the_model_does(tmp_path):
    model, steps = lively_paper(4), steps_of(SNAPSHOTS)
    made = compiled(model, steps)
    weight, bias = (part.detach().double().numpy() for part in model.readout.linear.parameters())
    with torch.no_grad():
        chosen = model.double()([dynamic.wide(step) for step in steps], NODES, torch.arange(NODES)).argmax(dim=1).numpy()
    bundle = write_dynamic(made, targets.find("loihi2"), tmp_path / "b", labels=Labels(weight, bias, chosen, np.ones(NODES, bool)))
    read = open_dynamic(tmp_path / "b").network
    np.testing.assert_array_equal(read.tick_weights, 0.95 ** np.arange(4, -1, -1))
    assert {name: population for name, (population, _) in read.feedback.items()} == {"current1": "p1", "current2": "p2"}
    runs = list(run_windows(read, "float"))
    assert joined(compare_windows(bundle.expected("torch"), runs)).ok
    assert bundle.labels.accuracy(read, [run.recording for run in runs]) == 1.0


def test_targets_rates_without_spikes_and_too_many_synapses_are_refused_by_name(monkeypatch):
    steps, loihi2 = steps_of(SNAPSHOTS), targets.find("loihi2")
    with pytest.raises(UnsupportedError, match=r"target loihi1 cannot take population 'p1': subtract reset"):
        compile_windows(lively_paper(4), steps, NODES, targets.find("loihi1"))
    with pytest.raises(UnsupportedError, match=r"forward 'equilibrium', .*set forward='spikes'"):
        compile_windows(lively_paper(4, forward="equilibrium"), steps, NODES, loihi2)
    monkeypatch.setattr(dynamic, "MOST_SYNAPSES", 1000)
    with pytest.raises(
        UnsupportedError,
        match=r"synapses in 3 windows, up to [\d,]+ in one; [\d,]+ of them are products .*at most 1,000.*--snapshots.*--width",
    ):
        compile_windows(lively_paper(4), steps, NODES, loihi2)
