"""Every rule of the target, broken alone, and the error read."""

from dataclasses import replace

import numpy as np
import pytest
from placing import ROOMY as BINARY
from placing import attention_like, lif, recorded

from neurograph.errors import InputError, PlacementError
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.passes.graded_sums import cut_sum, even_chunks, node_sums
from neurograph.export.placement import Limits, evaluate, place
from neurograph.export.placement.limits import REQUIRED
from neurograph.export.placement.mesh import in_order
from neurograph.export.placement.rules import CORE_RULES, NETWORK_RULES
from neurograph.hw_profiles.schema import load
from neurograph.network import LIF, Network, Population, Projection, Source
from neurograph.weights import Dense

FIELDS = {"synaptic_memory": "synaptic_bits", "weight_precision": "weight_bits", "message_bits": "graded_bits"}
ROOMY = replace(BINARY, graded_bits=32)


@pytest.fixture(scope="module")
def network():
    made = attention_like()[0]
    return made.with_populations([replace(made.populations["gate"], neuron=lif(vth=24, dv=0))])


def two_cores(network):
    """Gates and the sum on core 1, all else on core 0."""
    return {p.name: np.full(p.size, int(p.name in ("gate", "mask"))) for p in network.neurons}


@pytest.mark.parametrize("rule", [rule.__name__ for rule in (*CORE_RULES, *NETWORK_RULES)])
def test_each_rule_is_broken_alone_and_named(network, rule):
    if rule == "message_bits":
        network = align_delays(cut_sum(network, *node_sums(network), even_chunks(12, 3))[0])
    if rule == "programmable":
        network = network.with_populations([replace(network.populations["gate"], neuron=lif(vth=24, dv=0, reset="subtract"))])
    core_of, mesh = two_cores(network), in_order(2, ROOMY)
    used = {u.rule: u for u in evaluate(network, ROOMY, core_of, mesh).rules}
    assert set(used) == {r.__name__ for r in (*CORE_RULES, *NETWORK_RULES)}
    field, most = FIELDS.get(rule, rule), used[rule].used
    assert most >= 1
    evaluate(network, replace(ROOMY, **{field: most}), core_of, mesh)  # exactly full is fine
    with pytest.raises(PlacementError) as caught:
        evaluate(network, replace(ROOMY, **{field: most - 1}), core_of, mesh)
    message = str(caught.value)
    assert f"{rule} is {most:,}" in message
    assert f"test chip has {most - 1:,}" in message
    assert used[rule].where in message
    others = {name for name in used if name != rule and f": {name} is" in message}
    assert not others
    assert "\n" not in message


@pytest.mark.parametrize("rule", ["neurons", "synaptic_memory", "input_axons", "output_axons", "thresholds", "parameter_sets"])
@pytest.mark.parametrize("method", ["metis", "greedy", "random"])
def test_placing_obeys_a_limit_by_taking_more_cores(network, rule, method):
    one = {u.rule: u.used for u in place(network, ROOMY).rules}
    limits = replace(ROOMY, **{FIELDS.get(rule, rule): max(one[rule] // 2, 13 if rule == "input_axons" else 1)})
    placement = place(network, limits, method=method)
    assert placement.cores > 1
    assert next(u for u in placement.rules if u.rule == rule).share <= 1


def test_a_fan_in_over_the_limit_cannot_be_placed_on_any_number_of_chips(network):
    with pytest.raises(PlacementError, match=r"population 'mask': fan_in is 12 synapses, test chip has 11; .*graded"):
        place(network, replace(ROOMY, fan_in=11))


def test_a_neuron_that_no_core_holds_is_named(network):
    for method in ("metis", "greedy", "random"):
        with pytest.raises(PlacementError, match="population 'mask'.*one neuron.*core of test chip"):
            place(network, replace(ROOMY, input_axons=11), method=method)


def test_a_profile_without_a_limit_is_refused_by_the_limit_s_name():
    values = {key: constant.value for key, constant in load("loihi2").limits.items()}
    assert Limits.of("loihi2", values).synaptic_bits == 128 * 8 * 1024
    for name in REQUIRED:
        with pytest.raises(PlacementError, match=f"profile loihi2: has no limits.{name}, "):
            Limits.of("loihi2", {key: value for key, value in values.items() if key != name})
    with pytest.raises(PlacementError, match="has no limits.neurons_per_core, limits.synaptic_memory_per_core"):
        Limits.of("horowitz45", {key: c.value for key, c in load("horowitz45").limits.items()})


@pytest.mark.parametrize("profile", ["loihi1", "loihi1-sanafe", "loihi2"])
def test_chip_profiles_have_every_limit(profile):
    limits = Limits.of(profile, {key: constant.value for key, constant in load(profile).limits.items()})
    assert limits.cores_per_tile == 4


def test_limits_that_make_no_mesh_are_refused():
    with pytest.raises(PlacementError, match="4 tiles in rows of 3 with 8 cores make no mesh"):
        replace(ROOMY, mesh_width=3)
    with pytest.raises(PlacementError, match="neurons is 0, must be at least 1"):
        replace(ROOMY, neurons=0)


def test_a_float_network_is_refused():
    network = Network(
        {"in": Population("in", (2,), Source()), "p": Population("p", (2,), LIF(0.5, 1.0))}, (Projection("in", "p", Dense(np.eye(2))),), 2
    )
    with pytest.raises(PlacementError, match="population 'p': LIF is no integer neuron"):
        place(network, ROOMY)


def test_nothing_to_place_and_other_methods_are_refused(network):
    with pytest.raises(PlacementError, match="sources only"):
        place(Network({"in": Population("in", (2,), Source())}, (), 2), ROOMY)
    with pytest.raises(PlacementError, match="method 'best' does not exist; take one of metis, greedy, greedy-nodes, random"):
        place(network, ROOMY, method="best")


def test_a_recording_of_another_network_is_refused(network):
    recording = recorded(network)
    with pytest.raises(InputError, match="population 'kv' is not in it"):
        place(network, ROOMY, recording=replace(recording, spikes={k: v for k, v in recording.spikes.items() if k != "kv"}))


def test_neurons_without_a_core_are_refused(network):
    core_of = two_cores(network)
    core_of["kv"] = core_of["kv"] + 2
    with pytest.raises(PlacementError, match="population 'kv': its 36 neurons are not all on one of the 2 cores"):
        evaluate(network, ROOMY, core_of, in_order(2, ROOMY))


def test_the_binding_rule_is_the_one_most_used_over_the_cores(network):
    assert place(network, replace(ROOMY, neurons=20)).binding.rule == "neurons"
    assert place(network, replace(ROOMY, input_axons=30)).binding.rule == "input_axons"
