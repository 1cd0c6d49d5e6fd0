"""What every model that is exported has in common: a host part in front, the spiking core, a host part behind."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Literal, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from torch import Tensor, nn

from neurograph.nn import LIF, Features, Readout, Segments, drop_features, gcn_norm, group_nodes, set_weight_bits
from neurograph.settings_fields import check_fields

__all__ = ["ClassifierConfig", "SpikingClassifier"]


@dataclass(frozen=True)
class ClassifierConfig:
    """What a spiking classifier of nodes, or of graphs, is built from; plain values only, so that it can be stored in a checkpoint.

    Args:
        in_features, classes, nodes: of the graph, or of all graphs of a set.
        ticks: T.
        reset: of all neurons.
        beta: dt/tau of all neurons; where ``learn_beta``, the start value (PLIF).
        encoder_gain: the encoder's output is multiplied by this.
        input_dropout: of the features; spike_dropout: of spikes that a model drops, one mask for all ticks; readout_dropout: of the rates.
        readout: whether it hears the rates after one more Â, on the host ("propagated"), as they are ("plain"), or "both".
        weight_bits: 2 to 8 where the weights on chip are rounded to so many bits in the model itself, training included; else None.

    Raises:
        ValueError: a value out of its range.
    """

    in_features: int
    classes: int
    nodes: int
    ticks: int = 4
    reset: Literal["value", "subtract"] = "value"
    beta: float = 0.5
    learn_beta: bool = False
    encoder_gain: float = 20.0
    input_dropout: float = 0.5
    spike_dropout: float = 0.7
    readout_dropout: float = 0.7
    readout: Literal["propagated", "plain", "both"] = "propagated"
    weight_bits: int | None = None

    def __post_init__(self) -> None:
        where = type(self).__name__
        check_fields(self, where)
        for name in self.sizes():
            if getattr(self, name) < 1:
                raise ValueError(f"{where}: {name} is {getattr(self, name)}, must be at least 1")
        if self.weight_bits is not None and self.weight_bits not in range(2, 9):
            raise ValueError(f"{where}: weight_bits is {self.weight_bits!r}, must be 2 to 8, or None")

    def sizes(self) -> tuple[str, ...]:
        """Names of the fields that must be at least 1."""
        return ("in_features", "classes", "nodes", "ticks")

    @property
    def current_width(self) -> int:
        """D0, features of the encoder's current."""
        raise NotImplementedError

    @property
    def spike_width(self) -> int:
        """Features of all spikes that are read."""
        return self.current_width

    @property
    def readout_width(self) -> int:
        """Features that the readout makes of them: the classes, where nothing follows."""
        return self.classes

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(f.name for f in fields(cls))


class SpikingClassifier(nn.Module):
    r"""Encoder (host) → spiking core (chip) → readout (host).

    .. math::
        i = g (X W + b), \quad S^1, S^2, \dots = \mathrm{core}(i), \quad
        \mathrm{logits} = \hat A R W_r + R W_p + b_r, \quad R = [\tfrac1T \textstyle\sum_t S^1_t, \tfrac1T \sum_t S^2_t, \dots]

    Of a batch of G graphs the attention sums over the nodes of each graph, and the readout hears the mean over its nodes: a graph gets the
    same logits alone and among others.

    Args:
        config: sizes and settings.
        edge_index: (2, E), both directions of every edge, no self-loops.
        batch: the graph of each node, (N,), where whole graphs are classified; :class:`neurograph.data.GraphData` has the rules.

    Shapes:
        x (N, F) → logits (N, C), or (G, C)

    Raises:
        ValueError: a batch for a model that classifies nodes only.
    """

    name: ClassVar[str]
    pools: ClassVar[bool] = True  # whether whole graphs can be classified
    decayed: ClassVar[tuple[str, ...]] = ("encoder.",)  # beginnings of the names of parameters with weight decay

    def __init__(self, config: ClassifierConfig, edge_index: NDArray[np.int64], batch: NDArray[np.int64] | None = None) -> None:
        super().__init__()
        if batch is not None and not self.pools:
            raise ValueError(f"{self.name} classifies nodes only, not the graphs of a set; take spikegraphormer or sghormer")
        self.config = config
        graph = gcn_norm(edge_index, config.nodes)
        self.encoder = nn.Linear(config.in_features, config.current_width)
        nn.init.xavier_uniform_(self.encoder.weight)
        nn.init.zeros_(self.encoder.bias)
        self.core = self.build_core(graph)
        propagated, plain = (None if config.readout == "plain" else graph), config.readout != "propagated"
        self.readout = Readout(config.spike_width, config.readout_width, propagated, plain, config.readout_dropout)
        group_nodes(self, None if batch is None else Segments(batch))
        self.round_weights(config.weight_bits)

    def build_core(self, graph: sp.csr_matrix) -> nn.Module:
        """What runs on chip, for Â: maps the current (T, N, D0) to one spike train (T, N, D) a branch; leaves of :mod:`neurograph.nn` and
        ``+`` only."""
        raise NotImplementedError

    def round_weights(self, bits: int | None) -> None:
        """From now on the model computes with on-chip weights rounded to ``bits`` bits, as its config then says; None: no longer."""
        set_weight_bits(self.core, bits)
        self.config = replace(self.config, weight_bits=bits)

    def encode(self, x: Features) -> Tensor:
        """The static current of every neuron that hears the input, volts: (N, F) → (N, D0). Runs on the host."""
        x = drop_features(x, self.config.input_dropout, self.training)
        return self.config.encoder_gain * (x @ self.encoder.weight.t() + self.encoder.bias)

    def encoder_folded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weight (D0, F) and bias (D0,) of :meth:`encode` in float64, with the gain folded in."""
        gain = self.config.encoder_gain
        return gain * self.encoder.weight.detach().double().numpy(), gain * self.encoder.bias.detach().double().numpy()

    def spikes(self, x: Features) -> tuple[Tensor, ...]:
        """Output spikes of each branch, (T, N, D)."""
        current = self.encode(x)
        return cast("tuple[Tensor, ...]", self.core(current.expand(self.config.ticks, *current.shape)))

    def classify(self, spikes: tuple[Tensor, ...], x: Features) -> Tensor:
        """Logits (N, C), or (G, C), from the output spikes of the branches, and in some builds from the features. Runs on the host."""
        return cast(Tensor, self.readout(spikes))

    def forward(self, x: Features) -> Tensor:
        return self.classify(self.spikes(x), x)


def neuron(config: ClassifierConfig, threshold: float) -> LIF:
    """A layer of neurons as the config has them."""
    return LIF(config.beta, threshold, config.reset, config.learn_beta)
