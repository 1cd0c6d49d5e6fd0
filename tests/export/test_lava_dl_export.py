"""A trained graph network as a `.net`, run by lava-dl's own reader; and `.net` files as bundles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_lava_dl_files import NEURON, conv, dense, layer, write

from neurograph.errors import InputError, QuantizationError, UnsupportedError
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.lava_dl.compile import compile_net
from neurograph.export.lava_dl.quantize import quantize_for_netx
from neurograph.export.lava_dl.read import read_net
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.targets import TARGETS
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.lava import netx
from neurograph.weights import Dense

NETX = TARGETS.get("netx") or replace(TARGETS["lava"], name="netx")


@pytest.fixture(scope="session")
def made(checkpoint):
    return compile_checkpoint(checkpoint, NETX)


def test_a_graph_network_fits_the_format(made):
    """No exponents, biases in whole units, and no more spikes lost than in Lava's own integers."""
    quantized = made.quantized
    assert {p.exponent for p in quantized.projections} == {0}
    assert {p.neuron.bias_exp for p in quantized.neurons} == {6}
    assert max(row.mismatch for row in made.report.populations) < 0.005
    run = fixed.run(quantized, made.inputs)
    assert run.notes["wraps"] == {} and run.notes["clips"] == {}
    assert all(run.spikes[p.name].any() for p in quantized.neurons)


@pytest.mark.lava
def test_karate_runs_in_netx_with_the_same_spikes(lava, made):
    want, got = fixed.run(made.quantized, made.inputs), netx.run(made.quantized, made.inputs)
    assert got.engine == "netx" and got.notes["levels"] == 8
    wrong = {p.name: int((got.spikes[p.name] != want.spikes[p.name]).sum()) for p in made.quantized.neurons}
    assert set(wrong.values()) == {0}
    assert sum(want.spikes[name].size for name in wrong) == 15_264


def test_bundle_holds_the_file_and_it_reads_back(made, tmp_path):
    bundle = write_bundle(made, NETX, tmp_path / "bundle", nir_form="graph")
    assert "model.net" in bundle.manifest["files"]
    net = read_net(bundle.path / "model.net")
    assert net.names == tuple(f"dense_{k}" for k in range(1, 9)) and net.notes == ()
    run = fixed.run(net.integer, {"input": np.zeros((net.integer.ticks, 1))})  # static input is built in: the channel is silent
    (output,) = [name for name in bundle.network.outputs if name.startswith("gnn")]
    want = bundle.expected("fixed").spikes[output][0].reshape(net.integer.ticks, -1)
    last = run.spikes["dense_8"][0]
    starts = [s for s in range(last.shape[1] - want.shape[1] + 1) if (last[:, s : s + want.shape[1]] == want).all()]
    assert starts  # the outputs stand in the last layer


def test_what_the_quantiser_refuses_is_named_at_once():
    populations = [
        Population("x", (2,), Source("spikes")),
        Population("a", (2,), LIF(0.5, 1.0, reset="subtract")),
        Population("b", (2,), LIF(0.5, 1.0, v_leak=2.0)),
        Population("c", (2,), LIF(0.5, 1.0)),
    ]
    eye = Dense(np.eye(2))
    projections = (Projection("x", "a", eye), Projection("a", "b", eye), Projection("b", "c", eye), Projection("c", "c", eye, lag=1))
    network = align_delays(Network({p.name: p for p in populations}, projections, 4))
    with pytest.raises(UnsupportedError) as caught:
        quantize_for_netx(network, {"x": np.ones((4, 2))})
    assert [o.split(":")[0] for o in caught.value.offenders] == ["projection c→c", "population 'a'", "population 'b'", "population 'b'"]
    with pytest.raises(QuantizationError, match="weight bits: 9"):
        quantize_for_netx(network, {}, bits=9)


def test_a_file_becomes_a_bundle_with_its_own_integers(tmp_path):
    path = write(
        tmp_path / "a.net",
        layer("input", shape=[1, 5, 4]),
        conv(weight=np.full((2, 1, 3, 3), 20)),
        layer("flatten"),
        dense(3, 12, delay=[0, 3, 1]),
    )
    x = (np.random.default_rng(0).random((2, 7, 1, 5, 4)) < 0.5).astype(np.uint8)
    compiled = compile_net(path, {"": x}, TARGETS["loihi2"])
    assert compiled.network.ticks == 7  # of the spikes
    weights = compiled.quantized.projections[0].weights.to_csr()
    assert set(weights.data.tolist()) == {20}
    assert {row.relative_error for row in compiled.report.projections} == {0.0}
    bundle = write_bundle(compiled, TARGETS["loihi2"], tmp_path / "bundle")
    assert bundle.manifest["origin"] == {"file": "a.net", "format": "lava-dl", "notes": []}
    run = fixed.run(read_net(path, ticks=7).integer, {"input": x})
    for name in ("conv_1", "dense_3"):
        assert (bundle.expected("fixed").spikes[name] == run.spikes[name]).all()
        assert run.spikes[name].any()


def test_what_a_chip_or_a_float_network_cannot_hold_is_named(tmp_path):
    forgets, cuba = {**NEURON, "vDecay": 4096}, {**NEURON, "iDecay": 2000}
    x = {"input": np.ones((4, 2))}
    path = write(tmp_path / "a.net", dense(neuron=forgets), dense(3, 3, neuron=forgets))
    with pytest.raises(UnsupportedError, match=r"target loihi2 cannot take population 'dense_0': vDecay 4096 .*'dense_1'"):
        compile_net(path, x, TARGETS["loihi2"])
    assert compile_net(path, x, TARGETS["lava"]).quantized.populations["dense_0"].neuron.dv == 4096
    path = write(tmp_path / "a.net", dense(neuron=cuba, bias=[1, 2, 3]))
    with pytest.raises(UnsupportedError, match=r"layer 0 \(dense\): a bias beside iDecay below 4096"):
        compile_net(path, x, TARGETS["lava"])
    with pytest.raises(InputError, match="weight bits: 4, must be 8 for a.net"):
        compile_net(path, x, TARGETS["lava"], bits=4)
