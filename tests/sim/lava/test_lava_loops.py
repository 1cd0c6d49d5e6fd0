"""Loops over layers, lags and streams in Lava against the tick-synchronous engines."""

from __future__ import annotations

import numpy as np
import pytest
from lava_networks import needs_lava
from looped_networks import attention, biased_loop, current_loop, looped_network, restful_network, side_by_side

from neurograph.errors import LavaError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.export.quantize import quantize
from neurograph.sim import fixed, floating, pipelined, timing
from neurograph.sim.lava import engine, program
from neurograph.sim.parity import compare

pytestmark = needs_lava


def compared(network, inputs, kind):
    """Lava against the tick engine, every spike, and u and v of integers; the recording."""
    if kind == "fixed":
        network, _ = quantize(network, inputs)
    expected = (fixed if kind == "fixed" else floating).run(network, inputs)
    run = engine.run(network, inputs, engine=kind)
    found = compare(network, expected, run, voltages=kind == "fixed")
    assert found.ok, found.first_mismatch
    assert found.skipped == 0
    assert run.machine_steps == pipelined.run(network, inputs).machine_steps
    rates = [run.spikes[p.name].mean() for p in network.neurons]
    assert 0.05 < np.mean(rates) < 0.8
    return run


@pytest.mark.parametrize("kind", ["float", "fixed"])
def test_any_neuron_in_loops_over_layers_behind_gates(kind):
    """Three random networks, and two whose bias would start a self-loop at depth 5 before its tick 0; three inferences each, streamed."""
    some = [looped_network(seed, layers=3, samples=3) for seed in (4, 85, 199)]
    network, inputs = side_by_side([*some, *(biased_loop(own, ticks=5, samples=3) for own in (True, False))])
    network = align_delays(network)
    assert network.steps_per_tick == 3
    compared(network, inputs, kind)


@pytest.mark.parametrize("kind", ["float", "fixed"])
def test_neurons_at_rest_in_loops_over_layers_without_gates(kind):
    network, inputs = side_by_side([restful_network(seed, layers=3, samples=3) for seed in (5, 39, 51, 99)])
    network = align_delays(network, programmable=False)
    assert network.steps_per_tick == 3 and not network.gated
    compared(network, inputs, kind)


def test_a_bias_at_depth_5_and_one_before_it_on_a_chip_without_gates():
    """Leaky neurons, a self-loop at depth 5, the bias from a timed source; and currents into a first layer. Three inferences."""
    network, inputs = side_by_side([*(biased_loop(own) for own in (True, False)), current_loop(0.2)])
    network = align_delays(bias_source(network, timed=True), programmable=False)
    assert network.populations["n0_d"].depth == 5 and not network.gated
    compared(network, inputs, "fixed")


@pytest.mark.parametrize("kind", ["float", "fixed"])
def test_a_hundred_streamed_inferences(kind):
    """Attention with its gates and skips, T steps an inference: the pipelined engine's runs of one inference alone are the reference."""
    network = align_delays(attention(np.random.default_rng(4)))
    inputs = {"x": (np.random.default_rng(5).random((100, 6, 5, 3)) < 0.5).astype(np.uint8)}
    run = compared(network, inputs, kind)
    assert run.machine_steps == 99 * 6 + timing.steps(network, 1)
    if kind == "float":
        for sample in range(0, 100, 9):
            alone = pipelined.run(network, {"x": inputs["x"][sample]})
            for population in network.neurons:
                np.testing.assert_array_equal(alone.spikes[population.name][0], run.spikes[population.name][sample])


def test_input_between_two_ticks_ends_the_run(monkeypatch):
    """A gate drops what it does not step on, so a delay that is wrong must not go unseen."""
    network, inputs = looped_network(7, static=False)
    network = align_delays(network)
    assert network.steps_per_tick == 2

    def late(self, projection):
        about = original(self, projection)
        return {**about, "delay": about["delay"] + 1}

    original = program._Writer.projection
    monkeypatch.setattr(program._Writer, "projection", late)
    with pytest.raises(LavaError, match="input at step [0-9]+, between two of its ticks"):
        engine.run(network, inputs, engine="float")
