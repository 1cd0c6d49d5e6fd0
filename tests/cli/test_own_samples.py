"""Samples that one brings with a model of one's own: silent ones, loud ones, and those that hold more than signals."""

from __future__ import annotations

import json
from itertools import pairwise

import nir
import numpy as np
import pytest
from calling import call

ONE = np.ones(8)


def written(scale=1.0, tau=1e-2):
    """Two layers of LIF, and 30 ticks of spikes."""
    random = np.random.default_rng(1)
    neurons = {name: nir.LIF(tau=tau * ONE, r=ONE, v_leak=0 * ONE, v_threshold=0.5 * ONE) for name in ("l1", "l2")}
    affine = {name: nir.Affine(scale * random.normal(0, 3, (8, 8)), 0 * ONE) for name in ("f1", "f2")}
    nodes = {"in": nir.Input(np.array([8])), **neurons, **affine, "out": nir.Output(np.array([8]))}
    path = ["in", "f1", "l1", "f2", "l2", "out"]
    nir.write("n.nir", nir.NIRGraph(nodes, list(pairwise(path))))
    np.save("x.npy", (random.random((30, 8)) < 0.4).astype(np.uint8))
    return ("n.nir", "--dialect", "nir", "--dt", "1e-3", "--input", "x.npy", "--nir", "graph", "-o", "b")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_network_that_never_spikes_is_said_wherever_it_runs(capsys):
    status, out, err = call(capsys, "export", *written(scale=1e-3), "--target", "lava", "--no-verify", "--json")
    assert status == 0 and json.loads(out)["silent"] == ["l1", "l2"]
    assert [line for line in err.splitlines() if "no neuron spiked on this sample" in line]
    status, out, err = call(capsys, "check", "b", "--engines", "fixed,pipelined-fixed", "--json")
    assert status == 0 and json.loads(out)["ok"] and json.loads(out)["silent"] == ["l1", "l2"]
    assert err.count("warning: no neuron spiked on this sample, so the comparison says little; scale the weights or the input up") == 1
    for _ in range(2):  # the second would be a ready one
        assert call(capsys, "simulate", "b")[2].startswith("warning: no neuron spiked on this sample; scale the weights")
    np.save("loud.npy", 0 * np.load("x.npy"))
    assert "no neuron spiked" in call(capsys, "simulate", "b", "--input", "loud.npy", "--engine", "float")[2]


def test_a_network_that_spikes_is_not_warned_of(capsys):
    status, out, err = call(capsys, "export", *written(), "--target", "lava", "--no-verify", "--json")
    assert status == 0 and json.loads(out)["silent"] == []
    assert "spiked" not in err and "clipped" not in err  # the finest scale clips v here; twice that has the same spikes
    assert call(capsys, "simulate", "b")[2] == ""
    np.save("louder.npy", np.ones((30, 8), dtype=np.uint8))
    status, _, err = call(capsys, "simulate", "b", "--input", "louder.npy")
    assert status == 0 and ("clipped" not in err or "give this sample to export" in err)


def test_inspect_says_the_time_that_the_dialect_gives(capsys):
    written()
    said = "time: none in the file; read as --dialect nir, 0.001 s a tick; the sample says how many ticks"
    out = call(capsys, "inspect", "n.nir", "--dialect", "nir", "--dt", "1e-3")[1]
    assert said in out and "1 ticks" not in out and "--dialect to run it" not in out
    assert "time: none: name a --dialect to run it" in call(capsys, "inspect", "n.nir")[1]
