"""Each entry of the integer rules against the emulator itself: spikes, u and v, slot by slot (needs its interpreter)."""

from __future__ import annotations

import emulators
import pytest
from emulator_children import EMULATORS, run
from emulator_networks import PROBES, probe_network

from neurograph.sim import fixed
from neurograph.sim.integer_rules import RULES

pytestmark = pytest.mark.parametrize("key", EMULATORS)


@pytest.fixture(autouse=True)
def emulator(key):
    if EMULATORS[key].missing:
        pytest.skip(EMULATORS[key].missing)
    return EMULATORS[key]


def test_no_slot_differs_under_its_own_rules_and_many_under_others(key):
    found = emulators.against_rules(key, emulators.run_cases(key))
    assert found.pop(key) == emulators.Difference(slots=12_960)
    assert len(found) == len(RULES) - 1
    for other in found.values():
        assert min(other.spikes, other.u, other.v) > 100


def test_every_value_of_the_probes_is_its_own(key, emulator):
    job = probe_network(PROBES)
    recording = run(emulator, [job])[0]
    assert emulators.difference(job, recording, fixed.run(*job, rules=key)).none
    assert emulators.run_probes(key) == emulators.ruled_probes(key)


def test_a_whole_spikegraphormer_is_the_same_under_its_own_rules(key):
    assert emulators.karate_row(emulators.karate(), key)[-1] == "0 of 15,264"
