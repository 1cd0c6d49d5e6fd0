"""Spiking graph self-attention (SGSA): one binary attention map for all nodes, and the neighbours of each."""

from __future__ import annotations

from typing import Literal, cast

import scipy.sparse as sp
from torch import Tensor, nn

from neurograph.nn.attention import And, BroadcastNodes, ReduceNodes
from neurograph.nn.dropout import SpikeDropout
from neurograph.nn.linear import PerNode
from neurograph.nn.neurons import LIF, Reset
from neurograph.nn.propagate import Propagate
from neurograph.nn.wires import Wires, outer_left, outer_right

__all__ = ["AttentionMap", "SpikingGraphSelfAttention"]


class AttentionMap(nn.Module):
    r"""The global half: every query reads one map that all keys and values wrote, additions only.

    .. math::
        M_{hde} = SN\Big(\sum_n w_{hde} \, K_{nhd} V_{nhe}\Big) \in \{0, 1\}, \qquad G_{nhe} = \sum_d Q_{nhd} M_{hde}

    The map has D_h² neurons a head, and each node two gates for each of them: one writes K_d ∧ V_e, one reads Q_d ∧ M_de. w is that of
    :class:`ReduceNodes`, which keeps the map from being all 0 or all 1.

    Args:
        nodes: N. heads, head_width: of Q, K and V, D = heads · head_width.
        beta, reset, learn_beta: of the map's neurons; threshold: theirs, volts.

    Shapes:
        queries, keys, values (T, N, D), binary → G (T, N, D), whole numbers from 0 to head_width
    """

    def __init__(self, nodes: int, heads: int, head_width: int, beta: float, threshold: float, reset: Reset, learn_beta: bool) -> None:
        super().__init__()
        left, right = outer_left(heads, head_width), outer_right(heads, head_width)
        self.spread_keys = Wires(left)
        self.spread_values = Wires(right)
        self.write = And()
        self.reduce = ReduceNodes(len(left), nodes, threshold)
        self.mask_neuron = LIF(beta, threshold, reset, learn_beta)
        self.broadcast = BroadcastNodes(nodes)
        self.spread_queries = Wires(left)
        self.read = And()
        self.sum = Wires(right.T)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        written = self.write(self.spread_keys(keys), self.spread_values(values))
        found = self.broadcast(self.mask_neuron(self.reduce(written)))
        return cast(Tensor, self.sum(self.read(self.spread_queries(queries), found)))


class SpikingGraphSelfAttention(nn.Module):
    r"""Spiking graph self-attention, in O(N·D²/heads + E·D).

    .. math::
        Q, K, V = SN(BN(S W_{Q,K,V})), \qquad L = SN(g \hat A S), \qquad
        \mathrm{SGSA}(S) = BN(G W_G) + BN(L W_L)

    with G of :class:`AttentionMap`. Reconstruction after SGHormer (arXiv 2403.17656), whose equations were not to be had. Ours are: the map
    of D_h² spiking neurons a head and its weights; a norm for each half in place of one for the sum; no norm behind Â; and that Â hears S,
    where ``local`` does not say "values", for V has too few features to carry the graph.

    Args:
        width: features of S and of the result.
        nodes: N.
        graph: Â.
        heads, head_width: of Q, K and V.
        beta, threshold, reset, learn_beta: of all neurons; map_threshold: of those of the map, volts.
        mask: "learned"; to compare with, "ones": the map is 1, so its sum and K are left out, or "none": no global half at all.
        local: "spikes", or "values" for L = SN(g Â V).
        gain: g at the start.
        dropout: of what goes to the neighbours; linear_dropout: of G and L before their maps. In training.
        norm: whether BN is there in the local half too. norm_gain: what the two norms multiply with at their start.

    Shapes:
        spikes S (T, N, width) → current (T, N, width), and L (T, N, width, or that of V)
    """

    def __init__(
        self,
        width: int,
        nodes: int,
        graph: sp.csr_matrix,
        *,
        heads: int = 2,
        head_width: int = 8,
        beta: float = 0.5,
        threshold: float = 0.3,
        map_threshold: float = 0.5,
        reset: Reset = "value",
        learn_beta: bool = False,
        mask: Literal["learned", "ones", "none"] = "learned",
        local: Literal["spikes", "values"] = "spikes",
        gain: float = 1.0,
        dropout: float = 0.0,
        linear_dropout: float = 0.0,
        norm: bool = True,
        norm_gain: float = 1.0,
    ) -> None:
        super().__init__()
        if mask not in ("learned", "ones", "none"):
            raise ValueError(f"SpikingGraphSelfAttention: mask is {mask!r}, must be 'learned', 'ones' or 'none'")
        if local not in ("spikes", "values"):
            raise ValueError(f"SpikingGraphSelfAttention: local is {local!r}, must be 'spikes' or 'values'")
        inner = heads * head_width
        self.mask, self.local = mask, local
        if mask != "none":
            self.q = PerNode(width, inner, norm=True)
            self.q_neuron = LIF(beta, threshold, reset, learn_beta)
            self.out = PerNode(inner, width, norm=True, norm_gain=norm_gain)
        if mask == "learned":
            self.k = PerNode(width, inner, norm=True)
            self.k_neuron = LIF(beta, threshold, reset, learn_beta)
            self.map = AttentionMap(nodes, heads, head_width, beta, map_threshold, reset, learn_beta)
        if mask == "ones":
            self.sum = Wires(outer_right(heads, head_width).T @ outer_left(heads, head_width))
        if mask == "learned" or local == "values":
            self.v = PerNode(width, inner, norm=True)
            self.v_neuron = LIF(beta, threshold, reset, learn_beta)
        self.dropout = SpikeDropout(dropout)
        self.linear_dropout = SpikeDropout(linear_dropout)
        self.propagate = Propagate(graph, gain=gain)
        self.local_neuron = LIF(beta, threshold, reset, learn_beta)
        self.local_out = PerNode(width if local == "spikes" else inner, width, norm=norm, norm_gain=norm_gain)

    def forward(self, spikes: Tensor) -> tuple[Tensor, Tensor]:
        values = self.v_neuron(self.v(spikes)) if self.mask == "learned" or self.local == "values" else spikes
        heard = spikes if self.local == "spikes" else values
        near = self.local_neuron(self.propagate(self.dropout(heard) if self.training else heard))
        local = self.local_out(self.linear_dropout(near) if self.training else near)
        if self.mask == "none":
            return local, near
        found = self.q_neuron(self.q(spikes))
        found = self.map(found, self.k_neuron(self.k(spikes)), values) if self.mask == "learned" else self.sum(found)
        return self.out(self.linear_dropout(found) if self.training else found) + local, near
