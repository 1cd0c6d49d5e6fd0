"""Work of a recorded run over a placement, core by core and step by step: what a step that ends in a barrier waits for.

    synaptic events(k, s) = Σ over spikes sent in step s of the nonzero weights that they meet in core k
    step of tick t of a population = depth − 1 + k·t          one inference alone, k machine steps a tick

A spike counts in the step that sends it, as in :mod:`neurograph.hw_profiles.counts`: sums over cores and steps are the counts there. Spikes
outside the window of T ticks are in no recording. Where delays are not aligned there are no depths and every window starts at step 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

import numpy as np

from neurograph.core_work import CoreWork
from neurograph.errors import InputError
from neurograph.export.placement.grids import Array, Link, links, placed
from neurograph.export.placement.usage import Usage
from neurograph.network import Network
from neurograph.sim.recording import Recording
from neurograph.weights import Dense

__all__ = ["count_work"]


def count_work(network: Network, usage: Usage, core_of: Mapping[str, Array], recording: Recording) -> CoreWork:
    """Count a recording.

    Args:
        network: that is placed; its recording holds every population but static sources.
        usage: of the placement, for its routes.
        core_of: population → core of each neuron, (size,). Sources have none.

    Raises:
        InputError: the recording misses a population, or has another shape.
    """
    first, ticks, cores = _first_steps(network), network.ticks, usage.cores
    k = network.steps_per_tick
    shape = (recording.samples, k * (ticks - 1) + max(first.values()) + 1, cores)
    found = {field.name: np.zeros(shape, dtype=np.int64) for field in fields(CoreWork) if field.name != "neurons"}
    spikes = {name: _spikes(network, recording, name) for name in first}
    active = {p.name: spikes[p.name].copy() for p in placed(network)}
    for link in links(network):
        source, target, lag = link.projection.source, link.projection.target, link.projection.lag
        stored = "synaptic_events_dense" if isinstance(link.projection.weights, Dense) else "synaptic_events_sparse"
        events = found["graded_events" if network.populations[source].is_graded else stored]
        for sample, tick, arrived in _arrivals(link, spikes[source]):
            events[sample, first[source] + k * tick] += _by_core(core_of[target], arrived, cores)
            if tick + lag < ticks:
                active[target][sample, tick + lag] |= arrived > 0
    for name, at in core_of.items():
        for sample, tick in np.ndindex(recording.samples, ticks):
            found["neuron_spikes"][sample, first[name] + k * tick] += _by_core(at, spikes[name][sample, tick], cores)
            found["updates_active"][sample, first[name] + k * tick] += _by_core(at, active[name][sample, tick], cores)
    for route in usage.routes:
        pattern, start = (route.cores > 0).astype(np.int64), first[route.population]
        sent = spikes[route.population].reshape(recording.samples, ticks, *route.grid)[..., route.features]
        inside = route.population in core_of
        for sample, tick in np.ndindex(recording.samples, ticks):
            now = sent[sample, tick]
            taken = np.asarray(now.sum(axis=1, dtype=np.int64) @ pattern)
            found["messages_in" if inside else "host_messages_in"][sample, start + k * tick] += taken
            if inside:
                at = core_of[route.population].reshape(route.grid)[:, route.features]
                reached = now * np.diff(pattern.indptr)[:, None]
                found["messages_out"][sample, start + k * tick] += _by_core(at, reached, cores)
    return CoreWork(neurons=usage.neurons.astype(np.int64), **found)


def _arrivals(link: Link, spikes: Array) -> Iterator[tuple[int, int, Array]]:
    """Sample, tick of sending, and how many spikes each target neuron gets of it, (size,)."""
    right = link.right.T.astype(np.float32)  # sums stay far below 2**24
    for sample, tick in np.ndindex(*spikes.shape[:2]):
        now = spikes[sample, tick].reshape(link.source_grid)
        if now.any():
            yield sample, tick, np.rint(link.left @ (now.astype(np.float32) @ right)).astype(np.int64).ravel()


def _by_core(at: Array, counts: Array, cores: int) -> Array:
    return np.bincount(at.ravel(), weights=counts.ravel(), minlength=cores).astype(np.int64)


def _first_steps(network: Network) -> dict[str, int]:
    """Machine step of tick 0 of every population that is recorded."""
    recorded = [p for p in network.populations.values() if not p.is_static]
    known = all(p.depth is not None for p in recorded)
    return {p.name: (p.depth or 1) - 1 if known else 0 for p in recorded}


def _spikes(network: Network, recording: Recording, name: str) -> Array:
    population = network.populations[name]
    spikes, expected = recording.spikes.get(name), (recording.samples, network.ticks, *population.shape)
    if spikes is None or spikes.shape != expected:
        got = "is not in it" if spikes is None else f"has shape {spikes.shape}"
        raise InputError(
            f"recording: population {name!r} {got}, the network needs {expected} (samples, ticks, *shape); "
            "record the network that is placed"
        )
    return np.asarray(spikes).reshape(recording.samples, network.ticks, population.size) != 0
