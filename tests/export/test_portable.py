import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from neurograph.errors import UnsupportedError
from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.portable import PORTABLE_LIMIT_BYTES, portable, portable_bytes
from neurograph.nn import _norse  # noqa: F401  imports Norse with its warnings kept quiet
from neurograph.sim import floating


def assert_same_spikes(network, inputs, made):
    wanted = floating.run(network, inputs).spikes
    drive = np.ones(1) if made.input_name == "constant" else {s.name: s for s in network.sources}
    if made.input_name == "spikes":
        parts = sorted((slot[1], name) for name, slot in made.slots.items() if slot[0] == 0)
        drive = np.concatenate([np.asarray(inputs[name]).reshape(network.ticks, -1) for _, name in parts], axis=1)
    got = floating.run(lower(made.graph), {"input": drive}).spikes
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


@pytest.mark.filterwarnings("ignore")  # Norse's own
def test_norse_runs_the_chain_with_the_same_spikes(compiled, tmp_path):
    import norse.torch

    made = portable(compiled.network, compiled.inputs)
    nir_io.write(made.graph, tmp_path / "p.nir")
    module = norse.torch.from_nir(nir.read(tmp_path / "p.nir"), dt=compiled.network.dt)
    state, got = None, []
    with torch.no_grad():
        for _ in range(compiled.network.ticks):
            z, state = module(torch.ones(1), state)
            got.append(z.numpy())
    level = max(slot[0] for slot in made.slots.values())
    wanted = floating.run(lower(made.graph), {"input": np.ones(1)}).spikes[f"lif_{level}"][0]
    assert wanted.any()
    np.testing.assert_array_equal(np.array(got), wanted)


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
