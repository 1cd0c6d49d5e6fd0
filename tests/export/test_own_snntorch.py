"""snnTorch's modules, as people build models of them: the float engine gives their own spikes."""

import numpy as np
import pytest
import torch
from own_models import HIDDEN, INPUTS, TICKS, between, check, framework, linear, spikes, values

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.nir_io import time_of
from neurograph.export.torch_modules import trace_module

pytestmark = pytest.mark.filterwarnings("ignore")  # snnTorch's own
snn = framework("snntorch")
X = spikes(TICKS, INPUTS)


def leaky(**more):
    return snn.Leaky(**{"beta": between(0.5, 0.95), "threshold": between(0.8, 1.5, seed=4), **more})


def synaptic(**more):
    return snn.Synaptic(**{"alpha": between(0.3, 0.7, seed=5), "beta": between(0.5, 0.9), "threshold": between(2, 4, seed=4), **more})


def rleaky(**more):
    return snn.RLeaky(**{"beta": 0.8, "threshold": 1.5, "linear_features": HIDDEN, **more})


def rsynaptic(**more):
    return snn.RSynaptic(**{"alpha": 0.5, "beta": 0.8, "threshold": 3.0, "linear_features": HIDDEN, **more})


SINGLE = {"all_to_all": False, "linear_features": None, "V": between(-1, 1, seed=6)}
NEURONS = {
    "Leaky": leaky,
    "Leaky, scalars": lambda **m: snn.Leaky(0.9, **m),
    "Leaky, zero": lambda **m: leaky(reset_mechanism="zero", **m),
    "Leaky, none": lambda **m: leaky(reset_mechanism="none", threshold=5.0, **m),
    "Leaky, at once": lambda **m: leaky(reset_delay=False, threshold=3.0, **m),
    "Leaky, zero, at once": lambda **m: leaky(reset_mechanism="zero", reset_delay=False, **m),
    "Leaky, no leak": lambda **m: leaky(beta=1.0, threshold=4.0, **m),
    "Leaky, beta beyond 1": lambda **m: leaky(beta=1.2, threshold=4.0, **m),
    "Leaky, learned": lambda **m: leaky(learn_beta=True, learn_threshold=True, **m),
    "Synaptic": synaptic,
    "Synaptic, at once": lambda **m: synaptic(reset_delay=False, threshold=6.0, **m),
    "Synaptic, zero, at once": lambda **m: synaptic(reset_mechanism="zero", reset_delay=False, **m),
    "Synaptic, alpha 0": lambda **m: synaptic(alpha=0.0, **m),
    "RLeaky": rleaky,
    "RLeaky, one to one": lambda **m: rleaky(**SINGLE, **m),
    "RLeaky, zero, at once": lambda **m: rleaky(reset_mechanism="zero", reset_delay=False, **m),
    "RLeaky, none": lambda **m: rleaky(reset_mechanism="none", threshold=6.0, **m),
    "RSynaptic": rsynaptic,
    "RSynaptic, one to one": lambda **m: rsynaptic(**SINGLE, **m),
}


@pytest.mark.parametrize("name", NEURONS)
def test_with_hidden_states(tmp_path, name):
    torch.manual_seed(2)
    check(torch.nn.Sequential(linear(), NEURONS[name](init_hidden=True)), X, tmp_path=tmp_path)


class Explicit(torch.nn.Module):
    """The loop of snnTorch's tutorials."""

    def __init__(self, neuron, states):
        super().__init__()
        self.fc1, self.lif1 = linear(), neuron
        self.fc2, self.lif2 = linear(HIDDEN, 8, seed=2, scale=1.5), snn.Leaky(beta=0.7, reset_mechanism=neuron.reset_mechanism)
        self.states = states

    def forward(self, x):
        state, mem2 = self.lif1.reset_mem(), self.lif2.init_leaky()
        state = state if isinstance(state, tuple) else (state,)
        recorded, voltages = [], []
        for step in range(x.size(0)):
            spk1, *state = self.lif1(self.fc1(x[step]), *state)
            state = (spk1, *state)[-self.states :]
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            recorded.append(spk2)
            voltages.append(mem2)
        return torch.stack(recorded, dim=0), torch.stack(voltages, dim=0)


@pytest.mark.parametrize(
    ("name", "states"), [("Leaky", 1), ("Leaky, zero", 1), ("Synaptic", 2), ("RLeaky", 2), ("RLeaky, one to one", 2), ("RSynaptic", 3)]
)
def test_with_states_handed_on(tmp_path, name, states):
    torch.manual_seed(2)
    traced = check(Explicit(NEURONS[name](), states), X, tmp_path=tmp_path)
    assert traced.way == "once with (ticks, 1, ...)"
    assert [name for name in traced.graph.nodes if name.startswith("output")] == ["output_0"]


def test_a_forward_of_one_tick_with_states_in_and_out():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1, self.fc2, self.lif2 = linear(), leaky(), linear(HIDDEN, 8, seed=2, scale=1.5), snn.Leaky(0.7)

        def forward(self, x, mem1=None, mem2=None):
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            return spk2, mem1, mem2

    assert check(Net(), X).way == "each tick with (1, ...)"


def test_states_handed_to_the_wrong_neuron_are_noticed():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif1, self.lif2 = linear(), snn.Leaky(0.9), snn.Leaky(0.8)

        def forward(self, x, mem1=None, mem2=None):
            spk1, mem1 = self.lif1(self.fc(x), mem1)
            spk2, mem2 = self.lif2(spk1, mem2)
            return spk2, mem2, mem1

    with pytest.raises(InputError, match="neuron 'lif1' gets at tick 1 a state that is not its own"):
        trace_module(Net(), X)


def test_a_model_that_loops_by_itself_over_a_static_current():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1, self.fc2, self.lif2 = linear(), leaky(), linear(HIDDEN, 8, seed=2, scale=1.5), snn.Leaky(0.7)

        def forward(self, x):
            mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
            current, out = self.fc1(x), []
            for _ in range(25):
                spk1, mem1 = self.lif1(current, mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
                out.append(spk2)
            return torch.stack(out)

    for ticks in (None, 25):
        time = time_of(check(Net(), 0.5 * values(INPUTS), ticks=ticks).graph)
        assert (time.ticks, time.inputs) == (25, "static")
    with pytest.raises(InputError, match="neuron 'lif1' is called 25 times in 10 ticks"):
        trace_module(Net(), values(INPUTS), ticks=10)


def test_a_readout_layer_without_reset_beside_layers_with(tmp_path):
    model = torch.nn.Sequential(
        linear(),
        leaky(init_hidden=True),
        linear(HIDDEN, 4, seed=2),
        snn.Leaky(0.9, init_hidden=True, reset_mechanism="none", threshold=8.0),
    )
    assert time_of(check(model, X, tmp_path=tmp_path).graph).reset_acts == "next_step"


def test_convolutions_of_an_image(tmp_path):
    torch.manual_seed(5)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        snn.RLeaky(0.8, conv2d_channels=4, kernel_size=3, init_hidden=True, threshold=0.7),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
        snn.Leaky(torch.rand(6, 1, 1), init_hidden=True, threshold=0.2),
        torch.nn.Flatten(),
        linear(6 * 2 * 2, 5, scale=1.5),
        snn.Leaky(0.9, init_hidden=True),
    )
    norm = model[1]
    norm.running_mean.uniform_(-0.5, 0.5)
    norm.running_var.uniform_(0.2, 0.5)
    norm.weight.data.uniform_(1, 2)
    norm.bias.data.uniform_(0, 0.3)
    traced = check(model, spikes(20, 2, 8, 8), tmp_path=tmp_path)
    assert traced.recording.spikes["2"].shape == (1, 20, 4, 8, 8)
    assert "1" not in traced.graph.nodes, "the norm is folded"
    check(model, values(2, 8, 8), ticks=10)


def test_after_training_the_hidden_state_is_no_part_of_the_model():
    model = torch.nn.Sequential(linear(), leaky(init_hidden=True, learn_beta=True))
    model(torch.from_numpy(X).float()).sum().backward()  # a membrane with a history of gradients
    check(model, X)


REFUSED = {
    "Synaptic, zero": (lambda: synaptic(reset_mechanism="zero"), "clears the input of the next step"),
    "RLeaky, zero": (lambda: rleaky(reset_mechanism="zero"), "clears the input of the next step"),
    "Synaptic, none": (lambda: synaptic(reset_mechanism="none"), "'none' with synaptic state"),
    "inhibition": (lambda: leaky(inhibition=True), "inhibition=True"),
    "graded": (lambda: leaky(graded_spikes_factor=2.0), "graded_spikes_factor"),
    "quantised": (lambda: leaky(state_quant=lambda x: x), "state_quant"),
    "Alpha": (lambda: snn.Alpha(0.9, 0.8), r"snntorch\._neurons\.alpha\.Alpha"),
    "Lapicque": (lambda: snn.Lapicque(0.9), r"snntorch\._neurons\.lapicque\.Lapicque"),
    "overshoot": (lambda: leaky(reset_delay=False, threshold=0.2), "v stays above the threshold after a spike"),
    "alpha 1": (lambda: synaptic(alpha=1.0), "a synapse that moves by 0 to 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(name):
    neuron, says = REFUSED[name]
    model = torch.nn.Sequential(linear(), neuron())
    model[1].init_hidden = True
    with pytest.raises(UnsupportedError, match=f"module '1': .*{says}"):
        trace_module(model, X)


def test_a_loaded_reset_mechanism_other_than_the_built_one_is_refused():
    model = torch.nn.Sequential(linear(), leaky(init_hidden=True))
    trained = torch.nn.Sequential(linear(), leaky(init_hidden=True, reset_mechanism="zero"))
    model.load_state_dict(trained.state_dict())
    with pytest.raises(UnsupportedError, match="reset_mechanism 'subtract' as built, 'zero' as loaded"):
        trace_module(model, X)


def test_resets_in_different_steps_are_refused():
    model = torch.nn.Sequential(
        linear(), leaky(init_hidden=True), linear(HIDDEN), leaky(init_hidden=True, reset_delay=False, threshold=4.0)
    )
    with pytest.raises(
        UnsupportedError, match="'1': subtracts its threshold in the next step; module '3': subtracts its threshold in the same"
    ):
        trace_module(model, X)


def test_numbers_are_those_of_float64():
    """snnTorch multiplies a float32 reset with the threshold, which would round 0.3 to 0.30000001."""
    model = torch.nn.Sequential(linear(scale=0.3), snn.Leaky(0.9, threshold=0.3, init_hidden=True)).double()
    traced = check(model, spikes(200, INPUTS))
    assert float(np.asarray(traced.graph.nodes["1"].v_threshold).max()) == float(model[1].threshold)
