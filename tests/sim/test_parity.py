from dataclasses import replace

import numpy as np
import pytest
from networks import random_network

from neurograph.errors import InputError
from neurograph.network import LIF, Integrator, Network, Population, Projection, Source
from neurograph.sim import floating
from neurograph.sim.check import pairs_of
from neurograph.sim.parity import compare
from neurograph.weights import one_to_one


def flip(recording, name, where):
    spikes = {k: v.copy() for k, v in recording.spikes.items()}
    spikes[name][where] ^= 1
    return replace(recording, spikes=spikes)


def test_equal_recordings_have_no_mismatch():
    network, inputs = random_network(5)
    run = floating.run(network, inputs)
    found = compare(network, run, run)
    assert found.ok and found.mismatched_spikes == 0 and found.first_mismatch is None
    assert found.compared == sum(run.spikes[p.name].size for p in network.neurons)


def test_first_mismatch_is_located_by_tick_then_upstream():
    network, inputs = random_network(5, layers=3)
    run = floating.run(network, inputs)
    other = flip(flip(run, "p0", (0, 3, 0, 0)), "p2", (0, 2, 0, 0))
    found = compare(network, run, other)
    assert (found.mismatched_spikes, found.ok) == (2, False)
    assert (found.first_mismatch.population, found.first_mismatch.tick) == ("p2", 2)
    assert "p2[0, 0] at tick 2 of sample 0: spike" in str(found.first_mismatch)


def test_voltages_are_compared_where_asked():
    network, inputs = random_network(5)
    run = floating.run(network, inputs)
    voltages = {k: v.copy() for k, v in run.voltages.items()}
    voltages["p1"][0, 1] += 1
    found = compare(network, run, replace(run, voltages=voltages), voltages=True)
    assert found.mismatched_spikes == 0 and found.mismatched_voltages > 0 and not found.ok


def test_a_tie_is_no_mismatch_and_hides_what_lies_behind_it():
    """A neuron driven exactly to its threshold: one engine's rounding lets it fire, the other's does not."""
    relay = Population("b", (1,), LIF(1.0, 0.5))
    network = Network(
        {"in": Population("in", (1,), Source()), "a": Population("a", (1,), LIF(1.0, 1.0)), "b": relay},
        (Projection("in", "a", one_to_one((1,), 1.0)), Projection("a", "b", one_to_one((1,)))),
        4,
    )
    run = floating.run(network, {"in": np.ones((4, 1))})
    assert run.spikes["a"].sum() == 0  # 1.0 > 1.0 is false
    found = compare(network, run, flip(flip(run, "a", (0, 1, 0)), "b", (0, 1, 0)))
    assert (found.ties, found.mismatched_spikes, found.ok) == (1, 0, True)
    assert (found.skipped, found.compared) == (6, 2)


def test_where_a_tie_leaves_nothing_to_compare_that_is_no_failure():
    network = Network(
        {"in": Population("in", (1,), Source()), "a": Population("a", (1,), LIF(1.0, 1.0))},
        (Projection("in", "a", one_to_one((1,), 1.0)),),
        4,
    )
    run = floating.run(network, {"in": np.ones((4, 1))})
    found = compare(network, run, flip(run, "a", (0, 0, 0)))
    assert (found.ties, found.compared, found.skipped, found.ok) == (1, 0, 4, True)


def test_real_values_may_differ_by_rounding_and_no_more():
    network = Network(
        {"in": Population("in", (1,), Source()), "v": Population("v", (1,), Integrator(0.5, 0.5))},
        (Projection("in", "v", one_to_one((1,), 1e3)),),
        4,
    )
    run = floating.run(network, {"in": np.ones((4, 1))})
    for change, ok in ((1e-10, True), (1e-8, False)):
        found = compare(network, run, replace(run, spikes={k: v * (1 + change) if k == "v" else v for k, v in run.spikes.items()}))
        assert found.ok == ok and (ok or found.first_mismatch.quantity == "value")


def test_a_mismatch_away_from_the_threshold_is_no_tie():
    network = Network(
        {"in": Population("in", (1,), Source()), "a": Population("a", (1,), LIF(1.0, 1.0))},
        (Projection("in", "a", one_to_one((1,), 0.9)),),
        4,
    )
    run = floating.run(network, {"in": np.ones((4, 1))})
    found = compare(network, run, flip(run, "a", (0, 1, 0)))
    assert (found.ties, found.mismatched_spikes, found.ok) == (0, 1, False)


def test_engines_are_paired_only_where_they_promise_the_same():
    assert pairs_of(["torch", "float", "fixed", "lava-float", "lava-fixed"]) == [
        ("torch", "float"),
        ("float", "lava-float"),
        ("fixed", "lava-fixed"),
    ]
    with pytest.raises(InputError, match="no two of them promise the same"):
        pairs_of(["float", "fixed"])
    with pytest.raises(InputError, match="'cuda': does not exist"):
        pairs_of(["float", "cuda"])
