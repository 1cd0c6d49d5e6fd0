"""The processes of benchmarks/scale.py: ``scale_child.py compile|run|check FOLDER SETTINGS``; what it found goes to stdout as JSON."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()

from scale_check import differences, miscounts, synapses  # noqa: E402
from scale_network import lively_checkpoint, random_edges, random_features  # noqa: E402

from neurograph.export.bundle import open_bundle, write_bundle  # noqa: E402
from neurograph.export.carried_integers import carry_integers  # noqa: E402
from neurograph.export.compile import compile_checkpoint  # noqa: E402
from neurograph.export.other_graph import on_graph  # noqa: E402
from neurograph.export.run_onnx import run_onnx  # noqa: E402
from neurograph.export.targets import TARGETS  # noqa: E402
from neurograph.network import Network  # noqa: E402
from neurograph.nn import gcn_norm  # noqa: E402
from neurograph.sim import choice, fixed  # noqa: E402
from neurograph.sim.recording import Recording  # noqa: E402

TARGET = TARGETS["lava"]


def compile_small(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The bundle that every size starts from."""
    checkpoint = lively_checkpoint(settings["nodes"], settings["degree"], settings["width"], settings["seed"])
    start = time.perf_counter()
    compiled = compile_checkpoint(checkpoint, TARGET)
    write_bundle(compiled, TARGET, folder / "bundle", nir_form="graph")
    compile_s = time.perf_counter() - start
    assert compiled.quantized is not None and compiled.report is not None
    rates = _rates(compiled.quantized, fixed.run(compiled.quantized, compiled.inputs, record="none", counts=True))
    mismatch = {p.population: p.mismatch for p in compiled.report.populations}
    return {"nodes": settings["nodes"], "compile_s": compile_s, "rates": rates, "mismatch": mismatch}


def run(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Time and memory of the engine."""
    network, inputs, about = ready(folder, settings)
    limit = None if settings["max_memory"] is None else int(settings["max_memory"] * 2**30)
    start = time.perf_counter()
    simulator = choice.simulator(network, None, integer=True)  # made ready once for many runs; NumPy where there is no compiler
    engine = partial(fixed.run, network) if simulator is None else simulator.run
    about["ready_s"] = time.perf_counter() - start
    runs = []
    for _ in range(settings["best_of"]):
        start, cpu = time.perf_counter(), time.process_time()
        recording = engine(inputs, record="outputs", counts=True, max_memory=limit)
        runs.append({"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu})
    assert recording.tally is not None
    return {
        **about,
        "runs": runs,
        "first_s": runs[0]["wall_s"],
        "run_s": min(run["wall_s"] for run in runs),
        "cpu_s": min(run["cpu_s"] for run in runs),
        "peak_gib": _gib("VmHWM"),
        "grown_gib": max(_gib("VmHWM") - about["start_gib"], 2**-10),  # small graphs fit what start-up gave back
        "updates": about["neurons"] * network.ticks,
        "spikes": sum(int(count.sum()) for count in recording.tally.spikes.values()),
        "synaptic_events": sum(int(count.sum()) for count in recording.tally.synaptic_events),
        "rates": _rates(network, recording),
        "overflows": {kind: sum(recording.notes[kind].values()) for kind in ("wraps", "clips")},
    }


def check(folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Every spike and every count of the engine against plain NumPy."""
    network, inputs, _ = ready(folder, settings)
    recording = fixed.run(network, inputs, record="spikes", counts=True)
    assert recording.tally is not None
    start = time.perf_counter()
    return {
        "different": differences(network, inputs, recording.spikes),
        "miscounts": miscounts(network, recording.spikes, recording.tally),
        "compared": sum(z.size for z in recording.spikes.values()),
        "spikes": sum(recording.counts().values()),
        "check_s": time.perf_counter() - start,
    }


def ready(folder: Path, settings: dict[str, Any]) -> tuple[Network, dict[str, Any], dict[str, Any]]:
    """The integer network on a graph of so many nodes, its input, and what that took."""
    nodes = settings["nodes"]
    bundle = open_bundle(folder / "bundle")
    small, quantized = bundle.network, bundle.quantized
    assert quantized is not None
    fixed.run(quantized, bundle.inputs, record="none", counts=True)  # what is compiled at the first run is start-up
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    about: dict[str, Any] = {"nodes": nodes, "start_up_s": time.perf_counter() - STARTED, "start_gib": _gib("VmRSS")}
    start = time.perf_counter()
    graph = _graph(nodes, settings, seed=1)
    made = time.perf_counter()
    was = _graph(small.populations[small.outputs[0]].shape[0], settings, seed=0)
    network = carry_integers(on_graph(small, was, graph), quantized)
    carried = time.perf_counter()
    (source,) = network.sources
    features = random_features(nodes, settings["seed"] + 1)
    current = run_onnx(folder / "bundle" / "host" / "encoder.onnx", {"features": features})
    ready = time.perf_counter()
    about |= {"graph_s": made - start, "carry_s": carried - made, "encode_s": ready - carried, "set_up_s": ready - start}
    about |= {"synapses": sum(synapses(p) for p in network.spiking_projections)}
    about |= {"edges": (graph.nnz - nodes) // 2, "neurons": sum(p.size for p in network.neurons), "set_up_gib": _gib("VmHWM")}
    return network, {source.name: current}, about


def _rates(network: Network, recording: Recording) -> dict[str, float]:
    """Spikes a neuron and tick, by population."""
    assert recording.tally is not None
    return {p.name: int(recording.tally.spikes[p.name].sum()) / (p.size * network.ticks) for p in network.neurons}


def _graph(nodes: int, settings: dict[str, Any], *, seed: int) -> Any:
    return gcn_norm(random_edges(nodes, settings["degree"], settings["seed"] + seed), nodes)


def _gib(field: str) -> float:
    """VmRSS: what is resident; VmHWM: the most that was. ru_maxrss may be that of the process which started this one."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 2**20


if __name__ == "__main__":
    task, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    print(json.dumps({"compile": compile_small, "run": run, "check": check}[task](folder, settings)))
