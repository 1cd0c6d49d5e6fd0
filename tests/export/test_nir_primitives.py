"""Every primitive of NIR 1.0.8 against torch or against its own equation."""

from itertools import pairwise

import nir
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurograph.errors import GraphError, NetworkError, UnsupportedError
from neurograph.export.linear_nodes import convolution
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata, mend_groups
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.network import LIF, Integrator, Threshold
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava_engine
from neurograph.sim.parity import compare

DT = 1e-3


def time(ticks=12, inputs="spikes", **more):
    return TimeMetadata(dt=DT, ticks=ticks, inputs=inputs, **more)


def chain(shape, **nodes):
    """Input → nodes in order → Output."""
    names = ["input", *nodes, "output"]
    made = {"input": nir.Input(input_type=np.array(shape)), **nodes, "output": nir.Output(output_type=None)}
    return nir.NIRGraph(made, list(pairwise(names)))


def lif(shape, threshold=0.4, tau=2e-3):
    full = np.ones(shape)
    return nir.LIF(tau=tau * full, r=full, v_leak=0 * full, v_threshold=threshold * full, v_reset=0 * full)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 3),
    st.integers(1, 2),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 2)),
    st.tuples(st.integers(0, 2), st.integers(0, 1)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_convolution_is_torchs(seed, channels, groups, kernel, stride, padding, dilation):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(3, 8)), int(rng.integers(3, 8)))
    assume(all(n + 2 * p >= d * (k - 1) + 1 for n, p, d, k in zip(size, padding, dilation, kernel, strict=True)))
    weight = rng.normal(size=(2 * groups, channels, *kernel))
    x = rng.normal(size=(channels * groups, *size))
    matrix = convolution(weight, x.shape, stride, padding, dilation, groups)
    wanted = torch.nn.functional.conv2d(torch.from_numpy(x)[None], torch.from_numpy(weight), None, stride, padding, dilation, groups)
    np.testing.assert_allclose(matrix @ x.ravel(), wanted.numpy().ravel(), atol=1e-12)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_named_padding_is_torchs(padding):
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(4, 2, 3, 5)), rng.normal(size=(2, 6, 7))
    wanted = torch.nn.functional.conv2d(torch.from_numpy(x)[None], torch.from_numpy(weight), padding=padding)
    np.testing.assert_allclose(convolution(weight, x.shape, 1, padding, 1) @ x.ravel(), wanted.numpy().ravel(), atol=1e-12)


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(GraphError, match=r"kernel \(9, 9\) does not fit an input of \(4, 4\)"):
        convolution(np.ones((1, 1, 9, 9)), (1, 4, 4), 1, 0, 1)


def cnn(rng):
    """Conv2d → IF → SumPool2d → Conv2d → LIF → AvgPool2d → Flatten → Affine → LIF."""
    return chain(
        (2, 8, 8),
        c1=nir.Conv2d(
            input_shape=(8, 8), weight=rng.normal(size=(4, 2, 3, 3)), stride=1, padding=1, dilation=1, groups=1, bias=rng.normal(0, 0.1, 4)
        ),
        n1=nir.IF(r=np.ones((4, 8, 8)), v_threshold=np.full((4, 8, 8), 1.0)),
        p1=nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        c2=mend_groups(
            nir.Conv2d(
                input_shape=(4, 4), weight=rng.normal(size=(4, 2, 3, 3)), stride=1, padding=1, dilation=1, groups=2, bias=np.zeros(4)
            )
        ),
        n2=lif((4, 4, 4)),
        p2=nir.AvgPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        f=nir.Flatten(input_type={"input": np.array([4, 2, 2])}, start_dim=0, end_dim=-1),
        fc=nir.Affine(rng.normal(size=(5, 16)), rng.normal(0, 0.1, 5)),
        n3=lif((5,), 0.5),
    )


def test_a_cnn_runs_as_in_torch():
    rng = np.random.default_rng(1)
    graph = cnn(rng)
    network = lower(graph, time())
    assert {p.name: type(p.neuron).__name__ for p in network.neurons} == {"n1": "LIF", "n2": "LIF", "n3": "LIF"}
    x = (rng.random((12, 2, 8, 8)) < 0.3).astype(float)
    got = floating.run(network, {"input": x}).spikes
    f, nodes = torch.nn.functional, graph.nodes
    t = {k: torch.from_numpy(np.asarray(nodes[k].weight)) for k in ("c1", "c2", "fc")}
    v1, v2, v3 = torch.zeros(4, 8, 8).double(), torch.zeros(4, 4, 4).double(), torch.zeros(5).double()
    for tick in range(12):
        v1 = v1 + f.conv2d(torch.from_numpy(x[tick])[None], t["c1"], torch.from_numpy(nodes["c1"].bias), padding=1)[0]
        z1 = (v1 > 1.0).double()
        v1 = v1 * (1 - z1)
        v2 = v2 + 0.5 * (f.conv2d(4 * f.avg_pool2d(z1[None], 2), t["c2"], padding=1, groups=2)[0] - v2)
        z2 = (v2 > 0.4).double()
        v2 = v2 * (1 - z2)
        v3 = v3 + 0.5 * (t["fc"] @ f.avg_pool2d(z2[None], 2).ravel() + torch.from_numpy(nodes["fc"].bias) - v3)
        z3 = (v3 > 0.5).double()
        v3 = v3 * (1 - z3)
        for name, z in (("n1", z1), ("n2", z2), ("n3", z3)):
            np.testing.assert_array_equal(got[name][0, tick], z.numpy(), err_msg=f"{name} {tick}")
    assert all(spikes.any() for spikes in got.values())


def test_conv1d_is_torchs():
    rng = np.random.default_rng(2)
    weight, bias = rng.normal(size=(3, 2, 4)), rng.normal(size=3)
    node = nir.Conv1d(input_shape=9, weight=weight, stride=2, padding=1, dilation=2, groups=1, bias=bias)
    network = lower(chain((2, 9), c=node, n=lif((3, 3), threshold=0.0001)), time(inputs="values"))
    x = rng.normal(size=(12, 2, 9))
    wanted = torch.nn.functional.conv1d(torch.from_numpy(x), torch.from_numpy(weight), torch.from_numpy(bias), 2, 1, 2).numpy()
    np.testing.assert_allclose(floating.run(network, {"input": x}).currents["n"][0], wanted, atol=1e-12)


def test_neurons_follow_their_equations():
    """r, w_in, v_leak and v_reset of each neuron's own, in forward Euler."""
    rng = np.random.default_rng(3)
    n = 6
    tau, syn, r, w_in = (rng.uniform(2e-3, 9e-3, n), rng.uniform(2e-3, 9e-3, n), rng.uniform(0.5, 3, n), rng.uniform(1, 4, n))
    leak, reset, theta = rng.uniform(-0.2, 0.2, n), rng.uniform(-0.3, 0.1, n), rng.uniform(0.4, 0.9, n)
    x = rng.normal(0.8, 1, (60, n))

    def run(node):
        recording = floating.run(lower(chain((n,), n=node), time(60, "values")), {"input": x})
        return recording.spikes["n"][0], recording.voltages["n"][0]

    def loop(cuba, spiking):
        u, v, out = np.zeros(n), leak.copy(), []
        for t in range(60):
            u = u + DT / syn * (w_in * x[t] - u) if cuba else x[t]
            v = v + DT / tau * (leak - v + r * u)
            z = (v > theta) & spiking
            v = np.where(z, reset, v)
            out.append((z, v))
        return np.array([z for z, _ in out]), np.array([v for _, v in out])

    common = {"r": r, "v_leak": leak}
    for node, cuba in (
        (nir.LIF(tau=tau, v_threshold=theta, v_reset=reset, **common), False),
        (nir.CubaLIF(tau_syn=syn, tau_mem=tau, v_threshold=theta, v_reset=reset, w_in=w_in, **common), True),
    ):
        z, v = loop(cuba, True)
        got_z, got_v = run(node)
        assert z.any()
        np.testing.assert_array_equal(got_z, z)
        np.testing.assert_allclose(got_v, v, atol=1e-12)
    for node, cuba in ((nir.LI(tau=tau, **common), False), (nir.CubaLI(tau_syn=syn, tau_mem=tau, w_in=w_in, **common), True)):
        np.testing.assert_allclose(run(node)[0], loop(cuba, False)[1], atol=1e-12)
    np.testing.assert_allclose(run(nir.I(r=r))[0], np.cumsum(r * x, axis=0), atol=1e-12)
    np.testing.assert_array_equal(run(nir.Threshold(threshold=theta))[0], x > theta)


def test_delay_and_scale():
    x = np.random.default_rng(4).random((12, 3)) < 0.5
    late = chain((3,), s=nir.Scale(np.array([1.0, 2.0, 3.0])), d=nir.Delay(np.array([2.2e-3, 0.0, 4e-3])), n=nir.Threshold(np.full(3, 0.5)))
    network = lower(late, time())
    assert sorted(p.lag for p in network.projections) == [0, 2, 4]
    got = floating.run(network, {"input": x}).spikes["n"][0]
    for feature, lag in enumerate((2, 0, 4)):
        np.testing.assert_array_equal(got[lag:, feature], x[: 12 - lag, feature])
        assert not got[:lag, feature].any()


def test_nested_graphs_unfold():
    inner = chain((3,), w=nir.Linear(np.eye(3) * 2), n=lif((3,)))
    inner.nodes["output"] = nir.Output(output_type=np.array([3]))
    graph = nir.NIRGraph(
        {"input": nir.Input(input_type=np.array([3])), "block": inner, "n2": lif((3,)), "output": nir.Output(output_type=np.array([3]))},
        [("input", "block"), ("block", "n2"), ("n2", "output")],
        type_check=False,
    )
    network = lower(graph, time())
    assert {p.name for p in network.neurons} == {"block.n", "n2"}
    flat = lower(chain((3,), w=nir.Linear(np.eye(3) * 2), n=lif((3,)), n2=lif((3,))), time())
    x = np.random.default_rng(5).random((12, 3)) < 0.7
    np.testing.assert_array_equal(floating.run(network, {"input": x}).spikes["n2"], floating.run(flat, {"input": x}).spikes["n2"])


def test_in_a_loop_the_edge_toward_the_input_carries_the_last_tick():
    w = nir.Linear(np.array([[0.0, 1.0], [1.0, 0.0]]))
    ends = {"input": nir.Input(input_type=np.array([2])), "output": nir.Output(output_type=np.array([2]))}
    edges = [("input", "a"), ("a", "b"), ("b", "w"), ("w", "a"), ("b", "output")]
    network = lower(nir.NIRGraph({**ends, "a": lif((2,)), "b": lif((2,)), "w": w}, edges), time())
    assert {p.name: p.lag for p in network.projections} == {"input→a": 0, "a→b": 0, "b→a": 1}


def test_real_values_are_refused_by_integers_by_name():
    network = lower(chain((3,), li=nir.LI(tau=np.full(3, 2e-3), r=np.ones(3), v_leak=np.zeros(3)), n=lif((3,))), time())
    assert isinstance(network.populations["li"].neuron, Integrator)
    with pytest.raises(UnsupportedError, match="population 'li': real values in place of spikes"):
        quantize(network, {"input": np.ones((12, 3))})


def test_memoryless_lif_is_a_threshold():
    assert lower(chain((3,), n=lif((3,), tau=DT)), time()).populations["n"].neuron == Threshold(0.4)
    assert isinstance(lower(chain((3,), n=lif((3,), tau=DT)), time(reset="subtract")).populations["n"].neuron, LIF)


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (nir.LIF(tau=np.array([-1e-3, 1.0]), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2)), "time constant -0.001 s"),
        (nir.LIF(tau=np.array([1e-4, 1.0]), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2)), "dt 0.001 s is longer"),
        (nir.LIF(tau=np.array([np.nan, 1.0]), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2)), "time constant nan"),
        (nir.Delay(np.array([-1.0, 0.0])), "delay of -1 s"),
    ],
)
def test_bad_parameters_name_the_node(node, says):
    with pytest.raises(GraphError, match=f"node 'x': .*{says}"):
        lower(chain((2,), x=node, n=lif((2,))), time())


def test_nan_threshold_is_refused():
    with pytest.raises(NetworkError, match="'n': threshold holds NaN"):
        lower(chain((2,), n=lif((2,), threshold=np.nan)), time())


def spiking_graphs():
    rng = np.random.default_rng(6)
    yield "cnn", cnn(rng), (2, 8, 8)
    n = 8
    rec = {
        "input": nir.Input(input_type=np.array([n])), "output": nir.Output(output_type=np.array([n])), "fc": nir.Affine(rng.normal(size=(n, n)), rng.normal(0, 0.2, n)),
        "cuba": nir.CubaLIF(tau_syn=rng.uniform(2e-3, 5e-3, n), tau_mem=rng.uniform(2e-3, 5e-3, n), r=rng.uniform(1, 3, n), v_leak=np.zeros(n), v_threshold=np.full(n, 0.5), w_in=np.full(n, 3.0)),
        "rec": nir.Linear(rng.normal(0, 0.5, (n, n))), "d": nir.Delay(np.full(n, 2e-3)), "n2": lif((n,)),
    }  # fmt: skip
    edges = [
        ("input", "fc"),
        ("fc", "cuba"),
        ("cuba", "rec"),
        ("rec", "cuba"),
        ("cuba", "d"),
        ("d", "n2"),
        ("input", "n2"),
        ("n2", "output"),
    ]
    yield "recurrent", nir.NIRGraph(rec, edges), (n,)


@pytest.mark.lava
@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("which", [0, 1])
def test_lava_runs_them_bit_for_bit(lava, which, reset):
    from neurograph.export.passes.bias_source import bias_source

    _, graph, shape = list(spiking_graphs())[which]
    network = align_delays(bias_source(lower(graph, time(reset=reset))))
    inputs = {"input": np.random.default_rng(7).random((12, *shape)) < 0.4}
    quantized, _ = quantize(network, inputs)
    found = compare(network, floating.run(network, inputs), lava_engine.run(network, inputs, engine="float"))
    assert found.ok, found.first_mismatch
    run = fixed.run(quantized, inputs)
    assert all(run.spikes[p.name].any() for p in network.neurons)
    found = compare(quantized, run, lava_engine.run(quantized, inputs, engine="fixed"), voltages=True)
    assert found.ok, found.first_mismatch
