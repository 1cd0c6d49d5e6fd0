"""SpikeNet's layer over snapshots: sampled neighbours, their mean, memoryless spiking neurons whose threshold adapts.

A reconstruction after arXiv 2208.10364 and the manner of its released code, without its text. Read in that code (EdisonLeeeee/SpikeNet,
``main.py`` and ``spikenet/neuron.py``): thresholds start at 1, decay by 0.7 and rise by 0.2; the time constant is 1, so there is no
memory; neighbours are averaged, a share p = 0.5 of them from all edges so far; one linear map reads the spikes of all snapshots. There it
draws 5 and 2 neighbours (2 of the 5 and 1 of the 2 from all edges so far), has layers of 128 and 10, a sigmoid's slope as surrogate,
dropout 0.7 between layers alone, minibatches and self-loops, and all nodes take part in every snapshot; here it is as the class says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.data.dynamic import DynamicGraph
from neurograph.data.graph import canonical_edges
from neurograph.models.readout import SnapshotReadout
from neurograph.models.steps import Idle, matched, taking_part
from neurograph.nn.sparse import csr_tensor
from neurograph.nn.spike import spike

__all__ = ["NeighbourStep", "SpikeNet", "adaptive_step", "neighbour_steps"]


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of n nodes among N: CSR ``start`` (n + 1,) and ``of`` (E,), and the matrix (n, N) that takes their mean. Nodes
    without a neighbour have themselves."""

    start: Tensor
    of: Tensor
    mean: Tensor

    def sample(self, count: int) -> Tensor:
        """``count`` of them for each node, with replacement, (n, count)."""
        degrees = (self.start[1:] - self.start[:-1])[:, None]
        drawn = (torch.rand(len(degrees), count) * degrees).long().clamp(max=degrees - 1)
        return self.of[self.start[:-1, None] + drawn]


@dataclass(frozen=True)
class NeighbourStep:
    """One snapshot for :class:`SpikeNet`.

    Args:
        nodes: that take part, (n,). x: features of all nodes, (N, F).
        now: their neighbours in the snapshot. so_far: those in all snapshots until then.
    """

    nodes: Tensor
    x: Tensor
    now: Neighbours
    so_far: Neighbours


def neighbour_steps(graph: DynamicGraph, features: Iterable[NDArray[np.float32]], idle: Idle = "last") -> list[NeighbourStep]:
    """The steps of a graph; see :func:`neurograph.models.steps.graph_steps`."""
    found = []
    all_edges = np.zeros((2, 0), np.int64)
    for at, (edges, x) in enumerate(matched(graph, features)):
        all_edges = canonical_edges(np.concatenate([all_edges, edges], axis=1))
        nodes = taking_part(graph, at, idle)
        now, so_far = (_neighbours(part, nodes, graph.nodes) for part in (edges, all_edges))
        found.append(NeighbourStep(torch.from_numpy(nodes), torch.from_numpy(x), now, so_far))
    return found


class SpikeNet(nn.Module):
    r"""In every snapshot t, layer k, node n, with :math:`M_t` the mean over neighbours:

    .. math::
        i = W_o h_n + W_m (M_t h)_n + b, \qquad v = i, \qquad s = [v \ge \theta_{t}], \qquad
        \theta_{t+1} = \kappa \theta_t + \gamma s, \qquad \theta_1 = 1

    h being the features in the first layer, the spikes of the layer before in the others. Half of the neighbours are of the snapshot,
    half of all snapshots until then. In training a few are drawn anew in every pass; in eval mode the mean is over all of them, which
    is the mean of the drawn ones, so that a table does not depend on luck. Read are the last layer's spikes in all snapshots. Nodes
    that take no part in a step keep their spikes and their thresholds. Backward: the surrogate of :func:`neurograph.nn.spike.spike`,
    through θ as well.

    Args:
        in_features, classes, steps: of the graph.
        width, layers: of the hidden layers. samples: neighbours drawn in each layer, half from either graph.
        decay, rise: κ and γ. dropout: of spikes between layers and of those read. last: read those of the last
            snapshot alone.

    Shapes:
        steps, T of them; nodes, N; rows (R,), those to read → logits (R, C)
    """

    name = "spikenet"

    def __init__(
        self,
        in_features: int,
        classes: int,
        steps: int,
        width: int = 64,
        layers: int = 2,
        samples: int = 6,
        decay: float = 0.7,
        rise: float = 0.2,
        dropout: float = 0.5,
        last: bool = False,
    ) -> None:
        super().__init__()
        sizes = [in_features, *[width] * (layers - 1)]
        self.own = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.mean = nn.ModuleList(nn.Linear(size, width, bias=False) for size in sizes)
        self.width, self.samples, self.decay, self.rise = width, samples, decay, rise
        self.dropout = nn.Dropout(dropout)
        self.readout = SnapshotReadout(steps, width, classes, dropout, last)

    def forward(self, steps: Sequence[NeighbourStep], nodes: int, rows: Tensor) -> Tensor:
        reader = self.readout.reader(rows)
        none = self.readout.linear.weight.new_zeros(nodes, self.width)
        spikes, thresholds = [none] * len(self.own), [none + 1] * len(self.own)
        for at, step in enumerate(steps):
            if len(step.nodes):
                heard = step.x
                for k, (own, mean) in enumerate(zip(self.own, self.mean, strict=True)):
                    current = own(heard.index_select(0, step.nodes)) + mean(self._aggregate(step, heard))
                    sent, threshold = adaptive_step(current, thresholds[k].index_select(0, step.nodes), self.decay, self.rise)
                    spikes[k] = spikes[k].index_copy(0, step.nodes, sent)
                    thresholds[k] = thresholds[k].index_copy(0, step.nodes, threshold)
                    heard = self.dropout(spikes[k])
            reader.read(at, spikes[-1])
        return reader.logits

    def _aggregate(self, step: NeighbourStep, heard: Tensor) -> Tensor:
        """The mean over neighbours, (n, D)."""
        if not self.training:
            return (step.now.mean @ heard + step.so_far.mean @ heard) / 2
        half = self.samples // 2
        drawn = torch.cat([step.now.sample(self.samples - half), step.so_far.sample(half)], dim=1)
        return heard.index_select(0, drawn.flatten()).view(*drawn.shape, -1).mean(dim=1)


def adaptive_step(current: Tensor, threshold: Tensor, decay: float, rise: float) -> tuple[Tensor, Tensor]:
    """Spikes of memoryless neurons, and the thresholds that they have next."""
    sent = spike(current - threshold)
    return sent, decay * threshold + rise * sent


def _neighbours(edges: NDArray[np.int64], nodes: NDArray[np.int64], count: int) -> Neighbours:
    matrix = sp.csr_matrix((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(count, count))
    alone = np.flatnonzero(np.diff(matrix.indptr) == 0)
    matrix = sp.csr_matrix(matrix + sp.csr_matrix((np.ones(len(alone)), (alone, alone)), shape=matrix.shape))[nodes]
    mean = sp.csr_matrix(sp.diags(1 / np.maximum(np.diff(matrix.indptr), 1)) @ matrix)
    start, of = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
    return Neighbours(start, of, csr_tensor(mean, torch.float32))
