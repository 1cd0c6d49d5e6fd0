"""Integer networks as `.net` files: what netx in Lava makes of them, and what the format cannot hold."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from neurograph.errors import InputError, LavaMissingError, NetworkError, UnsupportedError
from neurograph.export.lava_dl.quantize import check_netx, quantize_for_netx
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.bias_source import bias_source
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import netx, runtime
from neurograph.sim.lava.chain import chain_of
from neurograph.sim.lava.net_file import write_chain, write_net
from neurograph.sim.parity import compare
from neurograph.weights import Dense, Sparse, one_to_one

T = 12


@pytest.mark.lava
def test_a_bias_before_a_delay_comes_from_a_source(lava):
    """Else what it causes before tick 0 arrives after it."""
    rng = np.random.default_rng(0)
    biased = Population("b", (4,), LIF(0.5, 0.3), rng.uniform(0.4, 0.9, 4))
    populations = [Population("in", (4,), Source()), *(Population(n, (4,), LIF(0.5, 0.3)) for n in "ac"), biased]
    edges = [Projection(a, b, Dense(rng.normal(0.3, 0.4, (4, 4))), lag) for a, b, lag in (("in", "a", 0), ("a", "b", 0), ("b", "c", 3))]
    network, inputs = Network({p.name: p for p in populations}, tuple(edges), 8), {"in": rng.random((2, 8, 4)) < 0.4}
    for timed in (False, True):
        quantized, _ = quantize_for_netx(align_delays(bias_source(network, timed=timed, first_too=True)), inputs)
        wrong = compare(quantized, fixed.run(quantized, inputs), netx.run(quantized, inputs)).mismatched_spikes
        assert (wrong == 0) == timed


def test_a_current_before_a_delay_is_refused():
    """Measured: 27 of 384 spikes wrong."""
    populations = [Population("x", (4,), Source("static")), *(Population(n, (4,), LIF(0.5, 0.3)) for n in "ab")]
    edges = (Projection("x", "a", one_to_one((4,))), Projection("a", "b", one_to_one((4,)), lag=3))
    with pytest.raises(UnsupportedError, match=r"population 'a': a current that the host sets \(x→a\).* a lag behind it"):
        check_netx(Network({p.name: p for p in populations}, edges, 8))


def lif(rng, size, **changes):
    """A neuron with parameters of each neuron's own, now and then."""
    many = size if rng.random() < 0.4 else None
    values = {
        "du": 4095 if rng.random() < 0.5 else rng.integers(500, 4096, many),
        "dv": rng.integers(0, 4096, many),
        "vth": rng.integers(20, 300, many),
        "bias_mant": rng.integers(-10, 30, size),
        "bias_exp": 6,
        "scale": 1.0,
    }
    return FixedLIF(**{**values, **changes})


def random_network(seed, *, lags=False):
    """Populations that hear one to three earlier ones, over skips, with exponents, and with ``lags`` some of them late."""
    rng = np.random.default_rng(seed)
    populations = [Population("x", (5,), Source("spikes")), Population("always", (1,), Source("constant"))]
    projections = []
    for i in range(5):
        size = int(rng.integers(2, 7))
        target = Population(f"p{i}", (size,), lif(rng, size))
        for j in sorted(rng.permutation(len(populations))[: rng.integers(1, 4)]):
            source, exponent = populations[j], int(rng.choice([0, 0, 1, -1]))
            weights = rng.integers(-50, 60, (size, source.size)) * (1 if exponent == 1 else 2)
            lag = int(rng.integers(0, 5)) if lags else 0
            projections.append(Projection(source.name, target.name, Dense(weights), lag, exponent=exponent))
        populations.append(target)
    return Network({p.name: p for p in populations}, tuple(projections), T, outputs=("p3", "p4"))


@pytest.mark.lava
def test_netx_gives_every_spike_of_random_networks(lava, tmp_path):
    networks = [random_network(seed) for seed in range(4)] + [random_network(seed, lags=True) for seed in range(10, 13)]
    jobs, chains, expected = [], [], []
    for number, network in enumerate(networks):
        x = (np.random.default_rng(number).random((2, T, 5)) < 0.5).astype(np.uint8)
        prepared = prepare(network, {"x": x})
        chain = chain_of(network, {name: bias[0] for name, bias in prepared.bias.items()})
        write_chain(chain, tmp_path / f"{number}.net", T, 1e-3)
        driven = np.zeros((2, T, chain.width), np.uint8)
        for name in ("x", "always"):
            driven[:, :, slice(*chain.slots[name][1:])] = prepared.spikes[name]
        jobs.append(netx.Job(tmp_path / f"{number}.net", driven, T, stream=not chain.delayed))
        chains.append(chain)
        expected.append(fixed.run(network, {"x": x}))
    assert all(chain.delayed for chain in chains[4:]) and not any(chain.delayed for chain in chains[:4])
    compared = 0
    for network, chain, recording, want in zip(networks, chains, netx.run_nets(jobs), expected, strict=True):
        for population in network.neurons:
            level, start, stop = chain.slots[population.name]
            got = recording.spikes[f"layer_{level - 1}"][:, :, start:stop]
            assert (got == want.spikes[population.name]).all(), population.name
            compared += got.size
        last = recording.spikes[f"layer_{len(chain.levels) - 1}"]
        relayed = sum(network.populations[name].size for name in network.outputs)
        assert last.shape[2] >= relayed  # the outputs can be read off the last layer
    assert compared > 3000
    assert 0.1 < np.mean([want.spikes["p4"].mean() for want in expected]) < 0.9


def test_a_network_without_lava_is_named(monkeypatch):
    def missing(*arguments):
        raise LavaMissingError("Lava: python cannot run it: ModuleNotFoundError: No module named 'lava.lib.dl'; x")

    monkeypatch.setattr(netx, "run_worker", missing)
    monkeypatch.setattr(runtime, "find", lambda: "python")
    with pytest.raises(LavaMissingError, match=r"netx: python has Lava but no lava-dl"):
        netx.run(random_network(0), {"x": np.zeros((T, 5))})
    with pytest.raises(InputError, match=r"input of a.net: shape \(3, 4, 5\), must be \(samples, 12, \*shape\)"):
        netx.run_net("a.net" and __import__("pathlib").Path("a.net"), np.zeros((3, 4, 5)), 12)
    with pytest.raises(NetworkError, match="netx cannot run"):
        netx.run(Network({"p": Population("p", (1,), LIF(0.5, 1.0))}, (), 3), {})


def refused(network):
    with pytest.raises(UnsupportedError) as caught:
        chain_of(network, {p.name: np.broadcast_to(p.neuron.bias_mant, p.shape) for p in network.neurons})
    return caught.value.offenders


def test_what_the_format_cannot_hold_is_named_all_at_once():
    rng = np.random.default_rng(0)
    one = lif(rng, 2, du=4095, dv=100, vth=40, bias_mant=0)
    populations = [
        Population("x", (2,), Source("spikes")),
        Population("a", (2,), replace(one, reset="subtract")),
        Population("b", (2,), replace(one, bias_mant=3, bias_exp=2)),
        Population("c", (2,), replace(one, bias_mant=4000, bias_exp=7)),
        Population("d", (2,), replace(one, state="kept")),
    ]
    eye = Dense(2 * np.eye(2, dtype=np.int64))
    projections = [Projection("x", name, eye) for name in "abcd"] + [Projection("a", "b", eye), Projection("b", "a", eye, lag=1)]
    offenders = refused(Network({p.name: p for p in populations}, tuple(projections), 4))
    expected = [
        "'a': a reset or a start other than at 0",
        "'b': a bias in steps finer than one unit",
        "'c': bias 8000 to 8000 units (limit -4096 to 4095)",
        "'d': state that is kept",
        "a→b: is recurrent",
        "b→a: is recurrent",
    ]
    assert len(offenders) == len(expected)
    assert all(any(part in offender for offender in offenders) for part in expected)


def test_weights_that_netx_would_change_are_named():
    rng = np.random.default_rng(0)
    one = lif(rng, 2, du=4095, dv=100, vth=40, bias_mant=0)

    def network(*projections):
        populations = [Population("x", (2,), Source("spikes")), Population("a", (2,), one)]
        return Network({p.name: p for p in populations}, projections, 4)

    def dense(*values):
        return Dense(np.array(values).reshape(2, 2))

    assert "does not run as they are" in refused(network(Projection("x", "a", dense(0, -2, -1, 0))))[0]
    assert "does not run as they are" in refused(network(Projection("x", "a", dense(200, -2, 0, 0), exponent=1)))[0]
    assert "all its weights are 0" in refused(network(Projection("x", "a", dense(0, 0, 0, 0))))[0]
    assert "leaves no whole units" in refused(network(Projection("x", "a", dense(3, 1, 1, 1), exponent=-1)))[0]
    twice = [Projection("x", "a", dense(2, 2, 2, 2)), Projection("x", "a", dense(2, 0, 0, 2), lag=1)]
    assert "another one between the same neurons has a different lag" in refused(network(*twice))[0]
    assert "lag of 63 ticks (limit 62)" in refused(network(Projection("x", "a", dense(2, 2, 2, 2), lag=63)))[0]
    wide = [Population("x", (9000,), Source("spikes")), Population("a", (9000,), replace(one, vth=5))]
    sparse = one_to_one((9000,), 2)
    big = Network({p.name: p for p in wide}, (Projection("x", "a", Sparse(sparse.to_csr().astype(np.int64))),), 4)
    assert "81,000,000 entries of block matrices (limit 67,108,864)" in refused(big)[0]


def test_the_file_is_what_slayer_writes(tmp_path):
    rng = np.random.default_rng(1)
    populations = [Population("b", (3,), lif(rng, 3, du=4095, dv=100, vth=40, bias_mant=np.array([1, 2, 3])))]
    chain = write_net(Network({p.name: p for p in populations}, (), 4), tmp_path / "a.net")
    assert chain.width == 1 and chain.slots == {"b": (1, 0, 3)}
    with h5py.File(tmp_path / "a.net") as file:
        assert file["layer/0/type"][0] == b"input" and file["layer/1/type"][0] == b"dense"
        assert file["layer/1/weight"][()].tolist() == [[2.0]] * 3  # one silent channel: netx cannot load zeros
        assert file["layer/1/bias"][()].tolist() == [1.0, 2.0, 3.0]
        assert {k: v[()] for k, v in file["layer/1/neuron"].items()} == {
            "type": b"CUBA", "iDecay": 4096, "vDecay": 100, "vThMant": 40, "refDelay": 1, "gradedSpike": False,
        }  # fmt: skip
