"""Norse's modules, as people build models of them: the float engine gives their own spikes."""

import nir
import numpy as np
import pytest
import torch
from own_models import HIDDEN, INPUTS, TICKS, between, check, framework, linear, spikes, values

from neurograph.errors import UnsupportedError
from neurograph.export.nir_io import time_of
from neurograph.export.torch_modules import trace_module

pytestmark = pytest.mark.filterwarnings("ignore")  # Norse's own
nt = framework("norse.torch")
X = spikes(TICKS, INPUTS)


def box(**more):
    return nt.LIFBoxParameters(**{"tau_mem_inv": between(100, 400), "v_th": between(0.2, 0.5, seed=4), **more})


def lif(**more):
    return nt.LIFParameters(
        **{
            "tau_syn_inv": between(200, 500),
            "tau_mem_inv": between(100, 300),
            "v_th": torch.tensor(0.6),
            "v_reset": torch.tensor(0.0),
            **more,
        }
    )


def iaf(**more):
    return nt.IAFParameters(**{"v_th": torch.tensor(4.0), **more})


CELLS = {
    "LIFBoxCell": lambda: nt.LIFBoxCell(box()),
    "LIFBoxCell, leak and reset": lambda: nt.LIFBoxCell(box(v_leak=between(0, 0.1), v_reset=between(-0.1, 0.1, seed=5))),
    "LIFBoxCell, subtract": lambda: nt.LIFBoxCell(box(reset_method=nt.reset_subtract)),
    "LIFBoxCell, dt": lambda: nt.LIFBoxCell(box(), dt=5e-4),
    "LIFCell": lambda: nt.LIFCell(lif()),
    "LIFCell, leak and reset": lambda: nt.LIFCell(lif(v_leak=torch.tensor(0.1), v_reset=torch.tensor(-0.2))),
    "LIFRecurrentCell": lambda: nt.LIFRecurrentCell(HIDDEN, HIDDEN, lif()),
    "LIFRecurrentCell, autapses": lambda: nt.LIFRecurrentCell(HIDDEN, HIDDEN, lif(), autapses=True),
    "IAFCell": lambda: nt.IAFCell(iaf()),
    "IAFCell, reset": lambda: nt.IAFCell(iaf(v_reset=torch.tensor(0.5))),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells(tmp_path, name):
    torch.manual_seed(2)
    check(nt.SequentialState(linear(), CELLS[name]()), X, tmp_path=tmp_path)


LAYERS = {
    "LIF": lambda: nt.LIF(lif(tau_mem_inv=torch.tensor(200.0))),
    "LIFRecurrent": lambda: nt.LIFRecurrent(HIDDEN, HIDDEN, lif()),
    "IAF": lambda: nt.IAF(iaf()),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_over_the_whole_window(tmp_path, name):
    torch.manual_seed(2)
    traced = check(nt.SequentialState(nt.Lift(linear()), LAYERS[name]()), X, tmp_path=tmp_path)
    assert traced.way == "once with (ticks, 1, ...)"


@pytest.mark.parametrize(
    "readout",
    [
        lambda: nt.LICell(),
        lambda: nt.LIBoxCell(),
        lambda: nt.LICell(nt.LIParameters(tau_syn_inv=torch.tensor(150.0), v_leak=torch.tensor(0.3))),
        lambda: nt.LILinearCell(HIDDEN, 3),
    ],
)
def test_readouts_give_the_same_voltages(readout):
    traced = check(nt.SequentialState(linear(), nt.LIFBoxCell(box()), readout()), X)
    assert traced.voltages["2"].any()


def test_li_over_the_whole_window():
    traced = check(nt.SequentialState(linear(), nt.LIF(lif(tau_mem_inv=torch.tensor(200.0))), nt.LI()), X)
    assert traced.voltages["2"].any()


def test_a_deep_model_with_real_values_and_with_a_static_current():
    torch.manual_seed(4)
    model = nt.SequentialState(
        linear(), nt.LIFBoxCell(box()), torch.nn.Dropout(0.5), linear(HIDDEN, 8, seed=2, scale=2), nt.LIFCell(), nt.LIFRecurrentCell(8, 6)
    )
    model[4].p = model[4].p._replace(v_th=torch.tensor(0.3))
    model[5].p = model[5].p._replace(v_th=torch.tensor(0.1))
    assert time_of(check(model, values(TICKS, INPUTS) * 0.6).graph).inputs == "values"
    assert time_of(check(model, X).graph).inputs == "spikes"
    traced = check(model, values(INPUTS) * 0.6, ticks=25)
    assert time_of(traced.graph).inputs == "static" and time_of(traced.graph).ticks == 25


def test_a_lift_of_a_stateful_module_and_nested_containers():
    inner = nt.SequentialState(linear(), nt.LIFBoxCell(box()))
    traced = check(nt.Lift(inner), X)
    assert set(traced.recording.spikes) == {"lifted_module_1"}


def test_a_handwritten_forward_of_one_tick():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.back = linear(), linear(HIDDEN, HIDDEN, seed=5), linear(HIDDEN, HIDDEN, seed=6, bias=False)
            self.a, self.b = nt.LIFBoxCell(box()), nt.LIFBoxCell(box())

        def forward(self, x, state=None):
            a, b, last = state or (None, None, torch.zeros(x.shape[0], HIDDEN))
            z, a = self.a(self.first(x) + self.back(last), a)  # from the second layer, one tick late
            out, b = self.b(self.second(z) + z, b)  # residual
            return out, (a, b, out)

    traced = check(Net(), X)
    assert any(isinstance(node, nir.Delay) for node in traced.graph.nodes.values())


def test_norse_times_stay_its_own(tmp_path):
    model = nt.SequentialState(linear(), nt.LIFBoxCell(nt.LIFBoxParameters(tau_mem_inv=torch.tensor(200.0)), dt=2e-3))
    graph = check(model, X, busy=False).graph
    assert time_of(graph).dt == 2e-3
    np.testing.assert_array_equal(graph.nodes["1"].tau, np.full(HIDDEN, 5e-3))
    assert time_of(check(model, X, dt=1e-4, busy=False).graph).dt == 1e-4


def test_rules_that_do_not_stand_in_one_graph_are_refused_by_name():
    model = nt.SequentialState(linear(), nt.LIFBoxCell(box()), linear(HIDDEN), nt.LIFBoxCell(box(reset_method=nt.reset_subtract)))
    with pytest.raises(
        UnsupportedError,
        match="one NIR graph cannot take module '1': resets to a value; module '3': subtracts its threshold in the same step",
    ):
        trace_module(model, X)


def test_other_neurons_are_refused_by_their_qualified_names():
    model = nt.SequentialState(linear(), nt.LIFAdExCell(), linear(HIDDEN), nt.LIFBoxCell(box()), linear(HIDDEN), nt.LSNNCell())
    with pytest.raises(UnsupportedError) as error:
        trace_module(model, X)
    assert error.value.offenders == [
        "module '1': norse.torch.module.lif_adex.LIFAdExCell",
        "module '5': norse.torch.module.lsnn.LSNNCell",
    ]


def test_a_time_constant_below_the_tick_is_refused():
    model = nt.SequentialState(linear(), nt.LIFBoxCell(nt.LIFBoxParameters(tau_mem_inv=torch.tensor(2000.0))))
    with pytest.raises(UnsupportedError, match=r"module '1': .*LIFBoxCell \(a membrane that moves by 2 to 2"):
        trace_module(model, X)


class TwoLayers(torch.nn.Module):
    """One state a layer, kept in a tuple, as the default says."""

    def __init__(self):
        super().__init__()
        self.first, self.hidden, self.second, self.last = linear(), nt.LIFBoxCell(box()), linear(HIDDEN), nt.LIFBoxCell(box())

    def forward(self, x, state=(None, None)):
        z, hidden = self.hidden(self.first(x), state[0])
        z, last = self.last(self.second(z), state[1])
        return z, (hidden, last)


def test_states_whose_default_is_a_tuple_of_none():
    check(TwoLayers(), X)
