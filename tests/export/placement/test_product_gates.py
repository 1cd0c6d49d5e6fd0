"""Gates as products: the same spikes in every engine, chosen where they take less of a core."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placing import ROOMY

from neurograph.errors import PlacementError, UnsupportedError
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.passes.product_gates import gate_cost, gates_of, product_gates, with_product
from neurograph.export.placement import Limits, place
from neurograph.export.portable import portable
from neurograph.export.quantize import quantize
from neurograph.export.targets import TARGETS, sanafe
from neurograph.export.targets.onnx import onnx_model
from neurograph.hw_profiles.schema import load
from neurograph.network import LIF, Network, Population, Product, Projection, Source, Threshold
from neurograph.sim import fixed, floating
from neurograph.sim.lava.net_file import write_net
from neurograph.sim.parity import compare
from neurograph.weights import Identity, Kron, OnesColumn, one_to_one

CHIP = replace(ROOMY, graded_bits=32, parameter_sets=32, thresholds=32)


def on(name, **changes):
    """A target with the limits of its profile, changed."""
    return replace(TARGETS[name], limits=limits_of(name, **changes))


def limits_of(name, **changes):
    return replace(Limits.of(name, {key: constant.value for key, constant in load(name).limits.items()}), **changes)


def gated(threshold, weights=(1.0, 1.0), bias=0.0, nodes=5, width=4):
    shape = (nodes, width)
    populations = [
        Population("in", shape, Source()),
        Population("mask", (1, width), Source()),
        Population("gate", shape, Threshold(threshold), bias=bias),
        Population("out", shape, LIF(0.5, 0.4)),
    ]
    projections = (
        Projection("in", "gate", Kron(Identity(nodes), np.broadcast_to(weights[0], (width,)).copy())),
        Projection("mask", "gate", Kron(OnesColumn(nodes), np.broadcast_to(weights[1], (width,)).copy())),
        Projection("gate", "out", one_to_one(shape)),
    )
    return Network({p.name: p for p in populations}, projections, 6, outputs=("out",))


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_a_gate_is_found_exactly_where_its_product_spikes_the_same(seed):
    rng = np.random.default_rng(seed)
    weights, bias = rng.choice([-0.5, 0.25, 0.5, 1.0, 2.0], (2, 4)), float(rng.choice([0, 0.25, -0.25]))
    network = gated(rng.choice([-0.1, 0.5, 0.75, 1.5], (1, 4)), weights, bias)
    # all four pairs of inputs, in four ticks
    inputs = {"in": np.zeros((6, 5, 4)), "mask": np.zeros((6, 1, 4))}
    inputs["in"][1::2], inputs["mask"][2:4] = 1, 1
    product = with_product(network, "gate")
    same = np.array_equal(floating.run(network, inputs).spikes["gate"], floating.run(product, inputs).spikes["gate"])
    assert (gates_of(network) == ("gate",)) == same


def test_what_is_no_gate_of_two_is_left_alone():
    network = gated(1.5)
    assert gates_of(network) == ("gate",)
    third = Projection("in", "gate", one_to_one((5, 4)), lag=1)
    assert gates_of(replace(network, projections=(*network.projections, third))) == ()
    graded = network.with_populations([Population("in", (5, 4), Source("graded", 4))])
    assert gates_of(graded) == ()
    mixed = replace(network.projections[0], weights=Kron(Identity(5), np.ones((4, 4))))
    assert gates_of(replace(network, projections=(mixed, *network.projections[1:]))) == ()


def test_one_threshold_for_all_stays_a_threshold_and_the_note_says_why():
    network = gated(1.5)
    cost, product = gate_cost(network, "gate", CHIP), gate_cost(with_product(network, "gate"), "gate", CHIP)
    same = ("synapses", "updates", "messages", "depth", "parameter_sets", "thresholds")
    assert all(getattr(cost, name) == getattr(product, name) for name in same)
    assert product.synaptic_bits >= cost.synaptic_bits
    made, (note,) = product_gates(network, CHIP)
    assert made == network
    assert note.startswith(
        "gates stay threshold neurons, since products of graded spikes would take as much of a core or more: gate 3.1%, as products 3.1%"
    )


def test_many_thresholds_are_cheaper_as_one_product():
    network = gated(np.linspace(1.1, 1.9, 4)[None], nodes=5)
    cost, product = gate_cost(network, "gate", CHIP), gate_cost(with_product(network, "gate"), "gate", CHIP)
    assert cost.thresholds == 4
    assert product.thresholds == 1
    made, notes = product_gates(network, CHIP)
    assert isinstance(made.populations["gate"].neuron, Product)
    assert notes == ("population 'gate': its gates are products of graded spikes",)
    assert product_gates(network, CHIP, gates="threshold") == (network, ())
    assert product_gates(network, None) == (network, ())
    rng = np.random.default_rng(0)
    inputs = {"in": rng.random((3, 6, 5, 4)) < 0.6, "mask": rng.random((3, 6, 1, 4)) < 0.6}
    before, after = (fixed.run(quantize(n, inputs)[0], inputs) for n in (network, made))
    for name in network.populations:
        np.testing.assert_array_equal(before.spikes[name], after.spikes[name])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_product_is_exact_at_any_weight_bits(bits):
    network = with_product(gated(1.5), "gate")
    inputs = {"in": np.ones((6, 5, 4)), "mask": np.ones((6, 1, 4))}
    integer, _ = quantize(network, inputs, bits=bits)
    assert (fixed.run(integer, inputs).spikes["gate"] == 1).all()


@pytest.fixture(scope="module")
def lowered(checkpoint):
    """The SpikeGraphormer on karate with products for gates and its sum in a tree of two levels."""
    return compile_checkpoint(checkpoint, replace(on("loihi2", fan_in=5), gates="product"))


def test_spikegraphormer_with_products_and_a_tree_spikes_as_without(compiled, lowered):
    graded = [p.name for p in lowered.quantized.neurons if p.is_graded]
    assert [type(lowered.network.populations[name].neuron).__name__ for name in graded].count("Product") == 2
    assert len(graded) == 4
    assert len(lowered.origin["graded"]) == 4
    for one, other, engine in ((compiled.network, lowered.network, floating), (compiled.quantized, lowered.quantized, fixed)):
        before, after = engine.run(one, compiled.inputs), engine.run(other, lowered.inputs)
        for name, spikes in before.spikes.items():
            np.testing.assert_array_equal(spikes, after.spikes[name], err_msg=name)
    assert compare(lowered.network, floating.run(lowered.network, lowered.inputs), lowered.torch).mismatched_spikes == 0


@pytest.mark.lava
@pytest.mark.parametrize("kind", ["float", "fixed"])
def test_spikegraphormer_with_products_and_a_tree_is_the_same_in_lava(lava, lowered, kind):
    from neurograph.sim.lava import engine

    network = lowered.network if kind == "float" else lowered.quantized
    ours = (floating if kind == "float" else fixed).run(network, lowered.inputs)
    found = compare(network, ours, engine.run(network, lowered.inputs, engine=kind), voltages=kind == "fixed")
    assert found.ok
    assert found.compared > 15_000
    assert found.ties == 0


def test_the_spikegraphormers_gates_stay_thresholds_by_themselves(checkpoint):
    made = compile_checkpoint(checkpoint, on("loihi2"))
    assert not any(p.is_graded for p in made.network.neurons)
    (note,) = made.origin["graded"]
    assert "attention_blocks_0_sga_kv 3.1%, as products 3.1%" in note


@pytest.mark.parametrize("target", ["loihi1", "netx", "onnx"])
def test_targets_without_graded_spikes_refuse_products_by_name(checkpoint, target):
    with pytest.raises(UnsupportedError) as caught:
        compile_checkpoint(checkpoint, replace(TARGETS[target], gates="product"))
    said = str(caught.value)
    assert said.startswith(f"target {target} cannot take ")
    assert "population 'attention_blocks_0_sga_kv': graded spikes (Product)" in said
    assert "population 'attention_blocks_0_sga_gate': graded spikes (Product)" in said
    assert said.endswith("or leave --gates product out")


def test_loihi1_refuses_a_sum_that_is_too_long(checkpoint):
    with pytest.raises(UnsupportedError, match="a sum over 34 nodes, fan-in 20, needs graded spikes, which it has not"):
        compile_checkpoint(checkpoint, on("loihi1", fan_in=20))


def test_forms_that_know_no_graded_spikes_refuse_them_by_name(lowered, tmp_path):
    name = "population 'attention_blocks_0_sga_kv': "
    with pytest.raises(UnsupportedError, match=f"target onnx cannot take .*{name}graded spikes"):
        onnx_model(lowered.network)
    with pytest.raises(UnsupportedError, match=f"the portable NIR form cannot take .*{name}Product"):
        portable(lowered.network, lowered.inputs)
    with pytest.raises(UnsupportedError, match=f"a sequential .net file cannot take .*{name}Product is no integer neuron"):
        write_net(lowered.quantized, tmp_path / "model.net", lowered.inputs)
    recording = fixed.run(lowered.quantized, lowered.inputs)
    placement = place(lowered.quantized, limits_of("loihi2"), recording=recording)
    with pytest.raises(UnsupportedError, match=f"SANA-FE cannot take .*{name}graded spikes"):
        sanafe.write(placement, recording, tmp_path)
    with pytest.raises(PlacementError, match=r"sum1': message_bits is 6 bits, loihi1 has 0; .* export the model for this one"):
        place(lowered.quantized, limits_of("loihi1"))


def test_a_bundle_holds_graded_populations(lowered, tmp_path):
    bundle = write_bundle(lowered, TARGETS["loihi2"], tmp_path / "bundle")
    assert [p.neuron for p in bundle.quantized.neurons if p.is_graded] == [p.neuron for p in lowered.quantized.neurons if p.is_graded]
    stored = bundle.expected("fixed")
    assert stored.spikes["attention_blocks_0_sga_mask_neuron.sum0"].max() > 1
    assert compare(bundle.quantized, stored, fixed.run(bundle.quantized, bundle.inputs)).ok
    assert bundle.manifest["origin"]["graded"] == list(lowered.origin["graded"])
