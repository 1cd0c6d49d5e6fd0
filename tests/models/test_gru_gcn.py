"""GRU-GCN against PyG's GCNConv and torch's GRU."""

from __future__ import annotations

import warnings

import pytest
import torch
from dynamic_graphs import CLASSES, FEATURES, NODES, ROWS, features, small, small_steps

from neurograph.models.gru_gcn import GruGcn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import GCNConv


def by_pyg(model: GruGcn) -> torch.Tensor:
    """H_t of all nodes and snapshots, (T, N, D)."""
    convolutions = []
    for linear in model.convolutions:
        convolutions.append(GCNConv(linear.in_features, linear.out_features))
        convolutions[-1].lin.weight, convolutions[-1].bias = linear.weight, linear.bias
    found, graph = [], small()
    for edges, x in zip(graph.snapshots, features(graph), strict=True):
        hidden = torch.from_numpy(x)
        for k, convolution in enumerate(convolutions):
            more = model.own[k](hidden) if model.own is not None else 0
            hidden = (convolution(hidden, torch.from_numpy(edges)) + more).relu()
        found.append(hidden)
    return torch.stack(found)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_all_nodes_are_those_of_pyg_and_of_torchs_gru(own: bool, last: bool) -> None:
    model = GruGcn(FEATURES, CLASSES, 4, width=6, own=own, last=last).eval()
    gru = torch.nn.GRU(6, 6)
    gru.load_state_dict({f"{name}_l0": value for name, value in model.gru.state_dict().items()})
    states, _ = gru(by_pyg(model))
    read = states[-1] if last else states.transpose(0, 1).flatten(1)
    torch.testing.assert_close(model(small_steps("run"), NODES, ROWS), model.readout.linear(read))


def test_idle_nodes_keep_their_state() -> None:
    model = GruGcn(FEATURES, CLASSES, 4, width=6).eval()
    state = torch.zeros(NODES, 6)
    states = []
    for edges, hidden in zip(small().snapshots, by_pyg(model), strict=True):
        moved = model.gru(hidden, state)
        state = torch.where(torch.isin(ROWS, torch.from_numpy(edges[0]))[:, None], moved, state)
        states.append(state)
    rows = torch.tensor([3, 19, 0])
    torch.testing.assert_close(model(small_steps(), NODES, rows), model.readout.linear(torch.stack(states, 1).flatten(1))[rows])


def test_dropout_is_one_mask_for_all_snapshots_and_off_in_eval() -> None:
    model = GruGcn(FEATURES, CLASSES, 4, width=6, dropout=0.5)
    torch.manual_seed(0)
    first, second = (model(small_steps(), NODES, ROWS) for _ in range(2))
    assert not torch.equal(first, second)
    model.eval()
    assert torch.equal(model(small_steps(), NODES, ROWS), model(small_steps(), NODES, ROWS))
