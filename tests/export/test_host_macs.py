"""Multiply-adds off chip of every way a bundle comes to be, against torch's own counter of the same module's layers."""

from itertools import pairwise

import nir
import numpy as np
import pytest
import torch
from own_models import framework, spikes, values
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from neurograph import data
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_graph
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.targets import TARGETS
from neurograph.export.torch_modules import compile_module
from neurograph.host_products import static_macs
from neurograph.reporting import report_of
from neurograph.weights import Identity

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
nt = framework("norse.torch")
T = 6
STATIC, SPIKES = values(20), spikes(T, 20)


def cell():
    return nt.LIFBoxCell(nt.LIFBoxParameters(tau_mem_inv=torch.tensor(200.0), v_th=torch.tensor(0.3)))


class Ticked(nn.Module):
    """encoder → neurons → middle → neurons, and a readout where there is one; called once a tick."""

    def __init__(self, encoder, middle, readout=None, skip=False):
        super().__init__()
        self.encoder, self.middle, self.readout, self.one, self.two = encoder, middle, readout, cell(), cell()
        self.skip = nn.Linear(20, 3) if skip else None

    def step(self, x, states):
        z, one = self.one(self.encoder(x), states[0])
        z, two = self.two(self.middle(z), states[1])
        z = z if self.readout is None else self.readout(z)
        return (z if self.skip is None else z + self.skip(x)), (one, two)

    def forward(self, x, states=None):
        return self.step(x, states or (None, None))


class Looped(Ticked):
    """The same with the time loop inside."""

    def forward(self, x):
        states, found = (None, None), []
        for _ in range(T):
            z, states = self.step(x, states)
            found.append(z)
        return torch.stack(found)


class OverNodes(Ticked):
    """The same on the nodes of a graph, with a convolution in place of the encoder and of the readout."""

    def __init__(self):
        pyg = framework("torch_geometric.nn")
        super().__init__(pyg.GCNConv(20, 8), nn.Linear(8, 5), pyg.GCNConv(5, 3))
        self.register_buffer("edges", torch.from_numpy(np.asarray(data.load("karate").edge_index)).long())

    def step(self, x, states):
        z, one = self.one(self.encoder(x, self.edges), states[0])
        z, two = self.two(self.middle(z), states[1])
        return self.readout(z, self.edges), (one, two)


def linears(readout=True, kind=Ticked, **more):
    return kind(nn.Linear(20, 40), nn.Linear(40, 5), nn.Linear(5, 3) if readout else None, **more)


def by_layer(model, *inputs):
    """Multiply-adds of one call, by layer, as torch counts them: two operations each."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs)
    start = type(model).__name__ + "."
    return {name.removeprefix(start): sum(kinds.values()) // 2 for name, kinds in counter.get_flop_counts().items() if start in name}


CASES = {
    # model, sample, ticks given, calls a tick that the counter sees
    "a tick a call": (lambda: linears(), STATIC, T),
    "a tick a call, no readout": (lambda: linears(readout=False), STATIC, T),
    "the loop inside": (lambda: linears(kind=Looped), STATIC, None),
    "the loop inside, no readout": (lambda: linears(readout=False, kind=Looped), STATIC, None),
    "spikes come in": (lambda: linears(), SPIKES, None),
    "no bias": (lambda: Ticked(nn.Linear(20, 40, bias=False), nn.Linear(40, 5), nn.Linear(5, 3, bias=False)), STATIC, T),
    "a weight of 0 in full": (lambda: pruned(linears()), STATIC, T),
    "the input beside the readout": (lambda: linears(skip=True), STATIC, T),
}


def pruned(model):
    with torch.no_grad():
        model.encoder.weight[::2] = 0
        model.readout.weight[:, 1] = 0
    return model


@pytest.mark.parametrize("name", CASES)
def test_encoder_once_and_readout_each_tick(tmp_path, name):
    make, sample, ticks = CASES[name]
    torch.manual_seed(0)
    model = make()
    bundle = write_bundle(compile_module(model, sample, TARGETS["loihi2"], ticks=ticks), TARGETS["loihi2"], tmp_path / "b")
    x = torch.from_numpy(np.asarray(sample if ticks or isinstance(model, Looped) else sample[0])).float()[None]
    found = by_layer(model, x)
    calls = T if isinstance(model, Looped) else 1
    encoder = found["encoder"] // calls if sample is STATIC else 0  # what comes as spikes is added up on chip
    skip = found.get("skip", 0) // calls
    assert (found["encoder"] // calls, found.get("readout", 0) // calls, skip) in ((800, 15, 0), (800, 0, 0), (800, 15, 60))
    wanted = encoder + skip + T * (found.get("readout", 0) // calls)
    assert sum(bundle.host_macs.values()) == wanted, bundle.host_macs
    assert sum(report_of(bundle, ["loihi2"])["host_macs"].values()) == wanted


def test_a_convolution_over_a_graph_is_features_first_then_its_edges(tmp_path):
    torch.manual_seed(0)
    model, nodes = OverNodes(), 34
    bundle = write_bundle(compile_module(model, values(nodes, 20), TARGETS["loihi2"], ticks=T), TARGETS["loihi2"], tmp_path / "b")
    found = by_layer(model, torch.from_numpy(values(nodes, 20)).float())
    stored = model.edges.shape[1] + nodes
    assert (found["encoder"], found["readout"]) == (nodes * 20 * 8, nodes * 5 * 3)  # torch counts no scatter
    assert sum(bundle.host_macs.values()) == found["encoder"] + stored * 8 + T * (found["readout"] + stored * 3)


def test_a_nir_graph(tmp_path):
    neurons = [nir.LIF(tau=np.full(n, 5e-3), r=np.ones(n), v_leak=np.zeros(n), v_threshold=np.full(n, 0.3)) for n in (40, 5)]
    rng = np.random.default_rng(0)
    first, second, last = (rng.normal(size=shape) for shape in ((40, 20), (5, 40), (3, 5)))
    nodes = {"input": nir.Input(np.array([20])), "e": nir.Linear(first), "a": neurons[0], "m": nir.Linear(second), "b": neurons[1]}
    nodes |= {"r": nir.Linear(last), "output": nir.Output(np.array([3]))}
    chain = list(nodes)
    graph = nir.NIRGraph(nodes, list(pairwise(chain)))
    time = TimeMetadata(1e-3, T, inputs="static")
    bundle = write_bundle(compile_graph(graph, {"input": STATIC}, TARGETS["loihi2"], time=time), TARGETS["loihi2"], tmp_path / "b")
    assert sum(bundle.host_macs.values()) == 20 * 40 + T * 5 * 3


def test_what_hands_on_the_currents_of_an_encoder_of_ours_is_not_counted_again(compiled, tmp_path):
    """The network behind it picks currents out of a row: weights of 1, at most one an output."""
    bundle = write_bundle(compiled, TARGETS["loihi2"], tmp_path / "b")
    assert set(bundle.host_macs) == {"encoder", "readout", "readout, propagation"} and sum(static_macs(bundle.network).values())
    handed_on = [p.weights for p in bundle.network.projections if bundle.network.populations[p.source].is_static]
    for weights in handed_on:
        right = np.asarray(weights.right)
        assert isinstance(weights.left, Identity) and set(np.unique(right)) <= {0, 1}
        assert right.ndim == 1 or (np.count_nonzero(right, axis=1) == 1).all()
