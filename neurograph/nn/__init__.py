"""Layers. Each takes the whole (T, N, D) tensor: ticks, nodes, features.

A core that is exported is made of the :data:`LEAVES` and ``+`` only; each leaf is one module instance, called once.
"""

from neurograph.nn.attention import And, BroadcastNodes, ReduceNodes, SpikingGraphAttention, alive, calibrating
from neurograph.nn.dropout import SpikeDropout
from neurograph.nn.fake_quantize import FakeQuantized, check_weight_bits, fake_quantize, set_weight_bits
from neurograph.nn.linear import PerNode, Select
from neurograph.nn.neurons import LIF
from neurograph.nn.propagate import Propagate, gcn_norm
from neurograph.nn.readout import Readout
from neurograph.nn.record import record_spikes
from neurograph.nn.rectify import RateRectify, RunningRate, SpikeRectify
from neurograph.nn.segments import Segments, group_nodes
from neurograph.nn.self_attention import AttentionMap, SpikingGraphSelfAttention
from neurograph.nn.sparse import Features, SparseMatrix, as_features, drop_features
from neurograph.nn.wires import Wires

LEAVES = (LIF, PerNode, Select, Wires, Propagate, And, ReduceNodes, BroadcastNodes)

__all__ = [
    "LEAVES",
    "LIF",
    "And",
    "AttentionMap",
    "BroadcastNodes",
    "FakeQuantized",
    "Features",
    "PerNode",
    "Propagate",
    "RateRectify",
    "Readout",
    "ReduceNodes",
    "RunningRate",
    "Segments",
    "Select",
    "SparseMatrix",
    "SpikeDropout",
    "SpikeRectify",
    "SpikingGraphAttention",
    "SpikingGraphSelfAttention",
    "Wires",
    "alive",
    "as_features",
    "calibrating",
    "check_weight_bits",
    "drop_features",
    "fake_quantize",
    "gcn_norm",
    "group_nodes",
    "record_spikes",
    "set_weight_bits",
]
