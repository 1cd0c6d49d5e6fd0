"""Modules and functions without counterpart: all of them at once, by their qualified names, and nothing that matters to no spike."""

import numpy as np
import pytest
import torch
from own_models import HIDDEN, INPUTS, TICKS, check, framework, linear, spikes, values
from torch import nn

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.torch_modules import trace_module

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
nt = framework("norse.torch")
X = spikes(TICKS, INPUTS)


def neuron(threshold=0.4):
    return nt.LIFBoxCell(nt.LIFBoxParameters(tau_mem_inv=torch.tensor(300.0), v_th=torch.tensor(threshold)))


class Net(nn.Module):
    """One layer of neurons with whatever the test puts in front and behind."""

    def __init__(self, before=lambda self, x: x, behind=lambda self, z: z, **modules):
        super().__init__()
        self.fc, self.neuron = linear(), neuron()
        for name, module in modules.items():
            setattr(self, name, module)
        self.before, self.behind = before, behind

    def forward(self, x, state=None):
        z, state = self.neuron(self.before(self, self.fc(x)), state)
        return self.behind(self, z), state


def offenders(model, sample=X, **more):
    with pytest.raises(UnsupportedError) as error:
        trace_module(model, sample, **more)
    assert "\n" not in str(error.value)
    return error.value.offenders


def test_modules_and_functions_at_once():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.norm = nn.GELU(), nn.LayerNorm(HIDDEN)

        def forward(self, x):
            return torch.softmax(self.norm(self.act(x)), -1) + torch.relu(x)

    model = Net(lambda self, x: self.block(x) * x.sigmoid(), lambda self, z: self.attention(z) @ z.T, block=Block(), attention=nn.Tanh())
    assert set(offenders(model)) == {
        "module 'block.act': torch.nn.modules.activation.GELU",
        "module 'block.norm': torch.nn.modules.normalization.LayerNorm",
        "function torch.softmax in module 'block'",
        "function torch.relu in module 'block'",
        "function torch.Tensor.sigmoid",
        "function torch.Tensor.mul",
        "module 'attention': torch.nn.modules.activation.Tanh",
        "function torch.Tensor.matmul",
    }


FUNCTIONS = {
    "torch.relu": torch.relu,
    "torch.nn.functional.relu": nn.functional.relu,
    "torch.softmax": lambda x: torch.softmax(x, -1),
    "torch.Tensor.matmul": lambda x: x @ torch.eye(HIDDEN, dtype=x.dtype),
    "torch.Tensor.mul": lambda x: x * x,
    "torch.Tensor.abs": lambda x: x.abs(),
    "torch.clamp": lambda x: torch.clamp(x, 0),
    "torch.where": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "torch.bernoulli": lambda x: torch.bernoulli(x.clamp(0, 1)),
    "torch.roll": lambda x: torch.roll(x, 1, -1),
    "torch.Tensor.__getitem__": lambda x: nn.functional.pad(x[..., :-1], (1, 0)),
    "torch.nn.functional.dropout": lambda x: nn.functional.dropout(x, 0.5),
    "torch.Tensor.cumsum": lambda x: x.cumsum(-1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_by_their_names(name):
    assert f"function {name}" in offenders(Net(lambda self, x: FUNCTIONS[name](x)))


def test_pooling_that_is_not_linear():
    snn = framework("snntorch")
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), snn.Leaky(0.9, init_hidden=True), nn.Flatten(), linear(18, 5), snn.Leaky(0.9, init_hidden=True)
    )
    assert offenders(model, spikes(10, 1, 8, 8)) == ["module '1': torch.nn.modules.pooling.MaxPool2d"]


def test_what_reaches_neither_neuron_nor_output_is_no_offender():
    class Logged(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.neuron, self.seen = linear(), neuron(), []

        def forward(self, x, state=None):
            current = self.fc(x)
            self.seen.append(current.abs().max().item())  # a log
            return self.neuron(current, state)

    check(Logged(), X)


def test_a_branch_on_a_signal():
    def before(self, x):
        return x if x.sum() > 0 else -x

    assert offenders(Net(before)) == ["a branch on a signal (torch.Tensor.__bool__)"]


def test_a_neuron_by_hand():
    class ByHand(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = linear()

        def forward(self, x):
            mem, out = torch.zeros(1, HIDDEN), []
            for row in x:
                mem = 0.9 * mem + self.fc(row)
                z = (mem > 1).float()
                mem = mem - z
                out.append(z)
            return torch.stack(out)

    assert offenders(ByHand(), spikes(300, INPUTS))[0] == "function torch.Tensor.gt"
    with pytest.raises(UnsupportedError, match=r"written by hand take a module: norse\.torch\.LIFBoxCell, or snntorch\.Leaky"):
        trace_module(ByHand(), X)
    with pytest.raises(UnsupportedError) as error:
        trace_module(Net(lambda self, x: torch.relu(x)), X)
    assert "by hand" not in str(error.value)


def test_an_integrator_by_hand_of_any_length():
    class Integrator(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.neuron = linear(), neuron()

        def forward(self, x):
            mem, state, out = torch.zeros(1, HIDDEN), None, []
            for row in x:
                mem = 0.9 * mem + self.fc(row)
                z, state = self.neuron(mem, state)
                out.append(z)
            return torch.stack(out)

    assert "a state that is kept by hand" in offenders(Integrator(), spikes(300, INPUTS))[0]
    with pytest.raises((UnsupportedError, InputError)):
        trace_module(Integrator(), X)


def test_a_membrane_as_a_signal():
    snn = framework("snntorch")

    class Leaks(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.a, self.b = linear(), snn.Leaky(0.9), snn.Leaky(0.8)

        def forward(self, x):
            spk, mem = self.a(self.fc(x))
            return self.b(spk + mem)[0]

    assert offenders(Leaks()) == ["the state of module 'a' used as a signal"]


def test_counting_in_front_of_a_neuron():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.a, self.b = linear(), nt.LIF(), nt.LIFBoxCell()

        def forward(self, x):
            return self.b(self.a(self.fc(x))[0].mean(0))[0]

    with pytest.raises((UnsupportedError, InputError)):
        trace_module(Counts(), X)


def test_a_neuron_in_two_places():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.neuron = linear(INPUTS, INPUTS), framework("snntorch").Leaky(0.9, init_hidden=True)

        def forward(self, x):
            return self.neuron(self.fc(self.neuron(self.fc(x))))

    with pytest.raises(InputError, match="neuron 'neuron' is called 80 times in 40 ticks; give each place its own neuron"):
        trace_module(Shared(), X)


def test_a_model_without_neurons_and_one_without_spikes_out():
    assert offenders(nn.Sequential(linear())) == ["outputs without spikes (neurons: none); return the spikes"]

    class Membrane(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = linear(), framework("snntorch").Leaky(0.9)

        def forward(self, x):
            return self.lif(self.fc(x))[1]

    assert offenders(Membrane()) == ["outputs without spikes (neurons: 'lif'); return the spikes"]


class Loops(Net):
    """Runs its 25 ticks itself, over a static sample."""

    def forward(self, x):
        state, out = None, []
        for _ in range(25):
            z, state = super().forward(x, state)
            out.append(z)
        return torch.stack(out)


@pytest.mark.parametrize(
    ("model", "sample", "more", "shape", "wanted"),
    [
        (Net, spikes(TICKS, 5, INPUTS), {}, r"\(40, 5, 20\) is a batch of 5, ", r"\(ticks, 20\)"),
        (Net, spikes(TICKS, 5, INPUTS), {"ticks": TICKS}, r"\(40, 5, 20\) is a batch of 5, ", r"\(ticks, 20\)"),
        (Net, spikes(TICKS, 5, INPUTS), {"ticks": 7}, r"\(40, 5, 20\) is a batch of 40 x 5, ", r"\(20,\) or \(ticks, 20\)"),
        (Net, spikes(TICKS, 3, 5, INPUTS), {}, r"\(40, 3, 5, 20\) is a batch of 3 x 5, ", r"\(ticks, 20\)"),
        (Loops, values(5, INPUTS), {}, r"\(5, 20\) is a batch of 5, ", r"\(20,\)"),
        (Loops, values(25, INPUTS), {"ticks": 25}, r"\(25, 20\) is a batch of 25, ", r"\(20,\)"),
    ],
)
def test_a_batch_of_samples_is_no_network_of_nodes(model, sample, more, shape, wanted):
    with pytest.raises(InputError, match=rf"^input 'x': shape {shape}.*give one sample without a batch dimension, {wanted}$"):
        trace_module(model(), sample, **more)


@pytest.mark.parametrize(("sample", "ticks"), [(X, 7), (values(5, INPUTS), 9)])
def test_ticks_other_than_those_of_the_sample(sample, ticks):
    said = (
        rf"^input 'x': {len(sample)} ticks, but --ticks is {ticks}; give the same or leave --ticks out, or give one static sample, \(20,\)$"
    )
    with pytest.raises(InputError, match=said):
        trace_module(Net(), sample, ticks=ticks)
    check(Net(), values(INPUTS), ticks=ticks)


def test_what_else_is_refused_comes_before_other_ticks():
    assert offenders(Net(lambda self, x: torch.relu(x)), X, ticks=7) == ["function torch.relu"]


@pytest.mark.parametrize("ticks", [None, 7])
def test_an_empty_sample(ticks):
    with pytest.raises(InputError, match=r"^input 'x': shape \(0, 20\) is empty; give a sample of at least one tick$"):
        trace_module(Net(), spikes(TICKS, INPUTS)[:0], ticks=ticks)


def test_a_model_that_runs_its_ticks_itself():
    with pytest.raises(InputError, match="called 25 times in 10 ticks; if the model runs its 25 ticks itself, leave --ticks out"):
        trace_module(Loops(), values(INPUTS), ticks=10)


def test_a_forward_that_drops_its_state():
    class Drops(Net):
        def forward(self, x, state=None):
            return super().forward(x, state)[0]

    said = (
        r"cannot be run on the sample \(x \(40, 20\)\): neuron 'neuron' starts anew at tick 1: its state is not handed on; "
        "take it in a parameter state=None, and return it; "
    )
    with pytest.raises(InputError, match=said):
        trace_module(Drops(), X)


def test_a_reason_is_cut_behind_a_word():
    class Raises(Net):
        def forward(self, x, state=None):
            raise RuntimeError("not mounted " * 30)

    with pytest.raises(InputError, match="RuntimeError: not mounted .*(not|mounted) …$"):
        trace_module(Raises(), X)


@pytest.mark.parametrize(
    ("sample", "more", "says"),
    [
        (spikes(TICKS, 3), {}, r"cannot be run on the sample \(x \(40, 3\)\); .*mat1 and mat2"),
        (values(INPUTS), {}, r"sample \(x \(20,\)\): one value a neuron does not say how long an inference is; give --ticks"),
        (X, {"dt": -1.0}, "--dt -1"),
        ({"y": X}, {}, "input 'y': forward of Net has no such parameter; it has x, state"),
        (np.full((TICKS, INPUTS), np.nan), {}, "not finite"),
    ],
)
def test_samples_that_do_not_fit(sample, more, says):
    with pytest.raises(InputError, match=says) as error:
        trace_module(Net(), sample, **more)
    assert "\n" not in str(error.value)
