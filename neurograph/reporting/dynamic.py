"""The report of a bundle of a dynamic model: all its windows, one after the other, are one inference.

Every count is the exact sum over the windows (:mod:`neurograph.hw_profiles.sequence`); the windows share one placement
(:mod:`neurograph.export.placement.windows`). What the host does between them is counted and never priced, as nobody has published what it
costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from neurograph.errors import BundleError
from neurograph.export.bundle.windows import DynamicBundle
from neurograph.export.placement.windows import PlacedWindows, place_windows, sequence
from neurograph.hw_profiles import baselines
from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.report import build_counted
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile
from neurograph.hw_profiles.sequence import added_counts, added_routing
from neurograph.reporting.dynamic_host import HostParts, between_windows, host_parts, nonzeros_of, states_written, total_between
from neurograph.reporting.figures import figures_of
from neurograph.reporting.profiles import load_profiles
from neurograph.reporting.routing import on_each_chip
from neurograph.sim.windows import WindowRun, run_windows
from neurograph.windows import DynamicNetwork

__all__ = ["counts_of", "placements_of", "report_of_dynamic", "routing_of", "runs_of"]


def report_of_dynamic(bundle: DynamicBundle, profiles: Sequence[str]) -> dict[str, Any]:
    """The report of a dynamic bundle's own sample, run in the fixed engine.

    The keys are those of the report of one network; ``windows_of_model`` has the counts of each window beside them, and
    ``between_windows`` what the host does between them in all. Synapses are the most of any window.

    Args:
        bundle: as :func:`neurograph.export.bundle.windows.open_dynamic` gives it.
        profiles: names, or paths of TOML files.

    Raises:
        ProfileError: a profile that cannot be used. InputError: two of one name. BundleError: the bundle holds no sample.
    """
    loaded = load_profiles(profiles)
    dynamic = bundle.quantized
    _check_sample(bundle)
    runs = runs_of(dynamic)
    host = host_parts(bundle)
    counts = counts_of(dynamic, runs, host)
    placed, refused = placements_of(dynamic, runs, loaded)
    between = between_windows(dynamic, runs)
    origin, labels = bundle.manifest["origin"], bundle.labels
    info = {
        "target": bundle.manifest["target"],
        **{key: origin[key] for key in ("model", "dataset", "seed") if key in origin},
        "windows": f"{len(runs)}, of which {len(counts.windows)} run; all of them are one inference",
    }
    report = build_counted(
        counts,
        engine="fixed",
        profiles=loaded,
        bundle_name=bundle.path.resolve().name,
        accuracy=None if labels is None else labels.accuracy(dynamic, [run.recording for run in runs]),
        baselines=_rivals(bundle),
        model_info=info,
        routing={name: routing_of(one, name) for name, one in placed.items()},
        routing_refused=refused,
        figures=figures_of(*sequence(dynamic, runs), {name: one.placement for name, one in placed.items()}),
        not_included=_not_included(total_between(between), host),
    )
    report["windows_of_model"] = _by_window(dynamic, runs, counts, between)
    report["between_windows"] = total_between(between)
    report["labels"] |= {"windows_of_model": "counted", "between_windows": "counted"}
    return report


def runs_of(dynamic: DynamicNetwork) -> list[WindowRun]:
    """All windows in the fixed engine; of voltages only those that go on are kept."""
    return [
        run if run.recording is None else replace(run, recording=replace(run.recording, voltages={}, currents={}))
        for run in run_windows(dynamic, "fixed")
    ]


def counts_of(dynamic: DynamicNetwork, runs: Sequence[WindowRun], host: HostParts) -> Counts:
    """Exact counts of all windows as one inference. States are set as :func:`states_written` says."""
    windows = [count(run.network, run.recording, host_macs={}) for run in runs if run.network is not None and run.recording is not None]
    carried = states_written(dynamic)
    if carried is not None:
        windows = [_with_states(window, {} if at else carried) for at, window in enumerate(windows)]
    shapes = {p.name: (dynamic.nodes, *p.shape[1:]) for p in dynamic.network.populations.values()}
    return added_counts(windows, shapes, host_macs=host.macs)


def _with_states(counts: Counts, written: Mapping[str, int]) -> Counts:
    return replace(counts, populations=tuple(replace(p, state_resets=written.get(p.name, 0)) for p in counts.populations))


def placements_of(
    dynamic: DynamicNetwork, runs: Sequence[WindowRun], profiles: Sequence[Profile]
) -> tuple[dict[str, PlacedWindows], dict[str, str]]:
    """The run on the chip of each profile of level "chip events", placed once for profiles with the same limits.

    Returns:
        profile's name → all windows on one placement, and profile's name → why they have none on it.
    """
    return on_each_chip(profiles, lambda profile, limits: place_windows(dynamic, runs, limits))


def routing_of(placed: PlacedWindows, target: str) -> Routing:
    """A placement of windows as energy and time need it."""
    placement, usage = placed.placement, placed.placement.usage
    notes = (
        "all windows share one placement, made of the union of their synapses; what a core holds is the most that it holds in any window",
        *placement.notes,
    )
    windows = [
        Routing(
            target=target,
            cores=placement.cores,
            chips=placement.chips,
            binding_rule=placement.binding.rule,
            rules=tuple({**vars(rule), "share": rule.share} for rule in placement.rules),
            memory_bits_stored=int(usage.synaptic_bits.sum()),
            memory_bits_without_sharing=int(usage.expanded_bits.sum()),
            work=window.work,
            method=placement.method,
            notes=notes,
            **{name: values for name, values in vars(window.traffic).items() if name != "between"},
        )
        for window in placed.windows
    ]
    return added_routing(windows, usage.neurons)


def _check_sample(bundle: DynamicBundle) -> None:
    for at, window in enumerate(bundle.quantized.windows):
        for source in () if window.network is None else window.network.sources:
            if source.name not in window.inputs:
                raise BundleError(
                    f"bundle {bundle.path}: window {at} holds no input of {source.name!r}, so there is no run to count; "
                    f"'neurograph export MODEL.pt --target {bundle.manifest['target']} -o {bundle.path}' writes the model's own snapshots "
                    "into it"
                )


def _rivals(bundle: DynamicBundle) -> list[baselines.Baseline]:
    """GRU-GCN, and a dense graph transformer on each snapshot, of the same width on the same nodes; none where the features are unknown."""
    config = bundle.manifest["origin"].get("config")
    if config is None:
        return []
    sizes = {key: config[key] for key in ("in_features", "width", "classes")}
    there = [(len(window.nodes), nonzeros_of(window.network)) for window in bundle.network.windows if window.network is not None]
    own, last = config.get("own", True), config.get("last", False)
    gcn = baselines.gru_gcn(there, nodes=bundle.network.nodes, layers=config["layers"], own=own, last=last, **sizes)
    transformers = [baselines.graph_transformer(nodes=nodes, **sizes) for nodes, _ in there]
    note = f"1 layer of width {config['width']} on the nodes of each of {len(there)} snapshots, no feed-forward part"
    return [baselines.in_turn(transformers, "dense graph transformer", note), gcn]


def _not_included(between: dict[str, int], host: HostParts) -> dict[str, str]:
    written, removed, changed = (f"{between[f'synapses_{what}']:,}" for what in ("written", "removed", "changed"))
    said = (
        f"the host writes {written} synapses and removes {removed} ({changed} differ from what was there), sets "
        f"{between['currents_written']:,} currents and stops or lets go {between['neurons_switched']:,} neurons: counted, not priced, and "
        "in no time; no chip has a published energy for it"
    )
    return {"between windows": said, **({"host": host.missing} if host.missing else {})}


def _by_window(dynamic: DynamicNetwork, runs: Sequence[WindowRun], counts: Counts, between: Sequence[dict[str, int]]) -> list[Any]:
    """Counts of each window, integers; of one in which nobody takes part the host's alone."""
    found, counted = [], iter(counts.windows)
    for window, run, host in zip(dynamic.windows, runs, between, strict=True):
        own: dict[str, int] = dict.fromkeys(_OF_A_WINDOW, 0) if run.network is None else _of_a_window(next(counted))
        found.append({"window": run.at, "nodes": len(window.nodes), **own, **host})
    return found


_OF_A_WINDOW = (
    "ticks",
    "steps",
    "synapses",
    "synaptic_events",
    "graded_events",
    "neuron_updates",
    "neuron_updates_active",
    "spikes",
    "messages",
    "state_resets",
)


def _of_a_window(counts: Counts) -> dict[str, int]:
    values = (
        counts.ticks,
        counts.steps_alone,
        counts.synapses,
        counts.synaptic_events.sum(),
        counts.graded_events.sum(),
        counts.neuron_updates.sum(),
        counts.updates_active.sum(),
        counts.spikes.sum(),
        counts.messages.sum(),
        counts.state_resets,
    )
    return {name: int(value) for name, value in zip(_OF_A_WINDOW, values, strict=True)}
