"""Which graph each node belongs to, where a layer runs on many graphs at once: sums over the nodes of each, in place of one over all."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["Segments", "group_nodes"]


class Segments:
    """The graphs of a batch, G of them, N nodes in all.

    Args:
        batch: the graph of each node, (N,), 0 to G − 1, ascending, none left out.
    """

    def __init__(self, batch: NDArray[np.int64]) -> None:
        self.batch = batch
        self.index = torch.from_numpy(batch)
        self.sizes = torch.bincount(self.index)

    def __len__(self) -> int:
        return len(self.sizes)

    def sum(self, x: Tensor) -> Tensor:
        """Over the nodes of each graph, (…, N, D) → (…, G, D)."""
        return x.new_zeros(*x.shape[:-2], len(self), x.shape[-1]).index_add_(-2, self.index.to(x.device), x)

    def mean(self, x: Tensor) -> Tensor:
        """Over the nodes of each graph, (…, N, D) → (…, G, D)."""
        return self.sum(x) / self.sizes.to(x)[:, None]

    def spread(self, x: Tensor) -> Tensor:
        """What a graph has, to each of its nodes, (…, G, D) → (…, N, D)."""
        return x.index_select(-2, self.index.to(x.device))


def group_nodes(model: nn.Module, segments: Segments | None) -> None:
    """From now on every layer of the model that hears all nodes (``ReduceNodes``, ``BroadcastNodes``, ``Readout``) hears those of each
    graph alone; None: the nodes are those of one graph, and each of them is classified."""
    layers: list[Any] = [module for module in model.modules() if hasattr(module, "segments")]
    for layer in layers:
        layer.segments = segments
