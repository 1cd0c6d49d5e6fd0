"""The rules of other emulators as switches of the engine: laws, refusals, and the values that the emulators showed (docs/emulators.md)."""

from __future__ import annotations

from dataclasses import replace

import emulators
import numpy as np
import pytest
from emulator_networks import CASES, PROBES
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograph.errors import InputError, UnsupportedError
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.integer_rules import RULES
from neurograph.weights import Dense, Identity, Kron


def one(weights, *, exponent=0, mode="mixed", ticks=4, **neuron):
    """A source of as many neurons as there are weights, on one neuron that forgets at once."""
    parameters = {"du": 4095, "dv": 4095, "vth": 100, "bias_mant": 0, "bias_exp": 0, "scale": 1.0, **neuron}
    projection = Projection("in", "n", Dense(np.array([weights])), exponent=exponent, sign_mode=mode)
    populations = {"in": Population("in", (len(weights),), Source()), "n": Population("n", (1,), FixedLIF(**parameters))}
    return Network(populations, (projection,), ticks), {"in": np.ones((ticks, len(weights)))}


def same(a, b):
    kinds = ("spikes", "currents", "voltages")
    return all((getattr(a, kind)[name] == getattr(b, kind)[name]).all() for kind in kinds for name in getattr(a, kind))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lava_written_as_rules_is_the_engine_itself(case):
    """The fields of the entry ``lava`` say what the fast path does."""
    for job in case.jobs():
        network, inputs = job
        dynamics = fixed._RuledDynamics(RULES["lava"])
        traces = fixed.run_ticks(network, fixed.prepare(network, inputs), dynamics)
        spikes, v, u = traces.shaped(network)
        run = fixed.run(network, inputs)
        assert same(run, replace(run, spikes=spikes, voltages=v, currents=u))
        counted = {name: (s.wraps, s.clips) for name, s in dynamics.states.items() if s.wraps or s.clips}
        assert {name: (run.notes["wraps"].get(name, 0), run.notes["clips"].get(name, 0)) for name in counted} == counted


def test_the_page_says_what_the_rules_give():
    """Its first two tables, and what emulators do where each does as its rules say (test_emulators.py asks them)."""
    page = emulators.PAGE.read_text()
    assert emulators.case_tables({rules: emulators.ruled_cases(rules) for rules in RULES}) in page
    assert all(f" {RULES[key].emulator.split(' ')[1]} |" in page for key in RULES)


@pytest.mark.parametrize("rules", RULES)
def test_the_engine_shows_what_the_page_says_that_the_emulator_showed(rules):
    names, column = {p.name for p in PROBES}, list(emulators.NAMES).index(rules)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in emulators.PAGE.read_text().splitlines()]
    written = {line[0]: int(line[1 + column].replace("−", "-").replace(",", "")) for line in lines if line[0] in names}
    assert len(written) == len(PROBES)
    found = emulators.ruled_probes(rules)
    assert len(found) > 10
    assert {name: written[name] for name in found} == found


@settings(max_examples=60)
@given(st.lists(st.integers(-120, 120), min_size=1, max_size=8), st.integers(0, 3), st.integers(0, 4095), st.integers(0, 4095))
def test_all_rules_agree_where_everything_fits(halves, exponent, du, dv):
    """Even weights, no negative exponent, no state past its bits: the emulators have nothing to differ in."""
    job = one([2 * half for half in halves], exponent=exponent, du=du, dv=dv, vth=50)
    runs = [fixed.run(*job, rules=rules) for rules in RULES]
    assert all(same(runs[0], run) for run in runs)


@given(st.integers(-256, 254), st.integers(-7, 7))
def test_a_weight_arrives_within_its_rounding(weight, exponent):
    """Each by itself: never further from w · 2^e than the step it is stored in, the unit it arrives in, and the largest weight."""
    for rules in ("brian2loihi", "nengo_loihi"):
        run = fixed.run(*one([weight], exponent=exponent, ticks=1, vth=131_071), rules=rules)
        arrived = run.currents["n"][0, 0, 0] / 64
        if rules == "nengo_loihi" and abs(weight * 2.0**exponent) > (1 << 15) - 300:
            continue  # the input wraps there
        assert abs(arrived - weight * 2.0**exponent) <= 2 * 2.0**exponent + 1


def test_weights_that_are_stored_once_are_rounded_once():
    """A Kron keeps its form, and gives what its expanded matrix gives."""
    rng = np.random.default_rng(3)
    kron = Kron(Identity(5), rng.integers(-99, 99, (3, 4)))
    neuron = FixedLIF(4095, 900, 40, 0, 0, 1.0)
    populations = {"in": Population("in", (5, 4), Source()), "n": Population("n", (5, 3), neuron)}
    spikes = {"in": rng.random((20, 5, 4)) < 0.5}
    for rules in RULES:
        both = [
            fixed.run(Network(populations, (Projection("in", "n", w, exponent=-2, sign_mode="mixed"),), 20), spikes, rules=rules)
            for w in (kron, Dense(kron.to_csr().toarray()))
        ]
        assert same(*both)
        assert both[0].spikes["n"].any()
        assert both[0].notes["rules"] == rules


def test_unknown_rules_are_named():
    with pytest.raises(InputError, match="rules 'loihi3': do not exist; there are lava, brian2loihi, nengo_loihi"):
        fixed.run(*one([2]), rules="loihi3")


@pytest.mark.parametrize("rules", ["brian2loihi", "nengo_loihi"])
@pytest.mark.parametrize(
    ("made", "offender"),
    [
        (one([2], reset="subtract"), "population 'n': subtract reset"),
        (one([2], v_reset=5), "population 'n': v_reset other than 0"),
        (one([300]), "projection in→n: mixed weights 300 to 300, limit -256 to 254"),
        (one([-2], mode="excitatory"), "projection in→n: excitatory weights -2 to -2, limit 0 to 255"),
        (one([2.5]), "projection in→n: weight 2.5, must be an integer"),
        (one([2], exponent=-9), "projection in→n: exponent -9, limit "),
    ],
)
def test_what_an_emulator_cannot_run_is_refused_by_name(made, offender, rules):
    with pytest.raises(UnsupportedError) as caught:
        fixed.run(*made, rules=rules)
    assert any(offender in text for text in caught.value.offenders)
    assert RULES[rules].emulator in str(caught.value)
    fixed.run(*made)  # rules lava take what they always took


def test_states_that_brian2loihi_cannot_decay_are_refused():
    """It rounds what decays in 32-bit integers: 2³¹ of them do not fit."""
    enough = [255] * 1100
    with pytest.raises(UnsupportedError, match=r"population 'n': \|u\| \d+, which decays by more than 31 bits"):
        fixed.run(*one(enough, exponent=7, mode="excitatory"), rules="brian2loihi")
    fixed.run(*one(enough[:900], exponent=7, mode="excitatory"), rules="brian2loihi")
