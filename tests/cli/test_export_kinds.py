"""What `export` takes beside checkpoints, and what it writes beside bundles for chips; from the command line."""

from __future__ import annotations

import json
from itertools import pairwise

import nir
import numpy as np
import pytest
import torch
from calling import call, refused

from neurograph.export import nir_io
from neurograph.export.bundle import open_bundle

SOURCE = """
import norse.torch as norse
from torch import nn

def build():
    return norse.SequentialState(nn.Linear(6, 8), norse.LIFBoxCell(), nn.Linear(8, 3), norse.LIBoxCell())

def artificial():
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.MaxPool1d(2))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a model's source, weights and a sample, and the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets_of_cli_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    import nets_of_cli_test as nets

    torch.manual_seed(0)
    model = nets.build()
    model[0].weight.data *= 6
    torch.save(model.state_dict(), "w.pt")
    torch.save(nets.artificial(), "whole.pt")
    np.save("x.npy", (np.random.default_rng(0).random((20, 6)) < 0.5).astype(np.uint8))
    return tmp_path


def test_own_model_for_onnx_and_for_a_chip(capsys, own):
    common = ("w.pt", "--model", "nets_of_cli_test:build", "--input", "x.npy", "--json")
    status, out, err = call(capsys, "export", *common, "--target", "onnx", "-o", "o")
    result = json.loads(out)
    assert status == 0 and [(pair["a"], pair["b"], pair["ok"]) for pair in result["pairs"]] == [
        ("torch", "float", True),
        ("float", "onnx", True),
    ]
    assert "no integer network: " in err and "real values" in err
    assert "--target onnx" not in err  # which was given
    refused(capsys, "simulate", "o", "--engine", "fixed", says="there is no integer network here")
    refused(capsys, "report", "o", says="holds no integer network")
    assert call(capsys, "check", "o")[0] == 0 and "onnx/network.onnx" in call(capsys, "inspect", "o")[1]
    status, out, err = call(capsys, "export", *common, "--target", "loihi2", "-o", "chip", "--no-verify")
    assert status == 0 and "real-valued, so it stays on the host: '3' (host/output.onnx)" in err
    status, out, _ = call(capsys, "simulate", "chip", "--engine", "float", "--json")
    bundle = open_bundle(own / "chip")
    np.testing.assert_allclose(json.loads(out)["readout_mean"]["3"][0], bundle.torch_values["3"].mean(axis=0), atol=1e-9)


def test_own_models_that_cannot_be_used(capsys, own):
    x = ("--input", "x.npy", "--target", "onnx", "-o", "o")
    refused(capsys, "export", "whole.pt", "--model", "nets_of_cli_test:artificial", *x, says="--allow-pickle")
    for offender in ("module '1': torch.nn.modules.activation.ReLU", "module '2': torch.nn.modules.pooling.MaxPool1d"):
        refused(capsys, "export", "whole.pt", "--allow-pickle", *x, says=offender)
    refused(capsys, "export", "w.pt", "--model", "nets_of_cli_test:artificial", *x, says="0.weight has shape (8, 6)")
    refused(capsys, "export", "w.pt", "--model", "nets_of_cli_test:none", *x, says="no 'none'")
    refused(capsys, "export", "w.pt", "--model", "nets_of_cli_test:build", "--target", "onnx", says="needs a sample")
    refused(capsys, "export", "w.pt", "--model", "nets_of_cli_test:build", "--dialect", "nir", *x, says="--dialect nir: is for a NIR graph")
    refused(
        capsys, "export", "w.pt", "--model", "nets_of_cli_test:build", "--input", "y.npy", "--target", "onnx", says="y.npy: no such file"
    )
    assert not (own / "o").exists()


def test_shapes_are_relaxed_by_a_flag_only(capsys, tmp_path):
    one = np.ones(1)
    lif = nir.LIF(tau=2e-3 * one, r=one, v_leak=0 * one, v_threshold=0.3 * one, v_reset=0 * one)
    made = {"input": nir.Input(np.array([1])), "lif": lif, "output": nir.Output(np.array([1, 1, 1]))}
    nir_io.write(nir.NIRGraph(made, list(pairwise(made)), type_check=False), tmp_path / "g.nir")
    np.save(tmp_path / "x.npy", np.ones((5, 1)))
    arguments = ("export", tmp_path / "g.nir", "--dialect", "nir", "--input", tmp_path / "x.npy", "--target", "onnx", "-o", tmp_path / "b")
    refused(capsys, *arguments, says="'lif' gives (1,), 'output' takes (1, 1, 1); --relax-shapes mends it")
    refused(capsys, "inspect", tmp_path / "g.nir", says="--relax-shapes mends it")
    status, _, err = call(capsys, *arguments, "--relax-shapes")
    assert status == 0 and "reshaped node 'output': (1, 1, 1) to (1,)" in err
    assert any("reshaped" in line for line in open_bundle(tmp_path / "b").manifest["origin"]["assumed"])
    assert "reshaped" in call(capsys, "inspect", tmp_path / "g.nir", "--relax-shapes")[1]


@pytest.mark.lava
def test_netx_out_and_in_again(capsys, lava, tmp_path):
    rng, one = np.random.default_rng(3), np.ones(5)
    lif = nir.LIF(tau=2e-4 * one, r=one, v_leak=0 * one, v_threshold=0.3 * one, v_reset=0 * one)
    made = {"input": nir.Input(np.array([4])), "w": nir.Linear(rng.normal(0.3, 1, (5, 4))), "lif": lif, "output": nir.Output(np.array([5]))}
    nir_io.write(nir.NIRGraph(made, list(pairwise(made))), tmp_path / "g.nir")
    np.save(tmp_path / "x.npy", (rng.random((30, 4)) < 0.4).astype(np.uint8))
    more = ("--input", tmp_path / "x.npy", "--json")
    status, out, _ = call(capsys, "export", tmp_path / "g.nir", "--dialect", "nir", "--target", "netx", "-o", tmp_path / "n", *more)
    pairs = {(pair["a"], pair["b"]): pair for pair in json.loads(out)["pairs"]}
    assert status == 0 and pairs["lava-fixed", "netx"]["ok"] and pairs["lava-fixed", "netx"]["compared"] == 150
    status, out, _ = call(capsys, "inspect", tmp_path / "n" / "model.net", "--json")
    assert status == 0 and json.loads(out)["kind"] == "lava-dl network"
    status, _, _ = call(capsys, "export", tmp_path / "n" / "model.net", "--target", "lava", "-o", tmp_path / "again", "--no-verify", *more)
    first, again = (open_bundle(tmp_path / name).expected("fixed") for name in ("n", "again"))
    assert status == 0 and first.spikes["lif"].any()
    (name,) = [name for name in again.spikes if name != "input"]
    np.testing.assert_array_equal(again.spikes[name].ravel(), first.spikes["lif"].ravel())
