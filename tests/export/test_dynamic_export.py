"""The on-chip Dy-SIGN as networks, window by window, against the torch model itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onchip_windows import NODES, NOTHING, SNAPSHOTS, compiled, lively, ring, steps_of

from neurograph.data.graph import canonical_edges
from neurograph.errors import GraphError, UnsupportedError
from neurograph.export import targets
from neurograph.export.dynamic import compile_windows, float_windows, torch_windows
from neurograph.network import FixedLIF
from neurograph.sim.windows import compare_windows, joined, run_windows


def differences(model, steps, dynamic, nodes=NODES):
    """Slots of p in which the float engine differs from torch, slots compared, and the largest difference of a membrane after a window."""
    wrong, slots, farthest = 0, 0, 0.0
    layers = model.config.layers
    for run, step, (spikes, held) in zip(run_windows(dynamic, "float"), steps, torch_windows(model, steps, nodes), strict=True):
        if run.recording is None:
            assert spikes is None
            continue
        for name, wanted in spikes.spikes.items():
            wrong += int(np.count_nonzero(run.recording.spikes[name] != wanted))
            slots += wanted.size
        ours = [run.recording.voltages[f"{kind}{k}"][0, -1] for kind in "pq" for k in range(1, layers + 1)]
        farthest = max(farthest, float(np.abs(np.concatenate(ours, axis=-1) - held[step.nodes.numpy()]).max()))
    return wrong, slots, farthest


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("reset", ["subtract", "value"])
def test_the_float_engine_gives_every_spike_and_every_membrane_of_the_torch_model(layers, reset):
    model, steps = lively(4, layers=layers, reset=reset), steps_of(SNAPSHOTS)
    dynamic = float_windows(model, steps, NODES)
    wrong, slots, farthest = differences(model, steps, dynamic)
    assert (wrong, slots) == (0, 4 * 3 * layers * (5 + 4 + 7))
    assert farthest < 1e-9
    spikes = [run.recording.spikes["p1"].mean() for run in run_windows(dynamic, "float") if run.recording]
    assert 0.1 < np.mean(spikes) < 0.9


def test_a_neuron_that_lands_on_its_threshold_fires_as_in_torch():
    """Weights and currents of halves: v is θ to the last bit again and again."""
    model, steps = lively(2, layers=1, start=0.0), steps_of((ring(0, 1, 2), ring(0, 1, 2)))
    with torch.no_grad():
        model.input.weight.zero_()
        model.own.weight.zero_()
        model.input.bias.fill_(0.5)
        model.log_gain.zero_()
        for leaf in model.recurrent:
            leaf.linear.weight.copy_(0.5 * torch.eye(3))
            leaf.linear.bias.zero_()
    dynamic = float_windows(model, steps, NODES)
    assert differences(model, steps, dynamic)[0] == 0
    first = next(iter(run_windows(dynamic, "float")))
    assert first.recording.spikes["p1"][0, :2, 0, 0].tolist() == [0, 1]
    assert first.recording.spikes["q1"][0, :, 0, 0].tolist()[:2] == [0, 0]


def test_all_windows_share_one_scale_and_one_set_of_weights_and_pipelines_agree():
    made = compiled(lively(4), steps_of(SNAPSHOTS))
    there = [w.network for w in made.quantized.windows if w.network is not None]
    first = there[0]
    for network in there:
        for name in ("p1", "q1", "p2", "q2"):
            neuron = network.populations[name].neuron
            assert isinstance(neuron, FixedLIF) and (neuron.du, neuron.dv) == (4095, 0)
            assert neuron.scale == first.populations[name].neuron.scale
        for one, other in zip(network.projections, first.projections, strict=True):
            assert (one.exponent, one.sign_mode) == (other.exponent, other.sign_mode)
            if one.lag == 0:
                np.testing.assert_array_equal(one.weights.values, other.weights.values)
    for engines, dynamic in ((("fixed", "pipelined-fixed"), made.quantized), (("float", "pipelined-float"), made.network)):
        a, b = (list(run_windows(dynamic, engine)) for engine in engines)
        found = joined(compare_windows(a, b))
        assert found.ok and found.ties == 0
        assert found.compared == 4 * 4 * 3 * (5 + 4 + 7)


def test_integers_fire_nearly_as_floats_do_over_all_windows():
    made = compiled(lively(4), steps_of(SNAPSHOTS))
    for a, b in zip(run_windows(made.network, "float"), run_windows(made.quantized, "fixed"), strict=True):
        if a.recording is not None:
            for name in ("p1", "q1", "p2", "q2"):
                assert np.mean(a.recording.spikes[name] != b.recording.spikes[name]) < 0.06
            assert not b.recording.notes["wraps"] and not b.recording.notes["clips"]


@st.composite
def made_snapshots(draw):
    """Up to four snapshots of up to 14 nodes, any of them empty, but not all."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        pairs = draw(st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=12))
        found.append(canonical_edges(np.array(pairs, np.int64).reshape(-1, 2).T))
    return (*found, ring(0, 5, 9)) if all(edges.size == 0 for edges in found) else tuple(found)


@settings(max_examples=25)
@given(
    snapshots=made_snapshots(),
    layers=st.integers(1, 3),
    latency=st.integers(1, 5),
    start=st.sampled_from([0.0, 0.5]),
    reset=st.sampled_from(["subtract", "value"]),
    seed=st.integers(0, 99),
)
def test_any_snapshots_are_run_as_torch_runs_them_and_pipelined_as_they_are_run(snapshots, layers, latency, start, reset, seed):
    model = lively(len(snapshots), seed, layers=layers, latency=latency, start=start, reset=reset)
    steps = steps_of(snapshots, seed=seed)
    made = compiled(model, steps)
    wrong, slots, farthest = differences(model, steps, made.network)
    assert wrong == 0 and slots > 0 and farthest < 1e-9
    found = joined(compare_windows(list(run_windows(made.quantized, "fixed")), list(run_windows(made.quantized, "pipelined-fixed"))))
    assert found.ok and found.compared_voltages > 0


def test_other_models_and_targets_are_refused_by_name():
    steps = steps_of(SNAPSHOTS)
    loihi2 = targets.find("loihi2")
    with pytest.raises(UnsupportedError, match=r"Linear: is neither build of Dy-SIGN: train dysign-onchip or dysign"):
        compile_windows(torch.nn.Linear(2, 2), steps, NODES, loihi2)
    with pytest.raises(UnsupportedError, match=r"target loihi1.*'p1': subtract reset"):
        compile_windows(lively(4), steps, NODES, targets.find("loihi1"))
    with pytest.raises(UnsupportedError, match="target loihi1.*a loop p1 → q1 → p1 within a tick"):
        compile_windows(lively(4, reset="value"), steps, NODES, targets.find("loihi1"))
    for name in ("onnx", "netx"):
        with pytest.raises(UnsupportedError, match=rf"target {name} cannot take synapses that change between windows"):
            compile_windows(lively(4, reset="value"), steps, NODES, targets.find(name))
    with pytest.raises(GraphError, match="none of its 2 snapshots has a node"):
        compile_windows(lively(2), steps_of((NOTHING, NOTHING)), NODES, loihi2)
