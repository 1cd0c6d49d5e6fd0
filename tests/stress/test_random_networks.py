"""benchmarks/random_networks.py in a short form, and its tools: a hundred networks in two runs of Lava, and what finds a mismatch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_classes import CLASSES, Coverage
from packing import as_one_inference, pack, side_by_side
from random_families import FLOAT_KINDS, KINDS, Case, draw, family
from random_networks import Figures, compare_family, draw_some, run_ours
from shrinking import as_code, shrink

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.parity import compare
from neurograph.weights import Dense

QUANTITIES = ("spikes", "voltages", "currents")


def drawn(kind, seed, count=1):
    rng = np.random.default_rng(seed)
    of = family(kind, rng)
    return of, draw_some(of, count, rng, Figures())


@pytest.mark.lava
@pytest.mark.parametrize("kind", ["extreme loops", "graded loops"])
def test_fifty_networks_are_lavas_bit_for_bit(lava, kind):
    """Every spike, u and v; 24-bit wraps, clips, exponents of 7 and −8, loops, lags, graded messages."""
    of, cases = drawn(kind, 5, 50)
    figures, coverage = Figures(), Coverage()
    compare_family(of, cases, figures, coverage)
    assert [what for what, _, _ in figures.different] == []
    assert figures.networks == 50 and figures.runs == 1 and figures.slots > 5000
    here = {"loop over populations", "self loop", "lag 2 or more", "delay > 1 in Lava", "u wrapped at 24 bits", "v clipped"}
    graded = {"self loop", "Graded", "Product", "numbers into a LIF", "graded source"}
    assert (here if kind == "extreme loops" else graded) <= {name for name, count in coverage.networks.items() if count}


@settings(max_examples=60)
@given(st.sampled_from([k for k in KINDS if not k.startswith("graded")]), st.integers(0, 2**32))
def test_compiled_kernels_and_numpy_agree_on_any_network(kind, seed):
    _, (case,) = drawn(kind, seed)
    runs = run_ours(case, floats=False)
    assert runs["compiled"].notes == runs["NumPy"].notes
    assert compare(case.network, runs["compiled"], runs["NumPy"], voltages=True).ok


@settings(max_examples=20)
@given(st.sampled_from(FLOAT_KINDS), st.integers(0, 2**32))
def test_compiled_kernels_and_numpy_agree_on_any_float_network(kind, seed):
    _, (case,) = drawn(kind, seed)
    runs = run_ours(case, floats=True)
    assert all(np.array_equal(runs["compiled"].spikes[n], z) for n, z in runs["NumPy"].spikes.items())


extremes = st.fixed_dictionaries(
    {
        "du": st.sampled_from([0, 1, 4094, 4095]),
        "dv": st.sampled_from([0, 1, 4095, 4096]),
        "vth": st.sampled_from([0, 1, 131_070, 131_071]),
        "bias_mant": st.sampled_from([-4096, -1, 0, 4095]),
        "bias_exp": st.sampled_from([0, 7]),
        "reset": st.sampled_from(["value", "subtract"]),
        "v_start": st.sampled_from([0, 1 << 22, -(1 << 23) + 1]),
        "reset_by": st.sampled_from([None, 1, (1 << 23) - 1]),
    }
)


@settings(max_examples=60)
@given(extremes, st.sampled_from([-8, -7, 6, 7]), st.sampled_from([-256, -255, 254, 255]), st.integers(1, 70), st.integers(1, 20))
def test_compiled_kernels_and_numpy_agree_at_the_ends_of_every_range(neuron, exponent, weight, inputs, ticks):
    """Ranges end where u wraps, or leaves 24 bits for good, and where v is clipped."""
    weights = np.full((3, inputs), weight)
    weights[1, ::2] = 0
    populations = {"in": Population("in", (inputs,), Source()), "n": Population("n", (3,), FixedLIF(**neuron, scale=1.0))}
    projections = (
        Projection("in", "n", Dense(weights), exponent=exponent),
        Projection("n", "n", Dense(weights[:, :1].repeat(3, 1)), lag=1, exponent=exponent),
    )
    spikes = np.random.default_rng(inputs).random((2, ticks, inputs)) < 0.7
    runs = run_ours(Case(Network(populations, projections, ticks), {"in": spikes}), floats=False)
    assert runs["compiled"].notes == runs["NumPy"].notes
    for quantity in QUANTITIES:
        np.testing.assert_array_equal(getattr(runs["compiled"], quantity)["n"], getattr(runs["NumPy"], quantity)["n"])


@settings(max_examples=25)
@given(st.sampled_from(KINDS), st.integers(0, 2**32), st.booleans())
def test_networks_packed_together_do_what_they_do_alone(kind, seed, apart):
    _, cases = drawn(kind, seed, 4)
    packed = (side_by_side if apart else pack)([as_one_inference(c) if kind == "kept" else c for c in cases])
    whole = fixed.run(packed.case.network, packed.case.inputs, compiled=False)
    for number, case in enumerate(cases):
        alone = fixed.run(case.network, case.inputs, compiled=False)
        for quantity in QUANTITIES:
            found = packed.part(number, getattr(whole, quantity))
            assert found.keys() == getattr(alone, quantity).keys() or case.network.sources
            for name, values in found.items():
                if not case.network.populations[name].is_source:
                    np.testing.assert_array_equal(getattr(alone, quantity)[name].reshape(values.shape), values)


def differs_under_other_rules(case):
    """An engine that is wrong on purpose: brian2-loihi's rules clip no u and round each weight."""
    return not compare(case.network, fixed.run(case.network, case.inputs), fixed.run(case.network, case.inputs, rules="brian2loihi")).ok


def test_a_difference_is_shrunk_to_a_small_network_and_printed_as_code():
    rng = np.random.default_rng(1)
    of = family("forward", rng)
    case = next(
        c for c in (_plain(draw(of, rng)[0]) for _ in range(200)) if len(c.network.projections) > 3 and differs_under_other_rules(c)
    )
    small = shrink(case, differs_under_other_rules, most=400)
    assert differs_under_other_rules(small)
    assert len(small.network.populations) < len(case.network.populations) or len(small.network.projections) < len(case.network.projections)
    assert sum(np.count_nonzero(p.weights.to_csr().data) for p in small.network.projections) <= 3
    made: dict = {}
    exec(as_code(small), made)
    again = Case(made["network"], made["inputs"])
    assert differs_under_other_rules(again)
    assert compare(small.network, fixed.run(small.network, small.inputs), fixed.run(again.network, again.inputs), voltages=True).ok


def _plain(case):
    """With neurons that brian2-loihi's rules take: a reset and a start at 0, no decay beyond their range."""
    plain = {"reset": "value", "reset_by": None, "v_reset": 0, "v_start": 0, "du": 2000, "dv": 300, "vth": 30}
    neurons = [replace(p, neuron=replace(p.neuron, **plain)) for p in case.network.neurons]
    return Case(case.network.with_populations(neurons), case.inputs)


def test_a_network_that_differs_is_found(monkeypatch):
    """One weight changed after the fact: the comparison names the network, the population and the slot."""
    import random_networks

    of, cases = drawn("forward", 3, 3)
    target = next(i for i, c in enumerate(cases) if any(run_ours(c, False)["NumPy"].spikes[p.name].any() for p in c.network.neurons))
    real = random_networks.engine.run

    def wrong(network, inputs, **more):
        run = fixed.run(network, inputs, compiled=False)
        populations = [p.name for p in network.neurons]
        for name in populations:
            place = packed.places[target].get(name)
            if place:
                run.voltages[name][0, 1, place[1].start] += 1
                break
        return replace(run, notes={"processes": 1})

    assert real is not None
    packed = pack(cases)
    monkeypatch.setattr(random_networks.engine, "run", wrong)
    figures = Figures()
    compare_family(of, cases, figures)
    assert {id(case) for _, _, case in figures.different} == {id(cases[target])}
    assert "voltages of " in figures.different[0][0] and "in 1 slots, first (sample, tick, neuron) (0, 1, 0)" in figures.different[0][0]


def test_every_class_is_looked_for():
    of, cases = drawn("extreme", 0, 20)
    coverage = Coverage()
    for case in cases:
        coverage.add(of, case, fixed.run(case.network, case.inputs, compiled=False), _aligned(case))
    assert coverage.networks["weight exponent 7"] and "state kept" in coverage.empty
    assert set(coverage.networks) <= {*CLASSES, "only spikes"}
    assert len(list(coverage.lines())) == 2 + len(CLASSES)


def _aligned(case):
    from neurograph.export.passes.align_delays import align_delays

    return align_delays(case.network)
