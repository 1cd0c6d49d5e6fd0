"""Graded populations in Lava: its own GradedVec and ProdNeuron bit for bit, and ours over floats, against the engines."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import scipy.sparse as sp
from lava_networks import LIF, Source, build, even, lif, needs_lava

from neurograph.errors import QuantizationError
from neurograph.network import Graded, Product, Projection
from neurograph.sim import fixed, floating
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import engine, program, runtime
from neurograph.sim.parity import compare
from neurograph.weights import Dense, Identity, Kron, OnesRow, one_to_one

pytestmark = needs_lava


def graded(integer: bool, recurrent: bool, *, nodes=12, width=3, ticks=7):
    """A tree of partial sums, its product with graded input, numbers into dense and sparse weights, over a delay, and with an exponent."""
    rng, shape = np.random.default_rng(4), (nodes, width)
    mode = {"sign_mode": "mixed"} if integer else {}
    few = {"sign_mode": "excitatory"} if integer else {}
    kind = int if integer else float

    def w(*size):
        return even(rng, *size) if integer else rng.normal(0.3, 0.6, size)

    def neuron(threshold):
        return lif(vth=threshold, dv=900, bias=rng.integers(0, 20)) if integer else LIF(0.5, threshold / 60)

    members = sp.csr_matrix((np.ones(nodes, kind), (np.arange(nodes) * 3 // nodes, np.arange(nodes))), shape=(3, nodes))
    ones = np.ones(width, kind)
    populations = [
        ("in", shape, Source()),
        ("numbers", (2, width), Source("graded", 4)),
        ("a", shape, neuron(30)),
        ("b", shape, neuron(20)),
        ("sums", (3, width), Graded()),
        ("total", (1, width), Graded()),
        ("product", (1, width), Product(1)),
        ("and", shape, Product()),
        ("out", (1, width), neuron(40)),
        ("wide", shape, neuron(30)),
    ]
    projections = [
        Projection("in", "a", Kron(Identity(nodes), w(width, width)), **mode),
        Projection("in", "b", Kron(Identity(nodes), w(width, width)), **mode),
        Projection("a", "sums", Kron(members, Identity(width)), **few),
        Projection("sums", "total", Kron(OnesRow(3), ones), **few),
        Projection("total", "product", one_to_one((1, width)).map(lambda x: x.astype(kind)), **few),
        Projection("numbers", "product", Kron(OnesRow(2), 2 * ones), port=1, **few),
        Projection("product", "out", Kron(Identity(1), w(width, width)), exponent=-1 if integer else 0, **mode),
        Projection("sums", "out", Kron(OnesRow(3), w(width)), **mode),
        Projection("sums", "wide", Dense(w(nodes * width, 3 * width)), **mode),
        Projection("a", "and", Kron(Identity(nodes), ones), **few),
        Projection("b", "and", Kron(Identity(nodes), ones), port=1, **few),
        Projection("and", "wide", Kron(Identity(nodes), w(width, width)), **mode),
        Projection("b", "wide", Kron(Identity(nodes), w(width, width)), **mode),
    ]
    if recurrent:
        projections.append(Projection("out", "out", Kron(Identity(1), w(width)), lag=1, **mode))
    inputs = {"in": rng.random((2, ticks, *shape)) < 0.5, "numbers": rng.integers(-7, 8, (2, ticks, 2, width))}
    return build(populations, projections, ticks), inputs


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("integer", [True, False])
def test_graded_populations_are_the_same_in_lava(integer, recurrent):
    network, inputs = graded(integer, recurrent)
    ours = (fixed if integer else floating).run(network, inputs)
    assert ours.spikes["total"].max() > 2
    assert ours.spikes["product"].min() < 0 < ours.spikes["product"].max()
    assert ours.spikes["and"].any()
    assert any(p.delay > 1 for p in network.projections if p.source in ("sums", "numbers"))
    got = engine.run(network, inputs, engine="fixed" if integer else "float")
    found = compare(network, ours, got, voltages=integer)
    assert found.ok
    assert found.compared == 2 * 7 * (12 * 3 * 4 + 3 * 3 + 3 * 3)
    assert got.spikes["sums"].dtype == np.int32
    assert "sums" not in got.voltages


def test_a_program_with_graded_messages_checks_itself(tmp_path):
    network, inputs = graded(integer=True, recurrent=False)
    expected = dict(fixed.run(network, inputs).spikes)
    expected["total"] = expected["total"].copy()
    expected["total"][0, 3, 0, 1] += 1
    program.write(network, prepare(network, inputs), tmp_path / "program.npz", expected=expected)
    for name, path in program.SCRIPTS.items():
        (tmp_path / name).write_bytes(path.read_bytes())
    done = subprocess.run([runtime.find(), tmp_path / "run.py"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("total: "))
    assert line == f"total: {np.count_nonzero(fixed.run(network, inputs).spikes['total'])} messages, 1 of 42 differ from what is expected"
    assert "sums: " in done.stdout
    assert all(", 0 of " in line for line in done.stdout.splitlines() if not line.startswith("total: "))


def test_messages_that_could_outgrow_24_bits_are_refused_before_lava_starts():
    ones = {"sign_mode": "excitatory"}
    ports = [Projection("n", "p", one_to_one((1,)).map(lambda x: x.astype(int)), port=port, **ones) for port in (0, 1)]
    network = build([("n", (1,), Source("graded", 16)), ("p", (1,), Product())], ports, 2)
    with pytest.raises(QuantizationError, match="population 'p': values to 1,073,676,289, limit 8,388,607"):
        engine.run(network, {"n": np.zeros((2, 1))}, engine="fixed")
