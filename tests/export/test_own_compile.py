"""From a module of the user's own to a bundle: torch, the float engine and Lava agree, the integers fit, and the bundle verifies."""

import nir
import numpy as np
import pytest
import torch
from own_models import HIDDEN, INPUTS, TICKS, between, framework, linear, spikes, values
from torch import nn

from neurograph.errors import UnsupportedError
from neurograph.export import bundle as bundles
from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.targets import TARGETS
from neurograph.export.torch_modules import compile_module, load_model, trace_module
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
nt, snn = framework("norse.torch"), framework("snntorch")
X = spikes(TICKS, INPUTS)


def norse_model():
    torch.manual_seed(2)
    p = nt.LIFBoxParameters(tau_mem_inv=between(100, 400), v_th=between(0.2, 0.5, seed=4))
    q = nt.LIFParameters(tau_mem_inv=torch.tensor(200.0), v_th=torch.tensor(0.3))
    return nt.SequentialState(
        linear(), nn.BatchNorm1d(HIDDEN), nt.LIFBoxCell(p), linear(HIDDEN, 8, 2), nt.LIFCell(q), nn.Linear(8, 3), nt.LICell()
    )


def snntorch_model():
    torch.manual_seed(3)
    first = nn.Conv2d(1, 3, 3)
    first.weight.data *= 2
    return nn.Sequential(
        first,
        snn.Leaky(0.8, init_hidden=True, threshold=0.15),
        nn.AvgPool2d(2),
        nn.Flatten(),
        linear(12, 6, scale=4),
        snn.RLeaky(0.7, linear_features=6, init_hidden=True),
        linear(6, 4, scale=2),
        snn.Synaptic(0.5, 0.8, init_hidden=True, threshold=2.0),
    )


def graph_model():
    torch.manual_seed(1)
    pyg = framework("torch_geometric.nn")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = pyg.GCNConv(6, 8), pyg.SAGEConv(8, 4)
            p = nt.LIFBoxParameters(tau_mem_inv=torch.tensor(400.0), v_th=torch.tensor(0.15))
            self.first, self.second = nt.LIFBoxCell(p), nt.LIFBoxCell(p)
            self.register_buffer("edges", torch.randint(0, 12, (2, 40)))

        def forward(self, x, states=None):
            one, two = states or (None, None)
            z, one = self.first(self.a(x, self.edges), one)
            z, two = self.second(self.b(z, self.edges), two)
            return z, (one, two)

    return Net()


MODELS = {
    "norse": (norse_model, X),
    "norse, static": (norse_model, 0.5 * values(INPUTS)),
    "snntorch": (snntorch_model, spikes(25, 1, 6, 6)),
    "graph": (graph_model, spikes(15, 12, 6)),
}


@pytest.mark.parametrize("name", MODELS)
def test_torch_float_and_integers(name):
    model, sample = MODELS[name][0](), MODELS[name][1]
    compiled = compile_module(model, sample, TARGETS["loihi2"], ticks=20 if "static" in name else None)
    assert all(0.01 < z.mean() < 0.9 for z in compiled.torch.spikes.values())
    found = compare(compiled.network, compiled.torch, floating.run(compiled.network, compiled.inputs))
    assert found.ok and found.ties == 0 and found.populations == len(compiled.torch.spikes)
    integer = fixed.run(compiled.quantized, compiled.inputs)
    worst = {name: np.mean(integer.spikes[name] != z) for name, z in compiled.torch.spikes.items()}
    print(worst)
    assert max(worst.values()) < 0.06


@pytest.mark.parametrize("name", ["norse", "snntorch", "graph"])
def test_lava_runs_it_spike_by_spike(lava, name):
    model, sample = MODELS[name][0](), MODELS[name][1]
    compiled = compile_module(model, sample, TARGETS["loihi2"])
    exact = lava_engine.run(compiled.network, compiled.inputs, engine="float")
    found = compare(compiled.network, compiled.torch, exact)
    assert found.ok and found.populations == len(compiled.torch.spikes), found.first_mismatch
    integer = fixed.run(compiled.quantized, compiled.inputs)
    assert compare(compiled.quantized, integer, lava_engine.run(compiled.quantized, compiled.inputs, engine="fixed"), voltages=True).ok


def test_a_real_valued_readout_stays_on_the_host():
    compiled = compile_module(norse_model(), X, TARGETS["loihi2"])
    assert compiled.origin["on_host"] == ["6"] and compiled.origin["called"] == "each tick with (1, ...)"
    assert compiled.network.outputs == ("4",) and set(compiled.network.populations) == {"input_tensor", "constant", "2", "4"}
    assert compiled.origin["biases"] == [
        "the bias of '4' became synapses of a source 'constant' that spikes in every tick; "
        "its spikes and synaptic events are counted as others are"
    ]
    assert compiled.readout.outputs == ("6",) and set(compiled.readout.populations) == {"4", "6"}
    whole = trace_module(norse_model(), X).graph
    assert isinstance(whole.nodes["6"], nir.CubaLI)
    assert [a for a, b in whole.edges if b == "output_0"] == ["6"]
    onnx = compile_module(norse_model(), X, TARGETS["onnx"])
    assert onnx.quantized is None and "real values" in onnx.no_integers and "on_host" not in onnx.origin


class ReadsTheMean(nn.Module):
    """A Linear behind the mean over ticks, and the membranes beside it."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif, self.out = linear(), snn.Leaky(0.9), linear(HIDDEN, 3)

    def forward(self, x):
        mem, spikes, membranes = self.lif.init_leaky(), [], []
        for step in x:
            spike, mem = self.lif(self.fc(step), mem)
            spikes.append(spike)
            membranes.append(mem)
        return self.out(torch.stack(spikes).mean(0)), torch.stack(membranes)


def test_what_is_computed_over_ticks_is_left_out_and_said():
    traced = trace_module(ReadsTheMean(), X)
    assert len(traced.left_out) == 2
    assert "output 0, module 'out' and what it sums or averages over ticks, from the spikes of 'lif'" in traced.left_out
    assert "output 1, the state of 'lif'" in traced.left_out
    assert compile_module(ReadsTheMean(), X, TARGETS["loihi2"]).origin["left_out"] == list(traced.left_out)


def test_real_values_between_spiking_neurons_are_refused_by_name():
    model = nt.SequentialState(linear(), nt.LIFBoxCell(), linear(HIDDEN, 8), nt.LIBoxCell(), nt.LIFBoxCell())
    with pytest.raises(UnsupportedError, match="population '3': real values in place of spikes"):
        compile_module(model, X, TARGETS["loihi2"])


def test_what_the_target_cannot_do_is_refused_by_the_names_of_the_modules():
    model = nn.Sequential(linear(), snn.Leaky(0.9, init_hidden=True), linear(HIDDEN, 5), snn.Leaky(0.9, init_hidden=True))
    with pytest.raises(UnsupportedError, match="target loihi1 cannot take population '1': subtract reset; population '3'"):
        compile_module(model, X, TARGETS["loihi1"])


def test_the_bundle_carries_the_spikes_of_torch(tmp_path):
    model = norse_model()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    (tmp_path / "anybody.py").write_text("")
    loaded = load_model(f"{__name__}:norse_model", tmp_path / "w.pt")
    compiled = compile_module(loaded, {"": X}, TARGETS["lava"])
    bundle = bundles.write_bundle(compiled, TARGETS["lava"], tmp_path / "bundle", nir_form="graph")
    again = bundles.open_bundle(tmp_path / "bundle")
    assert again.manifest["origin"]["model"].endswith("SequentialState") and bundle.path == again.path
    graph = nir_io.read(tmp_path / "bundle" / "model.nir")
    network = lower(graph)
    assert compare(network, compiled.torch, floating.run(network, {"input_tensor": X})).ok


def test_weight_bits_ticks_and_dt_reach_the_network():
    model = nn.Sequential(linear(), snn.Leaky(0.9, init_hidden=True))
    compiled = compile_module(model, values(INPUTS), TARGETS["loihi2"], bits=4, ticks=9, dt=2e-3)
    assert (compiled.network.ticks, compiled.network.dt, compiled.report.bits) == (9, 2e-3, 4)
