"""Delays past the target's maximum become relays: as populations like any other, shared, and no later than the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped_networks import chain, looped_network, side_by_side
from networks import random_network

from neurograph.export.passes.align_delays import align_delays, machine_steps
from neurograph.export.passes.relay_delays import relay_delays
from neurograph.export.quantize import quantize
from neurograph.network import FixedLIF, Projection, Threshold
from neurograph.sim import fixed, floating, pipelined
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare
from neurograph.sim.timing import check_aligned
from neurograph.weights import one_to_one


def skip(source, target, lag=0):
    return Projection(source, target, one_to_one((1,)), lag=lag)


def test_two_targets_of_a_source_share_its_chain():
    names = [f"n{i}" for i in range(70)]
    network = align_delays(chain(*names, extra=(skip("in", "n69"), skip("in", "n66"), skip("in", "n10"))))
    relayed, said = relay_delays(network, longest=31)
    added = relayed.populations.keys() - network.populations.keys()
    assert added == {"in_relay1", "in_relay2"}
    assert [relayed.populations[name].depth for name in sorted(added)] == [33, 65]
    assert all(isinstance(relayed.populations[name].neuron, Threshold) for name in added)
    assert [(p.source, p.delay) for p in relayed.projections if p.target == "n69"] == [("n68", 1), ("in_relay2", 6)]
    assert [(p.source, p.delay) for p in relayed.projections if p.target == "n66"] == [("n65", 1), ("in_relay2", 3)]
    assert [(p.source, p.delay) for p in relayed.projections if p.target == "n10"] == [("n9", 1), ("in", 11)]
    assert machine_steps(relayed) == machine_steps(network)
    assert said == (
        "population 'in': 2 relay population(s) of 1 neurons each, for delays of 70 machine steps to 'n69', 67 machine steps to 'n66' "
        "(the target takes 32)",
    )


def test_relays_of_a_long_lag_carry_it_and_deepen_nothing():
    network = align_delays(chain("a", "b", ticks=200, extra=(skip("b", "b", 150), skip("b", "a", 150), skip("in", "b", 1))))
    relayed, said = relay_delays(network, longest=63)
    relays = [p for p in relayed.populations.values() if p.name not in network.populations]
    assert [p.name for p in relays] == ["b_relay1", "b_relay2"]
    assert max(p.depth for p in relays) <= 3
    assert sum(p.lag for p in relayed.projections if p.target in {r.name for r in relays}) == 128
    assert len(said) == 1


def test_nothing_is_added_where_nothing_is_too_long():
    network = align_delays(chain("a", "b", extra=(skip("in", "b"),)))
    assert relay_delays(network, longest=1) == (network, ())


@settings(max_examples=80)
@given(st.integers(0, 100_000), st.integers(0, 4))
def test_relays_change_no_spike_in_any_engine(seed, longest):
    """Delays of at most 1 to 5 steps, networks with loops: float, fixed and pipelined."""
    network, inputs = looped_network(seed, ticks=8, layers=6, samples=2)
    network = align_delays(network)
    relayed, _ = relay_delays(network, longest=longest)
    check_aligned(relayed)
    assert max(p.delay for p in relayed.spiking_projections) <= longest + 1
    assert machine_steps(relayed) == machine_steps(network)
    expected = floating.run(network, inputs)
    assert compare(network, expected, floating.run(relayed, inputs)).ok
    assert compare(relayed, expected, pipelined.run(relayed, inputs)).ok
    quantized, _ = quantize(relayed, inputs)
    assert compare(quantized, fixed.run(quantized, inputs), pipelined.run(quantized, inputs), voltages=True).ok


@settings(max_examples=40)
@given(st.integers(0, 100_000), st.integers(0, 2))
def test_integers_get_integer_relays(seed, longest):
    network, inputs = random_network(seed, layers=5)
    quantized, _ = quantize(align_delays(network), inputs)
    relayed, _ = relay_delays(quantized, longest=longest)
    assert all(isinstance(p.neuron, FixedLIF) for p in relayed.neurons)
    assert compare(quantized, fixed.run(quantized, inputs), pipelined.run(relayed, inputs), voltages=True).ok


@pytest.mark.lava
def test_relays_in_lava(lava):
    """Self-loops of lag 1, loops and skips, in a Lava whose delays end at 2 steps: every spike, u and v."""
    network, inputs = side_by_side([looped_network(seed, layers=4, samples=2) for seed in (7, 21, 33)])
    network, said = relay_delays(align_delays(network), longest=1)
    assert len(said) > 1
    quantized, _ = quantize(network, inputs)
    found = compare(network, floating.run(network, inputs), lava_engine.run(network, inputs, engine="float"))
    assert found.ok, found.first_mismatch
    found = compare(quantized, fixed.run(quantized, inputs), lava_engine.run(quantized, inputs), voltages=True)
    assert found.ok, found.first_mismatch
    busy = [name for name, spikes in floating.run(network, inputs).spikes.items() if "relay" in name and np.any(spikes)]
    assert len(busy) > 1, "silent relays show nothing"
