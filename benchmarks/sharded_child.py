"""The processes of benchmarks/sharded.py: ``sharded_child.py FOLDER SETTINGS``; each rank writes found.RANK.json into the folder."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurograph.sim.compiled.engine import Simulator
from neurograph.sim.recording import Recording
from neurograph.sim.sharded.run import run_part
from neurograph.sim.sharded.stored import read_part
from neurograph.sim.sharded.world import opened_world
from neurograph.storage import load_network, save_network

SMALL = 1000  # nodes that the model is compiled on


def make(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The network on its graph, its input, and METIS' owners."""
    from scale_network import lively_checkpoint, random_edges, random_features

    from neurograph.export.bundle import write_bundle
    from neurograph.export.carried_integers import carry_integers
    from neurograph.export.compile import compile_checkpoint
    from neurograph.export.other_graph import on_graph
    from neurograph.export.run_onnx import run_onnx
    from neurograph.export.targets import TARGETS
    from neurograph.nn import gcn_norm
    from neurograph.sim.sharded.assignment import by_graph

    nodes, degree, seed = settings["nodes"], settings["degree"], settings["seed"]
    checkpoint = lively_checkpoint(SMALL, degree, settings["width"], seed)
    compiled = compile_checkpoint(checkpoint, TARGETS["lava"])
    assert compiled.quantized is not None
    write_bundle(compiled, TARGETS["lava"], folder / "bundle", nir_form="graph")
    edges = random_edges(nodes, degree, seed + 1) if settings["graph"] == "random" else near_edges(nodes, degree, seed + 1)
    graph = gcn_norm(edges, nodes)
    was = gcn_norm(random_edges(SMALL, degree, seed), SMALL)
    network = carry_integers(on_graph(compiled.network, was, graph), compiled.quantized)
    current = run_onnx(folder / "bundle" / "host" / "encoder.onnx", {"features": random_features(nodes, seed + 1)})
    (source,) = network.sources
    np.savez(folder / "inputs.npz", **{source.name: current})
    np.save(folder / "owners.npy", by_graph(network, settings["shards"]).owners[nodes])
    with h5py.File(folder / "network.h5", "w") as file:
        save_network(network, file)
    return {}


def near_edges(nodes: int, degree: float, seed: int) -> Any:
    """Each node and its nearest on a ring, both directions, the nodes numbered at random, sorted: (2, nodes · degree)."""
    number = np.random.default_rng(seed).permutation(nodes)
    steps = range(1, round(degree / 2) + 1)
    a = np.concatenate([number] * len(steps))
    b = np.concatenate([np.roll(number, step) for step in steps])
    edges = np.stack([np.concatenate([a, b]), np.concatenate([b, a])])
    return edges[:, np.lexsort(edges[::-1])]


def one(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The fixed engine's kernels, on all cores or on one."""
    with h5py.File(folder / "network.h5", "r") as file:
        network = load_network(file)
    inputs = dict(np.load(folder / "inputs.npz"))
    read_gib = _gib("VmHWM")
    runs, made = [], None
    threads = 1 if settings["task"] == "one thread" else None
    simulator = Simulator(network)
    for _ in range(settings["best_of"]):
        made = simulator.run(inputs, record="outputs", counts=True, threads=threads)
        runs.append(made.wall_s)
    return {"run_s": min(runs), "runs_s": runs, "read_gib": read_gib, **_what(made)}


def sharded(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """All ranks."""
    with opened_world() as world:
        owners = {settings["nodes"]: np.load(folder / "owners.npy")} if settings["task"] == "metis" else None
        with h5py.File(folder / "network.h5", "r") as file:
            part, _ = read_part(file, world.shards, world.rank, owners=owners)
        inputs = dict(np.load(folder / "inputs.npz"))
        read_gib = _gib("VmHWM")
        runs, made = [], None
        for _ in range(settings["best_of"]):
            world.agree()
            start = time.perf_counter()
            made = run_part(part, inputs, world, counts=True)
            runs.append(time.perf_counter() - start)
        return {"run_s": min(runs), "runs_s": runs, "read_gib": read_gib, **_what(made)}


def _what(made: Recording | None) -> dict[str, Any]:
    """What has to be the same in every row, of the rank that has it."""
    if made is None or made.tally is None:
        return {}
    digest = hashlib.sha256()
    for name in sorted(made.spikes):
        digest.update(np.packbits(made.spikes[name]).tobytes())
    tally = made.tally
    counts = {
        key: {name: n.tolist() for name, n in getattr(tally, key).items()} for key in ("spikes", "updates_active", "messages", "reached")
    }
    counts["events"] = {str(i): n.tolist() for i, n in enumerate(tally.synaptic_events)}
    spikes = sum(int(n.sum()) for n in made.spikes.values())
    about = {key: value for key, value in made.notes.get("sharded", {}).items() if key != "spikes"}
    return {"outputs": digest.hexdigest(), "counts": counts, "output_spikes": spikes, "sharded": about}


def _gib(field: str) -> float:
    """VmHWM: the most that was resident; VmRSS: what is."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 2**20


if __name__ == "__main__":
    folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    base = _gib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    found = {"make": make, "ranges": sharded, "metis": sharded}.get(settings["task"], one)(folder, settings)
    found |= {"peak_gib": _gib("VmHWM") - base}
    if "read_gib" in found:
        found["read_gib"] -= base
    (folder / f"found.{os.environ.get('RANK', '0')}.json").write_text(json.dumps(found))
