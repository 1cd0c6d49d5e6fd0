"""One report as a plain dict: counts, energies, comparisons, and every constant that went in with its source.

Promised keys: ``schema_version``, ``neurograph`` (the version that made it), ``bundle``, ``accuracy`` where there is one, ``counts``,
``populations``, ``profiles``, ``baselines``; others stand beside them, and ``report.schema.json`` has them all. All figures are per
inference, means over the samples; ``per_sample`` holds the exact integers. ``labels`` says of each part whether it was counted, measured
or modelled. A profile with a placement has ``placement``, one that refused the network ``placement_refused``; ``cores`` and ``chips`` are
the placement's, ``cores_at_least`` and ``chips_at_least`` hold the neurons.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.hw_profiles.accounting import memory_bytes
from neurograph.hw_profiles.baselines import Baseline
from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.energy import Component, Estimate, Interval, estimate
from neurograph.hw_profiles.neurobench_names import neurobench_names
from neurograph.hw_profiles.report.comparisons import comparisons
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Constant, Profile, load, refuse_same_names
from neurograph.hw_profiles.timing import least_cores
from neurograph.network import Network
from neurograph.report_profiles import PROFILES
from neurograph.sim.recording import Recording

__all__ = ["SCHEMA_VERSION", "build", "build_counted", "to_json"]

Report = dict[str, Any]
SCHEMA_VERSION = 1  # of report.schema.json

_WIDTHS = (
    "8-bit weights, u and v of 24 bits, addresses and numbers of 32; a sum of currents is read and written at every synaptic event, u and "
    "v of every neuron in every tick; without the host"
)
_LABELS = {
    "accuracy": "measured",
    "counts": "counted",
    "windows": "counted",
    "activity": "counted",
    "populations": "counted",
    "projections": "counted",
    "profiles": "modelled",
    "profiles.placement": "counted",
    "memory": "modelled",
    "neurobench": "counted",
    "level_1": "modelled",
    "baselines": "operations counted by formula or in a run, energy modelled",
    "break_even": "modelled",
    "headline": "modelled",
    "figures": "counted",
}


def build(
    network: Network,
    recording: Recording,
    *,
    bundle_name: str,
    profiles: Sequence[str | Profile] = PROFILES,
    host_macs: Mapping[str, int] | None = None,
    **more: Any,
) -> Report:
    """Count a recording and price it.

    Args:
        network: the network that the recording is of, with depths set where ``align_delays`` has run.
        recording: spikes of every population but static sources.
        host_macs: multiply-adds per inference off chip, by name; None counts what turns static inputs into currents.
        bundle_name, profiles, more: as of :func:`build_counted`.

    Raises:
        InputError: the recording is empty or does not fit the network, and as :func:`build_counted`. ProfileError: as there.
    """
    if recording.samples < 1:
        raise InputError("recording: holds 0 samples, a report needs at least 1; run the network on some input")
    counts = count(network, recording, host_macs=host_macs)
    named = neurobench_names(counts, network)
    return build_counted(counts, engine=recording.engine, bundle_name=bundle_name, profiles=profiles, neurobench=named, **more)


def build_counted(
    counts: Counts,
    *,
    engine: str,
    bundle_name: str,
    profiles: Sequence[str | Profile],
    accuracy: float | None = None,
    baselines: Sequence[Baseline] = (),
    model_info: Mapping[str, Any] | None = None,
    routing: Mapping[str, Routing] | None = None,
    routing_refused: Mapping[str, str] | None = None,
    host_macs_effective: Mapping[str, int] | None = None,
    figures: Mapping[str, Any] | None = None,
    not_included: Mapping[str, str] | None = None,
    neurobench: Mapping[str, float] | None = None,
) -> Report:
    """Price what is counted already.

    Args:
        engine: that recorded.
        bundle_name: what the report calls the network.
        profiles: names, paths, or profiles already loaded.
        accuracy: 0 to 1, measured elsewhere.
        baselines: networks with real values to stand beside, see :mod:`neurograph.hw_profiles.baselines`.
        model_info: anything for the head of the report (model, dataset, protocol).
        routing: profile's name → what a placement on it makes of the recording. A profile that is not in it is estimated without.
        routing_refused: profile's name → why the network has no placement on it; the report says so.
        host_macs_effective: of the multiply-adds off chip, by name, those whose input is not 0: what a host that skips zeros would do.
            Stated beside the dense count, and priced in the lines that skip zeros.
        figures: data of pictures, as ``neurograph.reporting.figures`` makes it; put into the report as it is.
        not_included: component → why it has no number, of every profile, beside what the estimate itself leaves out.
        neurobench: :func:`neurograph.hw_profiles.neurobench_names.neurobench_names`.

    Raises:
        InputError: two profiles have one name; a placement is of another run; effective multiply-adds of what has none, or more of them
            than there are.
        ProfileError: a profile that cannot be used.
    """
    loaded = [profile if isinstance(profile, Profile) else load(profile) for profile in profiles]
    refuse_same_names(loaded)
    placed, refused = routing or {}, routing_refused or {}
    estimates = [estimate(counts, p, placed.get(p.name), refused=refused.get(p.name)) for p in loaded]
    estimates = [replace(e, not_included={**e.not_included, **(not_included or {})}) for e in estimates]
    arithmetic = next((profile for profile in loaded if profile.level == "operations"), None) or load("horowitz45")
    effective = _effective(counts, host_macs_effective or {})
    report: Report = {
        "schema_version": SCHEMA_VERSION,
        "neurograph": metadata.version("neurograph"),
        "bundle": bundle_name,
        **({} if accuracy is None else {"accuracy": accuracy}),
        "model": dict(model_info or {}),
        "engine": engine,
        "ticks": counts.ticks,
        "depth": counts.depth,
        "counts": _totals(counts),
        "windows": _windows(counts),
        "samples": counts.samples,
        "per_sample": {name: [int(v) for v in values] for name, values in _series(counts).items()},
        "spread": _spreads(counts),
        "activity": _activity(counts),
        "host_macs": dict(counts.host_macs),
        "host_macs_effective": effective,
        "populations": _populations(counts),
        "projections": _projections(counts),
        "profiles": [_profile(e, counts) for e in estimates],
        "memory": {"bytes": memory_bytes(counts), "about": _WIDTHS},
        **({} if neurobench is None else {"neurobench": dict(neurobench)}),
        **comparisons(baselines, arithmetic, counts, estimates, effective),
        "labels": dict(_LABELS),
        "constants": _constants(estimates, arithmetic),
        **({} if figures is None else {"figures": dict(figures)}),
    }
    return report


def to_json(report: Report) -> str:
    """The report as JSON text, keys in order, ending in a newline."""
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _number(values: NDArray[Any]) -> int | float:
    """The mean over samples; an int where it is whole."""
    total, samples = int(values.sum()), len(values)
    return total // samples if total % samples == 0 else total / samples


def _series(counts: Counts) -> dict[str, NDArray[Any]]:
    return {
        "synaptic_events": counts.synaptic_events,
        "graded_events": counts.graded_events,
        "neuron_updates": counts.neuron_updates,
        "neuron_updates_active": counts.updates_active,
        "neuron_updates_inactive": counts.updates_inactive,
        "spikes": counts.spikes,
        "neuron_spikes": counts.neuron_spikes,
        "input_spikes": counts.input_spikes,
        "messages": counts.messages,
        "messages_at_least": counts.messages_at_least,
    }


def _totals(counts: Counts) -> dict[str, Any]:
    return {
        **{name: _number(values) for name, values in _series(counts).items()},
        "graded_spikes": _number(counts.graded_spikes),
        "host_macs": sum(counts.host_macs.values()),
        "bias_writes": counts.bias_writes,
        "state_resets": counts.state_resets,
    }


def _windows(counts: Counts) -> dict[str, Any]:
    """Updates in the model's window and on the chip: streamed, and one inference alone."""
    inside, outside = _number(counts.neuron_updates), counts.fill_and_drain_updates
    inactive, gap = _number(counts.updates_inactive), counts.gap_updates
    return {
        "model": {"steps": counts.ticks, "neuron_updates": inside, "neuron_updates_inactive": inactive},
        "chip_streamed": {"steps": counts.steps_streamed, "neuron_updates": inside + gap, "neuron_updates_inactive": inactive + gap},
        "chip_alone": {"steps": counts.steps_alone, "neuron_updates": inside + outside, "neuron_updates_inactive": inactive + outside},
        "outside_the_window": "spikes outside the window of T ticks are not in the recording; updates there are counted as inactive",
    }


def _spreads(counts: Counts) -> dict[str, Any]:
    return {
        name: {"mean": float(values.mean()), "std": float(values.std()), "min": int(values.min()), "max": int(values.max())}
        for name, values in _series(counts).items()
    }


def _activity(counts: Counts) -> dict[str, Any]:
    neurons, synapses, updates = counts.neurons, counts.synapses, float(counts.neuron_updates.mean())
    spikes, events = float(counts.neuron_spikes.mean()), float(counts.synaptic_events.mean())
    return {
        "neurons": neurons,
        "synapses": synapses,
        "spikes_per_neuron": spikes / neurons if neurons else 0.0,
        "spikes_per_neuron_and_tick": spikes / updates if updates else 0.0,
        "events_per_synapse": events / synapses if synapses else 0.0,
        "events_per_synapse_and_tick": events / counts.synapse_ticks if synapses else 0.0,
    }


def _populations(counts: Counts) -> dict[str, Any]:
    return {
        p.name: {
            "role": p.role,
            "shape": list(p.shape),
            "neurons": p.size if p.role == "neurons" else 0,
            "depth": p.depth,
            "spikes": _number(p.spikes),
            "spikes_per_neuron": float(p.spikes.mean()) / p.size,
            "neuron_updates": _number(p.updates),
            "neuron_updates_active": _number(p.updates_active),
            "neuron_updates_inactive": _number(p.updates_inactive),
            "synaptic_events": _number(p.synaptic_events_in),
            "messages": _number(p.messages),
            "bias_writes": p.bias_writes,
            "state_resets": p.state_resets,
        }
        for p in counts.populations
    }


def _projections(counts: Counts) -> list[dict[str, Any]]:
    return [
        {
            "name": p.name,
            "source": p.source,
            "target": p.target,
            "storage": p.storage,
            "synapses": p.synapses,
            "synaptic_events": _number(p.synaptic_events),
        }
        for p in counts.projections
    ]


def _spread(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"value": interval.value, "low": interval.low, "high": interval.high}


def _component(component: Component) -> dict[str, Any]:
    energy = component.energy_j
    terms = [{"count": t.counted, "per_inference": t.count, "constant": t.constant, "energy_j": t.energy_j.value} for t in component.terms]
    return {"energy_j": energy.value, "low": energy.low, "high": energy.high, "terms": terms}


def _effective(counts: Counts, given: Mapping[str, int]) -> dict[str, int]:
    for name, macs in given.items():
        most = counts.host_macs.get(name)
        if most is None or not 0 <= macs <= most:
            has = "it is no part of the host's" if most is None else f"it does {most:,} in all"
            raise InputError(f"host multiply-adds: {macs:,} effective ones of {name!r}, but {has}; count both on the same model")
    return dict(given)


def _profile(e: Estimate, counts: Counts) -> dict[str, Any]:
    energy = e.energy_j
    on_chip = e.on_chip_j
    least = least_cores(counts, e.profile)
    known = bool(e.profile.energy)
    return {
        "name": e.profile.name,
        "title": e.profile.title,
        "level": e.profile.level,
        "label": "modelled",
        "sha256": e.profile.sha256,
        "scope": e.profile.scope,
        "window": e.window,
        "energy_j": {
            **(energy.to_json() if known else dict.fromkeys(("total", "low", "high"))),
            "components": {c.name: c.energy_j.value for c in e.components},
        },
        "components": {c.name: _component(c) for c in e.components},
        "streamed_j": None if e.streamed_j is None else e.streamed_j.to_json(),
        "variants_j": dict(e.variants),
        "on_chip_j": on_chip.to_json() if e.profile.level == "chip events" and known else None,
        "events_j": e.events_j.to_json() if e.profile.level == "chip events" and known else None,
        "host_share": _host_share(e, counts),
        "static_share": 0.0 if e.static_j is None or not on_chip.value else e.static_j.value / on_chip.value,
        "latency_s": None if e.latency_s is None else e.latency_s.value,
        "latency_range_s": _spread(e.latency_s),
        "throughput_hz": None if e.throughput_hz is None else e.throughput_hz.value,
        "throughput_range_hz": _spread(e.throughput_hz),
        "time_model": e.times.model or None,
        "busiest_over_mean": e.times.busiest_over_mean,
        "energy_delay_js": e.energy_delay_js,
        "static_j": None if e.static_j is None else e.static_j.to_json(),
        "cores": None if e.routing is None else e.cores,
        "chips": None if e.routing is None else e.chips,
        "cores_at_least": None if e.profile.level == "operations" else least[0],
        "chips_at_least": None if e.profile.level == "operations" else least[1],
        "placement": None if e.routing is None else _placement(e.routing),
        "placement_refused": e.refused,
        "statuses": sorted({c.status for key, c in e.constants.items() if key != "energy.host_mac"}),
        "not_included": dict(e.not_included),
        "notes": list(e.notes),
    }


def _host_share(e: Estimate, counts: Counts) -> float | None:
    """Of the energy; None where the host does something that the profile has no price for."""
    priced = any(term.counted == "host_macs" for component in e.components for term in component.terms)
    if not priced and any(macs > 0 for macs in counts.host_macs.values()):
        return None
    return 1 - e.on_chip_j.value / e.energy_j.value if e.energy_j.value else 0.0


def _placement(routing: Routing) -> dict[str, Any]:
    """Cores, rules and messages; counts are means over the samples, ``per_sample`` the integers."""
    series = {
        "messages": routing.messages,
        "inter_core": routing.inter_core,
        "hops_east_west": routing.hops_east_west,
        "hops_north_south": routing.hops_north_south,
        "chip_crossings": routing.crossings,
        "host_messages": routing.host_messages,
    }
    return {
        "label": "counted",
        "target": routing.target,
        "method": routing.method,
        "cores": routing.cores,
        "chips": routing.chips,
        "binding_rule": routing.binding_rule,
        "rules": [
            {
                **{key: rule[key] for key in ("rule", "used", "limit", "unit", "where")},
                "share": _share(rule["used"], rule["limit"]),
                "mean": rule["mean"],
                "mean_share": None if rule["mean"] is None else _share(rule["mean"], rule["limit"]),
            }
            for rule in routing.rules
        ],
        "synaptic_memory_bits": {"stored": routing.memory_bits_stored, "without_sharing": routing.memory_bits_without_sharing},
        "counts": {name: _number(values) for name, values in series.items()},
        "per_sample": {name: [int(value) for value in values] for name, values in series.items()},
        "notes": list(routing.notes),
    }


def _share(used: float, limit: int) -> float:
    """Of the limit; a limit of 0 can only be kept with nothing."""
    return used / limit if limit else 0.0


def _constants(estimates: Sequence[Estimate], arithmetic: Profile) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], Constant] = {}
    for e in estimates:
        found.update({(e.profile.name, key): constant for key, constant in e.constants.items()})
        for low_precision in ("mac_fp16", "add_fp16", "mac_int8", "add_int8"):
            if e.variants and low_precision in e.profile.energy:
                found[e.profile.name, f"energy.{low_precision}"] = e.profile.energy[low_precision]
    for key in ("mac_fp32", "add_fp32", "mac_int8", "add_int8", "add_int32", "sram_8kib_64b", "sram_32kib_64b", "sram_1mib_64b"):
        if key in arithmetic.energy:
            found[arithmetic.name, f"energy.{key}"] = arithmetic.energy[key]
    return [{"profile": profile, "name": key, **constant.model_dump(mode="json")} for (profile, key), constant in found.items()]
