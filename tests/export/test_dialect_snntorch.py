"""Dialects snntorch and snntorch-zero against snnTorch: its own models, its own exporter, the same spikes in 200 steps × 32 neurons."""

from __future__ import annotations

import nir_framework_models as models
import pytest
import torch
from frameworks import check, made, run
from nir_framework_models import NEURONS, uniform

from neurograph.errors import UnsupportedError

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("float64")]  # the warnings are the framework's own


def test_snntorch_leaky(tmp_path):
    graph, wanted = made(models.snntorch, lambda snn: snn.Leaky(0.9, init_hidden=True))
    check(graph, tmp_path, "snntorch", wanted, {"snntorch-zero": 982, "nir": 982}, dt=1e-4)


def test_snntorch_leaky_that_resets_to_zero(tmp_path):
    graph, wanted = made(models.snntorch, lambda snn: snn.Leaky(0.9, init_hidden=True, reset_mechanism="zero"))
    check(graph, tmp_path, "snntorch-zero", wanted, {"snntorch": 982})


def test_snntorch_synaptic(tmp_path):
    graph, wanted = made(models.snntorch, lambda snn: snn.Synaptic(0.8, 0.9, init_hidden=True))
    check(graph, tmp_path, "snntorch", wanted, {"rockpool": 1142}, dt=1e-4)


def test_snntorch_zero_refuses_what_clears_more_than_v(tmp_path):
    """Synaptic clears its synapse as well, and RLeaky the input of the next step."""
    graph, _ = made(models.snntorch, lambda snn: snn.Synaptic(0.8, 0.9, init_hidden=True, reset_mechanism="zero"))
    with pytest.raises(UnsupportedError, match="dialect snntorch-zero cannot take node '1': CubaLIF"):
        run(graph, tmp_path, "snntorch-zero")
    torch.set_default_dtype(torch.float32)
    graph, _ = made(
        models.snntorch, lambda snn: snn.RLeaky(0.9, linear_features=NEURONS, init_hidden=True, reset_mechanism="zero"), torch.float32
    )
    with pytest.raises(UnsupportedError, match="dialect snntorch-zero cannot take node '.*': recurrent LIF"):
        run(graph, tmp_path, "snntorch-zero")


@pytest.mark.parametrize("all_to_all", [True, False])
def test_snntorch_rleaky(tmp_path, all_to_all):
    """In float32, for its recurrent spikes are float32. No slot differs all the same."""
    torch.set_default_dtype(torch.float32)
    extra = {"linear_features": NEURONS} if all_to_all else {"V": uniform(-1, 1).float()}
    graph, wanted = made(models.snntorch, lambda snn: snn.RLeaky(0.9, all_to_all=all_to_all, init_hidden=True, **extra), torch.float32)
    check(graph, tmp_path, "snntorch", wanted, {"nir": 960 if not all_to_all else 945})


def test_snntorch_rsynaptic(tmp_path):
    """In float32, for its recurrent spikes are float32. No slot differs all the same."""
    torch.set_default_dtype(torch.float32)
    graph, wanted = made(models.snntorch, lambda snn: snn.RSynaptic(0.8, 0.9, linear_features=NEURONS, init_hidden=True), torch.float32)
    check(graph, tmp_path, "snntorch", wanted, {"rockpool": 1568})
