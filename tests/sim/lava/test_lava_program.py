"""What is written for Lava, and what is refused. Needs no Lava."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from lava_networks import LIF, build, lif, source

from neurograph.errors import LavaMissingError, NetworkError, QuantizationError, UnsupportedError
from neurograph.network import Network, Population, Projection, Source
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import program, runtime
from neurograph.weights import Dense, Identity, Kron, Sparse


def network(weight=64, neuron=None, **projection):
    settings = {"sign_mode": "mixed", **projection}
    return build([source("x", 2), ("a", (2,), neuron or lif())], [Projection("x", "a", Dense(np.full((2, 2), weight)), **settings)], 3)


def write(net, path):
    program.write(net, prepare(net, {s.name: np.ones((net.ticks, *s.shape)) for s in net.sources}), path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": 63}, "projection x→a: mixed weight 63, must be a multiple of 2"),
        ({"weight": 256}, "projection x→a: mixed weight 256, must be an integer from -256 to 254"),
        ({"weight": 0.5}, "projection x→a: mixed weight 0.5, must be an integer"),
        ({"weight": -2, "sign_mode": "excitatory"}, "excitatory weight -2, must be an integer from 0 to 255"),
        ({"weight": -256, "sign_mode": "inhibitory"}, "inhibitory weight -256, must be an integer from -255 to 0"),
        ({"sign_mode": None}, "projection x→a: no sign_mode"),
        ({"exponent": 8}, "projection x→a: exponent 8, must be an integer from -8 to 7"),
        ({"neuron": lif(vth=131072)}, "population 'a': vth 131072, must be an integer from 0 to 131071"),
        ({"neuron": lif(dv=4097)}, "population 'a': dv 4097, must be an integer from 0 to 4096"),
        ({"neuron": lif(du=0.5)}, "population 'a': du 0.5, must be an integer"),
        ({"neuron": replace(lif(), bias_exp=8)}, "population 'a': bias exponent 8"),
    ],
)
def test_what_lava_would_change_is_refused(settings, message, tmp_path):
    with pytest.raises(QuantizationError, match=message):
        write(network(**settings), tmp_path / "program.npz")


def test_a_product_of_two_factors_is_one_synapse(tmp_path):
    both = Kron(sp.csr_matrix(np.eye(2) * 20), np.array([20, 2]))
    net = build([source("x", 2, 2), ("a", (2, 2), lif())], [("x", "a", both)], 3)
    with pytest.raises(QuantizationError, match="mixed weight 400"):
        write(net, tmp_path / "program.npz")


@pytest.mark.parametrize(
    "settings", [{"weight": 255, "sign_mode": "excitatory"}, {"weight": -255, "sign_mode": "inhibitory"}, {"weight": -256}]
)
def test_the_limits_themselves_are_fine(settings, tmp_path):
    write(network(**settings), tmp_path / "program.npz")


def test_an_unaligned_network_is_refused(tmp_path):
    good = network()
    with pytest.raises(NetworkError, match="population 'a': no depth; run the pass align_delays"):
        write(good.with_populations([replace(good.populations["a"], depth=None)]), tmp_path / "program.npz")
    for delay, message in ((None, "projection x→a: no delay"), (2, "projection x→a: delay 2, must be 1")):
        with pytest.raises(NetworkError, match=message):
            write(replace(good, projections=(replace(good.projections[0], delay=delay),)), tmp_path / "program.npz")


def test_kept_state_is_refused(tmp_path):
    kept = build([("a", (2,), LIF(0.5, 0.2, state="kept")), ("b", (2,), LIF(0.5, 0.2, state="kept"))], [], 3)
    with pytest.raises(UnsupportedError, match="population 'a': state kept; population 'b': state kept"):
        write(kept, tmp_path / "program.npz")


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("one.npz", "two.npz"):
        write(network(), tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_an_aggregate_over_many_features_stays_small(tmp_path):
    nodes = sp.random(300, 300, 0.02, format="csr", random_state=0)
    net = build([source("x", 300, 64), ("a", (300, 64), LIF(0.5, 0.2))], [("x", "a", Kron(nodes, Identity(64)))], 2)
    write(net, tmp_path / "program.npz")
    assert (tmp_path / "program.npz").stat().st_size < 40_000  # expanded: 115,200 weights of 12 bytes


def test_steps_of_a_run():
    net = network()
    assert (program.period(net), program.steps(net, 1), program.steps(net, 5)) == (3, 4, 16)
    loop = Projection("a", "a", Sparse(sp.csr_matrix(np.eye(2) * 2)), lag=2, delay=2, sign_mode="mixed")
    assert program.period(replace(net, projections=(*net.projections, loop))) == 5


def test_a_static_source_has_no_depth_and_no_process(tmp_path):
    populations = {"s": Population("s", (2,), Source("static")), "a": Population("a", (2,), LIF(0.5, 0.2), depth=1)}
    net = Network(populations, (Projection("s", "a", Dense(np.eye(2))),), 3)
    program.write(net, prepare(net, {"s": np.ones(2)}), tmp_path / "program.npz")
    with np.load(tmp_path / "program.npz", allow_pickle=False) as file:
        assert '"name": "s"' not in str(file["program"])


def test_no_lava_is_an_error_with_a_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "_importable", lambda: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NEUROGRAPH_LAVA_PYTHON", raising=False)
    with pytest.raises(LavaMissingError, match=rf"no interpreter with lava-nc 0.10.0.*{tmp_path}.*run 'neurograph lava install'"):
        runtime.find()
    assert runtime.status()["interpreter"] is None
    monkeypatch.setenv("NEUROGRAPH_LAVA_PYTHON", "/no/python")
    assert str(runtime.find()) == "/no/python"
    assert "/no/python cannot be run" in runtime.status()["problem"]
    monkeypatch.delenv("NEUROGRAPH_LAVA_PYTHON")
    made = tmp_path / "neurograph" / "lava" / "bin" / "python"
    made.parent.mkdir(parents=True)
    made.symlink_to(sys.executable)
    assert runtime.find() == made


def test_install_names_the_python_that_it_lacks(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "version_info", (3, 12, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(LavaMissingError, match=r"no Python 3.10 on PATH"):
        runtime.install()
