"""What is real-valued behind the last spikes: a network of its own, kept on the host as ONNX."""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np
import torch

from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_graph
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata
from neurograph.export.passes.split_readout import split_readout
from neurograph.export.targets import TARGETS
from neurograph.export.torch_modules import compile_module
from neurograph.sim import fixed, floating

TIME = TimeMetadata(1e-3, 8, inputs="spikes")
RNG = np.random.default_rng(1)
X = (RNG.random((8, 4)) < 0.6).astype(np.uint8)
W, V, B = RNG.normal(0.5, 1, (5, 4)), RNG.normal(size=(3, 5)), RNG.normal(size=3)


def lif(size):
    one = np.ones(size)
    return nir.LIF(tau=2e-3 * one, r=one, v_leak=0 * one, v_threshold=0.3 * one, v_reset=0 * one)


def graph(*nodes):
    made = {"input": nir.Input(input_type=np.array([4]))} | {f"n{i}": n for i, n in enumerate(nodes)} | {"output": nir.Output(None)}
    return nir.NIRGraph(made, list(pairwise(made)))


def test_linear_nodes_before_an_output_are_a_readout():
    network = lower(graph(nir.Linear(W), lif(5), nir.Affine(V, B)), TIME)
    assert network.outputs == ("output",)
    run = floating.run(network, {"input": X})
    np.testing.assert_allclose(run.spikes["output"][0], run.spikes["n1"][0] @ V.T + B, atol=1e-12)


def test_split_runs_as_the_whole():
    one = np.ones(3)
    readout = nir.LI(tau=3e-3 * one, r=one, v_leak=0 * one)
    whole = lower(graph(nir.Linear(W), lif(5), nir.Affine(V, B), readout), TIME)
    chip, host = split_readout(whole)
    assert chip.outputs == ("n1",) and set(host.populations) == {"n1", "n3"}
    run = floating.run(chip, {"input": X})
    got = floating.run(host, {"n1": run.spikes["n1"]})
    np.testing.assert_array_equal(got.spikes["n3"], floating.run(whole, {"input": X}).spikes["n3"])


def test_without_spikes_or_without_a_readout_nothing_is_split():
    for nodes in ((nir.Linear(W), lif(5)), (nir.Affine(W, np.zeros(5)),)):
        network = lower(graph(*nodes), TIME)
        assert split_readout(network) == (network, None)


def test_a_bundle_reads_out_on_the_host(tmp_path):
    made = compile_graph(graph(nir.Linear(W), lif(5), nir.Affine(V, B)), {"input": X}, TARGETS["loihi1"], time=TIME)
    bundle = write_bundle(made, TARGETS["loihi1"], tmp_path / "b")
    assert bundle.manifest["origin"]["on_host"] == ["output"] and "host/output.onnx" in bundle.manifest["files"]
    run = fixed.run(bundle.quantized, bundle.inputs)
    np.testing.assert_allclose(bundle.values(run)["output"][0], run.spikes["n1"][0] @ V.T + B, atol=1e-12)
    assert bundle.host_macs == {"output": 8 * 15}


def test_a_torch_models_own_values_come_back(tmp_path):
    import norse.torch as norse

    torch.manual_seed(0)
    model = norse.SequentialState(torch.nn.Linear(4, 5), norse.LIFBoxCell(), torch.nn.Linear(5, 3), norse.LIBoxCell())
    model[0].weight.data *= 8
    made = compile_module(model, X, TARGETS["loihi2"])
    assert made.torch.spikes["1"].any() and np.any(made.torch_values["3"])
    compared, difference = write_bundle(made, TARGETS["loihi2"], tmp_path / "b").check_values()
    assert compared == 8 * 3 and difference < 1e-12
