"""From counts to joules and seconds, at one of two levels that are never mixed in one number.

Level "operations":   E = E_MAC · host multiply-adds + E_AC · synaptic events                    (arithmetic only)
Level "chip events":  E = Σ count · constant over synapse, neuron, spike and host                (what a chip does)

    steps(alone) = T + depth − 1,   steps(streamed) = T             (with loops or lags: neurograph.sim.timing)
    t_step = barrier + (Σ count · time) / (steps · cores),   latency = steps(alone) · t_step,   throughput = 1 / (steps · t_step)(streamed)

``cores`` is the least number that holds the neurons, events spread evenly: a model from before placement. Ranges add up linearly, all
constants low together or high together. Counts are means over the samples of the recording.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import ProfileError
from neurograph.hw_profiles.counts import Counts
from neurograph.hw_profiles.schema import Constant, Profile

__all__ = ["Component", "Estimate", "Interval", "Term", "estimate", "operations_energy"]

Window = Literal["model window", "alone", "streamed"]

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
    ("host", "host_macs", "host_mac"),
)
_VARIANTS = {"fp32": ("mac_fp32", "add_fp32"), "fp16": ("mac_fp16", "add_fp16"), "int8": ("mac_int8", "add_int8")}


@dataclass(frozen=True)
class Interval:
    """A figure with the range that its constants leave open: low ≤ value ≤ high."""

    value: float
    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.value + other.value, self.low + other.low, self.high + other.high)

    def scaled(self, factor: float) -> Interval:
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    @staticmethod
    def total(parts: Iterable[Interval]) -> Interval:
        result = Interval(0.0, 0.0, 0.0)
        for part in parts:
            result = result + part
        return result


@dataclass(frozen=True)
class Term:
    """``count × constant``: which count, how much of it per inference, which constant of the profile, and the product in joules."""

    counted: str
    count: float
    constant: str
    energy_j: Interval


@dataclass(frozen=True)
class Component:
    """One share of the energy and the terms that make it up."""

    name: str
    terms: tuple[Term, ...]

    @property
    def energy_j(self) -> Interval:
        return Interval.total(term.energy_j for term in self.terms)


@dataclass(frozen=True)
class Estimate:
    """What a profile makes of the counts. Joules and seconds are modelled; the counts under them are exact.

    Args:
        window: which steps the energy covers.
        components: they add up to ``energy_j``.
        not_included: component → why it has no number here.
        variants: level "operations" only, the total in other number formats.
        static_j: static power × latency, beside the total, never in it.
        cores, chips: the least that hold the neurons; None where the profile has no such limit.
        constants: every constant used, by ``section.key``.
    """

    profile: Profile
    window: Window
    components: tuple[Component, ...]
    not_included: Mapping[str, str]
    notes: tuple[str, ...]
    constants: Mapping[str, Constant]
    variants: Mapping[str, float]
    latency_s: Interval | None = None
    throughput_hz: Interval | None = None
    streamed_j: Interval | None = None
    static_j: Interval | None = None
    cores: int | None = None
    chips: int | None = None

    @property
    def energy_j(self) -> Interval:
        return Interval.total(component.energy_j for component in self.components)

    @property
    def on_chip_j(self) -> Interval:
        """The energy without the host's share."""
        return Interval.total(component.energy_j for component in self.components if component.name != "host")

    @property
    def energy_delay_js(self) -> float | None:
        """On-chip energy × on-chip latency in joule seconds; the host is in neither."""
        return None if self.latency_s is None else self.on_chip_j.value * self.latency_s.value


def estimate(counts: Counts, profile: Profile) -> Estimate:
    """Energy, latency and throughput per inference.

    Raises:
        ProfileError: the profile has no constant for something that a number cannot do without.
    """
    return _operations(counts, profile) if profile.level == "operations" else _chip_events(counts, profile)


def operations_energy(profile: Profile, *, macs: float = 0, additions: float = 0, number_format: str = "fp32") -> Interval:
    """Level 1: ``E_MAC · macs + E_AC · additions`` in joules.

    Args:
        number_format: "fp32", "fp16" or "int8" (8-bit additions too: a wider accumulator is left out on both sides of a comparison).
    """
    mac, addition = _VARIANTS[number_format]
    return _interval(profile, mac).scaled(macs) + _interval(profile, addition).scaled(additions)


def _operations(counts: Counts, profile: Profile) -> Estimate:
    events, macs = _mean(counts.synaptic_events), float(sum(counts.host_macs.values()))
    terms = (
        ("synapse", Term("synaptic_events", events, "energy.add_fp32", _interval(profile, "add_fp32").scaled(events))),
        ("host", Term("host_macs", macs, "energy.mac_fp32", _interval(profile, "mac_fp32").scaled(macs))),
    )
    available = [name for name, keys in _VARIANTS.items() if all(key in profile.energy for key in keys)]
    return Estimate(
        profile=profile,
        window="model window",
        components=tuple(Component(name, (term,)) for name, term in terms),
        not_included={
            "neuron": "state updates are not operations of this level, by the convention of the field",
            "memory": "weights and states are taken to be at hand",
            "routing": "this level has no chip",
            "static": "this level has no chip",
        },
        notes=("Arithmetic alone: comparable between networks, not an estimate of any chip.",),
        constants={f"energy.{key}": profile.energy[key] for key in ("add_fp32", "mac_fp32")},
        variants={name: operations_energy(profile, macs=macs, additions=events, number_format=name).value for name in available},
    )


def _chip_events(counts: Counts, profile: Profile) -> Estimate:
    alone = _events(counts, alone=True)
    components, used, missing = _components(profile, alone)
    streamed = Interval.total(c.energy_j for c in _components(profile, _events(counts, alone=False))[0])
    not_included = {
        **missing,
        "routing": "hops need a placement; spikes are charged the price of a message with no hop",
        "barrier": "it costs time here; its energy is not published",
        "writes and resets": "no published energy for setting a bias or clearing a state; both are counted",
        "static": _why_no_static(profile),
    }
    notes = [
        "Every neuron is charged at each of the machine steps of one inference alone, filling and draining the pipeline included.",
        "The range is that of the constants, all low or all high together; it says nothing of what is left out.",
    ]
    if counts.depth is None:
        notes.append("Delays are not aligned, so the depth is not known: one inference alone is taken as T steps.")
    cores, chips = _least_cores(counts, profile)
    if chips is not None and chips > 1:
        notes.append(f"At least {chips} chips: links and the barrier between chips are in neither the energy nor the latency.")
    latency, throughput, time_used = _times(counts, profile, cores)
    static = None
    if "static_chip" in profile.power and latency is not None and chips is not None:
        power, used["power.static_chip"] = Interval(*profile.power["static_chip"].si), profile.power["static_chip"]
        static = Interval(power.value * latency.value, power.low * latency.low, power.high * latency.high).scaled(chips)
    return Estimate(
        profile=profile,
        window="alone",
        components=components,
        not_included=not_included,
        notes=tuple(notes),
        constants={**used, **time_used},
        variants={},
        latency_s=latency,
        throughput_hz=throughput,
        streamed_j=streamed,
        static_j=static,
        cores=cores,
        chips=chips,
    )


def _events(counts: Counts, *, alone: bool) -> dict[str, Interval]:
    """Mean events per inference. Only messages have a range: as few as one a spike where all that it reaches shares a core."""
    outside = counts.fill_and_drain_updates if alone else counts.gap_updates
    exact = {
        "synaptic_events": counts.synaptic_events,
        "synaptic_events_dense": counts.synaptic_events_stored("dense"),
        "synaptic_events_sparse": counts.synaptic_events_stored("sparse"),
        "updates_active": counts.updates_active,
        "updates_inactive": counts.updates_inactive + outside,
        "updates": counts.neuron_updates + outside,
        "neuron_spikes": counts.neuron_spikes,
        "host_macs": np.array([sum(counts.host_macs.values())]),
    }
    means = {name: _mean(values) for name, values in exact.items()}
    messages = _mean(counts.messages)
    return {
        **{name: Interval(mean, mean, mean) for name, mean in means.items()},
        "messages": Interval(messages, _mean(counts.messages_at_least), messages),
    }


def _rules(constants: Mapping[str, Constant]) -> list[tuple[str, str, str]]:
    """The rules that a section has constants for. A price for any synapse stands in for a storage form that has none of its own."""
    rules = [rule for rule in _RULES if rule[2] in constants and rule[1] != "synaptic_events"]
    priced = {key for _, _, key in rules}
    if "synaptic_event" in constants:
        if not priced & {"synaptic_event_dense", "synaptic_event_sparse"}:
            rules.insert(0, ("synapse", "synaptic_events", "synaptic_event"))
        else:
            unpriced = [form for form in ("dense", "sparse") if f"synaptic_event_{form}" not in priced]
            rules += [("synapse", f"synaptic_events_{form}", "synaptic_event") for form in unpriced]
    return rules


def _components(profile: Profile, events: Mapping[str, Interval]) -> tuple[tuple[Component, ...], dict[str, Constant], dict[str, str]]:
    terms: dict[str, list[Term]] = {"synapse": [], "neuron": [], "spike": [], "host": []}
    used = {}
    for component, counted, key in _rules(profile.energy):
        event = events[counted]
        if event.value == 0 and counted.startswith("synaptic_events_"):
            continue
        terms[component].append(Term(counted, event.value, f"energy.{key}", _product(event, _interval(profile, key))))
        used[f"energy.{key}"] = profile.energy[key]
    missing = {name: f"profile {profile.name} has no energy for it" for name, parts in terms.items() if not parts and name != "synapse"}
    priced = {counted for _, counted, _ in _rules(profile.energy)}
    for form in ("dense", "sparse"):
        if events[f"synaptic_events_{form}"].value and not priced & {"synaptic_events", f"synaptic_events_{form}"}:
            raise ProfileError(
                f"profile {profile.path}: energy.synaptic_event_{form} is missing and the network has {form} synapses; "
                "add it, or energy.synaptic_event for all forms"
            )
    return tuple(Component(name, tuple(parts)) for name, parts in terms.items() if parts), used, missing


def _least_cores(counts: Counts, profile: Profile) -> tuple[int | None, int | None]:
    per_core, per_chip = profile.limit("neurons_per_core"), profile.limit("cores_per_chip")
    cores = None if not per_core else max(1, math.ceil(counts.neurons / per_core))
    return cores, None if cores is None or not per_chip else math.ceil(cores / per_chip)


def _times(counts: Counts, profile: Profile, cores: int | None) -> tuple[Interval | None, Interval | None, dict[str, Constant]]:
    """Latency of one inference alone, throughput of a stream, and the constants used."""
    if "barrier" not in profile.time or cores is None:
        return None, None, {}
    rules = [rule for rule in _rules(profile.time) if rule[0] != "host"]
    barrier = Interval(*profile.time["barrier"].si)
    totals = []
    for alone, steps in ((True, counts.steps_alone), (False, counts.steps_streamed)):
        events = _events(counts, alone=alone)
        serial = Interval.total(_product(events[counted], Interval(*profile.time[key].si)) for _, counted, key in rules)
        totals.append(barrier.scaled(steps) + serial.scaled(1 / cores))
    latency, interval = totals
    used = {f"time.{key}": profile.time[key] for _, counted, key in rules if _events(counts, alone=True)[counted].value}
    used["time.barrier"] = profile.time["barrier"]
    rate = Interval(1 / interval.value, 1 / interval.high, 1 / interval.low) if interval.low > 0 else None
    return latency, rate, used


def _why_no_static(profile: Profile) -> str:
    if "static_chip" in profile.power:
        return "given beside the total, not in it: it is a whole chip's, from another operating point than the events"
    return "no static power is published for this chip"


def _product(a: Interval, b: Interval) -> Interval:
    return Interval(a.value * b.value, a.low * b.low, a.high * b.high)


def _interval(profile: Profile, key: str) -> Interval:
    if key not in profile.energy:
        raise ProfileError(f"profile {profile.path}: energy.{key} is missing; add it, or take one of level 'operations' such as horowitz45")
    return Interval(*profile.energy[key].si)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else 0.0
