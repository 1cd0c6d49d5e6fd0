"""The spiking rectify block: with spikes as they come, and with their running rate."""

from __future__ import annotations

import torch

from neurograph.nn import LIF
from neurograph.nn.rectify import RateRectify, RunningRate, SpikeRectify


def test_running_rate_is_the_mean_so_far() -> None:
    spikes = torch.tensor([1.0, 0.0, 0.0, 1.0])[:, None, None]
    torch.testing.assert_close(RunningRate()(spikes).flatten(), torch.tensor([1.0, 1 / 2, 1 / 3, 1 / 2]))


def test_spikes_are_rectified_as_they_come_and_rates_as_they_add_up() -> None:
    torch.manual_seed(0)
    current = torch.rand(4, 6, 3) * 2
    spike = SpikeRectify(3, LIF(0.5, 0.5)).eval()
    rate = RateRectify(3, LIF(0.5, 0.5)).eval()
    rate.load_state_dict(spike.state_dict())
    z = spike.neuron(current)
    assert 0 < z.mean() < 1
    torch.testing.assert_close(spike(current), spike.linear(z))
    torch.testing.assert_close(rate(current)[0], spike(current)[0])
    torch.testing.assert_close(rate(current)[-1], spike.linear(z.mean(dim=0, keepdim=True))[0])
    assert not torch.allclose(rate(current)[1:], spike(current)[1:])
