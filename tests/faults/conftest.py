"""A place where commands are stopped: a model, another one, a bundle, a cache of its own."""

import functools

import pytest
from fault_commands import CASES
from fault_runs import prepared, undisturbed


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("faults"), warm=True)


@pytest.fixture(scope="session")
def seconds(place):
    """How long a command takes when nothing happens to it."""
    return functools.cache(lambda name: undisturbed(place, CASES[name]))
