"""Latency and throughput: a step ends in a barrier, which waits for the busiest core.

With a placement that gives the work W(k, s) of core k in step s of an inference alone:

    latency = Σ_s (barrier + farthest + max_k W(k, s)),   s over the steps of one inference alone
    1 / throughput = Σ_φ (barrier + farthest + max_k W(k, φ)),   φ over the steps from one inference to the next

W(k, s) = max(neurons, receiving): a core steps its neurons and sends while it takes messages in and adds up their synaptic events, which is
the simple timing model of SANA-FE 2.2.9, whose constants were fitted with it; the high end takes one after the other. Each side is
Σ count · time. Streamed, a step φ holds the steps s ≡ φ (modulo their number) of inferences that follow each other, each like this one.
``farthest`` is the way of the message that goes farthest; hops keep no core busy.

Without the work of each core, events are taken as spread evenly: Σ count · time / (steps · cores), hops among them.

Of an inference that is several windows (:mod:`neurograph.hw_profiles.sequence`) the latency is the sum of theirs, all on the same cores,
and one inference follows the other: throughput is 1 / latency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurograph.hw_profiles.counts import Counts
from neurograph.hw_profiles.interval import Interval
from neurograph.hw_profiles.routing import Array, CoreWork, Routing
from neurograph.hw_profiles.rules import events, rules_of
from neurograph.hw_profiles.schema import Constant, Profile

__all__ = ["Times", "least_cores", "times"]

_RECEIVING = ("messages_in", "synaptic_events", "synaptic_events_dense", "synaptic_events_sparse", "graded_events")


@dataclass(frozen=True)
class Times:
    """What :func:`times` found; nothing where the profile has no barrier.

    Args:
        latency_s: of one inference alone. period_s: from one inference of a stream to the next.
        constants: that were used, by ``section.key``.
        model: how a step was timed, in words.
        busiest_over_mean: work that steps wait for over the work of the mean core, one inference alone; None where it is not known.
        mean_core_s: seconds that the mean core works in it.
    """

    latency_s: Interval | None = None
    period_s: Interval | None = None
    constants: Mapping[str, Constant] | None = None
    model: str = ""
    busiest_over_mean: float | None = None
    mean_core_s: float | None = None

    @property
    def throughput_hz(self) -> Interval | None:
        """1 / period."""
        period = self.period_s
        return None if period is None or period.low <= 0 else Interval(1 / period.value, 1 / period.high, 1 / period.low)


def least_cores(counts: Counts, profile: Profile) -> tuple[int | None, int | None]:
    """The least cores and chips that hold the neurons; None where the profile has no such limit."""
    per_core, per_chip = profile.limit("neurons_per_core"), profile.limit("cores_per_chip")
    cores = None if not per_core else max(1, -(-counts.neurons // per_core))
    return cores, None if cores is None or not per_chip else -(-cores // per_chip)


def times(counts: Counts, profile: Profile, routing: Routing | None) -> Times:
    """Latency of one inference alone, and throughput of a stream."""
    cores = least_cores(counts, profile)[0] if routing is None else routing.cores
    if "barrier" not in profile.time or cores is None:
        return Times()
    if counts.windows:
        return _in_turn(counts, profile, routing, cores)
    if routing is None or routing.work is None:
        return _even(counts, profile, routing, cores)
    return _busiest(counts, profile, routing, routing.work)


def _in_turn(counts: Counts, profile: Profile, routing: Routing | None, cores: int) -> Times:
    """One window after the other, each alone; what the host does between them is in no time."""
    placed = [None] * len(counts.windows) if routing is None else routing.windows
    found = [
        _even(window, profile, at, cores) if at is None or at.work is None else _busiest(window, profile, at, at.work)
        for window, at in zip(counts.windows, placed, strict=True)
    ]
    latency = Interval.total(one.latency_s for one in found if one.latency_s is not None)
    used = {key: constant for one in found for key, constant in (one.constants or {}).items()}
    means = [one.mean_core_s for one in found]
    average = sum(mean for mean in means if mean is not None)
    waited = sum((one.busiest_over_mean or 0.0) * (one.mean_core_s or 0.0) for one in found)
    balance = waited / average if average and None not in means else None
    return Times(latency, latency, used, f"{found[0].model}; one window after the other", balance, average or None)


def _even(counts: Counts, profile: Profile, routing: Routing | None, cores: int) -> Times:
    rules = [rule for rule in rules_of(profile.time) if rule[0] not in ("host", "barrier")]
    barrier = Interval(*profile.time["barrier"].si)
    totals = []
    for alone, steps in ((True, counts.steps_alone), (False, counts.steps_streamed)):
        found = events(counts, routing, alone=alone)
        serial = Interval.total(found[counted].times(Interval(*profile.time[key].si)) for _, counted, key in rules if counted in found)
        totals.append(barrier.scaled(steps) + serial.scaled(1 / cores))
    found = events(counts, routing, alone=True)
    used = {f"time.{key}": profile.time[key] for _, counted, key in rules if counted in found and found[counted].value}
    used["time.barrier"] = profile.time["barrier"]
    return Times(totals[0], totals[1], used, "events spread evenly over the cores")


def _busiest(counts: Counts, profile: Profile, routing: Routing, work: CoreWork) -> Times:
    neurons, receiving, used = _sides(profile, work)
    way = _farthest(profile, routing)
    barrier = Interval(*profile.time["barrier"].si)
    latency = _waited(work, neurons, receiving, work.steps, alone=True)
    period = _waited(work, neurons, receiving, counts.steps_streamed, alone=False)
    each = way + barrier
    busy = np.maximum(_seconds(work, neurons, 0, None), _seconds(work, receiving, 0, None))
    average = float(busy.mean(axis=2).sum(axis=1).mean())
    for name in ("hop_east_west", "hop_north_south", "chip_crossing"):
        if name in profile.time:
            used[f"time.{name}"] = profile.time[name]
    used["time.barrier"] = profile.time["barrier"]
    return Times(
        latency + each.scaled(work.steps),
        period + each.scaled(counts.steps_streamed),
        used,
        "every step waits for its busiest core, which steps neurons while it receives, and for the farthest message",
        latency.value / average if average else None,
        average,
    )


def _sides(profile: Profile, work: CoreWork) -> tuple[dict[str, list[Constant]], dict[str, list[Constant]], dict[str, Constant]]:
    """Constants by what is counted: what the neurons of a core take, and what it takes to receive."""
    neurons: dict[str, list[Constant]] = {}
    receiving: dict[str, list[Constant]] = {}
    used = {}
    for component, counted, key in rules_of(profile.time):
        if component not in ("routing", "host", "barrier"):
            (receiving if counted in _RECEIVING else neurons).setdefault(counted, []).append(profile.time[key])
            if _counted(work, counted, None).any():
                used[f"time.{key}"] = profile.time[key]
    return neurons, receiving, used


def _counted(work: CoreWork, name: str, fold: int | None) -> Array:
    """A count by its rule's name, (samples, steps, cores); ``fold`` puts the steps of a stream of that period together."""
    active = _folded(work.updates_active, fold)
    direct = {
        "updates_active": lambda: active,
        "updates_inactive": lambda: work.neurons - active,
        "updates": lambda: np.broadcast_to(work.neurons, active.shape),
        "neuron_spikes": lambda: _folded(work.neuron_spikes, fold),
        "synaptic_events": lambda: _folded(work.synaptic_events_dense + work.synaptic_events_sparse, fold),
        "synaptic_events_dense": lambda: _folded(work.synaptic_events_dense, fold),
        "synaptic_events_sparse": lambda: _folded(work.synaptic_events_sparse, fold),
        "graded_events": lambda: _folded(work.graded_events, fold),
        "messages": lambda: _folded(work.messages_out, fold),
        "messages_in": lambda: _folded(work.messages_in + work.host_messages_in, fold),
    }
    return direct[name]()


def _folded(values: Array, period: int | None) -> Array:
    if period is None:
        return values
    samples, steps, cores = values.shape
    padded = np.zeros((samples, -(-steps // period) * period, cores), dtype=values.dtype)
    padded[:, :steps] = values
    return padded.reshape(samples, -1, period, cores).sum(axis=1)


def _seconds(work: CoreWork, constants: Mapping[str, list[Constant]], which: int, fold: int | None) -> Array:
    """Σ count · time, (samples, steps, cores); ``which``: 0 the value, 1 the low, 2 the high of each constant."""
    total = np.zeros(_folded(work.updates_active, fold).shape)
    for counted, prices in constants.items():
        total += _counted(work, counted, fold) * sum(price.si[which] for price in prices)
    return total


def _waited(
    work: CoreWork, neurons: Mapping[str, list[Constant]], receiving: Mapping[str, list[Constant]], steps: int, *, alone: bool
) -> Interval:
    """Σ over steps of the busiest core's seconds, the mean over samples."""
    fold = None if alone else steps
    found = []
    for which in range(3):
        here, there = (_seconds(work, side, which, fold) for side in (neurons, receiving))
        busy = here + there if which == 2 else np.maximum(here, there)
        found.append(float(busy.max(axis=2).sum(axis=1).mean()))
    return Interval(*found)


def _farthest(profile: Profile, routing: Routing) -> Interval:
    """Seconds that the farthest message is on its way, the mean over samples; the hops that the profile has a time for."""
    travelled = {
        "hop_east_west": routing.farthest_east_west,
        "hop_north_south": routing.farthest_north_south,
        "chip_crossing": routing.farthest_crossings,
    }
    return Interval.total(
        Interval(*profile.time[key].si).scaled(float(steps.mean())) for key, steps in travelled.items() if key in profile.time
    )
