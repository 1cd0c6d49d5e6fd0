"""Routing: what of placement.json energy needs, read back unharmed or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from neurograph.errors import InputError, PlacementError
from neurograph.export.placement import Placement
from neurograph.export.placement.files import to_json
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.routing import CoreWork, Routing
from neurograph.network import Network
from neurograph.sim.recording import Recording


@pytest.fixture
def placement(placements: Callable[..., Placement]) -> Placement:
    return placements()


@pytest.fixture
def content(placement: Placement) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(json.dumps(to_json(placement)))
    return held


def test_it_holds_what_the_placement_counted(placement: Placement, content: dict[str, Any]) -> None:
    routing, traffic = Routing.from_json(content), placement.traffic
    assert traffic is not None
    assert placement.work is not None
    assert routing.work is not None
    assert (routing.cores, routing.chips, routing.binding_rule) == (placement.cores, placement.chips, placement.binding.rule)
    assert routing.target == "test chip"
    assert [(rule["rule"], rule["used"], rule["limit"]) for rule in routing.rules] == [(r.rule, r.used, r.limit) for r in placement.rules]
    assert routing.memory_bits_stored == placement.usage.synaptic_bits.sum()
    for name in ("messages", "inter_core", "hops_east_west", "hops_north_south", "crossings", "host_messages", "farthest_crossings"):
        np.testing.assert_array_equal(getattr(routing, name), getattr(traffic, name))
    for field in fields(CoreWork):
        np.testing.assert_array_equal(getattr(routing.work, field.name), getattr(placement.work, field.name))
    assert routing.chips > 1
    assert routing.crossings.sum() > 0
    assert routing.host_messages.sum() > 0


def test_it_fits_the_counts_of_its_own_run(content: dict[str, Any], integers: Network, recording: Recording) -> None:
    Routing.from_json(content).check(count(integers, recording))


def test_without_the_work_of_each_core_it_is_still_a_routing(content: dict[str, Any]) -> None:
    del content["work"]
    assert Routing.from_json(content).work is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("cores"), "has no cores"),
        (lambda c: c.update(cores=0), "cores is 0, must be at least 1"),
        (lambda c: c.update(chips="two"), "chips is 'two', must be a whole number"),
        (lambda c: c.update(traffic=None), "traffic is null, it was made without a recording"),
        (lambda c: c["traffic"].pop("messages"), "has no traffic.messages"),
        (lambda c: c["traffic"].update(crossings=[1.5, 2, 3]), r"traffic.crossings is '\[1.5, 2, 3\]', must be whole numbers"),
        (lambda c: c["traffic"].update(crossings=[-1, 2, 3]), "traffic.crossings is"),
        (lambda c: c["traffic"].update(crossings=[1]), "different numbers of samples .*crossings 1"),
        (lambda c: c["memory_bits"].pop("stored"), "has no memory_bits.stored"),
        (lambda c: c.update(memory_bits=3), "has no memory_bits.stored"),
        (lambda c: c.update(rules=[]), "must be a list of rules"),
        (lambda c: c["rules"][0].pop("limit"), "has no rule neurons: limit"),
        (lambda c: c["rules"][0].update(mean="much"), "rule neurons: mean is 'much'"),
        (lambda c: c["rules"].append(7), "has no rules: rule"),
        (lambda c: c.update(binding_rule="ghost"), "binding_rule 'ghost' is none of its rules"),
        (lambda c: c["work"].pop("neurons"), "has no work.neurons"),
        (lambda c: c["work"].update(messages_in=[[1, 2], [3]]), "work.messages_in is"),
        (lambda c: c["work"].update(messages_in=[[[1]]]), r"work.messages_in has shape \(1, 1, 1\), must be"),
        (lambda c: c["work"].update(neurons=[0] * c["cores"]), "updates_active is more than work.neurons"),
        (lambda c: c.update(cores=c["cores"] + 1), "work is of . cores and 3 samples, the placement has"),
        (lambda c: c.update(work=[]), "has no work.neurons"),
    ],
)
def test_damage_is_refused_by_name(content: dict[str, Any], change: Callable[[Any], Any], said: str) -> None:
    change(content)
    with pytest.raises(PlacementError, match=f"placement b/placement.json: .*{said}") as caught:
        Routing.from_json(content, name="b/placement.json")
    assert "\n" not in str(caught.value)
    assert "place the network again" in str(caught.value)


def test_another_run_is_refused(content: dict[str, Any], integers: Network, recording: Recording) -> None:
    routing, counts = Routing.from_json(content), count(integers, recording)
    fewer = replace(recording, spikes={name: spikes[:2] for name, spikes in recording.spikes.items()})
    with pytest.raises(InputError, match=r"its messages are of 3 sample\(s\), the recording has 2; count the recording"):
        routing.check(count(integers, fewer))
    with pytest.raises(InputError, match="0 messages in sample 1, the recording has"):
        replace(routing, messages=routing.messages * [1, 0, 1], host_messages=routing.host_messages * [1, 0, 1]).check(counts)
    other = replace(recording, spikes={name: np.roll(spikes, 1, axis=0) for name, spikes in recording.spikes.items()})
    more = replace(routing, messages=routing.messages + 10**6)
    with pytest.raises(InputError, match=r"synaptic events in sample 0, the recording has"):
        more.check(count(integers, other))
    flat = integers.with_populations(replace(p, depth=None) for p in integers.populations.values())
    with pytest.raises(InputError, match=r"neurons over 10 steps, the network has 35 over 6"):
        routing.check(count(flat, recording))
