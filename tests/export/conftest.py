"""A small untrained SpikeGraphormer on karate, and what the compiler makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spiky import karate_checkpoint

from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS


@pytest.fixture(scope="session")
def checkpoint():
    return karate_checkpoint()


@pytest.fixture(scope="session")
def compiled(checkpoint):
    made = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    assert all(np.any(spikes) for name, spikes in made.torch.spikes.items()), "a silent population tests nothing"
    return made


@pytest.fixture
def float64():
    """What other frameworks allocate themselves is float64 as well."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
