"""benchmarks/simulators.py: its oracle, its floor and its contestants agree, and whoever is missing or wrong is reported."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import simulator_measure
import simulators
from hypothesis import given
from hypothesis import strategies as st
from nir_table import BEGIN
from pages import standing
from simulator_children import SIMULATORS
from simulator_floor import parts_of
from simulator_kernels import gather8, gather16
from simulator_loop import StepLoop
from simulator_measure import Settings
from simulator_networks import RANDOM, Chain, random_row
from simulator_tables import tables

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.weights import Dense, Identity, Kron, OnesColumn, OnesRow, Sparse

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support:UserWarning")  # of torch: beta
SHORT = Settings(batches=(1, 2), rounds=1, slow_rounds=1, budget_s=0.0, lava=False, others=False, torch=False)
CHAINS = (Chain(32, 3), Chain(64, 2, density=0.1), Chain(32, 1, recurrent=True), Chain(32, 2, du=1000, exponent=-2))


def row_of(chain):
    return random_row(chain.title, chain, ticks=20, samples=3)


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.title)
def test_every_layer_fires_and_the_step_loop_is_the_fixed_engine(chain):
    row = row_of(chain)
    spikes = StepLoop(row.network).run(row.inputs)
    ours = fixed.run(row.network, row.inputs)
    for p in row.network.neurons:
        assert np.array_equal(ours.spikes[p.name], spikes[p.name])
        assert 0.04 < spikes[p.name].mean() < 0.2


def test_the_step_loop_wraps_clips_and_resets_as_the_fixed_engine():
    rng = np.random.default_rng(0)
    neurons = {
        "wraps": FixedLIF(0, 1000, 131_071, 0, 0, 1.0),
        "clips": FixedLIF(4095, 0, 131_071, -4096, 7, 1.0),
        "subtracts": FixedLIF(4095, 300, 700, rng.integers(-50, 50, 6), 2, 1.0, reset="subtract"),
        "starts": FixedLIF(4095, 300, 7000, 0, 0, 1.0, v_reset=-64, v_start=1000),
    }
    populations = {"in": Population("in", (8,), Source()), **{name: Population(name, (6,), neuron) for name, neuron in neurons.items()}}
    into = [
        Projection("in", name, Dense(2 * rng.integers(-128, 127, (6, 8))), exponent=7 if name == "wraps" else 1, sign_mode="mixed")
        for name in neurons
    ]
    network = Network(populations, tuple(into), 40)
    inputs = {"in": (rng.random((2, 40, 8)) < 0.5).astype(np.uint8)}
    ours, spikes = fixed.run(network, inputs), StepLoop(network).run(inputs)
    assert ours.notes["wraps"]["wraps"] and ours.notes["clips"]["clips"]
    assert all(np.array_equal(ours.spikes[name], spikes[name]) for name in neurons)
    assert any(spikes[name].any() for name in ("wraps", "subtracts", "starts"))


def kron_network(rng):
    """Every Kronecker form, over 5 nodes and 4 features."""
    graph = sp.csr_matrix(rng.integers(1, 9, (5, 5)) * (rng.random((5, 5)) < 0.5))
    forms = {
        "per_node": Kron(Identity(5), 2 * rng.integers(-60, 60, (4, 4))),
        "aggregate": Kron(graph, Identity(4)),
        "reduce": Kron(OnesRow(5), rng.integers(1, 99, 4)),
        "one": Kron(Identity(5), rng.integers(1, 99, 4)),
        "sparse": Sparse(sp.csr_matrix(rng.integers(-9, 9, (20, 20)) * (rng.random((20, 20)) < 0.3))),
    }
    populations = {"in": Population("in", (5, 4), Source())}
    for name, form in forms.items():
        populations[name] = Population(name, (form.shape[0] // 4, 4), FixedLIF(4095, 2048, 40, 0, 0, 1.0))
    populations["broadcast"] = Population("broadcast", (5, 4), FixedLIF(4095, 2048, 40, 0, 0, 1.0))
    projections = [Projection("in", name, form, sign_mode="mixed") for name, form in forms.items()]
    projections.append(Projection("reduce", "broadcast", Kron(OnesColumn(5), rng.integers(1, 99, 4)), sign_mode="excitatory"))
    return Network(populations, tuple(projections), 6), {"in": (rng.random((2, 6, 5, 4)) < 0.4).astype(np.uint8)}


def test_every_form_is_stepped_as_in_the_fixed_engine_and_every_way_of_the_floor_gives_its_sums():
    network, inputs = kron_network(np.random.default_rng(1))
    ours, spikes = fixed.run(network, inputs), StepLoop(network).run(inputs)
    assert all(np.array_equal(ours.spikes[p.name].reshape(spikes[p.name].shape), spikes[p.name]) for p in network.neurons)
    for projection, part in zip(network.projections, parts_of(network, spikes, {}), strict=True):
        expected = projection.weights.apply(spikes[projection.source].reshape(12, -1).astype(np.int64))
        assert part.ways
        for way in part.ways:
            assert np.array_equal(np.rint(way.result()).astype(np.int64), expected), (projection.name, way.name)


@given(st.integers(0, 700), st.sampled_from([-128, 127]), st.sampled_from([1, 2]))
def test_a_gather_is_exact_at_the_bounds_of_its_partial_sums(events, weight, threads):
    x = (np.arange(700) < events).astype(np.uint8)[None]
    out = np.empty((1, 3), np.int32)
    w = np.full((701, 3), weight)
    w[-1] = 0
    gather8[threads](x, w.astype(np.int8), out)
    assert out.tolist() == [[events * weight] * 3]
    gather16[threads](x, (2 * w).astype(np.int16), out)
    assert out.tolist() == [[2 * events * weight] * 3]


@pytest.mark.parametrize("key", SIMULATORS)
@pytest.mark.parametrize("chain", CHAINS[:3], ids=lambda chain: chain.title)
def test_other_simulators_give_the_same_spikes(key, chain):
    if SIMULATORS[key].missing():
        pytest.skip(SIMULATORS[key].missing())
    row = row_of(chain)
    answer, spikes = SIMULATORS[key].run(row.network, row.inputs, 1, 100), StepLoop(row.network).run(row.batch(1))
    assert len(answer.seconds) == 1 and answer.seconds[0] > 0
    assert all(np.array_equal(answer.spikes[name], spikes[name][0]) for name in answer.spikes)


def test_who_is_missing_is_in_the_tables(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NEUROGRAPH_NENGO_LOIHI_PYTHON", raising=False)
    monkeypatch.setenv("NEUROGRAPH_SANAFE_PYTHON", str(tmp_path / "none"))
    found = simulator_measure.measure(row_of(CHAINS[0]), replace(SHORT, others=True))
    text = tables({"rows": [found], "machine": "here", "seconds": 1.0})
    for name in ("nengo-loihi 1.1.0", "SANA-FE 2.2.9"):
        assert f"- not run, {name}: missing: " in text
    assert "| missing |" in text


@pytest.mark.parametrize("chain", CHAINS[:3], ids=lambda chain: chain.title)
def test_frameworks_of_torch_give_the_same_spikes(chain):
    row = row_of(chain)
    assert all(0.04 < float(spikes.mean()) < 0.2 for spikes in floating.run(row.floats, row.inputs).spikes.values())
    figures = simulator_measure._floats(row, SHORT)
    assert not figures["said"]
    for batch in figures["batches"].values():
        assert batch["differ"] == {"snntorch": 0, "norse": 0}
        assert all(batch["seconds"][key] > 0 for key in ("ours", "snntorch", "norse"))


def test_the_command_measures_and_writes_every_figure(tmp_path, capsys):
    path = tmp_path / "figures.json"
    assert simulators.main(["--quick", "--rows", "dense-256x1,recurrent-512", "--no-lava", "--no-others", "-o", str(path)]) == 0
    found, text = json.loads(path.read_text()), capsys.readouterr().out
    assert [row["name"] for row in found["rows"]] == ["dense-256x1", "recurrent-512"]
    for row in found["rows"]:
        for figures in row["batches"].values():
            assert figures["floor"]["seconds"] > 0
            assert set(figures["seconds"]) == {"ours", "ours, made ready anew", "ours without counts", "step loop"}
        assert RANDOM[row["name"]].title in text
    asked = {(a["row"], a["batch"], a["what"]) for a in found["requirements"]}
    assert ("dense-256x1", 1, "ours / floor") in asked and ("dense-256x1", 2, "counts / none") in asked
    assert "figures that are asked for are reached" in text
    assert simulators.main(["--figures", str(path)]) == 0
    assert capsys.readouterr().out == text


def test_the_page_has_every_row_with_lava_and_the_others():
    text = standing(simulators.PAGE)
    named = [line for line in text.splitlines() if line.startswith("| ")]
    for name in simulators.ROWS:
        assert any(f"| `{name}` |" in line for line in named), (
            f"run 'python benchmarks/simulators.py --write': {name} is not in {simulators.PAGE}"
        )
    for who in ("Lava / ours", "nengo-loihi 1.1.0", "SANA-FE 2.2.9", "snnTorch", "Norse", "ours / floor", "neurograph simulate BUNDLE"):
        assert who in text.split(BEGIN)[1]


def test_a_spike_that_differs_ends_it_with_an_error(monkeypatch, capsys):
    def wrong(network, inputs, **options):
        recording = fixed.run(network, inputs, **options)
        flipped = {name: values.copy() for name, values in recording.spikes.items()}
        flipped["layer1"][0, 3, 5] ^= 1
        return replace(recording, spikes=flipped)

    monkeypatch.setattr(simulator_measure, "fixed", type("Engine", (), {"run": staticmethod(wrong)}))
    assert simulators.main(["--quick", "--rows", "dense-256x1", "--no-lava", "--no-others"]) == 1
    assert "error: dense-256x1: fixed engine and step loop: 1 of 2560 slots of population 'layer1' differ" in capsys.readouterr().err


def test_unknown_rows_are_refused_by_name(capsys):
    with pytest.raises(SystemExit) as ended:
        simulators.main(["--rows", "dense-7x7"])
    assert ended.value.code == 2
    assert "--rows dense-7x7: must be of dense-256x1, " in capsys.readouterr().err


@pytest.mark.parametrize("row", ["cnn-sinabs", "cora"])
def test_data_that_are_not_there_are_named_before_anything_runs(row, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        simulators.main(["--rows", f"dense-256x1,{row}", "--data-root", str(tmp_path)])
    assert ended.value.code == 2
    assert f"row {row} needs {tmp_path}" in capsys.readouterr().err


@pytest.mark.lava
def test_lava_is_measured_with_and_without_start_up_and_compared(lava):
    found = simulator_measure.measure(row_of(CHAINS[2]), replace(SHORT, lava=True))
    for batch, figures in found["batches"].items():
        assert figures["equal_to"] == ["step loop", "Lava"]
        assert figures["lava_compared_slots"] == int(batch) * 20 * 32
        assert 0 < figures["seconds"]["lava"] < figures["seconds"]["lava with start-up"]


def test_a_short_start_up_is_refused_where_there_is_no_bundle(tmp_path):
    from simulator_start_up import start_up

    with pytest.raises(RuntimeError, match="ended with status 2"):
        start_up(tmp_path / "none")
