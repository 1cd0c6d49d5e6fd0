"""The pipelined engine against the tick-synchronous ones: another order of events, the same spikes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from looped_networks import attention, biased_loop, looped_network, restful_network
from networks import random_network

from neurograph.errors import NetworkError, UnsupportedError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.network import LIF, Integrator, Network, Population, Projection, Source
from neurograph.sim import check, fixed, floating, pipelined, timing
from neurograph.sim.parity import compare
from neurograph.weights import one_to_one


def assert_same(network, inputs):
    """Float and fixed, every spike; integers also u and v."""
    found = compare(network, floating.run(network, inputs), pipelined.run(network, inputs))
    assert found.ok, found.first_mismatch
    quantized, _ = quantize(network, inputs)
    found = compare(quantized, fixed.run(quantized, inputs), pipelined.run(quantized, inputs), voltages=True)
    assert found.ok, found.first_mismatch
    return quantized


@settings(max_examples=100)
@given(st.integers(0, 1_000_000), st.integers(1, 3))
def test_any_neuron_in_loops_behind_gates(seed, samples):
    network, inputs = looped_network(seed, samples=samples)
    assert_same(align_delays(network), inputs)


@settings(max_examples=100)
@given(st.integers(0, 1_000_000), st.integers(1, 3))
@example(24209, 1)  # a corrected bias would act between ticks
def test_neurons_at_rest_in_loops_without_gates(seed, samples):
    network, inputs = restful_network(seed, samples=samples)
    network = align_delays(network, programmable=False)
    assert not network.gated
    assert_same(network, inputs)


@settings(max_examples=60)
@given(st.integers(0, 1_000_000), st.integers(1, 3))
def test_any_neuron_with_a_bias_and_loops_of_its_own_without_gates(seed, samples):
    """One machine step a tick: a leak does no harm, and the bias comes from a source."""
    network, _ = random_network(seed, layers=5, static=False, reset=["value"])
    network = align_delays(bias_source(network, timed=True), programmable=False)
    assert network.steps_per_tick == 1
    shape = (samples, network.ticks)
    rng = np.random.default_rng(seed)
    assert_same(network, {s.name: rng.random((*shape, *s.shape)) < 0.5 for s in network.sources if not s.is_constant})


@settings(max_examples=60)
@given(st.integers(0, 1_000_000), st.integers(1, 4), st.integers(1, 3))
def test_feed_forward_back_to_back(seed, samples, ticks):
    """Deeper than T, with biases that act before tick 0: the reset alone keeps inferences apart."""
    network, _ = random_network(seed, ticks=ticks, layers=6, recurrent=False)
    rng = np.random.default_rng(seed)
    inputs = {
        s.name: rng.normal(0, 1, (samples, *s.shape)) if s.is_static else rng.random((samples, ticks, *s.shape)) < 0.5
        for s in network.sources
        if not s.is_constant
    }
    network = align_delays(network)
    assert timing.period(network) == ticks
    assert_same(network, inputs)


STREAMED = {
    "skip edges and unequal branches": lambda rng: random_network(7, layers=6, recurrent=False, static=False)[0],
    "attention gates": attention,
    "a biased network with self-loops": lambda rng: random_network(170, layers=5, static=False)[0],
    "loops over layers": lambda rng: looped_network(7, static=False)[0],
    "loops without gates": lambda rng: restful_network(13)[0],
}


@pytest.mark.parametrize("name", STREAMED)
def test_a_hundred_streamed_inferences_are_those_run_one_at_a_time(name):
    rng = np.random.default_rng(4)
    network = align_delays(STREAMED[name](rng), programmable=name != "loops without gates")
    inputs = {s.name: (rng.random((100, network.ticks, *s.shape)) < 0.5).astype(np.uint8) for s in network.sources if not s.is_constant}
    quantized, _ = quantize(network, inputs)
    for net in (network, quantized):
        together = pipelined.run(net, inputs)
        k, last = net.steps_per_tick, max(p.depth for p in net.populations.values())
        assert together.machine_steps == 99 * timing.period(net) + k * (net.ticks - 1) + last
        for sample in range(100):
            alone = pipelined.run(net, {key: values[sample] for key, values in inputs.items()})
            assert alone.machine_steps == k * (net.ticks - 1) + last
            for population in net.neurons:
                np.testing.assert_array_equal(alone.spikes[population.name][0], together.spikes[population.name][sample])
    differ = [np.ptp(together.spikes[p.name].reshape(100, -1).sum(axis=1)) > 0 for p in network.neurons]
    assert np.mean(differ) > 0.5, "inferences that are all the same show nothing"


@pytest.mark.parametrize("own", [True, False])
def test_a_bias_before_tick_0_would_be_heard_over_the_loop(own):
    network, inputs = biased_loop(own)
    aligned = align_delays(network)
    assert aligned.populations["d"].depth == 5
    assert_same(aligned, inputs)
    assert_same(align_delays(bias_source(network, timed=True), programmable=False), inputs)
    wrong = compare(network, floating.run(network, inputs), pipelined.run(replace(aligned, gated=False), inputs))
    assert wrong.mismatched_spikes > 0 and wrong.first_mismatch.tick == 0


def test_a_wrong_delay_shows():
    network, inputs = looped_network(17, static=False)
    network = align_delays(network)
    late = replace(network, projections=(replace(network.projections[0], delay=network.projections[0].delay + 1), *network.projections[1:]))
    with pytest.raises(NetworkError, match=r"delay 2, must be 1 \(depth .* lag 0\); run the pass align_delays"):
        pipelined.run(late, inputs)
    with pytest.raises(NetworkError, match="no delay; run the pass align_delays"):
        pipelined.run(looped_network(7, static=False)[0], inputs)


def test_what_no_pipeline_runs_is_refused():
    populations = {"x": Population("x", (1,), Source()), "a": Population("a", (1,), LIF(0.5, 0.2, state="kept"))}
    populations["v"] = Population("v", (1,), Integrator(0.5, 1.0))
    network = align_delays(Network(populations, (Projection("x", "a", one_to_one((1,))), Projection("a", "v", one_to_one((1,)))), 2))
    with pytest.raises(UnsupportedError, match="population 'v': real values in place of spikes; population 'a': state kept"):
        pipelined.run(network, {"x": np.ones((2, 1))})


def test_wraps_and_clips_are_noted_as_by_the_fixed_engine():
    network, inputs = looped_network(9, samples=2)
    quantized, _ = quantize(align_delays(network), inputs)
    assert pipelined.run(quantized, inputs).notes == fixed.run(quantized, inputs).notes


def test_it_is_an_engine_to_check_with():
    network, inputs = looped_network(7, static=False)
    network = align_delays(network)
    quantized, _ = quantize(network, inputs)
    pairs = check.pairs_of(["float", "fixed", "pipelined-fixed", "pipelined-float", "lava-float"])
    assert pairs == [("float", "pipelined-float"), ("pipelined-float", "lava-float"), ("fixed", "pipelined-fixed")]
    done = check.check(network, quantized, [pairs[0], pairs[2]], lambda engine: check.run_engine(engine, network, quantized, inputs))
    assert [c.ok for c in done] == [True, True]
    assert done[1].compared_voltages > 0


def test_periods():
    network, _ = looped_network(7, static=False)
    network = align_delays(network)
    k, lag, depth = network.steps_per_tick, max(p.lag for p in network.projections), max(p.depth for p in network.populations.values())
    assert k == 2
    assert timing.period(network) == 2 * (5 + lag)
    assert timing.steps(network, 1) == 2 * 4 + depth
    assert timing.steps(network, 3) == 2 * timing.period(network) + 2 * 4 + depth
    assert timing.period(replace(network, gated=False)) == 2 * 4 + depth + 1
