"""Dialect spikingjelly against the neurons of SpikingJelly 0.0.0.0.14, which has no exporter: the file is written by the rule of 2.0's.

test_nir_round_trip.py has 2.0 itself.
"""

from __future__ import annotations

import nir
import nir_framework_models as models
import numpy as np
import pytest
import torch
from frameworks import X, check, made
from nir_framework_models import INPUTS, NEURONS, linear

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("float64")]  # the warnings are the framework's own


def spikingjelly(node, layer):
    neuron = made(models.framework, "spikingjelly.activation_based.neuron")
    first, layer, spikes = linear(), layer(neuron).double(), []
    with torch.no_grad():
        spikes = [layer(first(row[None])) for row in torch.from_numpy(X)]
    graph = nir.NIRGraph.from_list(nir.Affine(first.weight.detach().numpy(), first.bias.detach().numpy()), node)
    return graph, torch.cat(spikes)


@pytest.mark.parametrize("decay_input", [True, False])
def test_spikingjelly_lif_node(tmp_path, decay_input):
    full = np.ones(NEURONS)
    theta = 0.5 if decay_input else 2.0
    node = nir.LIF(5.0 * 1e-4 * full, full if decay_input else 5.0 * full, 0.1 * full, theta * full, 0.1 * full)
    graph, wanted = spikingjelly(node, lambda n: n.LIFNode(5.0, decay_input, v_threshold=theta, v_reset=0.1))
    # A layer that starts at v_reset, rests there and never meets its threshold exactly: plain NIR gives the same.
    check(graph, tmp_path, "spikingjelly", wanted, {"nir": 0, "sinabs": 896 if decay_input else 1054}, dt=1e-4)


def test_spikingjelly_if_node_fires_at_its_threshold(tmp_path):
    full = np.ones(NEURONS)
    node = nir.IF(1e4 * full, 3.0 * full, 0 * full)
    neuron = made(models.framework, "spikingjelly.activation_based.neuron")
    whole, layer = torch.nn.Linear(INPUTS, NEURONS, bias=False).double(), neuron.IFNode(v_threshold=3.0).double()
    whole.weight.data = torch.from_numpy(np.random.default_rng(2).integers(-1, 2, (NEURONS, INPUTS)).astype(float))
    with torch.no_grad():
        wanted = torch.cat([layer(whole(row[None])) for row in torch.from_numpy(X)])
    graph = nir.NIRGraph.from_list(nir.Linear(whole.weight.detach().numpy()), node)
    check(graph, tmp_path, "spikingjelly", wanted, {"nir": 536, "sinabs": 2639}, dt=1e-4)
