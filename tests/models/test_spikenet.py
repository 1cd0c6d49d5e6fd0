"""SpikeNet's layer: its neurons against snnTorch's, its neighbours against networkx and PyG."""

from __future__ import annotations

import warnings

import networkx as nx
import pytest
import torch
from dynamic_graphs import CLASSES, FEATURES, NODES, ROWS, features, small

from neurograph.models.spikenet import SpikeNet, adaptive_step, neighbour_steps

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import snntorch
    from torch_geometric.nn import SAGEConv


def test_neurons_without_adaptation_are_snntorchs_without_memory() -> None:
    neuron = snntorch.Leaky(beta=0.0, threshold=1.0, reset_mechanism="zero")
    membrane = neuron.init_leaky()
    threshold = torch.ones(7, 5)
    for current in torch.randn(6, 7, 5, generator=torch.Generator().manual_seed(0)) + 1:
        sent, threshold = adaptive_step(current, threshold, decay=1.0, rise=0.0)
        theirs, membrane = neuron(current, membrane)
        assert torch.equal(sent, theirs) and 0 < sent.mean() < 1


def test_thresholds_fall_in_silence_and_rise_with_spikes() -> None:
    threshold, sent = torch.ones(1), []
    for _ in range(6):
        z, threshold = adaptive_step(torch.tensor([0.4]), threshold, decay=0.7, rise=0.3)
        sent.append(int(z))
    # 1, 0.7, 0.49, 0.343 fires, then 0.343 · 0.7 + 0.3 = 0.5401, 0.378 fires
    assert sent == [0, 0, 0, 1, 0, 1]


def test_neighbours_are_those_of_networkx() -> None:
    graph = small()
    so_far = nx.empty_graph(NODES)
    for step, edges in zip(neighbour_steps(graph, features(graph), "hold"), graph.snapshots, strict=True):
        now = nx.empty_graph(NODES)
        for held in (now, so_far):
            held.add_edges_from(edges.T.tolist())
        for neighbours, held in ((step.now, now), (step.so_far, so_far)):
            drawn = neighbours.sample(200)
            for place, node in enumerate(step.nodes.tolist()):
                assert set(drawn[place].tolist()) == set(held[node])
    for step in neighbour_steps(graph, features(graph), "run"):
        assert len(step.nodes) == NODES and set(step.now.sample(9)[NODES - 1].tolist()) == {NODES - 1}  # alone: itself


@pytest.mark.parametrize("idle", ["hold", "run"])
def test_inference_is_that_of_pygs_mean_layers(idle) -> None:
    """Of two SAGEConv, one on the snapshot, one on all edges so far, with half of the weights each."""
    model = SpikeNet(FEATURES, CLASSES, 4, width=6).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # so that they fire
    convolutions = []
    for own, mean in zip(model.own, model.mean, strict=True):
        now, so_far = (SAGEConv(own.in_features, 6, aggr="mean", bias=False, root_weight=False) for _ in range(2))
        now.lin_l.weight = so_far.lin_l.weight = torch.nn.Parameter(mean.weight / 2)
        convolutions.append((own, now, so_far))
    graph, all_edges = small(), torch.zeros(2, 0, dtype=torch.long)
    spikes, thresholds, read = [torch.zeros(NODES, 6)] * 2, [torch.ones(NODES, 6)] * 2, []
    for edges, x in zip(map(torch.from_numpy, graph.snapshots), map(torch.from_numpy, features(graph)), strict=True):
        all_edges = torch.unique(torch.cat([all_edges, edges], 1), dim=1)
        heard, takes_part = x, torch.isin(ROWS, edges[0])[:, None] | (idle == "run")
        for k, (own, now, so_far) in enumerate(convolutions):
            current = own(heard)
            for convolution, part in ((now, edges), (so_far, all_edges)):
                alone = ROWS[~torch.isin(ROWS, part[0])]
                current = current + convolution(heard, torch.cat([part, torch.stack([alone, alone])], 1))
            sent = (current >= thresholds[k]).float()
            spikes[k] = torch.where(takes_part, sent, spikes[k])
            thresholds[k] = torch.where(takes_part, 0.7 * thresholds[k] + 0.2 * sent, thresholds[k])
            heard = spikes[k]
        read.append(spikes[1])
    assert 0.05 < torch.stack(read).mean() < 0.95
    expected = model.readout.linear(torch.cat(read, 1))
    torch.testing.assert_close(model(neighbour_steps(graph, features(graph), idle), NODES, ROWS), expected)


def test_sampled_means_have_the_mean_of_all_neighbours() -> None:
    graph = small()
    steps = neighbour_steps(graph, features(graph))
    model = SpikeNet(FEATURES, CLASSES, 4, width=6, samples=4000)
    torch.manual_seed(0)
    sampled = model.train()._aggregate(steps[1], steps[1].x)
    whole = model.eval()._aggregate(steps[1], steps[1].x)
    torch.testing.assert_close(sampled, whole, atol=0.1, rtol=0)


def test_every_parameter_has_a_gradient() -> None:
    graph = small()
    model = SpikeNet(FEATURES, CLASSES, 4, width=6)
    model(neighbour_steps(graph, features(graph)), NODES, ROWS).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
