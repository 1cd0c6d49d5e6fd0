"""Spiking graph attention (SGA) out of parts that each have a counterpart on chip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.nn.fake_quantize import FakeQuantized, fake_quantize
from neurograph.nn.linear import PerNode
from neurograph.nn.neurons import LIF, Reset
from neurograph.nn.segments import Segments
from neurograph.nn.sharding import Shard
from neurograph.nn.wires import Wires

__all__ = ["And", "BroadcastNodes", "ReduceNodes", "SpikingGraphAttention", "alive", "calibrating"]

Array = NDArray[Any]


class And(nn.Module):
    """Coincidence of two binary spike trains, their product. On chip: a memoryless neuron with threshold 1.5.

    Shapes:
        a (T, N, D), b (T, N, D) → (T, N, D)
    """

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


class ReduceNodes(FakeQuantized, nn.Module):
    r"""A weighted sum over all nodes, scaled so that it lands near the threshold of the neurons behind it.

    .. math::
        y_{td} = \sum_n w_d x_{tnd}, \qquad w_d = \frac{a_d \, \theta}{N \, \overline{x}_d}

    The literal sum saturates. :math:`\overline x_d` is the mean over nodes and ticks: of the batch in training, as in a batch norm, and a
    constant at inference, so that w is one plain vector of synaptic weights (:meth:`weight`). The constant is the moving average of
    training, or what one pass inside :func:`calibrating` measured, which is better: dropout makes neurons fire more often than they
    do at inference. :math:`a_d > 0` is learned and starts spread over ``spread``; a mask neuron with a_d below 1 can only fire where
    the sum rises above its mean.

    Of a batch of G graphs (:class:`neurograph.nn.segments.Segments`) each is summed alone, with its own N in w; the mean is over
    the nodes of all of them, a constant at inference, so that a graph gets the same alone and in any batch.

    Args:
        width: D.
        nodes: N.
        threshold: θ of the LIF behind it, volts.
        spread: lowest and highest a_d at the start.
        momentum: weight of the newest value in the moving average.

    Shapes:
        x (T, N, D) → (T, 1, D), or (T, G, D)
    """

    average: Tensor
    updates: Tensor

    def __init__(self, width: int, nodes: int, threshold: float, spread: tuple[float, float] = (1.05, 2.5), momentum: float = 0.1) -> None:
        super().__init__()
        self.width = width
        self.nodes = nodes
        self.threshold = threshold
        self.momentum = momentum
        self.calibrating = False
        self.shard: Shard | None = None
        self.segments: Segments | None = None
        self.log_level = nn.Parameter(torch.linspace(*spread, width).log())
        self.register_buffer("average", torch.ones(width))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        average = self.average
        if self.training or self.calibrating:
            average = self._total(x.detach()).sum(dim=(0, 1)) / (len(x) * self.nodes)
            if self.segments is not None:
                average = average.clamp(min=1.0 / self.nodes)  # of all nodes, for at inference it must not hang on the graphs of the batch
            self._update(average)
        weight = self._weight(self.log_level, average) if self.weight_bits is None else self._rounded(average).to(x.dtype)
        return self._total(x) * weight

    def _total(self, x: Tensor) -> Tensor:
        """The sum over all nodes, (T, 1, D), or over those of each graph, (T, G, D)."""
        if self.segments is not None:
            return self.segments.sum(x)
        found = x.sum(dim=1, keepdim=True)
        return found if self.shard is None else self.shard.total(found)

    def weight(self) -> Array:
        """w, shape (D,), float64; (G, D) of a batch."""
        return cast(Array, self._rounded(self.average).detach().cpu().numpy())

    def _rounded(self, average: Tensor) -> Tensor:
        return fake_quantize(self._weight(self.log_level.double(), average.double()), self.weight_bits)

    def _weight(self, log_level: Tensor, average: Tensor) -> Tensor:
        # A feature that never fires would get an infinite weight; one spike a tick among all nodes is the floor.
        if self.segments is not None:
            return log_level.exp() * self.threshold / average / self.segments.sizes.to(average)[:, None]
        return log_level.exp() * (self.threshold / self.nodes) / average.clamp(min=1.0 / self.nodes)

    @torch.no_grad()
    def _update(self, mean: Tensor) -> None:
        if self.calibrating or int(self.updates) == 0:
            self.average.copy_(mean)
        else:
            self.average.lerp_(mean, self.momentum)
        self.updates += 1

    def extra_repr(self) -> str:
        return f"width={self.width}, nodes={self.nodes}, threshold={self.threshold:g}"


@contextmanager
def calibrating(model: nn.Module) -> Iterator[None]:
    """Inside, each pass of a model in eval mode sets its averages, of ReduceNodes and of batch norms, to what that pass sees."""
    layers = [module for module in model.modules() if isinstance(module, (ReduceNodes, PerNode))]
    for layer in layers:
        layer.calibrating = True
    try:
        yield
    finally:
        for layer in layers:
            layer.calibrating = False


class BroadcastNodes(nn.Module):
    """The same value to every node, or to every node of a graph.

    Shapes:
        x (T, 1, D), or (T, G, D) → (T, nodes, D)
    """

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.nodes = nodes
        self.shard: Shard | None = None
        self.segments: Segments | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.segments is not None:
            return self.segments.spread(x)
        return x.expand(-1, self.nodes if self.shard is None else self.shard.stop - self.shard.start, -1)

    def extra_repr(self) -> str:
        return f"nodes={self.nodes}"


class SpikingGraphAttention(nn.Module):
    r"""Spiking graph attention, in O(N·D).

    .. math::
        Q, K, V = SN(BN(S W_{Q,K,V})), \qquad m_d = SN\Big(\sum_n w_d \, K_{nd} V_{nd}\Big), \qquad
        \mathrm{SGA}(S)_n = BN(W_O (Q_n \odot m))

    Reconstruction after SpikeGraphormer (arXiv 2403.15480, figure): the sum runs over nodes; its weights (:class:`ReduceNodes`) are
    ours, because the literal sum saturates. On one static graph the mask has no node index: it is a T × D pattern; in a batch of graphs
    each has a pattern of its own.

    The authors' released code sums over heads where the figure sums over nodes, so that no node ever hears another one:
    :math:`m_{nd} = SN(\sum_h K_{nhd} V_{nhd})`, the same mask for all heads (``reduce="heads"``, to compare with).

    Args:
        width: D.
        nodes: N.
        heads: each of the full width, as in the released code: Q, K and V have heads·D features.
        reduce: what the sum runs over, "nodes" or "heads".
        beta, reset: of all neurons inside.
        threshold: of Q, K and V, volts.
        mask_threshold: of the mask neurons, volts.
        mask: "learned", or "ones" to compare with: the mask is 1, so the sum, K and V are left out.

    Shapes:
        spikes S (T, N, D) → current (T, N, D)
    """

    def __init__(
        self,
        width: int,
        nodes: int,
        beta: float = 0.5,
        threshold: float = 0.5,
        mask_threshold: float = 0.5,
        reset: Reset = "value",
        mask: Literal["learned", "ones"] = "learned",
        learn_beta: bool = False,
        heads: int = 1,
        reduce: Literal["nodes", "heads"] = "nodes",
    ) -> None:
        super().__init__()
        if mask not in ("learned", "ones"):
            raise ValueError(f"SpikingGraphAttention: mask is {mask!r}, must be 'learned' or 'ones'")
        if reduce not in ("nodes", "heads"):
            raise ValueError(f"SpikingGraphAttention: reduce is {reduce!r}, must be 'nodes' or 'heads'")
        self.mask = mask
        wide = heads * width
        self.q = PerNode(width, wide, norm=True)
        self.q_neuron = LIF(beta, threshold, reset, learn_beta)
        if mask == "learned":
            self.k = PerNode(width, wide, norm=True)
            self.k_neuron = LIF(beta, threshold, reset, learn_beta)
            self.v = PerNode(width, wide, norm=True)
            self.v_neuron = LIF(beta, threshold, reset, learn_beta)
            self.kv = And()
            self.reduce = ReduceNodes(wide, nodes, mask_threshold) if reduce == "nodes" else Wires(np.tile(np.eye(width), heads))
            self.mask_neuron = LIF(beta, mask_threshold, reset, learn_beta)
            self.broadcast = BroadcastNodes(nodes) if reduce == "nodes" else Wires(np.tile(np.eye(width), heads).T)
            self.gate = And()
        self.out = PerNode(wide, width, norm=True)

    def forward(self, spikes: Tensor) -> Tensor:
        gated = self.q_neuron(self.q(spikes))
        if self.mask == "learned":
            keys = self.k_neuron(self.k(spikes))
            values = self.v_neuron(self.v(spikes))
            mask = self.mask_neuron(self.reduce(self.kv(keys, values)))
            gated = self.gate(gated, self.broadcast(mask))
        return cast(Tensor, self.out(gated))


def alive(mask_spikes: Tensor) -> NDArray[np.bool_]:
    """Which mask neurons neither always nor never fire over the ticks; mask_spikes (T, 1, D) → (D,), of a batch (T, G, D) → (G·D,)."""
    rate = mask_spikes.mean(dim=0).flatten().cpu().numpy()
    return (rate > 0) & (rate < 1)
