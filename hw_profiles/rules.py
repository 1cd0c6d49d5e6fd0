"""Which count meets which constant: one rule a line, used for joules and for seconds alike.

A rule applies where the profile's section has the constant, and the counts hold what it counts: hops only with a placement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.hw_profiles.counts import Counts
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Constant

__all__ = ["events", "mean", "rules_of"]

# component, what is counted, constant in the profile's sections energy and time
_RULES = (
    ("synapse", "synaptic_events_dense", "synaptic_event_dense"),
    ("synapse", "synaptic_events_sparse", "synaptic_event_sparse"),
    ("synapse", "synaptic_events", "synaptic_event"),
    ("neuron", "updates_active", "neuron_update_active"),
    ("neuron", "updates_inactive", "neuron_update_inactive"),
    ("neuron", "updates", "neuron_access"),
    ("neuron", "updates_active", "neuron_activation"),
    ("spike", "neuron_spikes", "spike"),
    ("spike", "messages", "message"),
    ("spike", "messages_in", "message_in"),
    ("routing", "hops_east_west", "hop_east_west"),
    ("routing", "hops_north_south", "hop_north_south"),
    ("routing", "crossings", "chip_crossing"),
    ("barrier", "barriers", "barrier"),
    ("neuron", "state_resets", "state_reset"),
    ("host", "host_macs", "host_mac"),
    ("host", "host_messages", "host_message"),
    ("host", "bias_writes", "bias_write"),
)
_GRADED = ("synaptic_event_graded", "synaptic_event", "synaptic_event_sparse", "synaptic_event_dense")


def rules_of(constants: Mapping[str, Constant]) -> list[tuple[str, str, str]]:
    """The rules that a section has constants for. A price for any synapse stands in for a storage form that has none of its own."""
    rules = [rule for rule in _RULES if rule[2] in constants and rule[1] != "synaptic_events"]
    priced = {key for _, _, key in rules}
    if "synaptic_event" in constants:
        if not priced & {"synaptic_event_dense", "synaptic_event_sparse"}:
            rules.insert(0, ("synapse", "synaptic_events", "synaptic_event"))
        else:
            unpriced = [form for form in ("dense", "sparse") if f"synaptic_event_{form}" not in priced]
            rules += [("synapse", f"synaptic_events_{form}", "synaptic_event") for form in unpriced]
    # where no price of its own is published for a multiply, it has that of an addition
    graded = [key for key in _GRADED if key in constants]
    return rules + [("synapse", "graded_events", key) for key in graded[:1]]


def events(counts: Counts, routing: Routing | None, *, alone: bool, chips: int | None = None) -> dict[str, Interval]:
    """Mean events per inference, by the names of the rules. ``chips`` take part in a barrier, one where it is not known.

    Without a placement only messages have a range: as few as one a spike where all that it reaches shares a core, inputs included. With
    one they are exact, the host's not among those that cores send, and hops and crossings are known too.
    """
    outside = counts.fill_and_drain_updates if alone else counts.gap_updates
    exact = {
        "synaptic_events": counts.synaptic_events,
        "graded_events": counts.graded_events,
        "synaptic_events_dense": counts.synaptic_events_stored("dense"),
        "synaptic_events_sparse": counts.synaptic_events_stored("sparse"),
        "updates_active": counts.updates_active,
        "updates_inactive": counts.updates_inactive + outside,
        "updates": counts.neuron_updates + outside,
        "neuron_spikes": counts.neuron_spikes,
        "host_macs": np.array([sum(counts.host_macs.values())]),
        "barriers": np.array([(counts.steps_alone if alone else counts.steps_streamed) * (chips or 1)]),
        "state_resets": np.array([counts.state_resets]),
        "bias_writes": np.array([counts.bias_writes]),
    }
    if routing is not None:
        exact |= {
            "messages": routing.messages,
            "messages_in": routing.messages + routing.host_messages,
            "hops_east_west": routing.hops_east_west,
            "hops_north_south": routing.hops_north_south,
            "crossings": routing.crossings,
            "host_messages": routing.host_messages,
        }
    found = {name: Interval.exactly(mean(values)) for name, values in exact.items()}
    if routing is None:
        found["messages"] = found["messages_in"] = Interval(mean(counts.messages), mean(counts.messages_at_least), mean(counts.messages))
    return found


def mean(values: NDArray[Any]) -> float:
    """Over samples; 0 where there are none."""
    return float(values.mean()) if values.size else 0.0
