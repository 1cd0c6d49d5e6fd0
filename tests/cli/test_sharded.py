"""simulate --sharded, as a user starts it."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from calling import call, refused
from spiky import karate_checkpoint

from neurograph.cli.main import run_command
from neurograph.sim.recording_file import load
from neurograph.training.checkpoint import save


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharded")
    made = karate_checkpoint()
    save(folder / "model.pt", made.model, made.graph)
    assert run_command(["export", str(folder / "model.pt"), "--target", "loihi2", "-o", str(folder / "b"), "--no-verify"]) == 0
    return folder / "b"


def torchrun(*arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "neurograph", "simulate"]
    more = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *map(str, arguments)], env=more, capture_output=True, text=True, timeout=280)


def test_a_bundle_over_two_processes_is_the_bundle_in_one(capsys, bundle, tmp_path):
    one = json.loads(call(capsys, "simulate", bundle, "--json", "--counts", "--record", "all", "-o", tmp_path / "one.h5")[1])
    done = torchrun(bundle, "--sharded", "--json", "--counts", "--record", "all", "-o", tmp_path / "two.h5")
    assert done.returncode == 0, done.stderr
    two = json.loads(done.stdout)
    assert two["sharded"]["shards"] == 2 and min(two["sharded"]["halo_nodes"]) > 0
    assert {key: two[key] for key in ("engine", "ticks", "samples", "spikes", "counts", "accuracy")} == {
        key: one[key] for key in ("engine", "ticks", "samples", "spikes", "counts", "accuracy")
    }
    assert done.stderr.count("recording ") == 1
    a, b = load(tmp_path / "one.h5"), load(tmp_path / "two.h5")
    for kind in ("spikes", "voltages", "currents"):
        assert getattr(a, kind).keys() == getattr(b, kind).keys()
        assert all(np.array_equal(getattr(a, kind)[name], getattr(b, kind)[name]) for name in getattr(a, kind))


def test_what_is_wrong_is_said_once(bundle, tmp_path):
    np.save(tmp_path / "features.npy", np.ones((34, 3)))
    done = torchrun(bundle, "--sharded", "--input", tmp_path / "features.npy")
    assert done.returncode != 0 and done.stdout == ""
    assert done.stderr.count("error: features: shape (34, 3), must be") == 1
    ended = set(re.findall(r"exitcode *: (-?\d+)", done.stderr))
    assert "2" in ended and ended <= {"2", "-15"}, "status 2, or ended by torchrun because another rank was first"
    assert "/neurograph/cli/" not in done.stderr, "a traceback of ours"


def test_without_torchrun_and_with_what_is_not_sharded(capsys, bundle, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    start = "start it with: torchrun --nproc-per-node 2 -m neurograph simulate BUNDLE --sharded"
    refused(capsys, "simulate", bundle, "--sharded", says=["RANK", start])
    says = "--sharded: runs engines float and fixed, but --engine is 'lava-fixed'"
    refused(capsys, "simulate", bundle, "--sharded", "--engine", "lava-fixed", says=says)
    says = "--sharded: runs integer rules 'lava', but --rules is 'brian2loihi'"
    refused(capsys, "simulate", bundle, "--sharded", "--rules", "brian2loihi", says=says)
