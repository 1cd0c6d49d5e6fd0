"""Layers whose nodes are spread over processes: what they hear of other nodes goes through collectives with gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

__all__ = ["Shard", "sharded"]


@dataclass(frozen=True)
class Shard:
    """One process's nodes: ``start`` to ``stop`` of ``nodes``. Each process has ``size`` of them until they run out; ``spare`` processes
    have none.

    Args:
        rank, world: which process of how many.
    """

    rank: int
    world: int
    nodes: int

    @property
    def size(self) -> int:
        """Nodes of each process, if there are so many left."""
        return -(-self.nodes // self.world)

    @property
    def spare(self) -> int:
        """Processes, the last ones, that no node is left for."""
        return self.world - -(-self.nodes // self.size)

    @property
    def start(self) -> int:
        return min(self.rank * self.size, self.nodes)

    @property
    def stop(self) -> int:
        return min(self.start + self.size, self.nodes)

    def gather(self, x: Tensor) -> Tensor:
        """The rows of all processes: (local nodes, D) → (N, D). Backward: the sum of what all processes send back."""
        return cast(Tensor, _Gather.apply(x, self))

    def total(self, x: Tensor) -> Tensor:
        """The sum over all processes, of the same shape. Backward: the sum of what all processes send back."""
        return cast(Tensor, _Total.apply(x))


@contextmanager
def sharded(model: nn.Module, shard: Shard | None) -> Iterator[None]:
    """Inside, each layer that mixes nodes (``Propagate``, ``ReduceNodes``, batch norms) runs on this process's nodes and hears all."""
    layers: list[Any] = [module for module in model.modules() if hasattr(module, "shard")]
    for layer in layers:
        layer.shard = shard
    try:
        yield
    finally:
        for layer in layers:
            layer.shard = None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shard: Shard) -> Tensor:
        ctx.shard = shard
        padded = x.new_zeros(shard.size, *x.shape[1:])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in range(shard.world)]
        dist.all_gather(parts, padded)
        return torch.cat(parts)[: shard.nodes]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        whole = gradients[0].contiguous().clone()
        dist.all_reduce(whole)
        return whole[ctx.shard.start : ctx.shard.stop], None


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        found = x.contiguous().clone()
        dist.all_reduce(found)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        back = gradients[0].contiguous().clone()
        dist.all_reduce(back)
        return back
