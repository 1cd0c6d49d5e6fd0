"""Dy-SIGN in the build whose every edge is a synapse (``onchip``). A reconstruction, see :mod:`neurograph.models.dysign`.

Of each layer k there are two populations of N × D integrate-and-fire neurons. P holds what the layer knows, Q sends it along the edges:

- P^k → Q^k with W_s and P^(k-1) → Q^k with W_x: per-node synapses, the same D × D weights at every node;
- Q^k → P^k with Â_t and one gain: the synapses of the graph. A dense W ⊗ Â between two P would have D² synapses an edge, this has D;
- P^1 → P^K with W_c, per node: information compensation;
- the current of the snapshot, Â_t X_t W + X_t W_o + b into P^1, constant through a window, from the host.

In the window of a snapshot the chip runs L ticks. In a tick, layer by layer, P adds up what it hears and fires, Q hears those spikes and
fires; what Q sends arrives at P in the next tick. No neuron leaks, and the host stops the neurons of a node that has no edge in the
snapshot (their biases, and what is left above the threshold, would make them fire), so that it keeps its membranes: that is how states
carry over. Between windows the host changes the synapses Q → P to the edges of the next snapshot, resets nothing, drops what is still on
its way, and counts the spikes of P, which its linear readout takes as rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from neurograph.models.readout import SnapshotReadout
from neurograph.models.steps import Step
from neurograph.nn.linear import PerNode
from neurograph.nn.propagate import symmetric_product
from neurograph.nn.spike import spike
from neurograph.settings_fields import check_fields

__all__ = ["OnChipConfig", "OnChipDySign"]


@dataclass(frozen=True)
class OnChipConfig:
    """What an on-chip Dy-SIGN is built from; plain values only.

    Args:
        in_features, classes, steps: of the graph.
        width, layers: D, at most 16, and K.
        latency: L, ticks of a window.
        threshold: θ of all neurons. start: of all membranes before the first window.
        reset: "subtract": v ← v − θ; "value": v ← 0.
        compensation: W_c, where there are two layers or more.
        gain: of Â at the start; it is learned.
        dropout: of the rates that are read.
    """

    in_features: int
    classes: int
    steps: int
    width: int = 16
    layers: int = 2
    latency: int = 4
    threshold: float = 1.0
    start: float = 0.0
    reset: Literal["subtract", "value"] = "subtract"
    compensation: bool = True
    gain: float = 1.0
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_fields(self, "OnChipConfig")
        for name in ("in_features", "classes", "steps", "width", "layers", "latency"):
            if getattr(self, name) < 1:
                raise ValueError(f"OnChipConfig: {name} is {getattr(self, name)}, must be at least 1")
        if self.width > 16:
            raise ValueError(f"OnChipConfig: width is {self.width}, must be at most 16; the per-node synapses grow with its square")
        if not self.threshold > 0 or not 0 <= self.start < self.threshold or not self.gain > 0:
            raise ValueError(
                f"OnChipConfig: threshold {self.threshold:g} and gain {self.gain:g} must be above 0, start {self.start:g} below θ"
            )


class OnChipDySign(nn.Module):
    """Host current → windows of the core → linear readout of the rates on the host; trained back through ticks and windows.

    Shapes:
        steps, T of them; nodes, N; rows (R,), those to read → logits (R, C)
    """

    name = "dysign_onchip"

    def __init__(self, config: OnChipConfig) -> None:
        super().__init__()
        self.config = config
        width, layers = config.width, config.layers
        self.input = nn.Linear(config.in_features, width)
        self.own = nn.Linear(config.in_features, width, bias=False)
        self.recurrent = nn.ModuleList(PerNode(width, width) for _ in range(layers))
        self.between = nn.ModuleList(PerNode(width, width, bias=False) for _ in range(layers - 1))
        self.compensation = PerNode(width, width) if config.compensation and layers > 1 else None
        self.log_gain = nn.Parameter(torch.full((layers,), config.gain).log())
        self.readout = SnapshotReadout(config.steps, layers * width, config.classes, config.dropout)

    def forward(self, steps: Sequence[Step], nodes: int, rows: Tensor) -> Tensor:
        reader = self.readout.reader(rows)
        width, layers = self.config.width, self.config.layers
        held = self.input.weight.new_full((nodes, 2 * layers * width), self.config.start)
        rates = self.input.weight.new_zeros(nodes, layers * width)
        for at, step in enumerate(steps):
            if len(step.nodes):
                spikes, after = self.window(step, held.index_select(0, step.nodes))
                held = held.index_copy(0, step.nodes, after)
                rates = rates.index_copy(0, step.nodes, spikes.mean(dim=0))
            reader.read(at, rates)
        return reader.logits

    def window(self, step: Step, held: Tensor) -> tuple[Tensor, Tensor]:
        """One window: spikes of all P (L, n, K·D), and the membranes of all P, then all Q, after it (n, 2·K·D); ``held``: before it."""
        layers, width = self.config.layers, self.config.width
        membranes = list(torch.split(held, width, dim=1))
        current = self.input(step.propagated) + self.own(step.x)
        gains = self.log_gain.exp()
        arriving = [torch.zeros_like(current)] * layers
        sent = []
        for _ in range(self.config.latency):
            p: list[Tensor] = []
            for k in range(layers):
                heard = arriving[k] + current if k == 0 else arriving[k]
                if k == layers - 1 and self.compensation is not None:
                    heard = heard + _per_node(self.compensation, p[0])
                fired, membranes[k] = self._neuron(membranes[k], heard)
                p.append(fired)
                relayed = _per_node(self.recurrent[k], fired)
                if k:
                    relayed = relayed + _per_node(self.between[k - 1], p[k - 1])
                q, membranes[layers + k] = self._neuron(membranes[layers + k], relayed)
                arriving[k] = gains[k] * symmetric_product(step.adjacency, q)
            sent.append(torch.cat(p, dim=1))
        return torch.stack(sent), torch.cat(membranes, dim=1)

    def _neuron(self, v: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """One tick of integrate-and-fire neurons: spikes, and the membrane after them."""
        v = v + heard
        fired = spike(v - self.config.threshold)
        return fired, v - self.config.threshold * fired if self.config.reset == "subtract" else v * (1 - fired)


def _per_node(leaf: nn.Module, spikes: Tensor) -> Tensor:
    return cast(Tensor, leaf(spikes[None]))[0]
