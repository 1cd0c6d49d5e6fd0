"""Each entry of the integer rules against the emulator itself: spikes, u and v, slot by slot (needs its interpreter)."""

from __future__ import annotations

import emulators
import pytest
from emulator_children import EMULATORS
from emulator_networks import CASES
from nir_table import BEGIN, END

from neurograph.sim import fixed
from neurograph.sim.integer_rules import RULES


def require(key):
    if EMULATORS[key].missing:
        pytest.skip(EMULATORS[key].missing)


@pytest.fixture(scope="session")
def recordings():
    """Emulator → case → what it gave; run once."""
    made = {}

    def of(key):
        require(key)
        if key not in made:
            made[key] = emulators.run_cases(key)
        return made[key]

    return of


def lines():
    return emulators.PAGE.read_text().split(BEGIN)[1].split(END)[0].splitlines()


def row(cells):
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("key", EMULATORS)
def test_under_its_own_rules_no_slot_differs(recordings, key):
    for case in CASES:
        for job, recording in zip(case.jobs(), recordings(key)[case.name], strict=True):
            own = emulators.difference(job, recording, fixed.run(*job, rules=key))
            assert own == emulators.Difference(slots=1080), case.name


@pytest.mark.parametrize("key", EMULATORS)
def test_under_the_rules_of_another_it_differs(recordings, key):
    for rules, found in emulators.against_rules(key, recordings(key)).items():
        assert found.none == (rules == key)
        assert rules == key or min(found.spikes, found.u, found.v) > 100


@pytest.mark.parametrize("key", EMULATORS)
def test_the_page_says_what_runs(recordings, key):
    assert row(emulators.matrix_row(key, recordings(key))) in lines()
    index = 1 + list(emulators.NAMES).index(key)
    written = {cells[0].strip(): cells[index].strip() for cells in (line.strip("|").split("|") for line in lines()) if len(cells) == 4}
    assert {name: f"{value:,}".replace("-", "−") for name, value in emulators.run_probes(key).items()}.items() <= written.items()


def test_the_page_says_where_the_two_differ(recordings):
    first, second = (recordings(key) for key in EMULATORS)
    for case in CASES:
        line = next(line for line in lines() if line.startswith(f"| {case.name} |"))
        assert line.split("|")[-2].strip() == emulators.between(case, first[case.name], second[case.name])


def test_a_whole_spikegraphormer_is_the_same_under_its_own_rules(compiled_karate):
    for key in EMULATORS:
        require(key)
    for cells in emulators.karate_rows(compiled_karate):
        assert cells[-1] == "0 of 15,264"


@pytest.fixture(scope="session")
def compiled_karate():
    return emulators.karate()


def test_the_page_names_rules_and_versions():
    head = [f"rules `{rules}`" for rules in RULES]
    assert row(["", *head]) in lines()
    assert row(["", *emulators.NAMES.values()]) in lines()
    assert [RULES[key].emulator.split(" ")[1] for key in EMULATORS] == [e.version for e in EMULATORS.values()]
