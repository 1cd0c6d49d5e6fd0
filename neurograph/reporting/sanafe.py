"""SANA-FE beside us: the same placed network with the same constants, count by count, joule by joule, second by second.

SANA-FE replays the recorded spikes of one sample on the placement's mesh, in a child process: it is GPL-3 and never imported. Where it
differs, a line says why, and ``same_events`` is our figure on SANA-FE's own events, which has to be SANA-FE's figure:

    neuron updates   a replayed neuron is updated where it fires; ours are active where a spike comes in as well
    chip crossings   SANA-FE knows one mesh: a step to another chip is a hop, and priced as one; ours is counted and not priced
    synapses         of one kind, priced as sparse ones
    time of a step   SANA-FE lets hops take no time in its simple model and updates a replayed neuron where it fires; ours waits for the
                     farthest message, and every active update takes its time

Source: Boyle 2025, IEEE TCAD 44(8), doi 10.1109/TCAD.2025.3537971.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import PlacementError, ProfileError, UnsupportedError
from neurograph.export import placement as placing
from neurograph.export.placement import Placement, evaluate
from neurograph.export.placement.files import to_json
from neurograph.export.targets import sanafe as target
from neurograph.hw_profiles.counts import Counts, count
from neurograph.hw_profiles.energy import Estimate, estimate
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile, load, placement_limits
from neurograph.network import Network
from neurograph.reporting.routing import own_or_new
from neurograph.reporting.sanafe_child import TIME_LIMIT_S, replay, sanafe_python
from neurograph.sim import fixed
from neurograph.sim.recording import Recording

__all__ = ["PROFILE", "WITHIN", "Line", "crosscheck", "crosscheck_of", "refuse"]

PROFILE = "loihi1-sanafe"
WITHIN = 0.05  # of the energy on the same events

_PRICED = ("synaptic_event_sparse", "synaptic_event_dense", "neuron_access", "neuron_activation", "spike", "message")
_NEEDED = {
    "energy": (*_PRICED, "hop_east_west", "hop_north_south"),
    "time": (*_PRICED, "message_in", "barrier"),
}

_UPDATES = "SANA-FE updates a replayed neuron where it fires; ours is active where a spike comes in as well"
_CROSSINGS = "a step to another chip is a hop on SANA-FE's one mesh; ours is a crossing, counted apart and not priced"
_DENSE = "SANA-FE's synapses are of one kind here, priced as sparse; this profile has a price for dense ones"
_TIMES = (
    "in SANA-FE's simple model hops take no time and a replayed neuron is updated where it fires; ours waits for the farthest message, and "
    "every active update takes its time"
)
_DETAILED = "as in its simple model, and messages that block each other on the mesh, which only its detailed model knows"


@dataclass(frozen=True)
class Line:
    """One figure of one inference alone.

    Args:
        name, unit: of the figure; "1" is a count.
        ours: as the report has it. theirs: SANA-FE's.
        same_events: ours on SANA-FE's events; None where there is no such figure, as for its detailed timing.
        reasons: why ours and theirs differ; none where they are equal.
    """

    name: str
    unit: str
    ours: float
    theirs: float
    same_events: float | None
    reasons: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours over theirs; None over 0."""
        return self.ours / self.theirs if self.theirs else (1.0 if self.ours == self.theirs else None)

    @property
    def agrees(self) -> bool | None:
        """Whether the same events give the same figure; None where that is not known."""
        return None if self.same_events is None else _equal(self.same_events, self.theirs)


def crosscheck(
    placement: Placement, recording: Recording, profile: Profile, interpreter: Path | None = None, *, time_limit_s: float = TIME_LIMIT_S
) -> dict[str, Any]:
    """Every count, energy and time of the recording's first sample, ours and SANA-FE's.

    Args:
        placement: of the network that was recorded, on the profile's limits or on smaller ones.
        interpreter: with SANA-FE; None looks for one (:func:`neurograph.reporting.sanafe_child.sanafe_python`).
        time_limit_s: for each of SANA-FE's two runs.

    Returns:
        ``engine``, ``version``, ``profile``, ``sample``, ``cores``, ``chips``, ``lines`` (:class:`Line`, with ``ratio`` and ``agrees``),
        ``step_time_s`` by SANA-FE's simple model, ``ratio_as_reported`` and ``ratio_same_events`` of the total energy,
        ``within_5_percent`` on the same events, ``explained``: all lines agree that can.

    Raises:
        InputError: no SANA-FE, or one that fails. UnsupportedError, ProfileError: see :func:`refuse`; a run past its time limit.
    """
    refuse(placement.network, profile)
    python, version = sanafe_python(interpreter)
    first = Recording(recording.engine, recording.ticks, {name: spikes[:1] for name, spikes in recording.spikes.items()})
    placed = evaluate(placement.network, placement.limits, placement.core_of, placement.mesh, recording=first)
    simple, detailed = replay(placed, first, profile, python, time_limit_s)
    lines, steps = _lines(placed, first, profile, simple, detailed)
    total = next(line for line in lines if line.name == "energy: total")
    assert total.same_events is not None
    same = total.same_events / total.theirs if total.theirs else float(total.same_events == total.theirs)
    return {
        "engine": "SANA-FE",
        "version": version,
        "profile": profile.name,
        "label": "modelled",
        "sample": 0,
        "cores": placed.cores,
        "chips": placed.chips,
        "lines": [{**asdict(line), "ratio": line.ratio, "agrees": line.agrees} for line in lines],
        "step_time_s": {"same_events": steps, "theirs": [float(step) for step in simple["step_time_s"]]},
        "ratio_as_reported": total.ratio,
        "ratio_same_events": same,
        "within_5_percent": abs(same - 1) <= WITHIN,
        "explained": all(line.agrees is not False for line in lines),
    }


def crosscheck_of(bundle: Any, *, recording: Recording | None = None, placement: Placement | None = None) -> dict[str, Any]:
    """The cross-check of a bundle; where the network is not for SANA-FE, ``refused`` says why in place of figures.

    Args:
        bundle: as :func:`neurograph.export.bundle.open_bundle` gives it.
        recording: of its integer network; None runs the bundle's own sample.
        placement: of its integer network on loihi1-sanafe; None takes the bundle's own if it is one, else places it now.

    Raises:
        InputError: no SANA-FE, or one that fails.
    """
    profile = load(PROFILE)
    python, _ = sanafe_python()  # first: a missing program is the user's to mend, a network that does not suit is the report's to say
    try:
        refuse(bundle.quantized, profile)
        run = recording or fixed.run(bundle.quantized, bundle.inputs)
        if placement is None:
            placement = own_or_new(bundle, run, profile, placing.Limits.of(profile.name, placement_limits(profile)))
        return crosscheck(placement, run, profile, python)
    except (UnsupportedError, PlacementError) as error:
        return {"engine": "SANA-FE", "profile": profile.name, "refused": str(error)}


def refuse(network: Network, profile: Profile) -> None:
    """Refuse what SANA-FE cannot hold, or would count as something else.

    Raises:
        UnsupportedError: inputs that spike, graded spikes, too many synapses. ProfileError: a profile without SANA-FE's constants.
    """
    lacking = [f"{section}.{key}" for section, keys in _NEEDED.items() for key in keys if key not in getattr(profile, section)]
    if lacking:
        raise ProfileError(f"profile {profile.name}: has no {', '.join(lacking)}, which SANA-FE charges; cross-check {PROFILE}")
    spiking = [f"source {p.name!r}: inputs that spike, which are neurons to it" for p in network.sources if not p.is_static]
    if spiking:
        raise UnsupportedError("SANA-FE", spiking, "compare a network of static inputs")
    target.check(network)


def _lines(
    placement: Placement, recording: Recording, profile: Profile, simple: dict[str, Any], detailed: dict[str, Any]
) -> tuple[list[Line], list[float]]:
    """The table, and the seconds of every step by SANA-FE's simple model on our counts."""
    counts = count(placement.network, recording, host_macs={})
    routing = Routing.from_json(to_json(placement))
    ours = estimate(counts, profile, routing)
    steps = _step_times(routing, profile)
    lines = [*_counted(counts, routing, simple), *_joules(ours, counts, placement, profile, simple)]
    return [*lines, *_times(ours, steps, simple, detailed)], [float(step) for step in steps]


def _counted(counts: Counts, routing: Routing, simple: dict[str, Any]) -> list[Line]:
    theirs = simple["sanafe"]
    hops, crossings = int((routing.hops_east_west + routing.hops_north_south)[0]), int(routing.crossings[0])
    spikes = int(counts.neuron_spikes[0])
    return [
        _line("machine steps", "1", counts.steps_alone, theirs["steps"]),
        _line("spikes", "1", spikes, theirs["spikes"]),
        _line("messages", "1", int(routing.messages[0]), theirs["messages"]),
        _line("synaptic events", "1", int(counts.synaptic_events[0]), theirs["synaptic_events"]),
        _line("hops", "1", hops, theirs["hops"], hops + crossings, _CROSSINGS),
        _line("neuron updates, active", "1", int(counts.updates_active[0]), simple["neurons_updated"], spikes, _UPDATES),
    ]


def _joules(ours: Estimate, counts: Counts, placement: Placement, profile: Profile, simple: dict[str, Any]) -> list[Line]:
    joules = {term.constant.removeprefix("energy."): term.energy_j.value for part in ours.components for term in part.terms}
    theirs = simple["energy_j"]
    synapse = joules.get("synaptic_event_sparse", 0.0) + joules.get("synaptic_event_dense", 0.0)
    soma = sum(joules[key] for key in ("neuron_access", "neuron_activation", "spike"))
    network = sum(joules[key] for key in ("message", "hop_east_west", "hop_north_south"))
    price = {key: constant.si[0] for key, constant in profile.energy.items()}
    updates = price["neuron_activation"] * int(counts.updates_active[0] - counts.neuron_spikes[0])
    dense = (price["synaptic_event_dense"] - price["synaptic_event_sparse"]) * int(counts.synaptic_events_stored("dense")[0])
    crossings = _crossings_as_hops(placement, profile)
    differ = [why for amount, why in ((dense, _DENSE), (updates, _UPDATES), (crossings, _CROSSINGS)) if amount]
    total = synapse + soma + network  # SANA-FE knows no static power and no energy of a barrier, and the host is in neither
    return [
        _line("energy: synapse", "J", synapse, theirs["synapse"], synapse - dense, _DENSE),
        _line("energy: soma", "J", soma, theirs["soma"], soma - updates, _UPDATES),
        _line("energy: network", "J", network, theirs["network"], network + crossings, _CROSSINGS),
        _line("energy: total", "J", total, theirs["total"], total - dense - updates + crossings, *differ),
    ]


def _times(ours: Estimate, steps: NDArray[Any], simple: dict[str, Any], detailed: dict[str, Any]) -> list[Line]:
    assert ours.latency_s is not None
    seconds = ours.latency_s.value
    return [
        _line("time: simple model", "s", seconds, simple["time_s"], float(steps.sum()), _TIMES),
        Line("time: detailed model", "s", seconds, detailed["time_s"], None, (_DETAILED,)),
    ]


def _line(name: str, unit: str, ours: float, theirs: float, same_events: float | None = None, *reasons: str) -> Line:
    """A line with its reasons where it needs them: a difference that they do not explain is named as such."""
    same = ours if same_events is None else same_events
    if _equal(ours, theirs):
        return Line(name, unit, ours, theirs, same)
    if not _equal(same, theirs):
        reasons = (f"not explained: {same:.6g} is expected of SANA-FE, which gives {theirs:.6g}", *reasons)
    return Line(name, unit, ours, theirs, same, reasons)


def _equal(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def _crossings_as_hops(placement: Placement, profile: Profile) -> float:
    """Joules of the steps between chips if they were hops of their direction."""
    assert placement.traffic is not None
    entries = placement.traffic.between.tocoo()
    across, down = placement.mesh.crossings(entries.row, entries.col)
    east_west, north_south = (profile.energy[key].si[0] for key in ("hop_east_west", "hop_north_south"))
    return float(entries.data @ across * east_west + entries.data @ down * north_south)


def _step_times(routing: Routing, profile: Profile) -> NDArray[Any]:
    """SANA-FE's simple model on our counts, step by step: the busiest sender or the busiest receiver, whichever takes longer.

    Raises:
        UnsupportedError: the placement is too large to know what each core does in each step.
    """
    work, time = routing.work, {key: constant.si[0] for key, constant in profile.time.items()}
    if work is None:
        raise UnsupportedError(
            "the cross-check with SANA-FE", [f"{routing.cores:,} cores, too many to count by step"], "export a smaller graph"
        )
    update = time["neuron_activation"] + time["spike"]
    sending = time["neuron_access"] * work.neurons + update * work.neuron_spikes + time["message"] * work.messages_out
    events = work.synaptic_events_dense + work.synaptic_events_sparse
    receiving = time["message_in"] * work.messages_in + time["synaptic_event_sparse"] * events
    steps: NDArray[Any] = np.maximum(sending[0].max(axis=1), receiving[0].max(axis=1)) + time["barrier"]
    return steps
