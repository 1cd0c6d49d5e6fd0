"""Networks that NeuroBench and neurograph both count: seeded weights and inputs. Needs torch and snnTorch only, for both environments.

All numbers are multiples of 1/16 and the leak is 1/2, so that float32 and float64 give the same spikes over these few ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import snntorch as snn
import torch
from snntorch import utils
from torch import Tensor, nn

__all__ = ["NETWORKS", "Case", "Window", "deep", "loaded"]

SAMPLES, BATCH, TICKS = 6, 3, 8
STEP = 16.0


@dataclass(frozen=True)
class Case:
    """A network, and what it gets.

    Args:
        build: makes it.
        shape: of one sample in one tick.
        values: "spikes", "ternary", "real", or "relu": real with many zeros.
        spiking: run tick by tick; else once.
        samples: in batches of half of them.
    """

    build: Callable[[], nn.Sequential]
    shape: tuple[int, ...]
    values: str = "spikes"
    spiking: bool = True
    samples: int = SAMPLES

    @property
    def batch(self) -> int:
        return self.samples // 2

    def make(self, seed: int) -> tuple[nn.Sequential, Tensor]:
        """The network with its weights, and the input (samples, [ticks,] *shape)."""
        rng = np.random.default_rng(seed)
        net = self.build().eval()
        for parameter in net.parameters():
            if parameter.dim() == 0:
                continue  # thresholds and leaks of neurons
            weights = np.rint(rng.normal(0.15, 0.5, parameter.shape) * STEP) / STEP
            weights *= rng.random(parameter.shape) > 0.3  # pruned
            parameter.data = torch.from_numpy(weights).float()
        shape = (self.samples, *([TICKS] if self.spiking else []), *self.shape)
        fired = rng.random(shape) < 0.3
        factor = {"spikes": 1, "ternary": rng.choice([-1, 1], shape)}.get(self.values)
        if factor is None:
            factor = np.rint(rng.random(shape) * STEP) / STEP
        return net, torch.from_numpy(np.asarray((fired | (self.values == "real")) * factor)).float()


def _leaky(**more: Any) -> snn.Leaky:
    return snn.Leaky(beta=0.5, threshold=1.0, init_hidden=True, **more)


def _linear() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 16), _leaky(), nn.Linear(16, 8), _leaky(output=True))


def _recurrent() -> nn.Sequential:
    middle = snn.RLeaky(beta=0.5, threshold=1.0, linear_features=16, init_hidden=True)
    return nn.Sequential(nn.Linear(20, 16), middle, nn.Linear(16, 8), _leaky(output=True))


def _convolution() -> nn.Sequential:
    first = [nn.Conv2d(2, 4, 3, padding=1, stride=2), _leaky()]
    return nn.Sequential(*first, nn.Conv2d(4, 6, 3, bias=False), _leaky(), nn.Flatten(), nn.Linear(24, 5), _leaky(output=True))


def _mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 4))


def _cnn() -> nn.Sequential:
    first = [nn.Conv2d(2, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 8, 3, stride=2, groups=2), nn.ReLU()]
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(72, 10), nn.Sigmoid(), nn.Linear(10, 3))


def _wide() -> nn.Sequential:
    return nn.Sequential(nn.Linear(1031, 2053), nn.ReLU(), nn.Linear(2053, 517))


NETWORKS: dict[str, Case] = {
    "spiking linear": Case(_linear, (20,)),
    "spiking linear, ternary input": Case(_linear, (20,), "ternary"),
    "spiking linear, real input": Case(_linear, (20,), "real"),
    "spiking recurrent": Case(_recurrent, (20,)),
    "spiking convolution": Case(_convolution, (2, 8, 8)),
    "spiking convolution, real input": Case(_convolution, (2, 8, 8), "relu"),
    "MLP": Case(_mlp, (20,), "real", spiking=False),
    "MLP, binary input": Case(_mlp, (20,), "spikes", spiking=False),
    "CNN": Case(_cnn, (2, 8, 8), "relu", spiking=False),
    "wide MLP, beyond 2^24": Case(_wide, (1031,), "real", spiking=False, samples=128),
}


def deep(layers: int = 4, width: int = 512, seed: int = 0) -> nn.Sequential:
    """Layers of LIF neurons that all spike, for timing."""
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for layer in range(layers):
        linear = nn.Linear(width, width)
        linear.weight.data.normal_(0.4 / width, 2.0 / width**0.5)
        linear.bias.data.fill_(0.1)
        parts += [linear, _leaky(output=layer == layers - 1)]
    return nn.Sequential(*parts).eval()


def loaded(name: str, weights: dict[str, Tensor]) -> nn.Sequential:
    """The network of a name with these weights."""
    net = NETWORKS[name].build().eval()
    net.load_state_dict(weights, strict=False)
    return net


class Window(nn.Module):
    """A network of one tick, run over all of them as NeuroBench's ``SNNTorchModel`` does.

    Shapes:
        x (samples, T, …) → (samples, T, …)
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        utils.reset(self.net)
        return torch.stack([self.net(x[:, tick])[0] for tick in range(x.shape[1])]).transpose(0, 1)
