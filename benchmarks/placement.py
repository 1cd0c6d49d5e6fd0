"""Placement: cores, chips, binding rule and traffic of Cora on Loihi 2 and Loihi 1; time and memory of Amazon Computers.

    python benchmarks/placement.py --data-root DIR [--only cora|computers] [--out DIR] [--json FILE]

--data-root holds Planetoid/Cora/raw and Amazon/Computers/raw. Cora is trained (seed 0) and its sample run recorded. Computers is the same
model untrained on its graph: what is placed depends on the graph and the widths, and how much is sent on the spikes of that run. Time and
peak memory of Computers are those of a process of its own that loads the integer network and its recording and places them.
Its sum over 13,752 nodes becomes a tree of graded partial sums in the network that runs; "a relay a core" cuts Cora's, which fits, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import machine
import numpy as np
import scipy.sparse as sp
import torch

from neurograph import data, training
from neurograph.data.graph import GraphData, canonical_edges
from neurograph.export.compile import compile_checkpoint, compile_graph
from neurograph.export.placement import METHODS, Limits, Placement, place, save
from neurograph.export.placement.files import summary
from neurograph.export.placement.picture import core_map
from neurograph.export.targets import TARGETS, Target
from neurograph.export.trace import trace
from neurograph.hw_profiles.schema import load as load_profile
from neurograph.hw_profiles.schema import placement_limits
from neurograph.models.spikegraphormer import SpikeGraphormer, SpikeGraphormerConfig
from neurograph.network import Network
from neurograph.nn.sparse import as_features
from neurograph.sim import fixed
from neurograph.sim.recording import Recording
from neurograph.sim.recording_file import load as load_recording
from neurograph.sim.recording_file import save as save_recording
from neurograph.storage import load_network, save_network
from neurograph.training.checkpoint import Checkpoint

TIME_LIMIT_S, MEMORY_LIMIT_GIB = 60.0, 4.0


def loihi2() -> Target:
    """The target with the limits of its profile."""
    profile = load_profile("loihi2")
    return TARGETS["loihi2"].on(profile.name, profile.sha256, placement_limits(profile))


def limits_of(name: str, **changes: Any) -> Limits:
    return replace(Limits.of(name, placement_limits(load_profile(name))), **changes)


def cora(root: Path, out: Path) -> dict[str, Any]:
    """Train, compile, run once, place by each method."""
    graph = data.load("cora", root)
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe, progress=False)
    path = training.save(out / "cora.pt", result.model, graph, result)
    compiled = compile_checkpoint(training.load(path), TARGETS["loihi2"])
    assert compiled.quantized is not None
    network = compiled.quantized
    recording = fixed.run(network, compiled.inputs)
    found: dict[str, Any] = {}
    for method in METHODS:
        found[f"loihi2 {method}"] = _one(network, limits_of("loihi2"), recording, method, out / f"cora-loihi2-{method}")
    found["loihi2 metis, a relay a core"] = _relays(training.load(path), network, recording)
    found["loihi2 metis, lists not shared"] = _one(network, limits_of("loihi2", shared_lists=False), recording, "metis")
    found["loihi1 metis"] = _one(network, limits_of("loihi1"), recording, "metis")
    best = found["loihi2 metis"]["total"]
    for method in METHODS[1:]:
        found[f"times less than {method}"] = found[f"loihi2 {method}"]["total"] / best
    return found


def _relays(checkpoint: Checkpoint, network: Network, recording: Recording) -> dict[str, Any]:
    """The same model with a graded partial sum on each core of its attention."""
    compiled = compile_checkpoint(checkpoint, replace(loihi2(), relays="cores"))
    assert compiled.quantized is not None
    run = fixed.run(compiled.quantized, compiled.inputs)
    assert all(np.array_equal(run.spikes[name], recording.spikes[name]) for name in network.populations if name in recording.spikes)
    return {**_one(compiled.quantized, limits_of("loihi2"), run, "metis"), "lowering": compiled.origin["graded"]}


def _one(network: Network, limits: Limits, recording: Recording, method: Any, out: Path | None = None) -> dict[str, Any]:
    start = time.perf_counter()
    placement = place(network, limits, recording=recording, method=method)
    wall = time.perf_counter() - start
    if out is not None:
        save(placement, out.with_suffix(".json"))
        core_map(placement, out.with_suffix(".svg"))
    return {**figures(placement), "wall_s": wall}


def figures(placement: Placement) -> dict[str, Any]:
    traffic = placement.traffic
    assert traffic is not None
    return {
        **summary(placement),
        "binding_share": placement.binding.share,
        "binding_mean": (placement.binding.mean or 0) / placement.binding.limit,
        "inter_core": int(traffic.inter_core.sum()),
        "hops": int(traffic.hops.sum()),
        "crossings": int(traffic.crossings.sum()),
        "total": int(traffic.total.sum()),
    }


def load_computers(root: Path) -> GraphData:
    """Amazon Computers as its npz holds it; edges made symmetric, features as they are."""
    path = next(p for p in (root / "Amazon/Computers/raw", root / "data/Amazon/Computers/raw") if p.is_dir())
    with np.load(path / "amazon_electronics_computers.npz") as held:
        x, adjacency = (
            sp.csr_matrix((held[f"{k}_data"], held[f"{k}_indices"], held[f"{k}_indptr"]), shape=held[f"{k}_shape"]) for k in ("attr", "adj")
        )
        y = held["labels"].astype(np.int64)
    edges = canonical_edges(np.stack(adjacency.nonzero()).astype(np.int64))
    split = np.arange(len(y)) % 3  # no training here; a graph wants a split
    return GraphData("computers", x.astype(np.float32), edges, y, split == 0, split == 1, split == 2, int(y.max()) + 1)


def computers(root: Path, out: Path) -> dict[str, Any]:
    """Compile the untrained model here, place it in a process of its own."""
    graph = load_computers(root)
    torch.manual_seed(0)
    config = SpikeGraphormerConfig(in_features=graph.x.shape[1], classes=graph.classes, nodes=graph.nodes)
    model = SpikeGraphormer(config, graph.edge_index).double().eval()
    with torch.no_grad():
        static = model.encode(as_features(graph.x, torch.float64)) / 20  # words are not normalised here: currents of the usual size
        made = trace(model.core, static.expand(config.ticks, *static.shape))
    (source,) = (name for name, node in made.nodes.items() if type(node).__name__ == "Input")
    compiled = compile_graph(made, {source: static.numpy()}, loihi2())
    assert compiled.quantized is not None
    with h5py.File(out / "computers.h5", "w") as file:
        save_network(compiled.quantized, file)
    save_recording(replace(fixed.run(compiled.quantized, compiled.inputs), voltages={}, currents={}), out / "computers-run.h5")
    done = subprocess.run([sys.executable, __file__, "--place", str(out)], capture_output=True, text=True, check=True)
    return {**json.loads(done.stdout), "lowering": compiled.origin["graded"]}


def place_computers(out: Path) -> dict[str, Any]:
    """Load and place, with time and memory."""
    with machine.PeakMemory() as peak:
        with h5py.File(out / "computers.h5", "r") as file:
            network = load_network(file)
        recording = load_recording(out / "computers-run.h5")
        start, cpu = time.perf_counter(), time.process_time()
        placement = place(network, limits_of("loihi2"), recording=recording)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        save(placement, out / "computers-loihi2-metis.json")
    core_map(placement, out / "computers-loihi2-metis.svg")
    return {**figures(placement), "wall_s": wall, "cpu_s": cpu, "wall_with_files_s": time.perf_counter() - start, "peak_gib": peak.gib}


def show(found: dict[str, Any]) -> bool:
    """Print; whether every figure asked for is reached."""
    good = True
    for name, one in found.get("cora", {}).items():
        if isinstance(one, dict):
            print(
                f"Cora on {name}: fits {one['cores']} cores, {one['chips']} chips; binding rule {one['binding_rule']} "
                f"({one['binding_mean']:.0%} of the limit on average); {one['inter_core']:,} inter-core messages, "
                f"{one['hops']:,} hops and {one['crossings']:,} chip crossings; {one['wall_s']:.1f} s"
            )
            for note in one.get("lowering", ()):
                print(f"  {note}")
        else:
            wanted = 4 if "random" in name else 2
            good &= one >= wanted
            print(f"Cora on loihi2, metis: messages × hops {one:.1f} {name} (asked for: at least {wanted})")
    if "computers" in found:
        one = found["computers"]
        good &= one["wall_s"] < TIME_LIMIT_S and one["peak_gib"] < MEMORY_LIMIT_GIB
        print(
            f"Computers on loihi2 metis: {one['cores']} cores, {one['chips']} chips, binding rule {one['binding_rule']}; "
            f"placed in {one['wall_s']:.1f} s (limit {TIME_LIMIT_S:.0f}; {one['cpu_s']:.1f} s of processor), "
            f"peak {one['peak_gib']:.2f} GiB (limit {MEMORY_LIMIT_GIB:.0f}); "
            f"{one['inter_core']:,} inter-core messages, {one['hops']:,} hops, {one['crossings']:,} crossings"
        )
        for note in (*one["lowering"], *one["notes"]):
            print(f"  {note}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--only", choices=("cora", "computers"))
    parser.add_argument("--out", type=Path, help="keep the networks, placement.json and pictures here")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.place:
        print(json.dumps(place_computers(arguments.place)))
        return 0
    if arguments.data_root is None:
        parser.error("--data-root is needed")
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        found: dict[str, Any] = {"machine": machine.describe()}
        for name, run in (("cora", cora), ("computers", computers)):
            if arguments.only in (None, name):
                found[name] = run(arguments.data_root, out)
    print(found["machine"])
    good = show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
