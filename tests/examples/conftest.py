"""What examples are run with."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """One thread, and compiled modules kept from one example to the next, whatever the machine does otherwise."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    made = tmp_path_factory.mktemp("compiled")
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": str(made), "PYTHONIOENCODING": "utf-8"}
