"""Populations that never spike: who counts, and what is said."""

from itertools import pairwise

import numpy as np

from neurograph.network import LIF, Integrator, Network, Population, Projection, Source
from neurograph.silence import nothing_spiked, silence_warnings, silent_populations
from neurograph.weights import Dense

NEURONS = [Population(f"n{i}", (2,), LIF(0.5, 1.0)) for i in range(5)]
PARTS = [Population("x", (2,), Source()), *NEURONS, Population("v", (2,), Integrator(0.5, 0.5))]
EDGES = tuple(Projection(a.name, b.name, Dense(np.ones((2, 2)))) for a, b in pairwise(PARTS))
NETWORK = Network({p.name: p for p in PARTS}, EDGES, 4, 1e-3)


def counts(**spikes):
    return {**dict.fromkeys(NETWORK.populations, 0), **spikes}


def test_sources_and_real_values_are_no_neurons_that_spike():
    silent = silent_populations(NETWORK.populations, counts(x=7, v=8))
    assert silent == ["n0", "n1", "n2", "n3", "n4"] and nothing_spiked(NETWORK.populations, counts(x=7, v=8))
    (said,) = silence_warnings(NETWORK.populations, silent)
    assert said.startswith("no neuron spiked on this sample, so the comparison says little; scale the weights or the input up")
    assert "comparison" not in silence_warnings(NETWORK.populations, silent, compared=False)[0]


def test_three_silent_populations_are_named_and_the_rest_counted():
    silent = silent_populations(NETWORK.populations, counts(n2=1))
    (said,) = silence_warnings(NETWORK.populations, silent)
    assert said.endswith("says little of them: populations 'n0', 'n1', 'n3' and 1 more") and said.startswith("4 of 5 populations never")
    (said,) = silence_warnings(NETWORK.populations, ["n3"])
    assert said.endswith("says little of it: population 'n3'")


def test_what_was_not_recorded_is_not_judged():
    assert silent_populations(NETWORK.populations, {"n0": 0, "n1": 3}) == ["n0"] and not nothing_spiked(NETWORK.populations, {"n0": 0})
    assert silence_warnings(NETWORK.populations, []) == ()
