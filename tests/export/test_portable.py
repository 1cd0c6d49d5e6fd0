import json
import tempfile
from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network
from nir_framework_readers import READERS, Job

from neurograph.errors import UnsupportedError
from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.portable import PORTABLE_DT_S, PORTABLE_LIMIT_BYTES, portable, portable_bytes
from neurograph.network import LIF
from neurograph.sim import floating


def drive_of(network, inputs, made):
    """What the chain is driven with: a constant 1, or the spikes of all sources side by side."""
    if made.input_name == "constant":
        return np.ones(1)
    parts = sorted((slot[1], name) for name, slot in made.slots.items() if slot[0] == 0)
    return np.concatenate([np.asarray(inputs[name]).reshape(network.ticks, -1) for _, name in parts], axis=1)


def assert_same_spikes(network, inputs, made):
    wanted = floating.run(network, inputs).spikes
    got = floating.run(lower(made.graph), {"input": drive_of(network, inputs, made)}).spikes
    for name, (level, start, stop) in made.slots.items():
        if level:
            mine = got[f"lif_{level}"][0][:, start:stop]
            np.testing.assert_array_equal(mine, wanted[name][0].reshape(network.ticks, -1), err_msg=name)


def test_karate_chain_spikes_as_the_network(compiled):
    made = portable(compiled.network, compiled.inputs)
    kinds = [type(node).__name__ for node in made.graph.nodes.values()]
    assert kinds == ["Input", *["Affine", "LIF"] * ((len(kinds) - 2) // 2), "Output"]
    assert_same_spikes(compiled.network, compiled.inputs, made)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_random_networks_keep_every_spike(seed):
    network, inputs = random_network(seed, recurrent=False, reset=("value",), plain=True)
    network = align_delays(network)
    assert_same_spikes(network, inputs, portable(network, inputs))


def test_the_file_is_plain_nir(compiled, tmp_path):
    made = portable(compiled.network, compiled.inputs)
    nir_io.write(made.graph, tmp_path / "p.nir")
    plain, ours = nir.read(tmp_path / "p.nir"), nir_io.read(tmp_path / "p.nir")
    for name, node in made.graph.nodes.items():
        for back in (plain, ours):
            for key, value in node.to_dict().items():
                np.testing.assert_array_equal(back.nodes[name].to_dict()[key], value)


@pytest.mark.parametrize("key", ["norse", "snntorch", "spikingjelly"])
@pytest.mark.filterwarnings("ignore")  # the frameworks' own
def test_readers_run_the_chain_with_the_same_spikes(compiled, tmp_path, key):
    """Every population at every tick; docs/nir_readers.md has the same of trained models."""
    reader = READERS[key]
    if reader.missing:
        pytest.skip(reader.missing)
    made = portable(compiled.network, compiled.inputs)
    nir_io.write(made.graph, tmp_path / "p.nir")
    watch = tuple(sorted({f"lif_{level}" for level, _, _ in made.slots.values()}))
    (got,) = reader.run([Job(tmp_path / "p.nir", np.ones((compiled.network.ticks, 1)), watch)])
    wanted = floating.run(compiled.network, compiled.inputs).spikes
    for name, (level, start, stop) in made.slots.items():
        np.testing.assert_array_equal(got[f"lif_{level}"][:, start:stop], wanted[name][0].reshape(compiled.network.ticks, -1), err_msg=name)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000))
@pytest.mark.filterwarnings("ignore")  # the frameworks' own
def test_random_networks_run_in_norse_and_snntorch(seed):
    """Gates, skips and three tau in every population; driven by spikes."""
    network, inputs = random_network(seed, recurrent=False, reset=("value",), plain=True)
    network = align_delays(network)
    made = portable(network, inputs)
    wanted = floating.run(lower(made.graph), {"input": drive_of(network, inputs, made)}).spikes
    watch = tuple(name for name in made.graph.nodes if name.startswith("lif_"))
    with tempfile.TemporaryDirectory() as folder:
        nir_io.write(made.graph, Path(folder, "p.nir"))
        job = Job(Path(folder, "p.nir"), drive_of(network, inputs, made).astype(float), watch)
        for key in ("norse", "snntorch"):
            if READERS[key].missing:
                pytest.skip(READERS[key].missing)
            (got,) = READERS[key].run([job])
            for name in watch:
                np.testing.assert_array_equal(got[name], wanted[name][0], err_msg=f"{key} {name}")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_a_level_holds_what_every_reader_takes(seed):
    network, inputs = random_network(seed, recurrent=False, reset=("value",), plain=True)
    network = align_delays(network)
    made = portable(network, inputs)
    assert nir_io.time_of(made.graph).dt == PORTABLE_DT_S
    for node in made.graph.nodes.values():
        if isinstance(node, nir.LIF):
            assert len(set(node.tau)) == 1 and node.tau[0] > PORTABLE_DT_S
            assert set(node.v_threshold) == set(node.r) == {1.0} and set(node.v_leak) == set(node.v_reset) == {0.0}
    for name, (level, start, stop) in made.slots.items():
        assert stop - start == network.populations[name].size
        assert stop <= made.graph.nodes[f"lif_{level}" if level else "input"].output_type["output"][0]


def test_the_graphs_output_holds_what_the_network_gives_out(compiled, tmp_path):
    made = portable(compiled.network, compiled.inputs)
    nir_io.write(made.graph, tmp_path / "p.nir")
    outputs = json.loads(nir.read(tmp_path / "p.nir").metadata["neurograph_outputs"])
    assert set(outputs) == set(compiled.network.outputs)
    network = lower(made.graph)
    got, wanted = (floating.run(n, i).spikes for n, i in ((network, {"input": np.ones(1)}), (compiled.network, compiled.inputs)))
    for name, (start, stop) in outputs.items():
        np.testing.assert_array_equal(got[network.outputs[0]][0][:, start:stop], wanted[name][0].reshape(network.ticks, -1))


def test_the_file_says_where_populations_stand(compiled, tmp_path):
    made = portable(compiled.network, compiled.inputs)
    nir_io.write(made.graph, tmp_path / "p.nir")
    read = json.loads(nir.read(tmp_path / "p.nir").metadata["neurograph_slots"])
    assert {name: tuple(slot) for name, slot in read.items()} == made.slots


def test_a_tau_of_its_own_in_every_layer_costs_few_relays(compiled):
    """12 levels in place of 8, and about as many bytes: the short branch stands where it need not be carried along."""
    one = compiled.network
    lifs = [p for p in one.neurons if isinstance(p.neuron, LIF)]
    many = one.with_populations(
        [replace(p, neuron=replace(p.neuron, beta=beta)) for p, beta in zip(lifs, np.linspace(0.3, 0.9, len(lifs)), strict=True)]
    )
    levels = [len(portable(n, compiled.inputs).graph.nodes) // 2 - 1 for n in (one, many)]
    assert levels == [8, 12]
    assert portable_bytes(many) < 1.2 * portable_bytes(one)
    assert_same_spikes(many, compiled.inputs, portable(many, compiled.inputs))


def test_what_has_no_portable_form_is_named():
    network, inputs = random_network(3, reset=("subtract",), recurrent=True, gates=False, layers=6, plain=True)
    network = align_delays(network)
    assert network.is_recurrent
    with pytest.raises(UnsupportedError, match=r"portable NIR form cannot take projection p\d→p\d: recurrent.*population 'p0': a reset"):
        portable(network, inputs)


def test_size_is_told_without_building_it(compiled):
    made = portable(compiled.network, compiled.inputs)
    stored = sum(node.weight.nbytes for node in made.graph.nodes.values() if isinstance(node, nir.Affine))
    assert portable_bytes(compiled.network) == stored < PORTABLE_LIMIT_BYTES
