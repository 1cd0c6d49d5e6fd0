"""Spiking graph attention: binary inside, O(N·D), masks near their threshold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurograph.nn import And, BroadcastNodes, ReduceNodes, SpikeDropout, SpikingGraphAttention, alive, calibrating, record_spikes

NODES, WIDTH = 50, 8


def spikes(rate: float = 0.3, ticks: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(ticks, NODES, WIDTH, generator=generator) < rate).double()


def test_every_neuron_is_binary_and_the_output_is_gated() -> None:
    torch.manual_seed(0)
    layer = SpikingGraphAttention(WIDTH, NODES, threshold=0.2).double()
    recorded = record_spikes(layer, spikes())
    assert set(recorded) == {"q_neuron", "k_neuron", "v_neuron", "kv", "mask_neuron", "gate"}
    for name, value in recorded.items():
        assert set(value.flatten().tolist()) <= {0.0, 1.0}, name
    assert recorded["mask_neuron"].shape == (4, 1, WIDTH)
    assert torch.equal(recorded["gate"], recorded["q_neuron"] * recorded["mask_neuron"])
    assert torch.equal(recorded["kv"], recorded["k_neuron"] * recorded["v_neuron"])


def test_forced_mask_leaves_out_what_it_does_not_need() -> None:
    layer = SpikingGraphAttention(WIDTH, NODES, mask="ones")
    assert set(dict(layer.named_children())) == {"q", "q_neuron", "out"}
    assert layer(spikes().float()).shape == (4, NODES, WIDTH)
    with pytest.raises(ValueError, match="mask is 'none'"):
        SpikingGraphAttention(WIDTH, NODES, mask="none")  # type: ignore[arg-type]


def test_reduce_is_a_weighted_sum_of_the_exported_weights() -> None:
    layer = ReduceNodes(WIDTH, NODES, threshold=0.5).double()
    layer(spikes(0.3))
    layer.eval()
    x = spikes(0.2)
    expected = x.numpy().sum(axis=1, keepdims=True) * layer.weight()
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-14)


def test_reduce_lands_near_the_threshold_whatever_the_rate() -> None:
    for rate in (0.1, 0.4, 0.9):
        layer = ReduceNodes(WIDTH, NODES, threshold=0.5).double()
        mean = layer(spikes(rate)).mean(dim=(0, 1))
        assert 0.5 < mean.min() < mean.max() < 2.6 * 0.5


def test_average_moves_in_training_and_stands_still_at_inference() -> None:
    layer = ReduceNodes(WIDTH, NODES, threshold=0.5)
    layer(spikes(0.3).float())
    first = layer.average.clone()
    layer(spikes(0.9).float())
    assert bool((layer.average > first).all())
    layer.eval()
    held = layer.average.clone()
    layer(spikes(0.1).float())
    assert torch.equal(layer.average, held)


def test_calibrating_takes_the_average_of_one_pass() -> None:
    layer = ReduceNodes(WIDTH, NODES, threshold=0.5).double()
    layer(spikes(0.9))
    layer.eval()
    with calibrating(layer):
        inside = layer(spikes(0.1))
    torch.testing.assert_close(layer.average, spikes(0.1).mean(dim=(0, 1)))
    assert torch.equal(layer(spikes(0.1)), inside)


def test_a_silent_feature_gets_a_finite_weight() -> None:
    layer = ReduceNodes(WIDTH, NODES, threshold=0.5)
    layer(torch.zeros(4, NODES, WIDTH))
    assert np.isfinite(layer.weight()).all()


def test_and_broadcast_and_alive() -> None:
    a, b = spikes(0.5), spikes(0.5).flip(0)
    assert torch.equal(And()(a, b).bool(), a.bool() & b.bool())
    assert BroadcastNodes(NODES)(a[:, :1]).shape == (4, NODES, WIDTH)
    pattern = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])[:, None]
    assert alive(pattern).tolist() == [False, False, True]


def test_dropout_silences_a_neuron_for_all_ticks_and_never_at_inference() -> None:
    torch.manual_seed(0)
    layer = SpikeDropout(0.5)
    ones = torch.ones(4, NODES, WIDTH)
    dropped = layer(ones)
    assert torch.equal(dropped.min(dim=0).values, dropped.max(dim=0).values)
    assert set(dropped.flatten().tolist()) == {0.0, 2.0}
    assert torch.equal(layer.eval()(ones), ones)
