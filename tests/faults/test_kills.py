"""Kill -9 at random moments, 50 times: what is at an output's path is whole, no process is left, and the next run ends well."""

import random

import pytest
from fault_commands import CASES
from fault_runs import again, killed, undisturbed

KILLS = {
    "train": 8,
    "export": 9,
    "simulate": 9,
    "simulate, nothing cached": 6,
    "report": 4,
    "sweep": 4,
    "place": 6,
    "tune": 2,
    "demo": 2,
}


def test_there_are_fifty():
    assert sum(KILLS.values()) == 50 and KILLS.keys() < CASES.keys()


@pytest.mark.parametrize("name", KILLS)
def test_a_killed_command_leaves_nothing_half_written(place, name):
    dice, length_s = random.Random(name), undisturbed(place, CASES[name])
    assert [killed(place, name, dice, length_s) for _ in range(KILLS[name])] == [""] * KILLS[name]
    assert again(place, name) == ""
