"""The parts of the first hour's benchmark that take no hour: timing a step, and the table."""

import os
import sys

import first_hour
import pytest


def test_a_step_is_timed_or_says_why_it_failed(tmp_path):
    seconds, cpu, said = first_hour._timed([sys.executable, "-c", "import os; print(os.getcwd())"], tmp_path, dict(os.environ))
    assert seconds > 0 and cpu > 0 and said.strip() == str(tmp_path)
    with pytest.raises(RuntimeError, match=r"exit 3: no room"):
        first_hour._timed([sys.executable, "-c", "import sys; print('no room', file=sys.stderr); sys.exit(3)"], tmp_path, dict(os.environ))


def test_the_table_sums_up_what_a_newcomer_waits_for():
    names = ("make an empty environment", "install the wheel", "neurograph demo, the first time", "neurograph demo, again")
    steps = {name: [2.0**index, 1.0] for index, name in enumerate(names)}
    text = first_hour.table({"machine": "M", "python": "Python 3.12.1", "lava": False, "no_cache": False, "steps": steps})
    assert text.splitlines()[0] == "M; Python 3.12.1, packages from uv's cache where it has them, without Lava"
    assert text.splitlines()[-1].split()[-2:] == ["7.00", "3.00"]
