"""Plain torch between the neurons: linear maps and their folding, sums, reshapes, and the ways in which a model wants to be called."""

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_models import HIDDEN, INPUTS, TICKS, check, framework, linear, spikes, values
from torch import nn

from neurograph.errors import UnsupportedError
from neurograph.export.lower import lower
from neurograph.export.torch_modules import trace_module
from neurograph.sim import floating

pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own
nt, snn = framework("norse.torch"), framework("snntorch")
X = spikes(TICKS, INPUTS)


def neuron(threshold=0.4):
    return nt.LIFBoxCell(nt.LIFBoxParameters(tau_mem_inv=torch.tensor(300.0), v_th=torch.tensor(threshold)))


def norm(size, kind=nn.BatchNorm1d, seed=3):
    generator = torch.Generator().manual_seed(seed)
    made = kind(size)
    made.running_mean.copy_(torch.rand(size, generator=generator) - 0.5)
    made.running_var.copy_(torch.rand(size, generator=generator) + 0.3)
    made.weight.data.copy_(torch.rand(size, generator=generator) + 0.5)
    made.bias.data.copy_(torch.rand(size, generator=generator) * 0.3)
    return made


def current_is(model, sample, before, name, **more):
    """What arrives at a population is what torch computes, to 1e-12."""
    traced = check(model, sample, busy=False, **more)
    ours = floating.run(lower(traced.graph), traced.inputs).currents[name][0]
    with torch.no_grad():
        wanted = torch.stack([before(torch.from_numpy(x[None]).double())[0] for x in np.asarray(sample, dtype=float)])
    np.testing.assert_allclose(ours, wanted.numpy(), atol=1e-12)
    return traced


LAYERS = {
    "linear": (lambda: linear(), X),
    "linear, no bias": (lambda: linear(bias=False), X),
    "linear and norm": (lambda: nn.Sequential(linear(), norm(HIDDEN)), X),
    "linear, no bias, and norm": (lambda: nn.Sequential(linear(bias=False), norm(HIDDEN)), X),
    "norm before": (lambda: nn.Sequential(norm(INPUTS), linear()), X),
    "two norms": (lambda: nn.Sequential(norm(INPUTS), norm(INPUTS, seed=4)), X),
    "two linear": (lambda: nn.Sequential(linear(), nn.Dropout(), nn.Identity(), linear(HIDDEN, 5, seed=2)), X),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(2, 4, 3, stride=2, padding=1), norm(4)), spikes(10, 2, 9)),
    "conv1d, dilation, groups": (lambda: nn.Conv1d(4, 4, 3, dilation=2, groups=2), spikes(10, 4, 9)),
    "conv1d, same": (lambda: nn.Conv1d(2, 4, 5, padding="same"), spikes(10, 2, 9)),
    "norm of a series": (lambda: norm(2), spikes(10, 2, 9)),
    "conv2d": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False), norm(4, nn.BatchNorm2d)),
        spikes(10, 2, 7, 6),
    ),
    "conv2d, groups, dilation": (lambda: nn.Conv2d(4, 6, 3, groups=2, dilation=2), spikes(10, 4, 7, 6)),
    "conv2d, same": (lambda: nn.Conv2d(2, 4, (3, 5), padding="same"), spikes(10, 2, 7, 6)),
    "norm of an image, padded conv behind": (
        lambda: nn.Sequential(norm(2, nn.BatchNorm2d), nn.Conv2d(2, 3, 3, padding=1)),
        spikes(10, 2, 7, 6),
    ),
    "average": (lambda: nn.AvgPool2d(2), spikes(10, 2, 6, 6)),
    "average, stride, padding": (lambda: nn.AvgPool2d(3, stride=2, padding=1), spikes(10, 2, 7, 6)),
    "adaptive average": (lambda: nn.AdaptiveAvgPool2d(2), spikes(10, 2, 6, 8)),
    "flatten": (lambda: nn.Sequential(nn.Flatten(), linear(24, 5)), spikes(10, 2, 3, 4)),
    "average, norm": (lambda: nn.Sequential(nn.AvgPool2d(2), norm(2, nn.BatchNorm2d)), spikes(10, 2, 6, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_in_front_of_a_neuron(tmp_path, name):
    torch.manual_seed(1)
    layer, sample = LAYERS[name][0]().double().eval(), LAYERS[name][1]
    traced = current_is(nt.SequentialState(layer, neuron()), sample, layer, "1", tmp_path=tmp_path)
    if "norm" in name and "conv" in name and "before" not in name and "behind" not in name:
        assert len(traced.graph.nodes) == 4, "the norm is folded into the convolution"


FUNCTIONS = {
    "sum of two branches": lambda self, x: self.a(x) + self.b(x),
    "torch.add": lambda self, x: torch.add(self.a(x), self.b(x)),
    "difference": lambda self, x: self.a(x) - self.b(x),
    "negative": lambda self, x: -self.a(x) + 1.5,
    "constants": lambda self, x: (2.0 * self.a(x) / 4 - 0.25) * self.gain + self.gain,
    "one minus": lambda self, x: 1 - self.a(x) * 0.5,
    "in place": lambda self, x: self.a(x).mul_(0.5).add_(self.b(x)),
    "an accumulator": lambda self, x: sum([self.a(x), self.b(x), self.a(x)]),
    "twice the same": lambda self, x: self.a(x) + self.a(x),
    "the same layer after itself": lambda self, x: self.square(self.square(self.a(x))),
    "norm of a sum": lambda self, x: self.norm(self.a(x) + self.b(x)),
    "norm of a sum with spikes": lambda self, x: self.norm(self.a(x) + x[:, :]) if x.shape[-1] == HIDDEN else self.norm(self.a(x)),
    "side by side": lambda self, x: self.wide(torch.cat([self.a(x), self.b(x)], dim=1)),
    "side by side, last": lambda self, x: self.wide(torch.cat((self.a(x), self.b(x)), -1)),
    "reshapes that change nothing": lambda self, x: self.a(x).unsqueeze(0).squeeze(0).view(1, HIDDEN).reshape(x.size(0), -1).contiguous(),
    "casts": lambda self, x: self.a(x.float()).to(torch.float32).detach().clone(),
    "dropout in eval": lambda self, x: nn.functional.dropout(self.a(x), 0.5, training=self.training),
}


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.a, self.b, self.square, self.wide = linear(), linear(seed=2), linear(HIDDEN, HIDDEN, 4), linear(2 * HIDDEN, HIDDEN, 5)
        self.norm, self.gain = norm(HIDDEN), nn.Parameter(torch.rand(HIDDEN) + 0.5)
        self.function, self.neuron = function, neuron()

    def forward(self, x, state=None):
        return self.neuron(self.function(self, x), state)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_front_of_a_neuron(tmp_path, name):
    torch.manual_seed(1)
    model = Function(FUNCTIONS[name]).double().eval()
    plain = (lambda x: FUNCTIONS[name](model, x).double()) if name != "casts" else (lambda x: model.a(x))
    current_is(model, X, plain, "neuron", tmp_path=tmp_path)


@pytest.mark.parametrize(("shape", "dim"), [((2, 5), 1), ((2, 5), 2), ((2, 4, 5), 1)])
def test_images_side_by_side(shape, dim):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            kind = nn.Conv1d if len(shape) == 2 else nn.Conv2d
            self.a, self.b, self.neuron = kind(2, 3, 3, padding=1), kind(2, 3 if dim == 2 else 4, 3, padding=1), neuron(0.1)

        def forward(self, x, state=None):
            return self.neuron(torch.cat([self.a(x), self.b(x)], dim), state)

    torch.manual_seed(0)
    check(Net(), spikes(20, *shape))


def test_side_by_side_where_nir_has_no_map():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.neuron = nn.Conv2d(2, 3, 3, padding=1), neuron(0.1)

        def forward(self, x, state=None):
            return self.neuron(torch.cat([self.a(x), self.a(x)], 3), state)

    with pytest.raises(UnsupportedError, match="function torch.cat along dimension 2"):
        trace_module(Net(), spikes(20, 2, 4, 5))


def test_unflatten_is_refused_with_a_way_out():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.neuron = nn.Conv2d(1, 3, 3), neuron(0.1)

        def forward(self, x, state=None):
            return self.neuron(self.conv(x.view(-1, 1, 5, 4)), state)

    with pytest.raises(UnsupportedError, match=r"a reshape of \(20,\) to \(1, 5, 4\); give the sample in that shape"):
        trace_module(Net(), X)


class Cells(nn.Module):
    """One layer of neurons whose forward runs in any of the ways that people write."""

    def __init__(self, style):
        super().__init__()
        self.fc, self.lif, self.fc2, self.out, self.style = (
            linear(),
            snn.Leaky(0.8),
            linear(HIDDEN, 5, 2),
            snn.Leaky(0.7, threshold=2.0),
            style,
        )

    def tick(self, x, a, b):
        z, a = self.lif(self.fc(x), a)
        y, b = self.out(self.fc2(z), b)
        return y, a, b

    def forward(self, x):
        a, b, got = self.lif.reset_mem(), self.out.reset_mem(), []
        kept = torch.zeros(x.shape[0], x.shape[1], 5)
        steps = x if self.style == "iterate" else x.unbind(1) if self.style == "batch first" else None
        for t in range(x.shape[1] if self.style == "batch first" else x.shape[0]):
            y, a, b = self.tick(steps[t] if steps is not None and self.style == "batch first" else x[t, ...], a, b)
            got.append(y)
            if self.style == "written into a tensor":
                kept[t] = y
        if self.style == "written into a tensor":
            return kept
        if self.style == "cat":
            return torch.cat([y.unsqueeze(0) for y in got])
        if self.style == "count":
            return sum(got)
        if self.style == "mean":
            return torch.stack(got).mean(0)
        if self.style == "last ticks":
            return torch.stack(got[10:])
        if self.style == "batch first":
            return torch.stack(got, dim=1)
        return got


@pytest.mark.parametrize(
    "style", ["stack", "iterate", "batch first", "cat", "written into a tensor", "count", "mean", "last ticks", "list of ticks"]
)
def test_loops_over_time(style):
    traced = check(Cells(style), X)
    assert traced.way == ("once with (1, ticks, ...)" if style == "batch first" else "once with (ticks, 1, ...)")
    outputs = [a for a, b in traced.graph.edges if b.startswith("output")]
    assert outputs == ["out"]


def test_the_input_projected_outside_of_the_loop():
    class Net(Cells):
        def forward(self, x):
            current, a, b, got = self.fc(x), None, None, []
            for t in range(len(x)):
                z, a = self.lif(current[t], a)
                y, b = self.out(self.fc2(z), b)
                got.append(y)
            return torch.stack(got)

    check(Net(""), X)


def test_ticks_in_the_batch_of_a_convolution():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.fc = nn.Conv2d(2, 4, 3), norm(4, nn.BatchNorm2d), linear(4 * 4 * 4, 5)
            self.a, self.b = nt.LIF(nt.LIFParameters(v_th=torch.tensor(0.3))), nt.LIF()

        def forward(self, x):
            ticks, batch = x.shape[:2]
            y = self.norm(self.conv(x.flatten(0, 1))).view(ticks, batch, 4, 4, 4)
            z, _ = self.a(y)
            return self.b(self.fc(z.flatten(2)))[0]

    torch.manual_seed(0)
    check(Net(), spikes(30, 2, 6, 6))


def test_two_named_inputs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.neuron = linear(), linear(7, HIDDEN, 2), neuron()

        def forward(self, left, right, state=None):
            return self.neuron(self.a(left) + self.b(right), state)

    traced = check(Net(), {"right": spikes(TICKS, 7), "left": X})
    assert list(traced.inputs) == ["left", "right"]


def test_recurrence_by_hand_of_two_ticks(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.back, self.late, self.neuron = linear(), linear(HIDDEN, HIDDEN, 4, 0.5), linear(HIDDEN, HIDDEN, 5, 0.5), neuron()

        def forward(self, x):
            one = two = torch.zeros(1, HIDDEN)
            state, got = None, []
            for row in x:
                z, state = self.neuron(self.fc(row) + self.back(one) + self.late(two), state)
                one, two = z, one
                got.append(z)
            return torch.stack(got)

    traced = check(Net(), X, tmp_path=tmp_path)
    assert [float(n.delay[0]) for n in traced.graph.nodes.values() if isinstance(n, nir.Delay)] == [2e-3]


def test_a_recurrent_term_may_be_left_out_at_first():
    class Net(nn.Module):
        def __init__(self, bias):
            super().__init__()
            self.fc, self.back, self.neuron = linear(), linear(HIDDEN, HIDDEN, 4, 0.5, bias), neuron()

        def forward(self, x, state=None):
            held, last = state or (None, None)
            current = self.fc(x)
            if last is not None:
                current = current + self.back(last)
            z, held = self.neuron(current, held)
            return z, (held, z)

    check(Net(False), X)
    with pytest.raises(Exception, match="tick 0 is computed in another way"):  # its bias would come a tick early
        trace_module(Net(True), X)


def test_the_model_itself_is_left_alone():
    model = nn.Sequential(linear(), snn.Leaky(0.9, init_hidden=True))
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trace_module(model, X)
    assert model.training and model[0].weight.dtype == torch.float32 and torch.get_default_dtype() == torch.float32
    assert not model[0]._forward_hooks and not model[0]._forward_pre_hooks and model[1].mem.numel() == 0
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


@st.composite
def stacks(draw):
    """A random Sequential of layers and neurons of one rule of reset."""
    torch.manual_seed(draw(st.integers(0, 1000)))
    subtract, layers, width = draw(st.booleans()), [], INPUTS
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 9))
        layers.append(linear(width, size, draw(st.integers(0, 99)), draw(st.sampled_from([0.5, 1.0, 2.0])), draw(st.booleans())))
        if draw(st.booleans()):
            layers.append(norm(size, seed=draw(st.integers(0, 99))))
        beta = draw(st.floats(0.05, 0.95))
        kind = draw(st.sampled_from(["Leaky", "Synaptic", "RLeaky"] if subtract else ["Leaky"]))
        more = {"init_hidden": True, "threshold": draw(st.floats(0.2, 2.0)), "reset_mechanism": "subtract" if subtract else "zero"}
        if kind == "Synaptic":
            layers.append(snn.Synaptic(alpha=draw(st.floats(0.05, 0.95)), beta=beta, **more))
        else:
            layers.append(snn.Leaky(beta, **more) if kind == "Leaky" else snn.RLeaky(beta, linear_features=size, **more))
        width = size
    return nn.Sequential(*layers)


@given(stacks(), st.integers(0, 99), st.booleans())
@settings(max_examples=25)
def test_random_stacks(model, seed, real):
    check(model, values(12, INPUTS, seed=seed) if real else spikes(12, INPUTS, seed=seed), busy=False)
