"""The torch module of a spiking model beside what the Network counts on the same spikes: two ways that share no code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spiky import karate_checkpoint

from neurograph import data
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.hw_profiles.counts import count
from neurograph.operations import count_operations


@pytest.fixture(scope="module")
def both():
    checkpoint = karate_checkpoint()
    compiled = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    events = {p.name: int(p.synaptic_events.sum()) for p in count(compiled.network, compiled.torch).projections}
    return count_operations(checkpoint.model, torch.from_numpy(data.load("karate").x).double()), events


@pytest.mark.parametrize(
    ("module", "projection"),
    [
        ("sga.q", "neuron→attention_blocks_0_sga_q_neuron"),
        ("sga.k", "neuron→attention_blocks_0_sga_k_neuron"),
        ("sga.v", "neuron→attention_blocks_0_sga_v_neuron"),
        ("sga.out", "sga_gate→attention_neuron"),
        ("ffn_up", "ffn_neuron→attention_blocks_0_ffn_hidden"),
        ("ffn_down", "ffn_hidden→attention_neuron"),
    ],
)
def test_linear_layers_have_the_synaptic_events_of_their_projections(both, module, projection):
    counts, events = both
    (row,) = [r for r in counts.rows if r.module == f"core.attention.blocks.0.{module}" and r.kind == "linear"]
    assert row.additions
    assert row.effective == events[f"attention_blocks_0_{projection}"] > 0


def test_propagation_has_the_synaptic_events_of_its_projection(both):
    counts, events = both
    (row,) = [r for r in counts.rows if r.module == "core.gnn.layers.0.propagate" and r.kind == "propagation"]
    assert row.additions and row.effective == events["gnn_neuron→gnn_layers_0_neuron"] > 0


def test_nothing_in_it_is_unknown(both):
    counts, _ = both
    assert {u.operation for u in counts.uncounted} <= {"aten::exp", "aten::div"}
    assert isinstance(counts.rows[0].effective, int) and not isinstance(counts.rows[0].effective, np.integer)
