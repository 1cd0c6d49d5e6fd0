"""A tally gathered on the device while a network runs: the counts of :mod:`neurograph.sim.tally`, without a spike being stored.

Spikes, synaptic events and messages follow from how often each neuron spiked. Whether a spike arrived at a neuron is what takes a product
of its own, and not always one: where all weights of a projection have one sign, its sum is not 0 exactly where a spike arrived; where a
matrix over features holds no zero, a spike arrives at all neurons of a node or at none; and where a dense matrix holds few zeros, what is
counted is how many of a tick's spikes meet one of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurograph.network import Network, Population, Projection
from neurograph.sim.device.bounds import factors_of
from neurograph.sim.device.products import DeviceWeights
from neurograph.sim.tally import Tally, pattern_of, reach_of
from neurograph.weights import Dense, Kron, Sparse, Weights

__all__ = ["Arrivals", "Counter"]

Array = NDArray[Any]
FEW = 1 / 16  # share of zeros up to which a sparse product with them costs less than a dense one with the rest


class Arrivals:
    """Where spikes arrive over a nonzero weight of a projection.

    Args:
        projection: whose weights.
        source: what it carries: spikes, messages or values.
        device: where they live.
    """

    def __init__(self, projection: Projection, source: Population, device: torch.device) -> None:
        weights = projection.weights
        self.from_sums = not source.sends_numbers and _one_signed(weights)
        self.repeat, self.missed = 1, False
        self.pattern: DeviceWeights | None = None
        if self.from_sums:
            return
        by_node, self.repeat = _without_features(weights)
        looked_at = pattern_of(by_node or weights)
        if by_node is None and isinstance(weights, Dense) and np.count_nonzero(weights.matrix == 0) < FEW * weights.matrix.size:
            looked_at, self.missed = Sparse(sp.csr_matrix(weights.matrix == 0, dtype=np.float32)), True
        self.pattern = DeviceWeights(looked_at, device, integer=True, name=projection.name)

    @property
    def row_bytes(self) -> int:
        """Memory for each row of spikes."""
        return 0 if self.pattern is None else self.pattern.row_bytes + self.pattern.shape[1] + 16

    @property
    def weight_bytes(self) -> int:
        """Memory that the pattern takes."""
        return 0 if self.pattern is None else self.pattern.weight_bytes

    def at(self, spikes: Tensor, sums: Tensor) -> Tensor:
        """Bool (..., out); ``sums`` are those of ``spikes`` (..., in), before any right shift."""
        if self.pattern is None:
            return sums != 0
        fired = spikes != 0
        if self.missed:
            return self.pattern.sums(fired) < torch.count_nonzero(fired, dim=-1)[..., None]
        arrived = self.pattern.sums(fired) > 0
        return arrived if self.repeat == 1 else arrived[..., None].expand(*arrived.shape, self.repeat).reshape(*arrived.shape[:-1], -1)


class Counter:
    """The counts of a run, one chunk of samples after another."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names = [name for name, p in network.populations.items() if not p.is_static]
        self.reach = {name: reach_of(network, name) for name in self.names}
        self.fan_out = [np.asarray(p.weights.fan_out(), np.int64) for p in network.spiking_projections]
        self._sent: dict[str, Tensor] = {}
        self._active: dict[str, Tensor] = {}
        self._done: list[Tally] = []

    def start(self, samples: int, device: torch.device) -> None:
        """The next samples begin."""
        for name in self.names:
            self._sent[name] = torch.zeros((samples, self.network.populations[name].size), dtype=torch.int64, device=device)
            self._active[name] = torch.zeros(samples, dtype=torch.int64, device=device)

    def sent(self, name: str, spikes: Tensor) -> None:
        """A population sent this, (samples, ticks, size)."""
        self._sent[name] += torch.count_nonzero(spikes, dim=1)

    def active(self, name: str, spikes: Tensor, arrived: Tensor | None) -> None:
        """At a population this arrived, bool (samples, ticks, size), and this it sent; None: nothing can arrive."""
        fired = spikes != 0
        self._active[name] += torch.count_nonzero(fired if arrived is None else fired.logical_or_(arrived), dim=(1, 2))

    def finish(self) -> None:
        """These samples are done."""
        sent = {name: counts.cpu().numpy() for name, counts in self._sent.items()}
        self._done.append(
            Tally(
                spikes={name: n.sum(axis=1) for name, n in sent.items()},
                updates_active={p.name: self._active[p.name].cpu().numpy() for p in self.network.neurons},
                synaptic_events=tuple(sent[p.source] @ f for p, f in zip(self.network.spiking_projections, self.fan_out, strict=True)),
                messages={name: n @ self.reach[name] for name, n in sent.items()},
                reached={name: n @ (self.reach[name] > 0).astype(np.int64) for name, n in sent.items()},
            )
        )
        self._sent, self._active = {}, {}

    def tally(self) -> Tally:
        """All samples."""

        def joined(key: str) -> dict[str, Array]:
            return {name: np.concatenate([getattr(t, key)[name] for t in self._done]) for name in getattr(self._done[0], key)}

        events = tuple(np.concatenate(counts) for counts in zip(*(t.synaptic_events for t in self._done), strict=True))
        return Tally(joined("spikes"), joined("updates_active"), events, joined("messages"), joined("reached"))


def _one_signed(weights: Weights) -> bool:
    return all((values >= 0).all() or (values <= 0).all() for values in factors_of(weights))


def _without_features(weights: Weights) -> tuple[Weights | None, int]:
    """Weights of the same pattern with one row for every so many, where the matrix over features (or all of it) has no zero."""
    if isinstance(weights, Dense) and weights.matrix.all():
        return Dense(np.ones((1, weights.shape[1]))), weights.shape[0]
    if isinstance(weights, Kron) and isinstance(weights.right, np.ndarray) and weights.right.ndim == 2 and weights.right.all():
        out, wide = weights.right.shape
        return replace(weights, right=np.ones((1, wide))), out
    return None, 1
