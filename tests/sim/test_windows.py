"""What is carried from window to window, what is not, and what the host does in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from onchip_windows import SNAPSHOTS, compiled, lively, steps_of

from neurograph.errors import InputError, NetworkError
from neurograph.network import LIF, CubaLIF, Network, Population, Projection, Source
from neurograph.sim.windows import compare_windows, joined, run_windows
from neurograph.weights import Identity, Kron, one_to_one
from neurograph.windows import DynamicNetwork, HostWork, Window, host_work


def counter(nodes, current, ticks=2):
    """A neuron a node that adds up a current, θ = 1, reset by subtraction; what it fires comes back over the ring of nodes a tick later."""
    chosen = np.asarray(nodes)
    if not len(chosen):
        return Window(chosen, None, {})
    shape = (len(chosen), 1)
    ring = sp.csr_matrix(np.roll(np.eye(len(chosen)), 1, axis=0) * 0.5)
    populations = [Population("in", shape, Source("static")), Population("p", shape, LIF(0.0, 1.0, gain=1.0, reset="subtract"))]
    projections = (Projection("in", "p", one_to_one(shape)), Projection("p", "p", Kron(ring, Identity(1)), lag=1))
    network = Network({p.name: p for p in populations}, projections, ticks, outputs=("p",))
    return Window(chosen, network, {"in": np.full(shape, current)})


def by_hand():
    windows = (counter([0, 1], 0.44), counter([], 0), counter([1, 2], 0.44), counter([0, 1, 2], 0.6))
    return DynamicNetwork(3, windows, {"p": 0.2}, frozenset({("p", "p")}))


def test_membranes_stay_nodes_hold_still_and_what_is_under_way_is_dropped():
    """0.2 + 2 · 0.44 = 1.08 fires at the second tick, whose spikes are dropped: the 0.5 that they bring would come in the next."""
    runs = list(run_windows(by_hand(), "float"))
    spikes = [None if r.recording is None else r.recording.spikes["p"][0, :, :, 0].tolist() for r in runs]
    v = [None if r.recording is None else r.recording.voltages["p"][0, -1, :, 0].round(9).tolist() for r in runs]
    assert spikes[:3] == [[[0, 0], [1, 1]], None, [[0, 0], [0, 1]]]
    assert v[:3] == [[0.08, 0.08], None, [0.96, 0.08]]  # node 1 went on at 0.08, node 2 began at 0.2
    assert spikes[3] == [[0, 1, 0], [1, 1, 1]]  # 0.68, 1.56, 0.68; then 0.6 more for each, and for node 2 the 0.5 of node 1
    assert v[3] == [0.28, 0.16, 0.78]
    assert [r.dropped for r in runs] == [2, 0, 1, 3]


def test_the_host_writes_the_synapses_and_currents_of_a_window_and_removes_those_before():
    assert host_work(by_hand()) == (HostWork(0, 2, 2, 2), HostWork(0, 0, 0, 0), HostWork(2, 2, 2, 2), HostWork(2, 3, 3, 1))


def fed(nodes, current):
    """A neuron a node that begins anew in each window and hears, beside a current, the same neuron of a tick before."""
    made = counter(nodes, current)
    if made.network is None:
        return made
    shape = (len(nodes), 1)
    again = Projection("p", "p", Kron(Identity(shape[0]), np.array([[0.1]])), lag=1)
    return replace(made, network=replace(made.network, projections=(*made.network.projections, again)))


def test_neurons_begin_anew_and_the_host_feeds_weighted_rates_back():
    """Ticks weigh 1 and 3; 0.6 fires in the second tick: 1.2, a rate of 0.75, so 2 · 0.75 more in the next window of the node."""
    windows = (fed([0, 1], 0.6), fed([], 0), fed([1, 2], 0.6), fed([0, 1, 2], 0.1))
    weights = np.array([[2.0]])
    dynamic = DynamicNetwork(3, windows, {}, frozenset({("p", "p")}), np.array([1.0, 3.0]), {"in": ("p", weights)})
    runs = list(run_windows(dynamic, "float"))
    inputs = [r.inputs["in"][:, 0].round(9).tolist() if r.inputs else None for r in runs]
    spikes = [None if r.recording is None else r.recording.spikes["p"][0, :, :, 0].tolist() for r in runs]
    assert inputs[:3] == [[0.6, 0.6], None, [2.1, 0.6]]  # node 2 has no rate before
    assert spikes[:3] == [[[0, 0], [1, 1]], None, [[1, 0], [1, 1]]]
    assert inputs[3] == [1.6, 2.1, 1.6]  # node 0 keeps its rate of the first window
    assert host_work(dynamic)[0].written == 2  # of the ring; what a neuron sends itself is the same in all windows
    with pytest.raises(NetworkError, match=r"feedback 'q' → 'in', must be of a population"):
        replace(dynamic, feedback={"in": ("q", weights)})


@pytest.mark.parametrize("kind", ["float", "fixed"])
def test_a_network_whose_membranes_were_cleared_would_fire_otherwise(kind):
    made = compiled(lively(4), steps_of(SNAPSHOTS))
    dynamic = made.network if kind == "float" else made.quantized
    whole = list(run_windows(dynamic, kind))
    alone = next(iter(run_windows(replace(dynamic, windows=dynamic.windows[3:]), kind)))
    assert not joined(compare_windows(whole[3:], [alone])).ok
    before = {name: np.array(v) for name, v in whole[3].network.populations["p1"].neuron.__dict__.items() if name in ("v_leak", "v_start")}
    assert any(np.ptp(v) > 0 for v in before.values() if v.size)


def test_nodes_that_pause_go_on_where_they_were():
    """Nodes 0 to 2 are in the first and the last window: the last starts with what the first left, whatever was in between."""
    made = compiled(lively(4), steps_of(SNAPSHOTS))
    runs = list(run_windows(made.quantized, "fixed"))
    for name in ("p1", "q1", "p2", "q2"):
        left = runs[0].recording.voltages[name][0, -1, :3]
        started = runs[3].network.populations[name].neuron.v_start
        np.testing.assert_array_equal(started[:3], left)
        assert np.unique(started[3:]).tolist() == [made.quantized.start[name]]  # 7 to 10 have not been there before
    held = runs[2].network.populations["p1"].neuron.v_start
    np.testing.assert_array_equal(held[:2], runs[0].recording.voltages["p1"][0, -1, 3:5])
    assert runs[1].recording is None and len(made.quantized.windows[1].nodes) == 0


def test_compiled_kernels_and_numpy_start_neurons_alike():
    from neurograph.sim import fixed, floating

    made = compiled(lively(4), steps_of(SNAPSHOTS))
    for engine, dynamic in ((fixed, made.quantized), (floating, made.network)):
        kind = "fixed" if engine is fixed else "float"
        run = list(run_windows(dynamic, kind))[3]
        inputs = dynamic.windows[3].inputs
        for compiled_kernels in (False, None):
            again = engine.run(run.network, inputs, compiled=compiled_kernels)
            for name in ("p1", "q1", "p2", "q2"):
                np.testing.assert_array_equal(again.spikes[name], run.recording.spikes[name])
                np.testing.assert_array_equal(again.voltages[name], run.recording.voltages[name])


def test_what_cannot_be_carried_is_refused_by_name():
    window = counter([0, 1], 0.5)
    assert window.network is not None

    def with_neuron(neuron):
        changed = window.network.with_populations([replace(window.network.populations["p"], neuron=neuron)])
        return DynamicNetwork(3, (replace(window, network=changed),), {"p": 0.0}, frozenset())

    with pytest.raises(NetworkError, match=r"window 0, population 'p': must be an integrate-and-fire neuron"):
        with_neuron(LIF(0.5, 1.0))
    with pytest.raises(NetworkError, match=r"must be an integrate-and-fire neuron"):
        with_neuron(CubaLIF(0.5, 0.5, 1.0))
    with pytest.raises(NetworkError, match=r"must ascend from 0 to 2"):
        DynamicNetwork(3, (replace(window, nodes=np.array([1, 3])),), {"p": 0.0}, frozenset())
    with pytest.raises(NetworkError, match=r"2 nodes, must be the 1 that take part"):
        DynamicNetwork(3, (replace(window, nodes=np.array([1])),), {"p": 0.0}, frozenset())
    with pytest.raises(NetworkError, match=r"none of its 1 windows"):
        DynamicNetwork(3, (counter([], 0),), {"p": 0.0}, frozenset())
    with pytest.raises(InputError, match=r"engine 'netx': runs no windows"):
        next(run_windows(by_hand(), "netx"))
    with pytest.raises(InputError, match=r"engine 'fixed': does not run a float network"):
        next(run_windows(by_hand(), "fixed"))


def test_a_first_mismatch_names_its_window():
    made = compiled(lively(4), steps_of(SNAPSHOTS))
    runs = list(run_windows(made.quantized, "fixed"))
    wrong = {name: np.array(v) for name, v in runs[2].recording.spikes.items()}
    wrong["q1"][0, 1, 0, 0] ^= 1
    other = [*runs[:2], replace(runs[2], recording=replace(runs[2].recording, spikes=wrong)), runs[3]]
    found = joined(compare_windows(runs, other))
    assert not found.ok and found.mismatched_spikes == 1
    assert (found.first_mismatch.population, found.first_mismatch.sample, found.first_mismatch.tick) == ("q1", 2, 1)
    assert "at tick 1 of window 2: spike" in str(found.first_mismatch)
    with pytest.raises(InputError, match="nothing to compare"):
        joined(compare_windows(runs[1:2], runs[1:2]))
