"""What Lava computes through our engine, against a plain loop and against stock Lava processes."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import scipy.sparse as sp
from lava_networks import LIF, CubaLIF, Source, Threshold, assert_same, build, even, lif, needs_lava, source

from neurograph.errors import NetworkError
from neurograph.network import Projection
from neurograph.sim.lava import engine, runtime
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse, one_to_one

pytestmark = needs_lava


def rng():
    return np.random.default_rng(9)


def random_spikes(*shape, rate=0.4):
    return (rng().random(shape) < rate).astype(np.uint8)


def attention(nodes=9, features=6, ticks=16):
    """Spiking graph attention: out = q ⊙ [Σ over nodes of k ⊙ v > threshold], with AND as coincidence gates."""
    r, shape = rng(), (nodes, features)
    gate = lif(vth=24, dv=4095)
    populations = [("s", shape, lif(bias=r.integers(0, 60, shape)))]
    populations += [(name, shape, lif()) for name in "qkv"]
    populations += [("kv", shape, gate), ("mask", (features,), lif(vth=30)), ("gate", shape, gate)]
    populations += [("o", shape, lif(bias=r.integers(0, 60, shape)))]

    def per_node():
        return Kron(Identity(nodes), even(r, features, features))

    and_in = one_to_one(shape, 16)
    projections = [("s", name, per_node()) for name in "qkv"]
    projections += [("k", "kv", and_in), ("v", "kv", and_in), ("kv", "mask", Kron(OnesRow(nodes), np.full(features, 12)))]
    projections += [("mask", "gate", Kron(OnesColumn(nodes), np.full(features, 16))), ("q", "gate", and_in), ("gate", "o", per_node())]
    return build(populations, projections, ticks)


def test_attention_in_integers_is_the_loop_bit_for_bit():
    network = attention()
    recording = engine.run(network, {}, engine="fixed")
    assert recording.engine == "lava-fixed"
    assert recording.machine_steps == 16 + network.populations["o"].depth - 1
    assert recording.notes["processes"] == 8 + 9 + 1  # populations, projections, one delay line
    assert recording.spikes["gate"].any() and not recording.spikes["gate"].all()
    assert_same(network, recording, {})


def mixed(integer: bool):
    """Every weight form, two delays of one source of which one is shared, per-neuron parameters, exponents, both resets, synaptic state."""
    r, n, d = rng(), 7, 5
    shape = (n, d)

    def w(*size):
        return even(r, *size) if integer else r.normal(0, 0.8, size)

    def neuron(kind):
        if integer:
            du = r.integers(500, 4095, shape) if kind == "cuba" else 4095
            return lif(
                vth=r.integers(10, 60, shape),
                dv=900,
                du=du,
                bias=r.integers(-20, 40, shape),
                reset="subtract" if kind == "sub" else "value",
            )
        theta, beta = r.uniform(0.1, 0.4, shape), r.uniform(0.3, 1.0, shape)
        if kind == "cuba":
            return CubaLIF(alpha=r.uniform(0.2, 1.0, shape), beta=beta, threshold=theta, v_leak=0.05)
        if kind == "gate":
            return Threshold(theta)
        return LIF(beta, theta, v_leak=0.1, v_reset=-0.1 if kind == "reset" else 0.0, reset="subtract" if kind == "sub" else "value")

    def bias():
        return 0.0 if integer else r.normal(0.1, 0.3, shape)

    kinds = {"a": "sub", "b": "cuba", "c": "reset", "d": "gate", "e": "lif"}
    populations = [source("x", *shape), *((name, shape, neuron(kind), bias()) for name, kind in kinds.items())]
    nodes = sp.random(n, n, 0.4, format="csr", random_state=1)
    nodes.data = np.full(nodes.nnz, 40) if integer else nodes.data
    exponent = {"exponent": -2, "sign_mode": "mixed"} if integer else {}
    projections = [
        ("x", "a", Kron(Identity(n), w(d, d))),
        ("a", "b", Kron(nodes, Identity(d))),
        ("b", "c", Dense(even(r, n * d, n * d, spread=12) if integer else r.normal(0, 0.2, (n * d, n * d)))),
        Projection("c", "d", Kron(Identity(n), w(d)), **exponent),
        ("d", "e", Sparse(sp.csr_matrix(np.where(r.random((n * d, n * d)) < 0.1, w(n * d, n * d), 0)))),
        ("x", "d", one_to_one(shape, 30 if integer else 0.5)),
        ("x", "e", Kron(Identity(n), w(d, d))),
        ("a", "d", Kron(Identity(n), w(d, d))),
        ("a", "d", one_to_one(shape, 16 if integer else 0.3)),
    ]
    return build(populations, projections, 8)


@pytest.mark.parametrize("kind", ["fixed", "float"])
def test_streamed_samples_are_the_loop(kind):
    network = mixed(kind == "fixed")
    spikes = {"x": random_spikes(3, 8, 7, 5)}
    recording = engine.run(network, spikes, engine=kind)
    assert recording.machine_steps == 2 * 8 + 8 + 6 - 1  # an inference every T steps
    assert recording.notes["processes"] == 6 + 9 + 3  # delay lines: x by 3, x by 4, and one for both edges a → d
    assert all(0 < recording.spikes[name].mean() < 1 for name in "abcde")
    assert_same(network, recording, spikes)


def recurrent(integer: bool):
    r, shape = rng(), (6, 4)
    size = 24

    def w():
        return even(r, size, size, spread=20) if integer else r.normal(0, 0.4, (size, size))

    bias = 0.0 if integer else r.normal(0.3, 0.3, shape)
    neuron = lif(bias=r.integers(0, 60, shape)) if integer else LIF(0.6, 0.3)
    sub = lif(bias=r.integers(0, 60, shape), reset="subtract") if integer else LIF(0.6, 0.3, reset="subtract")
    mode = {"sign_mode": "mixed"} if integer else {}
    populations = [source("x", *shape), ("a", shape, neuron, bias), ("b", shape, sub, bias), ("lone", shape, neuron, bias)]
    loops = [Projection(name, name, Dense(w()), lag=lag, **mode) for name, lag in (("a", 1), ("b", 1), ("b", 3), ("lone", 1))]
    return build(populations, [("x", "a", Dense(w())), ("a", "b", Dense(w())), *loops], 6)


@pytest.mark.parametrize("kind", ["fixed", "float"])
def test_a_self_loop_with_bias_starts_at_tick_0_and_samples_do_not_touch(kind):
    # "lone" hangs on nothing else, so Lava runs it apart.
    network = recurrent(kind == "fixed")
    spikes = {"x": random_spikes(3, 6, 6, 4)}
    recording = engine.run(network, spikes, engine=kind)
    assert_same(network, recording, spikes)
    assert recording.spikes["lone"].any()


def test_u_wraps_and_v_clips_as_in_the_loop():
    weights = np.sign(rng().normal(size=(6, 200))).astype(int) * 254
    neuron = lif(vth=131071, dv=0, du=1000)
    extra = {"sign_mode": "mixed", "exponent": 4}
    network = build([source("x", 200), ("a", (6,), neuron)], [Projection("x", "a", Dense(weights), **extra)], 12)
    spikes = {"x": random_spikes(1, 12, 200, rate=0.8)}
    recording = engine.run(network, spikes, engine="fixed")
    assert (np.abs(np.diff(recording.currents["a"][0], axis=0)) > 1 << 23).any()
    assert (np.abs(recording.voltages["a"]) == (1 << 23) - 1).any()
    assert_same(network, recording, spikes)


def test_static_input_of_every_sample_is_what_it_is_alone():
    populations = [("s", (4,), Source("static")), ("a", (5,), LIF(0.5, 0.2)), ("b", (5,), CubaLIF(0.5, 0.5, 0.2), 0.1)]
    r = rng()
    projections = [
        ("s", "a", Dense(r.normal(size=(5, 4)))),
        ("a", "b", Dense(r.normal(size=(5, 5)))),
        ("s", "b", Dense(r.normal(size=(5, 4)))),
    ]
    network, values = build(populations, projections, 7), r.normal(size=(3, 4))
    together = engine.run(network, {"s": values}, engine="float")
    assert together.samples == 3 and together.spikes["b"].any()
    for sample in (2,):
        alone = engine.run(network, {"s": values[sample]}, engine="float", record=["currents"])
        for name in "ab":
            assert (alone.spikes[name][0] == together.spikes[name][sample]).all()
            np.testing.assert_allclose(alone.currents[name][0], together.currents[name][sample], atol=1e-12)
        assert alone.voltages == {}


STOCK = """
import sys
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor
from lava.proc.sparse.process import Sparse
from lava.utils.weightutils import SignMode
fixed, data = sys.argv[1] == "fixed", np.load(sys.argv[2])
steps, n = len(data["x"]) + 2, data["w"].shape[1]
x = RingBuffer(data=np.concatenate([data["x"], np.zeros((2, n), int)]).T)
lif = lambda: LIF(shape=(n,), **({"du": 700, "dv": 900, "vth": 40} if fixed else {"du": 1, "dv": 0.5, "vth": 0.2}))
a, b, monitors = lif(), lif(), [Monitor() for _ in range(3)]
for source, target in ((x, a), (a, b)):
    c = Sparse(weights=data["w"], **({"sign_mode": SignMode.MIXED, "weight_exp": 1, "num_weight_bits": 8} if fixed else {}))
    source.s_out.connect(c.s_in)
    c.a_out.connect(target.a_in)
for monitor, what in zip(monitors, (b.s_out, b.v, b.u)):
    monitor.probe(what, steps)
b.run(condition=RunSteps(steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt" if fixed else "floating_pt"))
s, v, u = (next(iter(next(iter(m.get_data().values())).values())) for m in monitors)
b.stop()
np.savez(sys.argv[3], s=s[2:], v=v[2:], u=u[2:])
"""


@pytest.mark.parametrize("kind", ["fixed", "float"])
def test_our_logging_sees_what_stock_lava_and_its_monitor_see(kind, tmp_path):
    n, ticks = 12, 10
    x = random_spikes(1, ticks, n)
    if kind == "fixed":
        weights, neuron, extra = even(rng(), n, n), lif(vth=40, dv=900, du=700), {"exponent": 1, "sign_mode": "mixed"}
        stored = weights
    else:
        weights, neuron, extra = rng().normal(0, 0.6, (n, n)), LIF(0.5, 0.2), {}
        stored = weights * 0.5
    np.savez(tmp_path / "in.npz", x=x[0], w=stored)
    script = tmp_path / "stock.py"
    script.write_text(STOCK, encoding="utf-8")
    command = [str(runtime.find()), str(script), kind, str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    stock = np.load(tmp_path / "out.npz")
    matrix = Sparse(sp.csr_matrix(weights))
    network = build(
        [source("x", n), ("a", (n,), neuron), ("b", (n,), neuron)],
        [Projection("x", "a", matrix, **extra), Projection("a", "b", matrix, **extra)],
        ticks,
    )
    recording = engine.run(network, {"x": x}, engine=kind)
    assert recording.spikes["b"].any()
    assert (recording.spikes["b"][0] == stock["s"]).all()
    np.testing.assert_allclose(recording.voltages["b"][0], stock["v"], rtol=0, atol=0 if kind == "fixed" else 1e-12)
    np.testing.assert_allclose(
        recording.currents["b"][0], stock["u"] / (1 if kind == "fixed" else 0.5), rtol=0, atol=0 if kind == "fixed" else 1e-12
    )


@pytest.mark.data
def test_a_run_of_one_lif_recorded_on_loihi_and_in_lava(shared):
    folder = shared / "nir_zoo" / "01_lif"
    loihi, cpu = (np.loadtxt(folder / f"lif_lava_{trace}_fixed.csv", delimiter=",").T for trace in ("loihi", "cpu"))
    late = np.concatenate([[0], cpu[0][:-1]])
    network = build([source("x", 1), ("lif", (1,), lif(vth=25, dv=163))], [("x", "lif", Dense(np.array([[10]])))], 1000)
    recording = engine.run(network, {"x": late[:, None]}, engine="fixed")
    spikes, v = recording.spikes["lif"].ravel(), recording.voltages["lif"].ravel()
    assert (spikes == loihi[2]).all() and (spikes == cpu[2]).all() and spikes.sum() == 4
    assert (v == cpu[1]).all()
    assert np.flatnonzero(v != loihi[1]).tolist() == np.flatnonzero(spikes).tolist()  # the chip's probe shows 128 where it spikes


def test_the_engine_must_match_the_network():
    network = build([("a", (2,), LIF(0.5, 0.2))], [], 3)
    with pytest.raises(NetworkError, match="float network, which lava-fixed cannot run; quantise it"):
        engine.run(network, {}, engine="fixed")
