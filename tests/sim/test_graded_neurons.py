"""Graded and Product in the float and the fixed engine, against plain Python integers; their ranges, inputs, files and comparisons."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.errors import InputError, NetworkError, QuantizationError
from neurograph.export.quantize import quantize
from neurograph.graded import check_messages, input_bounds, message_range
from neurograph.network import LIF, Graded, Network, Population, Product, Projection, Source
from neurograph.sim import fixed, floating
from neurograph.sim.parity import compare
from neurograph.sim.recording_file import load, save
from neurograph.storage import load_network, save_network
from neurograph.weights import Dense, Identity, Kron, one_to_one


def relayed(seed=0, exponent=1, lag=1, ticks=5):
    """Spikes and integers in; a graded sum of both, its product with a delayed sum, and a neuron behind."""
    rng = np.random.default_rng(seed)
    whole = [rng.integers(-3, 4, size).astype(float) for size in ((4, 5), (4, 3), (4, 4), (4, 3))]
    populations = [
        Population("in", (5,), Source()),
        Population("numbers", (3,), Source("graded", bits=5)),
        Population("sum", (4,), Graded()),
        Population("product", (4,), Product(exponent)),
        Population("out", (4,), LIF(1.0, 300.0)),
    ]
    projections = (
        Projection("in", "sum", Dense(whole[0])),
        Projection("numbers", "sum", Dense(whole[1])),
        Projection("sum", "product", Dense(whole[2])),
        Projection("numbers", "product", Dense(whole[3]), lag=lag, port=1),
        Projection("product", "out", one_to_one((4,))),
    )
    network = Network({p.name: p for p in populations}, projections, ticks, outputs=("out",))
    inputs = {"in": rng.random((2, ticks, 5)) < 0.5, "numbers": rng.integers(-15, 16, (2, ticks, 3))}
    return network, inputs, [w.astype(int) for w in whole]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(0, 2))
def test_both_engines_are_plain_python_integers(seed, exponent, lag):
    network, inputs, (a, b, c, d) = relayed(seed, exponent, lag)
    got = floating.run(network, inputs)
    integer, _ = quantize(network, inputs)
    for recording in (got, fixed.run(integer, inputs)):
        assert recording.spikes["sum"].dtype == recording.spikes["product"].dtype == np.int32
        assert "sum" not in recording.voltages
        assert "product" not in recording.currents
        for sample in range(2):
            spikes, numbers = inputs["in"][sample].astype(int), inputs["numbers"][sample]
            for t in range(5):
                sums = [int(a[i] @ spikes[t] + b[i] @ numbers[t]) for i in range(4)]
                before = numbers[t - lag] if t >= lag else np.zeros(3, int)
                products = [int(c[i] @ np.array(sums)) * int(d[i] @ before) // 2**exponent for i in range(4)]
                assert recording.spikes["sum"][sample, t].tolist() == sums
                assert recording.spikes["product"][sample, t].tolist() == products
                if recording is got:
                    assert recording.spikes["out"][sample, t].tolist() == [p > 300 for p in products]


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_ranges_hold_whatever_arrives_and_are_reached(seed):
    network, _, (a, b, _, _) = relayed(seed)
    low, high = message_range(network, "sum")
    spikes, numbers = (a > 0).astype(int), 15 * np.sign(b)
    for i in range(4):
        assert a[i] @ spikes[i] + b[i] @ numbers[i] == high[i]
        assert a[i] @ (1 - spikes[i]) - b[i] @ numbers[i] == low[i]
    low, high = message_range(network, "product")
    rng = np.random.default_rng(seed)
    got = floating.run(network, {"in": rng.random((50, 5, 5)) < 0.5, "numbers": rng.integers(-15, 16, (50, 5, 3))})
    assert (got.spikes["product"] >= low).all()
    assert (got.spikes["product"] <= high).all()
    positive, negative = input_bounds(network, "out")
    np.testing.assert_array_equal(positive, np.maximum(high, 0))
    np.testing.assert_array_equal(negative, np.maximum(-low, 0))


def test_the_quantised_threshold_is_scaled_for_all_that_may_come():
    network, inputs, _ = relayed(3)
    network = network.with_populations([Population("out", (4,), LIF(0.5, 1e4))])
    integer, report = quantize(network, inputs)
    assert fixed.run(integer, inputs).notes["wraps"] == {}
    assert [p.population for p in report.populations] == ["out"]
    assert {p.projection for p in report.projections} == {"product→out"}
    exact = [p for p in integer.projections if p.target in ("sum", "product")]
    for before, after in zip(network.projections, exact, strict=False):
        np.testing.assert_array_equal(before.weights.values, after.weights.values * 2.0**after.exponent)


def test_weights_that_no_exponent_stores_exactly_are_refused():
    network, inputs, _ = relayed()
    first = replace(network.projections[0], weights=Dense(np.full((4, 5), 257.0)))
    with pytest.raises(QuantizationError, match="projection in→sum: integer weights 257 to 257 .* fit no exponent exactly at 8 bits"):
        quantize(replace(network, projections=(first, *network.projections[1:])), inputs)


def large(bits=24):
    ports = [Projection("numbers", "product", one_to_one((1,)), port=port) for port in (0, 1)]
    return Network(
        {"numbers": Population("numbers", (1,), Source("graded", bits=bits)), "product": Population("product", (1,), Product())},
        tuple(ports),
        2,
    )


def test_values_that_no_message_holds_are_refused():
    with pytest.raises(QuantizationError) as caught:
        check_messages(large())
    assert "population 'product': values to 70,368,727,400,449, limit 8,388,607 (24-bit messages)" in str(caught.value)
    assert "products to 70,368,727,400,449 before the shift, limit 2,147,483,647" in str(caught.value)
    check_messages(large(bits=8))
    with pytest.raises(QuantizationError, match=r"'product': values to 16,129, limit 127 \(8-bit messages\)"):
        check_messages(large(bits=8), bits=8)
    for engine in (floating, fixed):
        with pytest.raises(QuantizationError, match="population 'product': a value of magnitude 25,000,000, limit 8,388,607"):
            engine.run(large(), {"numbers": np.full((2, 1), 5000)})


def test_a_loop_of_graded_populations_has_no_bound():
    network = Network(
        {"in": Population("in", (1,), Source()), "a": Population("a", (1,), Graded()), "b": Population("b", (1,), Graded())},
        (
            Projection("in", "a", one_to_one((1,))),
            Projection("a", "b", one_to_one((1,))),
            Projection("b", "a", one_to_one((1,)), lag=1),
        ),
        6,
    )
    with pytest.raises(NetworkError, match="loop a → b → a: holds graded populations only"):
        check_messages(network)
    counted = floating.run(network, {"in": np.ones((6, 1))}).spikes["b"][0, :, 0]
    assert counted.tolist() == [1, 2, 3, 4, 5, 6]  # the engines run it: each tick adds one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": Dense(np.full((4, 5), 0.5))}, "projection in→sum: weight 0.5, but its target relays integers"),
        ({"port": 1}, "projection in→sum: port 1, but 'sum' has 1"),
    ],
)
def test_what_a_relay_cannot_take_is_refused(change, said):
    network, _, _ = relayed()
    with pytest.raises(NetworkError, match=said):
        replace(network, projections=(replace(network.projections[0], **change), *network.projections[1:]))


def test_a_product_without_its_second_input_a_bias_or_a_real_input_is_refused():
    network, _, _ = relayed()
    with pytest.raises(NetworkError, match="'product': a Product that hears 1 of its 2 inputs is always 0"):
        replace(network, projections=tuple(p for p in network.projections if p.port == 0))
    with pytest.raises(NetworkError, match="'sum': has a bias, but a Graded relays what it hears"):
        network.with_populations([Population("sum", (4,), Graded(), bias=1.0)])
    with pytest.raises(NetworkError, match="'product': exponent 40, must be an integer from 0 to 31"):
        network.with_populations([Population("product", (4,), Product(40))])
    with pytest.raises(NetworkError, match="projection in→sum: brings real values"):
        network.with_populations([Population("in", (5,), Source("values"))])


@pytest.mark.parametrize(("value", "said"), [(16, "holds 16, a graded source takes integers from -15 to 15"), (0.5, "holds 0.5")])
def test_inputs_of_a_graded_source_are_checked(value, said):
    network, inputs, _ = relayed()
    with pytest.raises(InputError, match=f"input 'numbers': {said}"):
        floating.run(network, {**inputs, "numbers": np.full((5, 3), value)})


def test_network_and_recording_are_read_back(tmp_path):
    network, inputs, _ = relayed(1)
    with h5py.File(tmp_path / "n.h5", "w") as file:
        save_network(network, file)
    with h5py.File(tmp_path / "n.h5") as file:
        again = load_network(file)
    assert [p.neuron for p in again.populations.values()] == [p.neuron for p in network.populations.values()]
    assert [p.port for p in again.projections] == [0, 0, 0, 1, 0]
    recording = floating.run(network, inputs)
    save(recording, tmp_path / "r.h5")
    read = load(tmp_path / "r.h5")
    assert read.spikes["sum"].dtype == np.int32
    found = compare(network, recording, read)
    assert found.ok
    assert found.compared == 2 * 5 * 12


def test_one_wrong_integer_is_a_mismatch_by_name():
    network, inputs, _ = relayed(1)
    a = floating.run(network, inputs)
    wrong = a.spikes["sum"].copy()
    wrong[1, 2, 3] += 1
    found = compare(network, a, replace(a, spikes={**a.spikes, "sum": wrong}))
    assert found.mismatched_spikes == 1
    assert str(found.first_mismatch).startswith("sum[3] at tick 2 of sample 1: message ")


def test_a_quantised_network_of_relays_alone_is_an_integer_network():
    network = Network(
        {"in": Population("in", (6, 2), Source()), "sum": Population("sum", (2, 2), Graded())},
        (Projection("in", "sum", Kron(sp.csr_matrix(np.kron(np.eye(2), np.ones((1, 3)))), Identity(2))),),
        3,
    )
    assert not network.is_integer
    inputs = {"in": np.ones((3, 6, 2))}
    integer, _ = quantize(network, inputs, bits=4)
    assert integer.is_integer
    assert integer.projections[0].exponent < 0  # 1 is no multiple of 16
    assert (fixed.run(integer, inputs).spikes["sum"] == 3).all()
    with pytest.raises(NetworkError, match="integer network"):
        floating.run(integer, inputs)
