"""placement.json: where every neuron lies, readable by anybody.

    {"format": "neurograph.placement", "version": 1, "target", "method", "seed", "limits": {…}, "cores": K, "chips": n,
     "mesh": {"chips_across", "tiles_across", "tiles_down"}, "binding_rule": name,
     "rules": [{"rule", "used", "limit", "unit", "share", "where", "mean"}], "memory_bits": {"stored", "without_sharing"},
     "traffic": {"messages": [a sample], …} or null, "populations": {name: [nodes, features]}, "notes": […],
     "work": {"neurons": [a core], "synaptic_events_dense": [sample][step][core], …} or null,
     "core_map": [{"chip", "tile", "slot", "used": {rule: n}, "slices": [{"population", "nodes": [[from, to), …], "features": […]}]}]}

A slice holds every node with every feature; ranges leave out their end.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from neurograph.errors import BundleError, PlacementError
from neurograph.export.placement.grids import Array, grid, placed
from neurograph.export.placement.limits import Limits
from neurograph.export.placement.mesh import Mesh
from neurograph.export.placement.place import Placement, evaluate
from neurograph.export.placement.rules import CORE_RULES, Utilisation
from neurograph.files import write_file
from neurograph.network import Network
from neurograph.plain_text import line_of, misfit, read_json
from neurograph.settings_fields import check_fields
from neurograph.sim.recording import Recording

__all__ = ["FORMAT", "VERSION", "load", "save", "summary", "to_json"]

FORMAT, VERSION = "neurograph.placement", 1
MOST_BYTES = 512 << 20
MOST_CORES = 1 << 20
_MOST_TILES = 1 << 24
_RUNS = [[int]]
_KIND = {
    "format": str,
    "version": int,
    "method": str,
    "seed": int,
    "limits": {"*": (int, float, str, bool, None)},
    "mesh": {"*": int},
    "populations": {"*": [int]},
    "core_map": [{"chip": int, "tile": int, "slot": int, "slices": [{"population": str, "nodes": _RUNS, "features": _RUNS}]}],
}
_AGAIN = "place the network again with 'neurograph place'"


def save(placement: Placement, path: Path) -> None:
    """Write ``placement.json``, whole or not at all.

    Raises:
        BundleError: the file cannot be written.
    """
    write_file(path, (json.dumps(to_json(placement)) + "\n").encode(), "placement", BundleError)


def load(path: Path, network: Network, *, recording: Recording | None = None) -> Placement:
    """Read a placement of ``network``, count and check it anew.

    Raises:
        PlacementError: no such file, another version, damaged, of another network, or a rule is broken.
    """
    try:
        content = read_json(path, MOST_BYTES)
        problem = misfit(content, _KIND)
        if problem:
            raise ValueError(problem)
        if content["format"] != FORMAT or content["version"] != VERSION:
            there = f"{content['format'][:60]!r} version {content['version']}"
            raise PlacementError(f"placement {path}: is {there}, this neurograph reads {FORMAT} version {VERSION}; {_AGAIN}")
        limits = Limits(**content["limits"])
        check_fields(limits, "limits")
        cores = content["core_map"]
        if not 1 <= len(cores) <= MOST_CORES or not all(0 <= core[key] < MOST_CORES for core in cores for key in ("chip", "tile", "slot")):
            raise ValueError(f"{len(cores)} cores, or one at a place beyond {MOST_CORES:,}")
        tiles = [*content["mesh"].values(), 1 + max(core["chip"] for core in cores)]
        if not all(0 < size <= _MOST_TILES for size in tiles) or math.prod(tiles) > _MOST_TILES:
            raise ValueError(f"mesh {content['mesh']} of {tiles[-1]} chips, at most {_MOST_TILES:,} tiles")
        chip, tile, slot = (np.array([core[key] for core in cores], dtype=np.int64) for key in ("chip", "tile", "slot"))
        mesh = Mesh(chip, tile, slot, **content["mesh"])
        _check_populations(content["populations"], network, path)
        core_of = _cores(network, cores, path)
        method, seed = str(content["method"]), int(content["seed"])
    except OSError as error:
        raise PlacementError(f"placement {path}: cannot be read ({error.strerror or error}); {_AGAIN}") from None
    except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise PlacementError(f"placement {path}: is damaged ({type(error).__name__}: {line_of(error)}); {_AGAIN}") from None
    try:
        return evaluate(network, limits, core_of, mesh, recording=recording, method=method, seed=seed)
    except PlacementError as error:
        raise PlacementError(f"placement {path}: {error}") from None


def summary(placement: Placement) -> dict[str, Any]:
    """What ``placement.json`` holds besides the core map: for a manifest, a report or ``--json``."""
    return {
        "target": placement.limits.target,
        "method": placement.method,
        "seed": placement.seed,
        "cores": placement.cores,
        "chips": placement.chips,
        "binding_rule": placement.binding.rule,
        "rules": [_rule(rule) for rule in placement.rules],
        "memory_bits": {"stored": int(placement.usage.synaptic_bits.sum()), "without_sharing": int(placement.usage.expanded_bits.sum())},
        "traffic": _traffic(placement),
        "notes": list(placement.notes),
    }


def to_json(placement: Placement) -> dict[str, Any]:
    """The content of ``placement.json``."""
    mesh, usage = placement.mesh, placement.usage
    used = {rule.__name__: rule(usage, placement.limits)[0] for rule in CORE_RULES}
    core_map: list[dict[str, Any]] = [
        {
            "chip": int(mesh.chip[core]),
            "tile": int(mesh.tile[core]),
            "slot": int(mesh.slot[core]),
            "used": {name: int(values[core]) for name, values in used.items()},
            "slices": [],
        }
        for core in range(placement.cores)
    ]
    for core, part in placement.slices():
        core_map[core]["slices"].append({"population": part.population, "nodes": _ranges(part.nodes), "features": _ranges(part.features)})
    return {
        "format": FORMAT,
        "version": VERSION,
        **summary(placement),
        "limits": asdict(placement.limits),
        "mesh": {"chips_across": mesh.chips_across, "tiles_across": mesh.tiles_across, "tiles_down": mesh.tiles_down},
        "populations": {p.name: list(grid(p)) for p in placed(placement.network)},
        "work": None if placement.work is None else {key: values.tolist() for key, values in vars(placement.work).items()},
        "core_map": core_map,
    }


def _rule(rule: Utilisation) -> dict[str, Any]:
    return {**asdict(rule), "share": rule.share}


def _traffic(placement: Placement) -> dict[str, list[int]] | None:
    traffic = placement.traffic
    if traffic is None:
        return None
    return {field.name: getattr(traffic, field.name).tolist() for field in fields(traffic) if field.name != "between"}


def _ranges(numbers: Array) -> list[list[int]]:
    numbers = np.sort(numbers)
    cut = np.flatnonzero(np.diff(numbers) != 1) + 1
    return [[int(run[0]), int(run[-1]) + 1] for run in np.split(numbers, cut)]


def _check_populations(there: dict[str, list[int]], network: Network, path: Path) -> None:
    """See that a placement is of this network: the same populations, of the same nodes and features.

    Raises:
        PlacementError: the first that differs.
    """
    here = {p.name: list(grid(p)) for p in placed(network)}
    for name in sorted({*there, *here}, key=lambda name: (name not in here, name)):
        if there.get(name) != here.get(name):
            shapes = (f"of shape {tuple(of[name])} {at}" if name in of else f"not {at}" for of, at in ((there, "there"), (here, "here")))
            raise PlacementError(
                f"placement {path}: is of another network (population {name!r} {', '.join(shapes)}); place this bundle with "
                "'neurograph place'"
            )


def _cores(network: Network, core_map: list[dict[str, Any]], path: Path) -> dict[str, Array]:
    found = {p.name: np.full(grid(p), -1, dtype=np.int64) for p in placed(network)}
    for core, entry in enumerate(core_map):
        for part in entry["slices"]:
            if part["population"] not in found:
                raise PlacementError(f"placement {path}: population {part['population']!r} is not in the network; {_AGAIN}")
            table = found[part["population"]]
            nodes, features = (_numbers(part[key], size) for key, size in zip(("nodes", "features"), table.shape, strict=True))
            block = np.ix_(nodes, features)
            if (table[block] >= 0).any():
                raise PlacementError(f"placement {path}: neurons of population {part['population']!r} lie on two cores; {_AGAIN}")
            table[block] = core
    return {name: table.ravel() for name, table in found.items()}


def _numbers(runs: list[list[int]], size: int) -> Array:
    """The numbers of ranges ``[from, to)`` below ``size``, which rise.

    Raises:
        ValueError: others.
    """
    last = 0
    for run in runs:
        if len(run) != 2 or not last <= run[0] < run[1] <= size:
            raise ValueError(f"ranges {str(runs)[:60]} of {size}")
        last = run[1]
    return np.concatenate([np.arange(*run) for run in runs]) if runs else np.zeros(0, np.int64)
