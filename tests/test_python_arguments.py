"""What a script gets wrong in calling the public functions is refused in one line, before anything is run or written."""

from dataclasses import replace

import nir
import numpy as np
import pytest
from networks import random_network

from neurograph import compare, compile_graph, compile_module, open_bundle, run_engine, target, write_bundle
from neurograph.errors import InputError
from neurograph.export.nir_io import TimeMetadata

X = (np.random.default_rng(0).random((5, 3)) < 0.5).astype(np.float32)


def compiled_for(chip):
    weights = np.random.default_rng(1).normal(size=(4, 3))
    nodes = {
        "in": nir.Input(np.array([3])),
        "fc": nir.Linear(weights),
        "lif": nir.LIF(tau=np.full(4, 2e-3), r=np.ones(4), v_leak=np.zeros(4), v_threshold=np.full(4, 0.1), v_reset=np.zeros(4)),
        "out": nir.Output(np.array([4])),
    }
    graph = nir.NIRGraph(nodes, [("in", "fc"), ("fc", "lif"), ("lif", "out")])
    return compile_graph(graph, {"in": X}, chip, time=TimeMetadata(1e-3, 5, inputs="spikes"))


@pytest.fixture(scope="module")
def runs():
    """A network, and recordings of one sample and of four."""
    network, inputs = random_network(5)
    one = run_engine("float", network, None, inputs)
    assert one.samples == 1
    return network, one, run_engine("float", network, None, {name: np.repeat(values[None], 4, axis=0) for name, values in inputs.items()})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("loihi1", r"target 'loihi1': is of type str, must be a Target; give neurograph.target\('loihi1'\)"),
        (3, r"target 3: is of type int, must be a Target; give neurograph.target\('loihi2'\)"),
    ],
)
def test_a_name_in_place_of_a_target_is_refused_before_the_model_is_looked_at(given, said, tmp_path):
    with pytest.raises(InputError, match=said):
        compile_module(None, X, given)
    with pytest.raises(InputError, match=said):
        compiled_for(given)
    with pytest.raises(InputError, match=said):
        write_bundle(compiled_for(target("lava")), given, tmp_path / "b")


def test_what_is_compiled_is_written_for_its_target_alone(tmp_path):
    made = compiled_for(target("lava"))
    said = "target loihi2: this was compiled for lava, must be the same; write it for lava, or compile it for loihi2"
    with pytest.raises(InputError, match=said):
        write_bundle(made, target("loihi2"), tmp_path / "b")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="target loihi2 of profile loihi1: this was compiled for the limits of profile loihi2"):
        write_bundle(compiled_for(target("loihi2")), target("loihi2", "loihi1"), tmp_path / "b")
    assert write_bundle(made, target("lava"), tmp_path / "b").path == open_bundle(tmp_path / "b").path


@pytest.mark.parametrize("engine", ["float", "fixed", "pipelined-float", "lava-fixed"])
def test_inputs_without_the_names_of_their_sources_are_refused(engine):
    made = compiled_for(target("lava"))
    said = r"inputs: ndarray of shape \(5, 3\), must be a mapping from the name of each source to its values; give \{'in': values\}"
    with pytest.raises(InputError, match=said):
        run_engine(engine, made.network, made.quantized, X)
    with pytest.raises(InputError, match="inputs: list, must be a mapping"):
        run_engine(engine, made.network, made.quantized, [X])


def test_recordings_of_other_samples_are_not_compared(runs):
    network, one, four = runs
    with pytest.raises(InputError, match="engines 'float' and 'float': 1 and 4 samples, must be the same number; run both on the same"):
        compare(network, one, four)
    with pytest.raises(InputError, match="4 and 1 samples"):
        compare(network, four, one)
    assert compare(network, four, four).ok


def test_recordings_of_other_ticks_or_shapes_are_not_compared(runs):
    network, one, _ = runs

    def changed(kind, change):
        return replace(one, **{kind: {name: change(values) for name, values in getattr(one, kind).items()}})

    with pytest.raises(InputError, match=f"{one.ticks} and {one.ticks - 1} ticks, must be the same number"):
        compare(network, one, changed("spikes", lambda v: v[:, :-1]))
    for kind in ("spikes", "voltages", "currents"):
        with pytest.raises(InputError, match=f"recording of engine 'float': {kind} of population .* have shape .*, must be"):
            compare(network, one, changed(kind, lambda v: np.concatenate([v, v], axis=-1)))


def test_recordings_without_a_population_of_the_network_are_not_compared(runs):
    network, one, _ = runs
    other = replace(one, spikes={f"other_{name}": values for name, values in one.spikes.items()})
    with pytest.raises(InputError, match="first holds 'other_.*, must both hold one of the network's populations 'p0'.*nothing is there"):
        compare(network, other, other)
    with pytest.raises(InputError, match="the second none, must both"):
        compare(network, one, replace(one, spikes={}))
    part = replace(one, spikes={"p0": one.spikes["p0"]})
    assert compare(network, one, part).populations == 1  # what both recorded is enough


@pytest.mark.parametrize("name", ["lava", "loihi2", "onnx"])
def test_a_graph_without_neurons_is_refused(name):
    graph = nir.NIRGraph({"in": nir.Input(np.array([3])), "out": nir.Output(np.array([3]))}, [("in", "out")])
    with pytest.raises(InputError, match="graph: has inputs only, nothing that computes is behind them"):
        compile_graph(graph, {"in": X}, target(name), time=TimeMetadata(1e-3, 5, inputs="spikes"))
