import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import chain
from networks import random_network

from neurograph.export.passes.align_delays import align_delays, machine_steps
from neurograph.export.quantize import quantize
from neurograph.network import Network, Population, Projection
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare
from neurograph.weights import one_to_one


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_every_tick_arrives_when_it_is_meant(seed):
    network = align_delays(random_network(seed, layers=6)[0])
    for p in network.spiking_projections:
        source, target = network.populations[p.source], network.populations[p.target]
        assert p.delay >= 1
        assert source.depth + p.delay == target.depth + p.lag  # tick t leaves at t + depth, and is needed at t + lag
    assert network.steps_per_tick == 1
    assert machine_steps(network) == network.ticks + max(p.depth for p in network.populations.values()) - 1


def test_lag_long_enough_for_its_loop_is_taken():
    network = chain("a", "b", "c", extra=(Projection("c", "a", one_to_one((1,)), lag=3),))
    aligned = align_delays(network)
    assert aligned.projections[-1].delay == 1
    assert aligned.steps_per_tick == 1


def pack(seeds, **options):
    """Disconnected random networks side by side, and their inputs."""
    populations, projections, inputs = {}, [], {}
    for seed in seeds:
        network, given_inputs = random_network(seed, **options)
        names = {name: f"s{seed}_{name}" for name in network.populations}
        for p in network.populations.values():
            populations[names[p.name]] = Population(names[p.name], p.shape, p.neuron, p.bias)
        projections += [Projection(names[p.source], names[p.target], p.weights, p.lag) for p in network.projections]
        inputs |= {names[k]: v for k, v in given_inputs.items()}
    return Network(populations, tuple(projections), network.ticks), inputs


@pytest.mark.lava
@pytest.mark.parametrize("first", [100, 200])
def test_pipeline_in_lava_is_the_tick_synchronous_engine(lava, first):
    """Skips, gates, self-loops with bias, both resets, static and spike sources: float and fixed, every spike, u and v."""
    network, inputs = pack(range(first, first + 4))
    network = align_delays(network)
    quantized, _ = quantize(network, inputs)
    found = compare(network, floating.run(network, inputs), lava_engine.run(network, inputs, engine="float"))
    assert found.ok, found.first_mismatch
    assert found.skipped == 0
    found = compare(quantized, fixed.run(quantized, inputs), lava_engine.run(quantized, inputs, engine="fixed"), voltages=True)
    assert found.ok, found.first_mismatch
    assert found.compared_voltages > 0


@pytest.mark.lava
def test_many_inferences_streamed_are_those_run_alone(lava):
    network, inputs = pack(range(300, 303), static=False, recurrent=False)
    network = align_delays(network)
    rng = np.random.default_rng(0)
    inputs = {name: rng.random((10, *v.shape)) < 0.5 for name, v in inputs.items()}
    quantized, _ = quantize(network, inputs)
    run = lava_engine.run(quantized, inputs, engine="fixed")
    assert run.machine_steps == 9 * network.ticks + machine_steps(network)
    found = compare(quantized, fixed.run(quantized, inputs), run, voltages=True)
    assert found.ok, found.first_mismatch
