"""An interpreter with NeuroBench."""

from __future__ import annotations

import neurobench_parity
import pytest


@pytest.fixture(scope="session")
def neurobench_python():
    """Skips by name where there is none."""
    try:
        return str(neurobench_parity.find_neurobench())
    except LookupError as error:
        pytest.skip(f"needs NeuroBench: {error}")
