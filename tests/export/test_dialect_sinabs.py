"""Dialect sinabs against Sinabs: its own models, its own exporter, the same spikes in 200 steps × 32 neurons."""

from __future__ import annotations

import nir_framework_models as models
import pytest
import torch
from frameworks import check, made, reading, run
from nir_framework_models import uniform

from neurograph.errors import UnsupportedError

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("float64")]  # the warnings are the framework's own


def test_sinabs_lif(tmp_path):
    def layer(sl, single):
        return sl.LIFSqueeze(tau_mem=uniform(3, 12), spike_threshold=uniform(0.3, 0.8), spike_fn=single, batch_size=1)

    graph, wanted = made(models.sinabs, layer)
    check(graph, tmp_path, "sinabs", wanted, {"nir": 1009, "snntorch": 587}, dt=1.0)


def test_sinabs_lif_of_one_time_constant_is_widened(tmp_path):
    def layer(sl, single):
        return sl.LIFSqueeze(tau_mem=torch.tensor([6.0]), spike_threshold=torch.tensor([0.7]), spike_fn=single, batch_size=1)

    graph, wanted = made(models.sinabs, layer)
    check(graph, tmp_path, "sinabs", wanted, {})
    assert any("widened node '1': one element to (32,)" in line for line in reading(graph, tmp_path / "m.nir", "sinabs").assumed)


def test_sinabs_iaf(tmp_path):
    graph, wanted = made(models.sinabs, lambda sl, single: sl.IAFSqueeze(spike_threshold=uniform(4, 9), spike_fn=single, batch_size=1))
    check(graph, tmp_path, "sinabs", wanted, {"norse-1.1": 1380, "spikingjelly": 1380}, dt=1.0)


def test_sinabs_exp_leak_is_refused(tmp_path):
    """Its input is not normalised, as that of LIF is, and NIR's LI does not say which."""
    graph, _ = made(models.sinabs, lambda sl, _: sl.ExpLeakSqueeze(tau_mem=uniform(3, 12), batch_size=1))
    with pytest.raises(UnsupportedError, match="dialect sinabs cannot take node '1': LI"):
        run(graph, tmp_path, "sinabs")
