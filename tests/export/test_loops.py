"""Loops over layers: how many machine steps a tick takes, and where that can be done."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil

import networkx as nx
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import chain, current_loop, looped_network

from neurograph import fixedpoint as fx
from neurograph.errors import UnsupportedError
from neurograph.export.compile import compile_graph
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays, machine_steps
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.export.targets import TARGETS
from neurograph.network import LIF, CubaLIF, FixedLIF, Network, Population, Projection, Source, Threshold
from neurograph.sim import fixed, floating, pipelined
from neurograph.sim.parity import compare
from neurograph.weights import Dense, one_to_one


def back(source, target, lag=1):
    return Projection(source, target, one_to_one((1,)), lag=lag)


def test_a_loop_over_three_layers_takes_three_machine_steps_a_tick():
    network = align_delays(chain("a", "b", "c", extra=(back("c", "a"),)))
    assert network.steps_per_tick == 3
    assert [p.delay for p in network.projections] == [1, 1, 1, 1]
    assert machine_steps(network) == 3 * 3 + 4


def test_a_population_waits_for_the_deep_branch_that_joins_its_loop():
    """With the shortest depths of the forward edges alone, a would stand at 2 and b at 5, and a tick would take 4 steps."""
    network = align_delays(chain("x", "y", "z", "b", also="a", extra=(back("b", "a"), back("in", "a", 0), back("a", "b", 0))))
    assert network.steps_per_tick == 2
    assert (network.populations["a"].depth, network.populations["b"].depth) == (4, 5)


def test_a_lag_back_to_an_early_layer_outside_any_loop_needs_no_more_steps():
    network = align_delays(chain("a", "b", "c", also=["late"], extra=(back("c", "late"),)))
    assert network.steps_per_tick == 1
    assert network.populations["late"].depth == 4  # hears c of depth 4 a tick later, one step after it was sent


@pytest.mark.filterwarnings("ignore:pandas not found:ImportWarning")  # networkx, when it lists loops
@settings(max_examples=150)
@given(st.integers(0, 100_000))
def test_steps_a_tick_are_the_projections_by_lags_of_the_tightest_loop(seed):
    network = align_delays(looped_network(seed, layers=6)[0])
    graph = nx.DiGraph()
    for p in network.projections:
        lag = min(p.lag, graph.get_edge_data(p.source, p.target, {"lag": p.lag})["lag"])
        graph.add_edge(p.source, p.target, lag=lag)
    loops = [list(zip(loop, [*loop[1:], loop[0]], strict=True)) for loop in nx.simple_cycles(graph)]
    tightest = max((Fraction(len(loop), sum(graph.edges[edge]["lag"] for edge in loop)) for loop in loops), default=Fraction(1))
    assert network.steps_per_tick == max(1, ceil(tightest))
    for p in network.spiking_projections:
        source, target = network.populations[p.source], network.populations[p.target]
        assert p.delay == target.depth - source.depth + network.steps_per_tick * p.lag >= 1
    assert min(p.depth for p in network.populations.values()) == 1


def pair(seed, neuron, bias=0.0):
    """in → a ⇄ b, a lag on the way back."""
    rng = np.random.default_rng(seed)

    def weights():
        return Dense(rng.normal(0.2, 0.6, (6, 6)))

    populations = [Population("in", (6,), Source()), Population("a", (6,), neuron, bias), Population("b", (6,), neuron, bias)]
    projections = (Projection("in", "a", weights()), Projection("a", "b", weights()), Projection("b", "a", weights(), lag=1))
    return Network({p.name: p for p in populations}, projections, 8), {"in": (rng.random((8, 6)) < 0.5).astype(np.uint8)}


AT_REST = [LIF(0.0, 0.5, gain=0.6), LIF(1.0, 0.5), Threshold(0.5)]
RESTLESS = {
    "its voltage leaks (beta 0.5)": (LIF(0.5, 0.3), 0.0),
    "its current decays (alpha 0.5)": (CubaLIF(0.5, 0.0, 0.3, gain=0.5), 0.0),
    "what its reset leaves may spike again": (LIF(0.0, 0.5, gain=0.6, reset="subtract"), 0.0),
    "a bias of its own": (LIF(0.0, 0.5, gain=0.6), 0.2),
}


def wrong_without_gates(neuron, bias):
    """Spikes that differ when the machine steps every neuron at every machine step, over 10 networks."""
    total = 0
    for seed in range(10):
        network, inputs = pair(seed, neuron, bias)
        aligned = align_delays(network)
        assert aligned.steps_per_tick == 2
        expected = floating.run(network, inputs)
        assert compare(network, expected, pipelined.run(aligned, inputs)).ok  # gated
        total += compare(network, expected, pipelined.run(replace(aligned, gated=False), inputs)).mismatched_spikes
    return total


@pytest.mark.parametrize("neuron", AT_REST)
def test_neurons_at_rest_need_no_gate(neuron):
    assert wrong_without_gates(neuron, 0.0) == 0
    assert not align_delays(pair(0, neuron)[0], programmable=False).gated


@pytest.mark.parametrize("what", RESTLESS)
def test_what_is_refused_without_gates_would_be_wrong(what):
    neuron, bias = RESTLESS[what]
    assert wrong_without_gates(neuron, bias) > 10
    with pytest.raises(UnsupportedError) as refused:
        align_delays(pair(0, neuron, bias)[0], programmable=False)
    assert any(f"population 'b': {what}" in offender for offender in refused.value.offenders)
    assert "programmable target" in str(refused.value)


def test_the_refusal_names_the_path_of_the_loop_and_all_that_acts_in_between():
    network = chain("a", "b", "c", extra=(back("c", "a"),))
    with pytest.raises(UnsupportedError) as refused:
        align_delays(network, programmable=False)
    path = str(refused.value).split("loop ")[1].split(",")[0]
    assert path in ("a → b → c → a", "b → c → a → b", "c → a → b → c")
    assert list(refused.value.offenders) == [
        f"population {name!r}: its voltage leaks (beta 0.5) in between the ticks of loop {path}, which take 3 machine steps each"
        for name in "abc"
    ]


def test_integers_are_held_to_the_same():
    at_rest = FixedLIF(du=4095, dv=0, vth=8, bias_mant=0, bias_exp=0, scale=1.0)
    for neuron, what in (
        (at_rest, ""),
        (replace(at_rest, dv=4095), "its voltage leaks"),
        (replace(at_rest, du=2000), "its current decays"),
        (replace(at_rest, bias_mant=3), "a bias of its own"),
        (replace(at_rest, v_reset=64 * 8 - 1), ""),  # in steps of v, of which a threshold has 64
        (replace(at_rest, v_reset=64 * 8), "its reset lies at or above its threshold"),
    ):
        network = chain("a", "b", extra=(back("b", "a"),), neuron=neuron)
        if what:
            with pytest.raises(UnsupportedError, match=f"population 'b': {what}"):
                align_delays(network, programmable=False)
        else:
            assert align_delays(network, programmable=False).steps_per_tick == 2


def test_a_bias_is_refused_only_where_a_lag_hears_of_it():
    """in → a → b → c with a self-loop of b, on a chip without gates: c's bias comes after it, a's before."""
    network = chain("a", "b", "c", extra=(back("b", "b"),))
    late = network.with_populations([replace(network.populations["c"], bias=0.3)])
    assert align_delays(late, programmable=False).steps_per_tick == 1
    early = network.with_populations([replace(network.populations["a"], bias=0.3)])
    with pytest.raises(UnsupportedError, match="population 'a': a bias of its own, so it may spike before tick 0"):
        align_delays(early, programmable=False)
    sourced = bias_source(early, timed=True)
    assert sourced.populations["constant"].is_constant
    assert align_delays(sourced, programmable=False).steps_per_tick == 1
    assert bias_source(early) is early and bias_source(chain("a", "b"), timed=True).sources == chain("a", "b").sources


def test_a_current_that_the_host_sets_is_refused_by_name():
    network = chain("a", "b", also=["current"], extra=(back("b", "b"),))
    network = network.with_populations([Population("current", (1,), Source("static"))])
    network = replace(network, projections=(*network.projections, back("current", "a", 0)))
    with pytest.raises(UnsupportedError, match=r"population 'a': a current that the host sets \(current→a\)"):
        align_delays(network, programmable=False)
    assert align_delays(network).gated


@pytest.mark.parametrize("own", [0.0, 0.2])
def test_a_current_into_the_first_layer_is_there_from_its_tick_0(own):
    """Tick 0 of depth 1 is machine step 1: currents and biases may stand there, with self-loops and later ones, on any chip."""
    network, inputs = current_loop(own)
    aligned = align_delays(bias_source(network, timed=True), programmable=False)
    assert not aligned.sources[-1].is_constant and not aligned.gated
    expected = floating.run(network, inputs)
    assert expected.spikes["a"][:, 0].any()
    assert compare(network, expected, pipelined.run(aligned, inputs)).ok


def test_resting_at_the_threshold_is_refused_by_name():
    for neuron in (LIF(0.5, 0.3, v_leak=0.3), Threshold(-0.1)):
        with pytest.raises(UnsupportedError, match=r"population 'a': it (rests at or above its threshold|spikes without input)"):
            align_delays(chain("a", "b", extra=(back("b", "b"),), neuron=neuron), programmable=False)


def test_two_steps_of_4095_forget_what_24_bits_hold():
    v = np.array([-(1 << 23) + 1, -4096, 0, 4095, 4096, (1 << 23) - 1])
    assert fx.decay(v, 4095).any()
    assert not fx.decay(fx.decay(v, 4095), 4095).any()


def test_integers_that_forget_at_once_are_written_so_where_ticks_are_stretched():
    network, inputs = pair(1, LIF(1.0, 0.5))
    for programmable, dv in ((False, 4096), (True, 4095)):
        quantized, _ = quantize(align_delays(network, programmable=programmable), inputs)
        assert {p.neuron.dv for p in quantized.neurons} == {dv}
        assert compare(quantized, fixed.run(quantized, inputs), pipelined.run(quantized, inputs), voltages=True).ok


def biased_graph():
    """in → affine → LIF, whose spikes come back to it after a tick, at dt = tau/4."""
    rng = np.random.default_rng(3)
    ones = np.ones(5)
    nodes = {
        "in": nir.Input(np.array([5])),
        "into": nir.Affine(rng.normal(0.4, 0.5, (5, 5)), rng.uniform(0.1, 0.6, 5)),
        "lif": nir.LIF(tau=4e-3 * ones, r=ones, v_leak=0 * ones, v_threshold=0.3 * ones, v_reset=0 * ones),
        "back": nir.Linear(rng.normal(0, 0.6, (5, 5))),
        "out": nir.Output(np.array([5])),
    }
    edges = [("in", "into"), ("into", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "out")]
    return nir.NIRGraph(nodes, edges), {"in": (rng.random((3, 10, 5)) < 0.3).astype(np.uint8)}


@pytest.mark.parametrize("target", ["lava", "loihi1", "loihi2"])
def test_recurrence_with_a_bias_is_right_at_tick_0_on_every_target(target):
    graph, inputs = biased_graph()
    time = TimeMetadata(1e-3, 10, inputs="spikes")
    made = compile_graph(graph, inputs, TARGETS[target], time=time)
    expected = floating.run(lower(graph, time), inputs)
    assert expected.spikes["lif"][:, 0].any()
    assert compare(made.network, expected, pipelined.run(made.network, inputs)).ok
    assert compare(made.quantized, fixed.run(made.quantized, inputs), pipelined.run(made.quantized, inputs), voltages=True).ok
    assert ("constant" in made.network.populations) == (target == "loihi1")
    assert made.network.gated == (target != "loihi1")


def test_what_was_added_for_long_delays_is_in_the_origin():
    graph, inputs = biased_graph()
    ones = np.ones(5)
    graph.nodes["late"] = nir.Delay(0.09 * ones)
    graph = nir.NIRGraph(graph.nodes, [*graph.edges, ("lif", "late"), ("late", "back")])
    made = compile_graph(graph, {"in": inputs["in"]}, TARGETS["loihi2"], time=TimeMetadata(1e-3, 10, inputs="spikes"))
    (said,) = made.origin["relays"]
    assert said.startswith("population 'lif': 1 relay population(s) of 5 neurons each, for delays of 9")
    assert {p.name for p in made.quantized.neurons} == {"lif", "lif_relay1"}
