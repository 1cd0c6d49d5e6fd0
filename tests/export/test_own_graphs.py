"""PyTorch Geometric's convolutions over a fixed graph, against the layers themselves."""

import numpy as np
import pytest
import torch
from own_models import check, framework, spikes, values

from neurograph import data
from neurograph.cli.inputs import for_bundle
from neurograph.errors import InputError, UnsupportedError
from neurograph.export import nodes as ext
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_graph
from neurograph.export.lower import lower
from neurograph.export.targets import TARGETS
from neurograph.export.torch_modules import compile_module, trace_module
from neurograph.sim import fixed, floating
from neurograph.sim.parity import compare
from neurograph.weights import Kron

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
nt, pyg = framework("norse.torch"), framework("torch_geometric.nn")
NODES, FEATURES, TICKS = 34, 6, 20
X = spikes(TICKS, NODES, FEATURES, rate=0.4)


@pytest.fixture(scope="module")
def edge_index():
    """Karate, with one direction of some edges only, so that rows and columns differ, and a node without edges."""
    edges = np.asarray(data.load("karate").edge_index)
    edges = edges[:, ::2]
    return edges[:, (edges != 11).all(axis=0)]


def neuron(threshold=0.2):
    return nt.LIFBoxCell(nt.LIFBoxParameters(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(threshold)))


class Net(torch.nn.Module):
    """One convolution and neurons behind it; the graph is a buffer of the model, or given to forward."""

    def __init__(self, conv, edge_index, threshold=0.2, weighted=False):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.neuron, self.weighted = conv(), neuron(threshold), weighted
        for parameter in self.conv.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape)
        self.register_buffer("edges", torch.from_numpy(edge_index).long())
        self.register_buffer("weights", torch.rand(edge_index.shape[1]) + 0.5)

    def forward(self, x, state=None):
        current = self.conv(x, self.edges, self.weights) if self.weighted else self.conv(x, self.edges)
        return self.neuron(current, state)


CONVOLUTIONS = {
    "GCN": lambda: pyg.GCNConv(FEATURES, 8),
    "GCN, improved, no bias": lambda: pyg.GCNConv(FEATURES, 8, improved=True, bias=False),
    "GCN, no self-loops": lambda: pyg.GCNConv(FEATURES, 8, add_self_loops=False),
    "GCN, not normalised": lambda: pyg.GCNConv(FEATURES, 8, normalize=False),
    "GCN, cached": lambda: pyg.GCNConv(FEATURES, 8, cached=True),
    "GCN, the other way": lambda: pyg.GCNConv(FEATURES, 8, flow="target_to_source"),
    "SAGE": lambda: pyg.SAGEConv(FEATURES, 8),
    "SAGE, sum, no root": lambda: pyg.SAGEConv(FEATURES, 8, aggr="sum", root_weight=False),
    "GIN": lambda: pyg.GINConv(torch.nn.Linear(FEATURES, 8), eps=0.3),
    "GIN, learned eps, norm": lambda: pyg.GINConv(
        torch.nn.Sequential(torch.nn.Linear(FEATURES, 8), torch.nn.BatchNorm1d(8)), train_eps=True
    ),
    "SG": lambda: pyg.SGConv(FEATURES, 8),
    "SG, 3 hops": lambda: pyg.SGConv(FEATURES, 8, K=3, add_self_loops=False),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_spikes_and_currents_are_those_of_the_layer(tmp_path, edge_index, name):
    model = Net(CONVOLUTIONS[name], edge_index)
    traced = check(model, X, tmp_path=tmp_path)
    network = lower(traced.graph)
    current = floating.run(network, traced.inputs).currents["neuron"][0]
    wide = model.double().eval()
    with torch.no_grad():
        wanted = torch.stack([wide.conv(torch.from_numpy(x).double(), wide.edges) for x in X])
    np.testing.assert_allclose(current, wanted.numpy(), atol=1e-12)
    assert not any(isinstance(p.weights, Kron) and p.weights.shape[0] == NODES**2 for p in network.projections)


@pytest.mark.parametrize("name", ["GCN", "SG, 3 hops"])
def test_edge_weights(edge_index, name):
    check(Net(CONVOLUTIONS[name], edge_index, weighted=True), X)


class Given(torch.nn.Module):
    """Takes its graph beside the features."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.conv, self.neuron = pyg.GCNConv(FEATURES, 8), neuron(0.1)

    def forward(self, x, edge_index, edge_weight=None, state=None):
        return self.neuron(self.conv(x, edge_index, edge_weight), state)


def test_the_graph_beside_the_features(edge_index):
    traced = check(Given(), {"x": X, "edge_index": edge_index})
    assert list(traced.inputs) == ["x"]
    check(Given(), {"": X, "edge_index": edge_index, "edge_weight": values(edge_index.shape[1])})
    assert check(Given(), {"x": values(NODES, FEATURES), "edge_index": edge_index}, ticks=12).recording.ticks == 12


def test_the_file_that_it_was_exported_on_is_an_input_too(tmp_path, capsys, edge_index):
    sample = {"x": X, "edge_index": edge_index}
    bundle = write_bundle(compile_module(Given(), sample, TARGETS["lava"]), TARGETS["lava"], tmp_path / "b", nir_form="graph")
    np.savez(tmp_path / "same.npz", x=X, edge_index=edge_index.astype(np.int32))
    assert list(for_bundle(bundle, tmp_path / "same.npz")) == ["x"]
    assert capsys.readouterr().err == "edge_index: as at export, where it became part of the network\n"
    np.savez(tmp_path / "other.npz", x=X, edge_index=edge_index[:, ::-1])
    with pytest.raises(InputError, match="input 'edge_index' of .*other.npz: is another one than the bundle was exported on"):
        for_bundle(bundle, tmp_path / "other.npz")


class Deep(torch.nn.Module):
    """All four, spiking neurons inside GIN, a residual connection, over the whole window at once or tick by tick."""

    def __init__(self, edge_index):
        super().__init__()
        torch.manual_seed(2)
        inner = torch.nn.Sequential(torch.nn.Linear(8, 8), pyg.BatchNorm(8), framework("snntorch").Leaky(
            0.5, init_hidden=True, reset_mechanism="zero", threshold=0.3), torch.nn.Linear(8, 8))  # fmt: skip
        self.convs = torch.nn.ModuleList([pyg.GCNConv(FEATURES, 8), pyg.SAGEConv(8, 8), pyg.GINConv(inner, eps=0.3), pyg.SGConv(8, 5, K=2)])
        self.neurons = torch.nn.ModuleList([neuron(), neuron(), neuron(), neuron(0.1)])
        for parameter in self.parameters():
            parameter.data = parameter.data * 1.5 + 0.05
        self.register_buffer("edges", torch.from_numpy(edge_index).long())

    def forward(self, x, state=None):
        states, new, z = state or [None] * 4, [], x
        for index, (conv, cell) in enumerate(zip(self.convs, self.neurons, strict=True)):
            current = conv(z, self.edges)
            z, held = cell(current + z if index == 1 else current, states[index])
            new.append(held)
        return z, new


def test_a_deep_network_of_all_four(tmp_path, edge_index):
    traced = check(Deep(edge_index), X, tmp_path=tmp_path)
    assert set(traced.recording.spikes) == {"neurons_0", "neurons_1", "convs_2_nn_2", "neurons_2", "neurons_3"}


def test_products_are_written_out_for_integers(edge_index):
    compiled = compile_module(Deep(edge_index), X, TARGETS["loihi2"])
    assert compare(compiled.network, compiled.torch, floating.run(compiled.network, compiled.inputs)).ok
    integer = fixed.run(compiled.quantized, compiled.inputs)
    assert all(np.mean(integer.spikes[name] != z) < 0.05 for name, z in compiled.torch.spikes.items())
    again = compile_graph(compiled.graph, compiled.inputs, TARGETS["loihi2"])
    assert compare(again.network, compiled.torch, floating.run(again.network, again.inputs)).ok


def test_pyg_sequential(edge_index):
    snn = framework("snntorch")
    torch.manual_seed(2)
    model = pyg.Sequential(
        "x, edge_index",
        [(pyg.GCNConv(FEATURES, 8), "x, edge_index -> x"), (snn.Leaky(0.8, init_hidden=True, threshold=0.2), "x -> x")],
    )
    check(model, {"x": X, "edge_index": edge_index})


def test_a_propagation_is_one_sparse_node(edge_index):
    graph = trace_module(Net(CONVOLUTIONS["GCN"], edge_index), X).graph
    (aggregate,) = (node for node in graph.nodes.values() if isinstance(node, ext.Aggregate))
    norm = framework("torch_geometric.nn.conv.gcn_conv").gcn_norm
    index, weight = norm(torch.from_numpy(edge_index).long(), None, NODES, dtype=torch.float64)
    wanted = np.zeros((NODES, NODES))
    np.add.at(wanted, (index[1].numpy(), index[0].numpy()), weight.numpy())
    np.testing.assert_array_equal(aggregate.matrix().toarray(), wanted)
    assert isinstance(graph.nodes["conv_lin"], ext.PerNode) and graph.nodes["conv_lin"].bias.any(), "W and b behind the propagation"


@pytest.mark.parametrize(
    ("conv", "says"),
    [
        (lambda: pyg.SAGEConv(FEATURES, 8, aggr="max"), r"'conv': torch_geometric.*SAGEConv \(aggregation MaxAggregation"),
        (lambda: pyg.SAGEConv(FEATURES, 8, project=True), r"function torch\.Tensor\.relu in module 'conv'"),
        (lambda: pyg.SAGEConv(FEATURES, 8, normalize=True), r"function torch\.nn\.functional\.normalize in module 'conv'"),
        (lambda: pyg.GATConv(FEATURES, 8), r"module 'conv': torch_geometric\.nn\.conv\.gat_conv\.GATConv"),
        (
            lambda: pyg.GINConv(torch.nn.Sequential(torch.nn.Linear(FEATURES, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8))),
            r"module 'conv\.nn\.1': torch\.nn\.modules\.activation\.ReLU",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(edge_index, conv, says):
    with pytest.raises(UnsupportedError, match=says):
        trace_module(Net(conv, edge_index), X)
