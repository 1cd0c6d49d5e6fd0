"""simulate and check --device."""

import json

import pytest
import torch
from calling import call, refused

from neurograph.cli.main import run_command

NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="PyTorch can use a GPU here, so that none is missing")
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU that PyTorch can use")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    assert run_command(["train", "spikegraphormer", "--epochs", "2", "-o", str(folder / "m.pt")]) == 0
    assert run_command(["export", str(folder / "m.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


@NO_GPU
@pytest.mark.parametrize("command", ["simulate", "check"])
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_refused(command, device, tmp_path, capsys):
    """Before anything is read or run."""
    refused(capsys, command, tmp_path / "none", "--device", device, says=[f"device '{device}': CUDA is not available", "--device cpu"])


@pytest.mark.parametrize("command", ["simulate", "check"])
@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_an_unknown_device_is_refused(command, device, tmp_path, capsys):
    refused(capsys, command, tmp_path, "--device", device, says=f"device {device!r}: does not exist; there are cpu, cuda and cuda:N")


def test_cpu_is_what_runs_anyway(bundle, capsys):
    status, out, _ = call(capsys, "simulate", bundle, "--device", "cpu", "--json")
    again = json.loads(call(capsys, "simulate", bundle, "--json")[1])
    assert status == 0 and json.loads(out)["spikes"] == again["spikes"] and "device" not in again


@GPU
def test_a_gpu_has_the_spikes_of_the_cpu(bundle, capsys):
    status, out, _ = call(capsys, "simulate", bundle, "--device", "cuda", "--json")
    assert status == 0
    there, here = json.loads(out), json.loads(call(capsys, "simulate", bundle, "--json")[1])
    assert there["spikes"] == here["spikes"] and there["device"].startswith("cuda:0")
    status, out, _ = call(capsys, "check", bundle, "--device", "cuda", "--engines", "torch,float,fixed,pipelined-fixed", "--json")
    assert status == 0 and len(json.loads(out)["pairs"]) == 2


def test_engines_and_rules_that_run_on_no_gpu_are_refused(bundle, capsys, monkeypatch):
    monkeypatch.setattr("neurograph.sim.check.check_device", lambda device: None)  # as if there were a GPU
    says = "device 'cuda': runs engines float and fixed, but the engine is 'pipelined-fixed'; leave it out"
    refused(capsys, "simulate", bundle, "--device", "cuda", "--engine", "pipelined-fixed", says=says)
    says = "device 'cuda' cannot take rules 'brian2loihi': take --device cpu, or rules 'lava'"
    refused(capsys, "simulate", bundle, "--device", "cuda", "--rules", "brian2loihi", says=says)
    says = "--device cuda: is for engines float and fixed, and --engines pipelined-float,torch has neither; leave it out"
    refused(capsys, "check", bundle, "--device", "cuda", "--engines", "pipelined-float,torch", says=says)
