"""The target onnx: onnxruntime gives the spikes of the float engine, for all that the float engine runs."""

import hashlib
import json
from dataclasses import asdict, replace
from itertools import pairwise

import nir
import numpy as np
import onnx
import onnxruntime
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_checkpoint, compile_graph
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.quantize import quantize
from neurograph.export.targets import TARGETS
from neurograph.export.targets import onnx as target
from neurograph.export.targets.onnx import onnx_model, to_bytes
from neurograph.network import LIF, CubaLIF, Integrator, Network, Population, Projection, Source, Threshold
from neurograph.sim import floating, onnx_engine
from neurograph.sim.check import check, pairs_of, run_engine
from neurograph.sim.parity import compare
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, one_to_one

DT = 1e-3


def same(network, inputs):
    """Both engines on ``inputs``: same spikes of every population, v to rounding. Returns what onnxruntime gave."""
    wanted, got = floating.run(network, inputs), onnx_engine.run(to_bytes(onnx_model(network, record="all")), network, inputs)
    assert set(got.spikes) == set(wanted.spikes)
    found = compare(network, wanted, got)
    assert found.ok, found.first_mismatch
    for name, v in got.voltages.items():
        if not found.ties:
            np.testing.assert_allclose(v, wanted.voltages[name], rtol=1e-9, atol=1e-9, err_msg=name)
        assert got.spikes[name].shape == wanted.spikes[name].shape
        assert got.spikes[name].dtype == wanted.spikes[name].dtype
    return got


def net(populations, projections, ticks=6, outputs=None):
    named = {p.name: p for p in populations}
    return Network(named, tuple(projections), ticks, outputs=tuple(outputs or [populations[-1].name]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1_000_000))
def test_onnxruntime_is_the_float_engine(seed):
    same(*random_network(seed))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_000_000), st.integers(2, 4))
def test_samples_run_side_by_side(seed, samples):
    network, inputs = random_network(seed)
    rng = np.random.default_rng(seed)
    batch = {"in": rng.random((samples, *inputs["in"].shape)) < 0.5, "current": rng.normal(0, 1, (samples, *inputs["current"].shape))}
    same(network, batch)


def csr(rng, shape, density=0.4):
    return sp.random(*shape, density, "csr", rng=rng, data_rvs=lambda k: rng.normal(0, 1, k))


def forms(rng):
    """Every form of weights, from (N, D) = (5, 3): shape of the target and the map."""
    n, d = 5, 3
    hub = sp.csr_matrix(np.vstack([np.zeros((2, n)), np.ones((1, n)), np.eye(n), np.zeros((1, n))]))
    lefts = {"identity": Identity(n), "row": OnesRow(n), "csr": csr(rng, (n, n)), "hub": hub, "empty": sp.csr_matrix((4, n))}
    rights = {"identity": Identity(d), "diagonal": rng.normal(size=d), "dense": rng.normal(size=(2, d))}
    for a, left in lefts.items():
        for b, right in rights.items():
            made = Kron(left, right)
            yield f"{a}-{b}", (left.shape[0], made.right_shape[0]), made
    yield "dense", (4,), Dense(rng.normal(size=(4, n * d)))
    yield "sparse", (4, 2), Sparse(csr(rng, (8, n * d)))
    yield "empty-sparse", (4,), Sparse(sp.csr_matrix((4, n * d)))


FORMS = list(forms(np.random.default_rng(0)))


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize(("shape", "weights"), [f[1:] for f in FORMS], ids=[f[0] for f in FORMS])
def test_every_form_of_weights_from_every_source(shape, weights, lag):
    rng = np.random.default_rng(1)
    sources = [Population(kind, (5, 3), Source(kind)) for kind in ("spikes", "values", "static", "constant")]
    target_ = Population("n", shape, LIF(0.5, 0.3, reset="subtract"), bias=0.1)
    network = net([*sources, target_], [Projection(s.name, "n", weights, lag=0 if s.is_static else lag) for s in sources])
    inputs = {"spikes": rng.random((6, 5, 3)) < 0.5, "values": rng.normal(size=(6, 5, 3)), "static": rng.normal(size=(5, 3))}
    same(network, inputs)


@pytest.mark.parametrize("right", [Identity(3), np.array([0.5, -1.0, 2.0]), np.random.default_rng(2).normal(size=(2, 3))])
def test_broadcast_to_all_nodes(right):
    weights = Kron(OnesColumn(6), right)
    network = net(
        [Population("in", (3,), Source()), Population("n", (6, weights.right_shape[0]), LIF(0.5, 0.2))], [Projection("in", "n", weights)]
    )
    same(network, {"in": np.random.default_rng(3).random((2, 6, 3)) < 0.6})


def test_sums_over_a_graph_are_the_same_in_every_run():
    """A scatter with reduction "add" loses summands when threads meet in one row."""
    rng = np.random.default_rng(4)
    rows = np.minimum(rng.zipf(1.5, 40_000) - 1, 299)
    graph = sp.csr_matrix((rng.normal(size=40_000), (rows, rng.integers(0, 300, 40_000))), shape=(300, 300))
    network = net(
        [Population("in", (300, 16), Source()), Population("n", (300, 16), LIF(0.5, 1.0))],
        [Projection("in", "n", Kron(graph, Identity(16)))],
        3,
    )
    inputs = {"in": rng.random((3, 300, 16)) < 0.5}
    first = same(network, inputs).voltages["n"]
    model = to_bytes(onnx_model(network, record="all"))
    for _ in range(10):
        np.testing.assert_array_equal(onnx_engine.run(model, network, inputs).voltages["n"], first)


NEURONS = {
    "LIF": LIF(np.array([0.1, 0.5, 1.0]), np.array([0.3, 0.4, 0.5]), v_leak=np.array([0.1, 0.0, -0.1]), v_reset=np.array([-0.2, 0.0, 0.1])),
    "gain": LIF(0.3, 0.5, v_leak=0.1, gain=np.array([0.5, 1.0, 2.0])),
    "IF": LIF(0.0, 0.5, gain=0.7, reset="subtract"),
    "reset_by": LIF(0.3, 0.5, reset="subtract", reset_by=np.array([0.4, 0.5, 0.9])),
    "CubaLIF": CubaLIF(np.array([0.2, 0.5, 1.0]), 0.3, 0.4, v_leak=0.1, v_reset=-0.1),
    "CubaLIF-gain": CubaLIF(0.3, np.array([0.1, 0.2, 0.3]), 0.4, reset="subtract", gain=0.8, reset_by=0.5),
    "LI": Integrator(np.array([0.2, 0.5, 1.0]), 0.4, v_leak=0.2),
    "CubaLI": Integrator(0.3, np.array([0.3, 0.6, 0.9]), alpha=np.array([0.2, 0.5, 1.0])),
    "I": Integrator(0.0, 1.0),
    "Threshold": Threshold(np.array([0.2, 0.5, 0.8])),
}


@pytest.mark.parametrize("state", ["cleared", "kept"])
@pytest.mark.parametrize("name", NEURONS)
def test_every_neuron_alone_and_in_a_loop(name, state):
    rng = np.random.default_rng(5)
    neuron = replace(NEURONS[name], state=state)
    loop = Projection("n", "n", Dense(rng.normal(0, 0.3, (6, 6))), lag=2)
    populations = [
        Population("in", (2, 3), Source("values")),
        Population("n", (2, 3), neuron, bias=0.05),
        Population("m", (2, 3), LIF(0.5, 0.2)),
    ]
    into = [Projection("in", "n", one_to_one((2, 3))), Projection("n", "m", one_to_one((2, 3)))]
    for projections in (into, [*into, loop]):
        same(net(populations, projections, 20), {"in": rng.normal(0.4, 0.6, (3, 20, 2, 3))})


@pytest.mark.parametrize("ticks", [1, 3, 9])
def test_loops_over_layers_and_lags_longer_than_a_run(ticks):
    rng = np.random.default_rng(6)
    populations = [Population("in", (4,), Source()), *(Population(n, (4,), LIF(0.5, 0.3, reset="subtract")) for n in "abc")]
    wires = [("in", "a", 0), ("a", "b", 0), ("b", "c", 0), ("c", "a", 1), ("b", "a", 2), ("c", "c", 5), ("in", "c", 4), ("a", "c", 9)]
    projections = [Projection(s, t, Dense(rng.normal(0.3, 0.6, (4, 4))), lag=lag) for s, t, lag in wires]
    network = net(populations, projections, ticks)
    assert align_delays(network).steps_per_tick == 3  # a pipeline needs three machine steps a tick, a loop over ticks does not care
    same(network, {"in": rng.random((2, ticks, 4)) < 0.6})


def test_without_any_input():
    populations = [Population("one", (1,), Source("constant")), Population("n", (3,), LIF(0.3, 0.5), bias=np.array([0.1, 0.6, 1.0]))]
    lonely = Population("m", (2,), LIF(0.3, 0.5))
    got = same(net([*populations, lonely], [Projection("one", "n", Dense(np.full((3, 1), 0.3)), lag=2)], 8), {})
    assert got.spikes["n"].any()
    assert not got.spikes["m"].any()


def chain(shape, **nodes):
    names = ["input", *nodes, "output"]
    made = {"input": nir.Input(input_type=np.array(shape)), **nodes, "output": nir.Output(output_type=None)}
    return nir.NIRGraph(made, list(pairwise(names)))


def nir_neurons(rng, n):
    tau, syn, r = rng.uniform(3e-3, 9e-3, n), rng.uniform(2e-3, 9e-3, n), rng.uniform(0.5, 3, n)
    theta, leak, w_in = rng.uniform(0.4, 0.9, n), rng.uniform(-0.2, 0.2, n), rng.uniform(1, 4, n)
    return {
        "lif": nir.LIF(tau=tau, r=r, v_leak=leak, v_threshold=theta, v_reset=leak - 0.1),
        "cuba": nir.CubaLIF(tau_syn=syn, tau_mem=tau, r=r, v_leak=leak, v_threshold=theta, w_in=w_in),
        "if": nir.IF(r=r, v_threshold=theta),
        "threshold": nir.Threshold(threshold=theta),
        "li": nir.LI(tau=tau, r=r, v_leak=leak),
        "cuba_li": nir.CubaLI(tau_syn=syn, tau_mem=tau, r=r, v_leak=leak, w_in=w_in),
        "i": nir.I(r=0.1 * r),
    }


@pytest.mark.parametrize("compare_", [">", ">="])
@pytest.mark.parametrize("rules", [("value", "same_step"), ("subtract", "same_step"), ("subtract", "next_step")])
@pytest.mark.parametrize("kind", sorted(nir_neurons(np.random.default_rng(0), 1)))
def test_every_neuron_of_nir(kind, rules, compare_):
    rng = np.random.default_rng(7)
    reset, acts = rules
    nodes = {
        "fc": nir.Affine(rng.normal(size=(4, 3)), rng.normal(0, 0.2, 4)),
        kind: nir_neurons(rng, 4)[kind],
        "d": nir.Delay(np.array([2e-3, 0, 1e-3, 0])),
    }
    graph = chain((3,), **nodes, last=nir_neurons(rng, 4)["if"])
    time = TimeMetadata(dt=DT, ticks=25, inputs="values", reset=reset, reset_acts=acts, compare=compare_)
    same(lower(graph, time), {"input": rng.normal(0.5, 1, (25, 3))})


def test_outputs_only_or_everything():
    network, inputs = random_network(11)
    name = network.outputs[0]
    assert [o.name for o in onnx_model(network).graph.output] == [f"{name}/spikes"]
    got = onnx_engine.run(to_bytes(onnx_model(network)), network, inputs)
    np.testing.assert_array_equal(got.spikes[name], floating.run(network, inputs).spikes[name])
    everything = {o.name for o in onnx_model(network, record="all").graph.output}
    assert everything == {f"{p.name}/{kind}" for p in network.neurons for kind in ("spikes", "v")}


def test_a_source_that_is_an_output_comes_out():
    populations = [Population("in", (3,), Source()), Population("x", (2,), Source("values")), Population("n", (3,), LIF(0.5, 0.3))]
    network = net(populations, [Projection("in", "n", one_to_one((3,)))], 4, outputs=["in", "x", "n"])
    rng = np.random.default_rng(8)
    inputs = {"in": rng.random((4, 3)) < 0.5, "x": rng.normal(size=(4, 2))}
    got = onnx_engine.run(to_bytes(onnx_model(network)), network, inputs)
    np.testing.assert_array_equal(got.spikes["in"][0], inputs["in"])
    np.testing.assert_array_equal(got.spikes["x"][0], inputs["x"])


def test_the_file_says_what_it_is_and_is_the_same_each_time():
    network, _ = random_network(12)
    model = onnx_model(network)
    assert to_bytes(model) == to_bytes(onnx_model(network))
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    props = {p.key: p.value for p in model.metadata_props}
    assert (props["neurograph.ticks"], float(props["neurograph.dt_s"])) == ("6", network.dt)
    assert json.loads(props["neurograph.outputs"]) == list(network.outputs)
    assert props["neurograph.graph_sha256"] == hashlib.sha256(model.graph.SerializeToString(deterministic=True)).hexdigest()
    assert all(value.doc_string for value in (*model.graph.input, *model.graph.output))


def test_kept_state_goes_in_and_out():
    populations = [Population("in", (3,), Source()), Population("n", (3,), CubaLIF(0.3, 0.2, 0.4, v_leak=0.1, state="kept"))]
    network = net(populations, [Projection("in", "n", one_to_one((3,)))], 5)
    session = onnxruntime.InferenceSession(to_bytes(onnx_model(network)), providers=["CPUExecutionProvider"])
    spikes = np.random.default_rng(9).random((3, 5, 3)) < 0.6
    wanted, kept = floating.run(network, {"in": spikes}).spikes["n"], {}
    for sample in range(3):
        z, u, v = session.run(["n/spikes", "n/u_end", "n/v_end"], {"in": spikes[sample : sample + 1], **kept})
        np.testing.assert_array_equal(z[0], wanted[sample])
        kept = {"n/u_start": u, "n/v_start": v}


def test_a_tie_is_no_mismatch():
    def build(threshold):
        return net(
            [Population("in", (2,), Source()), Population("n", (2,), LIF(0.5, threshold))], [Projection("in", "n", one_to_one((2,)))], 3
        )

    network, inputs = build(0.5 - 1e-12), {"in": np.stack([np.ones((3, 2)), np.zeros((3, 2))])}
    other = onnx_engine.run(to_bytes(onnx_model(build(0.5 + 1e-12), record="all")), network, inputs)
    found = compare(network, floating.run(network, inputs), other)
    assert (found.ok, found.mismatched_spikes, found.ties, found.compared, found.skipped) == (True, 0, 2, 6, 6)


def test_unsupported_by_name(monkeypatch):
    network, inputs = random_network(3)
    with pytest.raises(UnsupportedError, match="target onnx cannot take population 'p0': FixedLIF.*: give it the float network"):
        onnx_model(quantize(align_delays(network), inputs)[0])
    with pytest.raises(UnsupportedError, match="no population to put out: name its outputs"):
        onnx_model(replace(network, outputs=()))
    monkeypatch.setattr(target, "LIMIT_BYTES", 100)
    with pytest.raises(
        UnsupportedError,
        match=r"network: [\d,]+ bytes of weights, limit 100 .*; projection .*→.*: [\d,]+ bytes.*: store large weights as Sparse",
    ):
        onnx_model(network)


def test_a_file_that_is_not_the_networks_is_named(tmp_path):
    network, inputs = random_network(3)
    with pytest.raises(InputError, match=r"onnx model .*x\.onnx: no such file; write it"):
        onnx_engine.run(tmp_path / "x.onnx", network, inputs)
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"x\.onnx: is damaged .*; export it again"):
        onnx_engine.run(tmp_path / "x.onnx", network, inputs)
    with pytest.raises(InputError, match=r"takes 'in' as .*, the network as .*; export it again"):
        onnx_engine.run(to_bytes(onnx_model(replace(network, ticks=3))), network, inputs)
    other = net([Population("x", (2,), Source()), Population("n", (2,), LIF(0.5, 0.5))], [])
    with pytest.raises(InputError, match="takes 'x', but the network has no such source"):
        onnx_engine.run(to_bytes(onnx_model(other)), network, inputs)


def compare_bundle(bundle, engines):
    def record(engine):
        if engine == "torch":
            return bundle.expected("torch")
        return run_engine(engine, bundle.network, bundle.integers, bundle.inputs, onnx_file=bundle.onnx_file)

    return check(bundle.network, bundle.integers, pairs_of(engines), record)


def test_a_trained_model_becomes_a_bundle(checkpoint, tmp_path):
    bundle = write_bundle(compile_checkpoint(checkpoint, TARGETS["onnx"]), TARGETS["onnx"], tmp_path / "b")
    assert "onnx/network.onnx" in bundle.manifest["files"]
    assert not any(name.startswith("lava/") for name in bundle.manifest["files"])
    found = compare_bundle(bundle, ["torch", "float", "onnx"])
    assert [(c.a, c.b, c.ok) for c in found] == [("torch", "float", True), ("float", "onnx", True)]
    assert found[1].populations == len(bundle.network.neurons)
    assert bundle.quantized.is_integer  # for the report
    assert all(0 <= share <= 1 for share in bundle.rounding().values())
    run = run_engine("onnx", bundle.network, bundle.integers, bundle.inputs, onnx_file=bundle.onnx_file)
    assert bundle.accuracy(run) == bundle.accuracy(bundle.expected("float"))


def test_other_targets_hold_no_onnx_network(compiled, tmp_path):
    bundle = write_bundle(compiled, TARGETS["loihi2"], tmp_path / "b")
    assert bundle.onnx_file is None
    with pytest.raises(InputError, match=r"engine 'onnx': there is no onnx/network\.onnx here; export the model with --target onnx"):
        compare_bundle(bundle, ["float", "onnx"])


def test_real_values_become_a_bundle_without_integers(tmp_path):
    rng = np.random.default_rng(10)
    neurons = nir_neurons(rng, 3)
    graph = chain((3,), li=neurons["li"], lif=neurons["lif"], i=neurons["i"])
    graph.metadata["neurograph"] = asdict(TimeMetadata(dt=DT, ticks=12, inputs="values"))
    inputs = {"input": rng.normal(0.5, 1, (2, 12, 3))}
    with pytest.raises(UnsupportedError, match="real values"):
        compile_graph(graph, inputs, TARGETS["lava"])
    bundle = write_bundle(compile_graph(graph, inputs, TARGETS["onnx"]), TARGETS["onnx"], tmp_path / "b")
    (found,) = compare_bundle(bundle, ["float", "onnx"])
    assert found.ok, found.first_mismatch
    assert bundle.rounding() == {}
    with pytest.raises(InputError, match=r"bundle .*: holds no integer network \(.*population 'li': real values"):
        _ = bundle.quantized
    for engine in ("fixed", "lava-fixed"):
        with pytest.raises(
            InputError, match=f"engine '{engine}': there is no integer network here; use one of float, pipelined-float, lava-float, onnx"
        ):
            run_engine(engine, bundle.network, bundle.integers, bundle.inputs)
