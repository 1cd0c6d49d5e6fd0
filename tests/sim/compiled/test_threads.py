"""Threads of the compiled engine: shared by runs at the same time, and made anew in a process that was forked."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim.compiled.engine import Simulator
from neurograph.weights import Dense


@pytest.fixture(scope="module")
def layers():
    """A network whose layers are worth several threads."""
    rng = np.random.default_rng(0)
    names = ["in", "a", "b", "c"]
    neurons = {name: Population(name, (600,), FixedLIF(4095, 300, 900, 5, 1, 1.0)) for name in names[1:]}
    projections = tuple(Projection(a, b, Dense(rng.integers(-128, 128, (600, 600)) * 2)) for a, b in pairwise(names))
    network = Network({"in": Population("in", (600,), Source()), **neurons}, projections, 60, outputs=("c",))
    return network, {"in": rng.random((60, 600)) < 0.1}


def counts(network, given, threads):
    return [Simulator(network).run(given, record="none", counts=True, threads=threads).counts() for _ in range(20)]


def test_any_number_of_threads_gives_the_same(layers):
    expected = counts(*layers, 1)
    for threads in (2, 3, 8, 100):
        assert counts(*layers, threads) == expected


def test_runs_at_the_same_time(layers):
    expected = counts(*layers, 1)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(lambda _: counts(*layers, 3), range(4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_threads_of_its_own(layers):
    expected = counts(*layers, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of what is tested here
        child = os.fork()
    if child == 0:  # nothing of pytest may run here
        right = False
        try:
            right = counts(*layers, 3) == expected
        finally:
            os._exit(0 if right else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert counts(*layers, 3) == expected
