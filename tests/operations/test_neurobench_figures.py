"""NeuroBench's names for a torch module."""

from __future__ import annotations

import torch
from torch import nn

from neurograph.nn import LIF
from neurograph.operations import neurobench_figures


def test_figures_of_a_small_network():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 0, 2], [0, -1, 0]])
    model[0].bias.data.zero_()
    model[2].weight.data.fill_(0.5)
    figures, counts = neurobench_figures(model, torch.tensor([[1.0, 1, 0], [0, 0, 1]]), samples=2)
    assert figures == {
        "Effective_ACs": 1.5,  # 2 and 1 in the first layer
        "Effective_MACs": 1.0,  # of 1 and 2 that the ReLU lets through
        "Dense": 8.0,
        "ActivationSparsity": 0.5,
        "ConnectionSparsity": 0.375,
        "Footprint": 4.0 * 10,
    }
    assert counts.dense() == 16
    assert not model[1]._forward_hooks


def test_neurons_of_ours_are_activations():
    model = nn.Sequential(nn.Linear(3, 2), LIF(0.5, 1.0))
    model[0].weight.data.fill_(5.0)
    figures, _ = neurobench_figures(model, torch.ones(4, 1, 3))
    assert figures["ActivationSparsity"] == 0.0
