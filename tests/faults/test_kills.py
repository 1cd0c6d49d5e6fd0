"""Kill -9 at random moments, 50 times: what is at an output's path is whole, no process is left, and the next run ends well."""

import random

import pytest
from fault_commands import CASES
from fault_runs import again, killed

KILLS = {
    "train": 8,
    "export": 8,
    "simulate": 12,
    "simulate, nothing cached": 4,
    "report": 8,
    "place": 6,
    "sweep": 1,
    "tune": 2,
    "demo": 1,
}


def test_there_are_fifty():
    assert sum(KILLS.values()) == 50 and KILLS.keys() < CASES.keys()


@pytest.mark.parametrize("name", KILLS)
def test_a_killed_command_leaves_nothing_half_written(place, seconds, name):
    length_s = 3 * seconds("export") if name in ("sweep", "demo") else seconds(name)
    dice = random.Random(name)
    assert [killed(place, name, dice, length_s) for _ in range(KILLS[name])] == [""] * KILLS[name]
    assert name == "demo" or again(place, name) == ""  # it is train, export and report, one after the other
