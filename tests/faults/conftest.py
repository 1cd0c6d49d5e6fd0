"""A place where commands are stopped: a model, another one, a bundle, a cache of its own."""

import pytest
from fault_runs import prepared


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("faults"), warm=True)
