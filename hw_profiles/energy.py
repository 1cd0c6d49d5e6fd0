"""From counts to joules and seconds, at one of two levels that are never mixed in one number.

Level "operations":   E = E_MAC · (host multiply-adds + graded events) + E_AC · synaptic events   (arithmetic only)
Level "chip events":  E = Σ count · constant over synapse, neuron, spike, routing, barrier and host
                          + static power · latency · chips                                         (what a chip does)

A component that a profile has no constant for is named in ``not_included``, never taken as 0.

With a placement (:class:`neurograph.hw_profiles.routing.Routing`) messages are one a spike and distinct core, hops are priced, and cores,
chips and the busiest core are the placement's. Without one, a message is a spike and a population, and routing is said to be left out.
Times are in :mod:`neurograph.hw_profiles.timing`. Ranges add up linearly, all constants low together or high together. Counts are means
over the samples of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from neurograph.errors import InputError, ProfileError
from neurograph.hw_profiles.counts import Counts
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.routing import Array, Routing
from neurograph.hw_profiles.rules import events, mean, rules_of
from neurograph.hw_profiles.schema import Constant, Profile
from neurograph.hw_profiles.timing import Times, least_cores, times

__all__ = ["Component", "Estimate", "Interval", "Term", "estimate", "operations_energy"]

Window = Literal["model window", "alone", "streamed"]

_SYNAPSES = ("synaptic_event", "synaptic_event_sparse", "synaptic_event_dense")
# what is counted → its component, what it is called, and the constants any one of which prices it: `message` is the whole way between two
# cores but for its hops, and an active update is one that spikes or receives
_PRICES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "graded_events": (
        "synapse",
        "graded synaptic events",
        ("synaptic_event_graded", *_SYNAPSES),
    ),
    "updates_active": ("neuron", "active neuron updates", ("neuron_update_active", "neuron_access")),
    "updates_inactive": ("neuron", "inactive neuron updates", ("neuron_update_inactive", "neuron_access")),
    "neuron_spikes": ("spike", "spikes", ("spike", "neuron_update_active")),
    "messages": ("spike", "messages", ("message",)),
    "barriers": ("barrier", "barriers", ("barrier",)),
    "host_macs": ("host", "host multiply-adds", ("host_mac",)),
}
_VARIANTS = {"fp32": ("mac_fp32", "add_fp32"), "fp16": ("mac_fp16", "add_fp16"), "int8": ("mac_int8", "add_int8")}


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
        components: they add up to ``energy_j``, the static one included where a static power is published.
        not_included: component → why it has no number here.
        variants: level "operations" only, the total in other number formats.
        cores, chips: the placement's; without one the least that hold the neurons, None where the profile has no such limit.
        constants: every constant used, by ``section.key``.
        routing: the placement; ``refused`` why there is none, where that is known.
        times: latency and throughput, and how they came to be.
    """

    profile: Profile
    window: Window
    components: tuple[Component, ...]
    not_included: Mapping[str, str]
    notes: tuple[str, ...]
    constants: Mapping[str, Constant]
    variants: Mapping[str, float]
    streamed_j: Interval | None = None
    cores: int | None = None
    chips: int | None = None
    routing: Routing | None = None
    refused: str | None = None
    times: Times = field(default_factory=Times)

    @property
    def latency_s(self) -> Interval | None:
        return self.times.latency_s

    @property
    def throughput_hz(self) -> Interval | None:
        return self.times.throughput_hz

    @property
    def energy_j(self) -> Interval:
        return Interval.total(component.energy_j for component in self.components)

    @property
    def on_chip_j(self) -> Interval:
        """The energy without the host's share."""
        return self._without("host")

    @property
    def events_j(self) -> Interval:
        """The chip's energy without its static share: what it does, and not how long it is switched on."""
        return self._without("host", "static")

    @property
    def static_j(self) -> Interval | None:
        """Static power × latency × chips; None where one of them is not known."""
        return next((component.energy_j for component in self.components if component.name == "static"), None)

    def _without(self, *names: str) -> Interval:
        return Interval.total(component.energy_j for component in self.components if component.name not in names)

    @property
    def energy_delay_js(self) -> float | None:
        """On-chip energy × on-chip latency in joule seconds; the host is in neither."""
        return None if self.latency_s is None else self.on_chip_j.value * self.latency_s.value


def estimate(counts: Counts, profile: Profile, routing: Routing | None = None, *, refused: str | None = None) -> Estimate:
    """Energy, latency and throughput per inference.

    Args:
        counts: of the recording.
        profile: constants; one without energy gives no joules, only cores, chips and counts.
        routing: what a placement on this chip makes of the same recording. Level "operations" has no chip and takes no notice.
        refused: why there is no placement, for the report.

    Raises:
        ProfileError: the profile has no constant for something that a number cannot do without.
        InputError: the placement is of another run, or given beside a reason why there is none.
    """
    if profile.level == "operations":
        return _operations(counts, profile)
    if routing is not None:
        if refused is not None:
            raise InputError(f"profile {profile.name}: has a placement and a reason why there is none ({refused}); give one of them")
        routing.check(counts)
    return _chip_events(counts, profile, routing, refused)


def operations_energy(profile: Profile, *, macs: float = 0, additions: float = 0, number_format: str = "fp32") -> Interval:
    """Level 1: ``E_MAC · macs + E_AC · additions`` in joules.

    Args:
        number_format: "fp32", "fp16" or "int8" (8-bit additions too: a wider accumulator is left out on both sides of a comparison).
    """
    mac, addition = _VARIANTS[number_format]
    return _interval(profile, mac).scaled(macs) + _interval(profile, addition).scaled(additions)


def _operations(counts: Counts, profile: Profile) -> Estimate:
    additions, macs, graded = mean(counts.synaptic_events), float(sum(counts.host_macs.values())), mean(counts.graded_events)
    synapse = [Term("synaptic_events", additions, "energy.add_fp32", _interval(profile, "add_fp32").scaled(additions))]
    if graded:
        synapse.append(Term("graded_events", graded, "energy.mac_fp32", _interval(profile, "mac_fp32").scaled(graded)))
    terms = (
        ("synapse", tuple(synapse)),
        ("host", (Term("host_macs", macs, "energy.mac_fp32", _interval(profile, "mac_fp32").scaled(macs)),)),
    )
    available = [name for name, keys in _VARIANTS.items() if all(key in profile.energy for key in keys)]
    return Estimate(
        profile=profile,
        window="model window",
        components=tuple(Component(name, parts) for name, parts in terms),
        not_included={
            "neuron": "state updates are not operations of this level, by the convention of the field",
            "memory": "weights and states are taken to be at hand",
            "routing": "this level has no chip",
            "static": "this level has no chip",
        },
        notes=("Arithmetic alone: comparable between networks, not an estimate of any chip.",),
        constants={f"energy.{key}": profile.energy[key] for key in ("add_fp32", "mac_fp32")},
        variants={
            name: operations_energy(profile, macs=macs + graded, additions=additions, number_format=name).value for name in available
        },
    )


def _chip_events(counts: Counts, profile: Profile, routing: Routing | None, refused: str | None) -> Estimate:
    timed = times(counts, profile, routing)
    cores, chips = least_cores(counts, profile) if routing is None else (routing.cores, routing.chips)
    found = events(counts, routing, alone=True, chips=chips)
    components, used, missing = _components(profile, found)
    streamed = _components(profile, events(counts, routing, alone=False, chips=chips))[0]
    if components and "static_chip" in profile.power and timed.latency_s is not None and chips is not None:
        used["power.static_chip"] = profile.power["static_chip"]
        components += (_static(profile, chips, timed.latency_s),)
        streamed += (_static(profile, chips, timed.period_s),) if timed.period_s is not None else ()
    return Estimate(
        profile=profile,
        window="alone",
        components=components,
        not_included={**missing, **_left_out(counts, profile, routing, refused, timed, chips)},
        notes=tuple(_notes(counts, profile, routing, chips, _untimed(profile, found) if timed.latency_s is not None else [])),
        constants={**used, **(timed.constants or {})},
        variants={},
        streamed_j=Interval.total(c.energy_j for c in streamed) if profile.energy else None,
        cores=cores,
        chips=chips,
        routing=routing,
        refused=refused,
        times=timed,
    )


def _static(profile: Profile, chips: int, seconds: Interval) -> Component:
    on = seconds.scaled(chips)
    return Component("static", (Term("chip_seconds", on.value, "power.static_chip", Interval(*profile.power["static_chip"].si).times(on)),))


def _left_out(
    counts: Counts, profile: Profile, routing: Routing | None, refused: str | None, timed: Times, chips: int | None
) -> dict[str, str]:
    found = {}
    if routing is None:
        found["routing"] = (
            "hops need a placement; spikes are charged the price of a message with no hop"
            if "message" in profile.energy
            else "hops need a placement, and this profile has no price for a message"
        )
        if refused is not None:
            found["placement"] = refused
    else:
        found |= _counted_not_priced(profile, routing)
    if "barrier" in profile.time and "barrier" not in profile.energy:
        found["barrier"] = "it costs time here; its energy is not published"
    unpriced = [
        f"{amount:,} {what}"
        for key, amount, what in (("bias_write", counts.bias_writes, "biases set"), ("state_reset", counts.state_resets, "states cleared"))
        if key not in profile.energy and amount
    ]
    if unpriced and profile.energy:
        found["writes and resets"] = f"the profile has no constant: {' and '.join(unpriced)} an inference counted, not priced"
    if "static_chip" not in profile.power:
        found["static"] = "no static power is published for this chip"
    elif timed.latency_s is None:
        found["static"] = "a static power is given, but no time of a step, so there is no latency to take it over"
    elif chips is None:
        found["static"] = "a static power of a chip is given, but no limits.cores_per_chip, so the number of chips is not known"
    return found | {share: _inside(share, key) for share, key in profile.inside.items()}


def _inside(share: str, key: str) -> str:
    if share == "static":
        return (
            f"inside {key} as it fell on one event at the activity that was measured: a network that keeps less of the chip busy costs "
            "more than is said here"
        )
    return f"inside {key}, which was measured with it: no line of its own, which is not zero"


def _counted_not_priced(profile: Profile, routing: Routing) -> dict[str, str]:
    """What the placement knows and the profile has no price for."""
    found = {}
    unpriced = [
        f"{_amount(hops)} {way}"
        for key, hops, way in (
            ("hop_east_west", routing.hops_east_west, "east or west"),
            ("hop_north_south", routing.hops_north_south, "north or south"),
        )
        if key not in profile.energy and hops.any() and "routing" not in profile.inside
    ]
    if unpriced and profile.energy:
        found["hops"] = f"the profile has no constant: {' and '.join(unpriced)} counted, not priced"
    if routing.crossings.any() and "chip_crossing" not in profile.energy:  # other chips are never inside of one chip's figure
        found["chip crossings"] = f"the profile has no constant: {_amount(routing.crossings)} counted, not priced"
    if routing.host_messages.any() and "host_message" not in profile.energy:
        found["host messages"] = (
            f"the profile has no constant: {_amount(routing.host_messages)} from the host into cores counted, not priced; the synaptic "
            "events that they cause are priced"
        )
    return found


def _amount(values: Array) -> str:
    """The mean as text, whole where it is whole."""
    return _plain(mean(values))


def _plain(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _notes(counts: Counts, profile: Profile, routing: Routing | None, chips: int | None, untimed: Sequence[str]) -> list[str]:
    notes = []
    if profile.energy:
        if "neuron_access" in profile.energy or {"neuron_update_active", "neuron_update_inactive"} <= profile.energy.keys():
            notes.append(
                "Every neuron is charged at each of the machine steps of one inference alone, filling and draining the pipeline included."
            )
        notes += [
            "The range is that of the constants, all low or all high together; it says nothing of what is left out.",
        ]
    else:
        notes.append("This profile has limits and no energies: counts only, no joules.")
    if untimed:
        notes.append(f"The profile has no time for {', '.join(untimed)}: latency and throughput have none for them beside the barrier's.")
    if counts.graded_events.any() and "synaptic_event_graded" not in profile.energy and any(key in profile.energy for key in _SYNAPSES):
        notes.append("A graded synaptic event, a multiply, is charged the price of a binary one: no figure of its own is published.")
    if counts.depth is None:
        notes.append("Delays are not aligned, so the depth is not known: one inference alone is taken as T steps.")
    if chips is not None and chips > 1 and profile.energy:
        least = "At least " if routing is None else ""
        notes.append(f"{least}{chips} chips: links and the barrier between chips are in neither the energy nor the latency.")
    if routing is not None:
        notes += [f"Placement: {note}." for note in routing.notes]
        if routing.work is None and "barrier" in profile.time:
            notes.append("The placement says nothing of each core's work: events are taken as spread evenly over its cores.")
    return notes


def _components(profile: Profile, found: Mapping[str, Interval]) -> tuple[tuple[Component, ...], dict[str, Constant], dict[str, str]]:
    """Components with their terms, the constants used, and why a component has none. Without any energy there are none to name."""
    terms: dict[str, list[Term]] = {name: [] for name in ("synapse", "neuron", "spike", "routing", "barrier", "host")}
    used = {}
    for component, counted, key in rules_of(profile.energy):
        if counted not in found or (found[counted].value == 0 and counted.startswith(("synaptic_events_", "graded_events"))):
            continue
        terms[component].append(Term(counted, found[counted].value, f"energy.{key}", found[counted].times(_interval(profile, key))))
        used[f"energy.{key}"] = profile.energy[key]
    if not profile.energy:
        return (), {}, {}
    silent = ("synapse", "routing", "barrier")
    missing = {
        name: f"profile {profile.name} has no energy for it, so it is not in the total; that does not make it zero"
        for name, parts in terms.items()
        if not parts and name not in silent
    }
    missing |= _half_priced(profile, found, named=set(missing))
    priced = {counted for _, counted, _ in rules_of(profile.energy)}
    for form in ("dense", "sparse"):
        if found[f"synaptic_events_{form}"].value and not priced & {"synaptic_events", f"synaptic_events_{form}"}:
            raise ProfileError(
                f"profile {profile.path}: energy.synaptic_event_{form} is missing and the network has {form} synapses; "
                "add it, or energy.synaptic_event for all forms"
            )
    return tuple(Component(name, tuple(parts)) for name, parts in terms.items() if parts), used, missing


def _half_priced(profile: Profile, found: Mapping[str, Interval], named: set[str]) -> dict[str, str]:
    """What is counted of a component and has no constant, where the component is not named as a whole: active updates without inactive."""
    missing = {}
    for counted, (component, name, keys) in _PRICES.items():
        held = component in named or component in profile.inside or any(key in profile.energy for key in keys)
        if found[counted].value and not held and not (component == "barrier" and "barrier" in profile.time):
            part = ", but for neuron_activation" if counted == "updates_active" and "neuron_activation" in profile.energy else ""
            missing[name] = f"the profile has no constant: {_plain(found[counted].value)} an inference counted, not priced{part}"
    return missing


def _untimed(profile: Profile, found: Mapping[str, Interval]) -> list[str]:
    """What is counted and has no time, by name."""
    prices = {"synaptic_events": ("synapse", "synaptic events", _SYNAPSES), **_PRICES}
    kinds = ((found[counted].value, name, keys) for counted, (component, name, keys) in prices.items() if component != "host")
    return [name for amount, name, keys in kinds if amount and not any(key in profile.time for key in keys)]


def _interval(profile: Profile, key: str) -> Interval:
    if key not in profile.energy:
        raise ProfileError(f"profile {profile.path}: energy.{key} is missing; add it, or take one of level 'operations' such as horowitz45")
    return Interval(*profile.energy[key].si)
