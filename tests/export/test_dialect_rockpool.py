"""Dialect rockpool against Rockpool: its own models, its own exporter, the same spikes in 200 steps × 32 neurons."""

from __future__ import annotations

import nir_framework_models as models
import pytest
import torch
from frameworks import check, made
from nir_framework_models import NEURONS, uniform

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("float64")]  # the warnings are the framework's own


def test_rockpool_lif_torch(tmp_path):
    """In float32, for the class sends float32 spikes through its recurrent weights. No slot differs all the same."""

    def layer(modules):
        taus = {"tau_mem": uniform(4e-3, 12e-3), "tau_syn": uniform(2e-3, 6e-3, 5)[:, None]}
        return modules.LIFTorch(NEURONS, **taus, threshold=uniform(15, 25), max_spikes_per_dt=1, dt=1e-3)

    torch.set_default_dtype(torch.float32)
    graph, wanted = made(models.rockpool, layer, torch.float32)
    check(graph, tmp_path, "rockpool", wanted, {"nir": 1541, "snntorch": 1549}, dt=1e-3)


def test_rockpool_lif_neuron_torch(tmp_path):
    def layer(modules):
        return modules.LIFNeuronTorch(NEURONS, tau_mem=uniform(4e-3, 12e-3), threshold=uniform(4, 9), max_spikes_per_dt=1, dt=1e-3)

    graph, wanted = made(models.rockpool, layer)
    check(graph, tmp_path, "rockpool", wanted, {"nir": 1167, "sinabs": 1115}, dt=1e-3)
