"""Spiking graph self-attention: a binary map for all nodes, additions only, and the neighbours of each node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from neurograph.data import load
from neurograph.nn import AttentionMap, SpikingGraphSelfAttention, gcn_norm, record_spikes

NODES, WIDTH, HEADS, HEAD = 34, 10, 2, 3
GRAPH = gcn_norm(load("karate").edge_index, NODES)


def spikes(width: int = WIDTH, rate: float = 0.4, seed: int = 0) -> torch.Tensor:
    return (torch.rand(4, NODES, width, generator=torch.Generator().manual_seed(seed)) < rate).double()


def layer(**more: Any) -> SpikingGraphSelfAttention:
    torch.manual_seed(0)
    made = SpikingGraphSelfAttention(WIDTH, NODES, GRAPH, heads=HEADS, head_width=HEAD, threshold=0.2, **more).double().train()
    made(spikes())  # statistics of the norms and of the map's sum
    return made.eval()


def test_map_is_the_thresholded_outer_product_and_queries_sum_its_rows() -> None:
    attention = AttentionMap(NODES, HEADS, HEAD, 1.0, 0.5, "value", False).double()
    q, k, v = (spikes(HEADS * HEAD, seed=seed) for seed in range(3))
    attention(q, k, v)
    attention.eval()
    recorded = record_spikes_of(attention, q, k, v)
    heads = (4, NODES, HEADS, HEAD)
    products = torch.einsum("tnhd,tnhe->thde", k.view(heads), v.view(heads)).flatten(1)
    expected = (products * torch.from_numpy(attention.reduce.weight()) > 0.5).double()
    assert torch.equal(recorded["mask_neuron"][:, 0], expected)
    assert 0 < expected.mean() < 1
    read = torch.einsum("tnhd,thde->tnhe", q.view(heads), expected.view(4, HEADS, HEAD, HEAD)).flatten(2)
    assert torch.equal(attention(q, k, v), read)


def record_spikes_of(attention: AttentionMap, *inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    class Split(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = attention

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(*x.chunk(3, dim=-1))

    return {name.removeprefix("inner_"): value for name, value in record_spikes(Split(), torch.cat(inputs, dim=-1)).items()}


def test_every_neuron_is_binary_and_the_map_is_one_for_all_nodes() -> None:
    attention = layer()
    recorded = record_spikes(attention, spikes())
    assert {"q_neuron", "k_neuron", "v_neuron", "local_neuron", "map_write", "map_mask_neuron", "map_read"} == set(recorded)
    for name, value in recorded.items():
        assert set(value.flatten().tolist()) <= {0.0, 1.0}, name
    assert recorded["map_mask_neuron"].shape == (4, 1, HEADS * HEAD**2)
    assert recorded["map_read"].shape == (4, NODES, HEADS * HEAD**2)


def test_a_map_of_ones_needs_no_keys_and_none_no_queries_either() -> None:
    assert not hasattr(layer(mask="ones"), "k") and not hasattr(layer(mask="none"), "q")
    assert set(record_spikes(layer(mask="none"), spikes())) == {"local_neuron"}
    assert set(record_spikes(layer(mask="none", local="values"), spikes())) == {"v_neuron", "local_neuron"}
    assert layer(mask="ones")(spikes())[0].shape == (4, NODES, WIDTH)
    with pytest.raises(ValueError, match="mask is 'zeros'"):
        layer(mask="zeros")
    with pytest.raises(ValueError, match="local is 'keys'"):
        layer(local="keys")


def test_a_map_of_ones_gives_every_node_the_count_of_its_queries() -> None:
    attention = layer(mask="ones")
    recorded = record_spikes(attention, spikes())
    counts = recorded["q_neuron"].view(4, NODES, HEADS, HEAD).sum(dim=3, keepdim=True).expand(-1, -1, -1, HEAD).flatten(2)
    local = attention.local_out(recorded["local_neuron"])
    torch.testing.assert_close(attention(spikes())[0], attention.out(counts) + local)


def test_local_half_hears_neighbours_only() -> None:
    """A node far away changes nothing in the local half; in the global half it may."""
    attention = layer(mask="none", local="values")
    far = spikes()
    distance_two = (np.asarray((GRAPH @ GRAPH).todense())[0] == 0).nonzero()[0]
    far[:, distance_two] = 1 - far[:, distance_two]
    np.testing.assert_array_equal(attention(spikes())[0][:, 0].detach(), attention(far)[0][:, 0].detach())
    near = spikes()
    near[:, (GRAPH[0].indices)] = 1 - near[:, (GRAPH[0].indices)]
    assert not torch.equal(attention(spikes())[0][:, 0], attention(near)[0][:, 0])
