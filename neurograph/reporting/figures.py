"""What a report's pictures show, as plain lists of exact integers: raster, histogram of spikes, core maps with their traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.export.placement.loads import link_loads
from neurograph.export.placement.place import Placement
from neurograph.network import Network
from neurograph.sim.recording import Recording

__all__ = ["figures_of"]

Array = NDArray[Any]
RASTER_NEURONS = 120  # rows that can still be told apart on a page
RASTER_TICKS = 100
RASTER_CELLS = 4000  # neurons × ticks: a longer raster has fewer rows
MAP_CORES = 1000  # past it a map adds up the cores of a tile
MAP_LINKS = 200


def figures_of(network: Network, recording: Recording, placements: Mapping[str, Placement]) -> dict[str, Any]:
    """Data of the pictures of one recorded run.

    Args:
        network: that was run.
        recording: spikes of its populations; those that it does not hold are left out.
        placements: profile's name → placement with the traffic of this recording.

    Returns:
        ``raster``: of sample 0; by population ``size``, the flat numbers of the ``neurons`` drawn, evenly spread over it, and ``events``
        as (tick, row) with row counted in ``neurons``. ``rates``: by population, ``neurons[k]`` says how many neurons spiked k times in an
        inference, k = 0 … T, added up over the samples. ``core_maps``: one a distinct placement.
    """
    distinct: dict[int, tuple[Placement, list[str]]] = {}
    for name, placement in placements.items():
        distinct.setdefault(id(placement), (placement, []))[1].append(name)
    return {
        "raster": _raster(network, recording),
        "rates": _rates(network, recording),
        "core_maps": [_core_map(placement, names, recording.samples) for placement, names in distinct.values()],
    }


def _raster(network: Network, recording: Recording) -> dict[str, Any]:
    held = [p for p in network.populations.values() if not p.is_static and p.name in recording.spikes]
    ticks = min(recording.ticks, RASTER_TICKS)
    budget = min(RASTER_NEURONS, max(1, RASTER_CELLS // max(1, ticks)))
    drawn = [held[i] for i in _spread(len(held), budget)]
    rows = _shares([p.size for p in drawn], budget)
    populations = []
    for population, count in zip(drawn, rows, strict=True):
        neurons = _spread(population.size, count)
        spikes = recording.spikes[population.name][0, :ticks].reshape(ticks, population.size)[:, neurons]
        tick, row = np.nonzero(spikes)
        events = np.stack([tick, row], axis=1).tolist()
        populations.append({"population": population.name, "size": population.size, "neurons": neurons, "events": events})
    return {"sample": 0, "ticks": recording.ticks, "ticks_drawn": ticks, "populations_in_all": len(held), "populations": populations}


def _spread(size: int, count: int) -> list[int]:
    """``count`` of 0 … size − 1 (all where there are fewer), evenly spread, each in the middle of its share."""
    count = min(size, count)
    return [(2 * i + 1) * size // (2 * count) for i in range(count)]


def _shares(sizes: list[int], budget: int) -> list[int]:
    """Rows of each population: as even as its size allows, ``budget`` in all."""
    shares, left = [0] * len(sizes), budget
    for done, i in enumerate(sorted(range(len(sizes)), key=lambda i: sizes[i])):
        shares[i] = min(sizes[i], max(1, left // (len(sizes) - done)))
        left -= shares[i]
    return shares


def _rates(network: Network, recording: Recording) -> dict[str, Any]:
    populations = {}
    for name, population in network.populations.items():
        if population.is_static or name not in recording.spikes:
            continue
        spikes = recording.spikes[name].reshape(recording.samples, recording.ticks, population.size)
        each = np.count_nonzero(spikes, axis=1)
        populations[name] = {"size": population.size, "neurons": np.bincount(each.ravel(), minlength=recording.ticks + 1).tolist()}
    return {"ticks": recording.ticks, "samples": recording.samples, "populations": populations}


def _core_map(placement: Placement, profiles: list[str], samples: int) -> dict[str, Any]:
    """Columns over cores, or over tiles where there are too many cores; messages are added up over the samples."""
    mesh = placement.mesh
    of, units = np.arange(placement.cores), "core"
    if placement.cores > MAP_CORES:
        units = "tile"
        _, of = np.unique(np.stack([mesh.y, mesh.x]), axis=1, return_inverse=True)
        of = np.asarray(of).reshape(-1)
    count = int(of.max()) + 1
    first = np.zeros(count, dtype=np.int64)
    first[of[::-1]] = np.arange(placement.cores)[::-1]
    names = [name for name, at in placement.core_of.items() if len(at)]
    held = np.stack([np.bincount(of[placement.core_of[name]], minlength=count) for name in names])
    columns = {
        "chip": mesh.chip[first],
        "x": mesh.x[first],
        "y": mesh.y[first],
        "slot": mesh.slot[first] if units == "core" else np.zeros(count, dtype=np.int64),
        "neurons": held.sum(axis=0),
        "population": held.argmax(axis=0),
    }
    if placement.traffic is not None:
        between = placement.traffic.between
        columns["messages_out"] = _summed(np.asarray(between.sum(axis=1)).ravel(), of, count)
        columns["messages_in"] = _summed(np.asarray(between.sum(axis=0)).ravel(), of, count)
        if placement.work is not None and placement.work.host_messages_in.any():
            columns["host_messages_in"] = _summed(placement.work.host_messages_in.sum(axis=(0, 1)), of, count)
    loads = link_loads(placement)
    strongest = sorted(loads.items(), key=lambda item: (-item[1], item[0]))[:MAP_LINKS]
    return {
        "profiles": profiles,
        "samples": samples,
        "units": units,
        "cores": placement.cores,
        "chips": placement.chips,
        "chips_across": mesh.chips_across,
        "tiles_across": mesh.tiles_across,
        "tiles_down": mesh.tiles_down,
        "cores_per_tile": placement.limits.cores_per_tile if units == "core" else 1,
        "populations": names,
        "columns": {name: [int(value) for value in values] for name, values in columns.items()},
        "links_in_all": len(loads),
        "links": [[*ends, sent] for ends, sent in strongest],
    }


def _summed(values: Array, of: Array, count: int) -> Array:
    found = np.zeros(count, dtype=np.int64)
    np.add.at(found, of, values.astype(np.int64))
    return found
