from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from neurograph.errors import GraphError, UnsupportedError
from neurograph.export import nir_io, nodes
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.trace import trace
from neurograph.network import LIF, CubaLIF, Threshold
from neurograph.nn import LIF as TorchLIF
from neurograph.sim import floating
from neurograph.sim.parity import compare

TIME = TimeMetadata(dt=1e-3, ticks=20, inputs="spikes")


def test_float_engine_spikes_as_torch_does(compiled):
    found = compare(compiled.network, compiled.torch, floating.run(compiled.network, compiled.inputs))
    assert found.ok, found.first_mismatch
    assert found.populations == len(compiled.network.neurons)
    assert (found.ties, found.skipped) == (0, 0)


def test_attention_becomes_gates_and_a_sum_over_nodes(compiled):
    network = compiled.network
    gates = [p for p in network.neurons if isinstance(p.neuron, Threshold)]
    assert [g.neuron.threshold for g in gates] == [1.5, 1.5]
    (mask,) = (p for p in network.neurons if p.name.endswith("mask_neuron"))
    assert mask.shape[0] == 1


def test_nir_file_round_trip_is_exact(compiled, tmp_path):
    nir_io.write(compiled.graph, tmp_path / "m.nir")
    back = nir_io.read(tmp_path / "m.nir")
    assert back.edges == compiled.graph.edges and back.nodes.keys() == compiled.graph.nodes.keys()
    assert nir_io.time_of(back) == nir_io.time_of(compiled.graph)
    for name, node in compiled.graph.nodes.items():
        assert type(back.nodes[name]) is type(node)
        for key, value in node.to_dict().items():
            np.testing.assert_array_equal(back.nodes[name].to_dict()[key], value, err_msg=f"{name}.{key}")
    one, two = floating.run(lower(compiled.graph), compiled.inputs), floating.run(lower(back), compiled.inputs)
    for name, v in one.voltages.items():
        np.testing.assert_array_equal(two.voltages[name], v)


def test_two_writes_give_the_same_bytes(compiled, tmp_path):
    for name in ("a", "b"):
        nir_io.write(compiled.graph, tmp_path / f"{name}.nir")
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


def test_modules_without_a_counterpart_are_all_named():
    core = torch.nn.Sequential(torch.nn.Conv1d(3, 3, 1), TorchLIF(), torch.nn.Tanh())
    with pytest.raises(UnsupportedError) as error:
        trace(core, torch.zeros(2, 3, 4))
    assert "'0': torch.nn.modules.conv.Conv1d" in str(error.value) and "'2': torch.nn.modules.activation.Tanh" in str(error.value)


def lif(n, tau=2e-3, **more):
    ones = np.ones(n)
    return nir.LIF(**{"tau": tau * ones, "r": ones, "v_leak": 0 * ones, "v_threshold": ones, "v_reset": 0 * ones, **more})


def graph(edges, **inner):
    ends = {"input": nir.Input(input_type=np.array([2])), "output": nir.Output(output_type=np.array([2]))}
    return nir.NIRGraph({**ends, **inner}, edges)


def test_plain_nir_nodes_lower():
    weight, w_in = np.array([[1.0, -2.0], [0.5, 3.0]]), 4.0
    half = np.full(2, 0.5)
    cuba = nir.CubaLIF(
        tau_syn=4e-3 * np.ones(2), tau_mem=2e-3 * np.ones(2), r=np.ones(2), v_leak=0 * half, v_threshold=half, w_in=np.full(2, w_in)
    )
    edges = [("input", "fc"), ("fc", "a"), ("a", "back"), ("back", "a"), ("a", "c"), ("c", "output")]
    network = lower(graph(edges, fc=nir.Affine(weight, np.array([0.1, 0.2])), a=lif(2), back=nir.Linear(weight), c=cuba), TIME)
    assert network.populations["a"].neuron == LIF(0.5, 1.0)
    assert isinstance(network.populations["c"].neuron, CubaLIF) and network.populations["c"].neuron.alpha == 0.25
    np.testing.assert_array_equal(network.populations["a"].bias, [0.1, 0.2])
    assert [(p.name, p.lag) for p in network.projections] == [("input→a", 0), ("a→a", 1), ("a→c", 0)]
    assert network.outputs == ("c",)


def test_a_chain_of_linear_nodes_is_one_projection_and_its_biases_add_up():
    first, second = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 1.0]])
    edges = [("input", "x"), ("x", "y"), ("y", "a"), ("a", "output")]
    network = lower(graph(edges, x=nir.Affine(first, np.array([1.0, 2.0])), y=nir.Affine(second, np.array([0.0, 1.0])), a=lif(2)), TIME)
    np.testing.assert_array_equal(network.projections[0].weights.to_csr().toarray(), second @ first)
    np.testing.assert_array_equal(network.populations["a"].bias, second @ [1.0, 2.0] + [0.0, 1.0])


def test_nodes_that_cannot_be_lowered_are_all_named():
    class Izhikevich(nir.Scale):
        pass

    ends = {"input": nir.Input(input_type=np.array([2])), "output": nir.Output(output_type=np.array([2]))}
    made = nir.NIRGraph({**ends, "a": Izhikevich(np.ones(2)), "b": Izhikevich(np.ones(2))}, [("input", "a"), ("a", "b"), ("b", "output")])
    with pytest.raises(UnsupportedError, match=r"node 'a': Izhikevich; node 'b': Izhikevich"):
        lower(made, TIME)


def test_a_graph_without_time_is_refused():
    with pytest.raises(GraphError, match="no time metadata"):
        lower(graph([("input", "a"), ("a", "output")], a=lif(2)))


@pytest.mark.parametrize(("change", "says"), [({"compare": "=="}, "compare='=='"), ({"scheme": "runge_kutta"}, "scheme=")])
def test_other_conventions_are_refused_by_name(change, says):
    with pytest.raises(UnsupportedError, match=says):
        lower(graph([("input", "a"), ("a", "output")], a=lif(2)), replace(TIME, **change))


def test_zero_time_constant_is_refused():
    with pytest.raises(GraphError, match="time constant 0 s"):
        lower(graph([("input", "a"), ("a", "output")], a=lif(2, tau=0.0)), TIME)


def test_csr_nodes_check_their_parts():
    with pytest.raises(GraphError, match="do not make a CSR matrix"):
        nodes.Aggregate(np.ones(1), np.array([5]), np.array([0, 1, 1]), np.array([2, 2]), 3)
