"""One inference that is several networks run one after the other (the windows of a dynamic model): their counts and traffic added up.

    counts of the inference = Σ over windows of the counts of the window        exact, by population and projection of the same name
    steps                   = Σ over windows of their steps alone               a window does not begin before the last one has drained

What is there at once is no sum: neurons are those of the whole graph, of which a window steps those that take part; synapses of a
projection are the most of any window, since the next window's take their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neurograph.core_work import CoreWork
from neurograph.errors import InputError
from neurograph.hw_profiles.counts import Counts, PopulationCounts, ProjectionCounts
from neurograph.hw_profiles.routing import Routing

__all__ = ["added_counts", "added_routing"]

Array = NDArray[Any]


def added_counts(windows: Sequence[Counts], shapes: Mapping[str, tuple[int, ...]], *, host_macs: Mapping[str, int]) -> Counts:
    """Counts of an inference out of those of its windows.

    Args:
        windows: of networks with the same populations and projections, in the order in which they are run.
        shapes: population → (N, …) of the whole graph.
        host_macs: multiply-adds of the host in all windows and between them, by name.

    Raises:
        InputError: no window, or windows of networks that differ in more than size.
    """
    if not windows:
        raise InputError("windows: none has a node that takes part, so nothing was counted; take more windows")
    first = windows[0]
    names = {(tuple(p.name for p in window.populations), tuple(p.name for p in window.projections)) for window in windows}
    if len(names) > 1 or any(window.samples != first.samples for window in windows):
        raise InputError("windows: differ in their populations, projections or samples; add up windows of one dynamic model")
    depths = [window.depth for window in windows]
    return Counts(
        samples=first.samples,
        ticks=sum(window.ticks for window in windows),
        depth=None if None in depths else max(depth for depth in depths if depth is not None),
        populations=tuple(
            _population([window.populations[at] for window in windows], shapes[p.name]) for at, p in enumerate(first.populations)
        ),
        projections=tuple(_projection([window.projections[at] for window in windows]) for at in range(len(first.projections))),
        messages_at_least=_sum([window.messages_at_least for window in windows]),
        host_macs=dict(host_macs),
        steps_per_tick=first.steps_per_tick,
        steps_streamed=sum(window.steps_alone for window in windows),
        windows=tuple(windows),
    )


def _population(parts: Sequence[PopulationCounts], shape: tuple[int, ...]) -> PopulationCounts:
    added: dict[str, Any] = {name: sum(getattr(part, name) for part in parts) for name in ("bias_writes", "state_resets")}
    arrays = ("spikes", "updates_active", "updates_inactive", "synaptic_events_in", "messages")
    added |= {name: _sum([getattr(part, name) for part in parts]) for name in arrays}
    return replace(parts[0], shape=shape, **added)


def _projection(parts: Sequence[ProjectionCounts]) -> ProjectionCounts:
    return replace(parts[0], synapses=max(part.synapses for part in parts), synaptic_events=_sum([part.synaptic_events for part in parts]))


def added_routing(windows: Sequence[Routing], neurons: Array) -> Routing:
    """Traffic and work of an inference out of those of its windows, which share one placement; cores, chips and rules are the first's.

    Args:
        windows: in the order in which they are run.
        neurons: that each core holds, (K,); a window steps those that take part in it.
    """
    first = windows[0]
    summed = ("messages", "inter_core", "hops_east_west", "hops_north_south", "crossings", "host_messages")
    added: dict[str, Any] = {name: _sum([getattr(window, name) for window in windows]) for name in summed}
    farthest = ("farthest_east_west", "farthest_north_south", "farthest_crossings")
    added |= {name: np.max([getattr(window, name) for window in windows], axis=0) for name in farthest}
    works = [window.work for window in windows]
    work = None
    if None not in works:
        known = cast("list[CoreWork]", works)
        steps = {f.name: np.concatenate([getattr(one, f.name) for one in known], axis=1) for f in fields(CoreWork) if f.name != "neurons"}
        work = CoreWork(neurons=neurons, **steps)
    return replace(first, work=work, windows=tuple(windows), **added)


def _sum(arrays: Sequence[Array]) -> Array:
    return cast(Array, np.sum(arrays, axis=0, dtype=np.int64))
