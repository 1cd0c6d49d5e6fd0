"""Dy-SIGN on dynamic DBLP as networks: parity in Lava on the first snapshots, our engines on all.

    python benchmarks/dysign_lava.py --data-root DIR [--build dysign] [--nodes 2000] [--width D] [--windows 3] [--epochs 40]
                                     [--model FILE] [--everybody] [--json OUT]

A model is trained on the subgraph of the busiest nodes, or read from --model, and compiled for Loihi 2 with 8-bit weights. Every spike of
the float engine is compared with the torch model's in float64, over all windows; every spike, u and v of the fixed engine with Lava 0.10's
fixed point over the first --windows windows, each with the membranes or the rates that the engine itself left. Exit
status 1 if one differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from neurograph.data.snapshots import load_dynamic
from neurograph.export import targets
from neurograph.export.bundle.windows import Labels
from neurograph.export.dynamic import CompiledWindows, compile_windows
from neurograph.sim.parity import Comparison
from neurograph.sim.windows import WindowRun, compare_windows, disagreement, overflow, run_windows
from neurograph.training.dynamic_checkpoint import DYNAMIC_MODELS, DynamicCheckpoint, load_dynamic_model, train_dynamic
from neurograph.windows import DynamicNetwork, host_work


def trained(
    data_root: str, nodes: int, epochs: int, seed: int, model: Path | None, build: str = "dysign-onchip", width: int | None = None
) -> DynamicCheckpoint:
    """A model on the busiest nodes of DBLP, 60 % of them for training."""
    if model is not None:
        return load_dynamic_model(model)
    graph = load_dynamic("dblp", data_root, nodes)
    return train_dynamic(build, graph, graph.split(0.6, seed), seed, epochs, width=width)


def timed(dynamic: DynamicNetwork, engine: str) -> tuple[list[WindowRun], float]:
    """The windows that an engine ran, and the seconds that it took, start-up of Lava included."""
    start = time.perf_counter()
    runs = list(run_windows(dynamic, engine, timeout_s=600))
    return runs, time.perf_counter() - start


def rows_of(name: str, found: Sequence[tuple[int, Comparison]]) -> list[dict[str, Any]]:
    """A row a window of what was compared and what differed."""
    keys = ("compared", "mismatched_spikes", "compared_voltages", "mismatched_voltages", "ties")
    return [{"pair": name, "window": at, **{key: getattr(one, key) for key in keys}} for at, one in found]


def parity(made: CompiledWindows, windows: int) -> tuple[list[dict[str, Any]], list[WindowRun], list[WindowRun], dict[str, float]]:
    """Rows of all comparisons, the float and fixed runs of all windows, and seconds by engine."""
    seconds: dict[str, float] = {}
    floats, seconds["float"] = timed(made.network, "float")
    integers, seconds["fixed"] = timed(made.quantized, "fixed")
    recorded = [WindowRun(run.at, run.network, spikes, 0) for run, spikes in zip(floats, made.torch, strict=True)]
    rows = rows_of("torch = float", compare_windows(recorded, floats))
    pipelined, seconds["pipelined-fixed"] = timed(made.quantized, "pipelined-fixed")
    rows += rows_of("fixed = pipelined-fixed", compare_windows(integers, pipelined))
    if windows:
        first = replace(made.quantized, windows=made.quantized.windows[:windows])
        lava, seconds["lava-fixed"] = timed(first, "lava-fixed")
        rows += rows_of("fixed = lava-fixed", compare_windows(integers[:windows], lava))
    return rows, floats, integers, seconds


def measure(checkpoint: DynamicCheckpoint, windows: int) -> dict[str, Any]:
    """All of it."""
    start = time.perf_counter()
    made = compile_windows(checkpoint.model, checkpoint.steps(), checkpoint.graph.nodes, targets.find("loihi2"))
    compiled_s = time.perf_counter() - start
    rows, floats, integers, seconds = parity(made, windows)
    labels = Labels.of(checkpoint)
    work = host_work(made.quantized)
    return {
        "nodes": checkpoint.graph.nodes,
        "seed": checkpoint.seed,
        "metrics": dict(checkpoint.metrics),
        "sizes": [len(window.nodes) for window in made.quantized.windows],
        "compiled_s": compiled_s,
        "parity": rows,
        "seconds": seconds,
        "accuracy": {
            "float": labels.accuracy(made.network, [run.recording for run in floats]),
            "fixed": labels.accuracy(made.quantized, [run.recording for run in integers]),
        },
        "float_fixed_mismatch": disagreement(floats, integers),
        "overflow": dict(zip(("wraps", "clips"), (sum(counts.values()) for counts in overflow(integers)), strict=True)),
        "host": {key: sum(getattr(one, key) for one in work) for key in ("written", "removed", "currents", "switched")},
        "dropped": sum(run.dropped for run in integers),
        "spikes": int(np.sum([sum(run.recording.counts().values()) for run in integers if run.recording is not None])),
    }


def show(found: dict[str, Any], windows: int) -> None:
    """Tables on stdout."""
    console = Console(width=140)
    table = Table("pair", "windows", "spike slots", "differ", "u and v", "differ", "ties", title=f"{found['nodes']:,} nodes")
    for pair in dict.fromkeys(row["pair"] for row in found["parity"]):
        some = [row for row in found["parity"] if row["pair"] == pair]
        keys = ("compared", "mismatched_spikes", "compared_voltages", "mismatched_voltages", "ties")
        table.add_row(pair, str(len(some)), *(f"{sum(row[key] for row in some):,}" for key in keys))
    console.print(table)
    sizes = found["sizes"]
    print(f"nodes that take part: {sizes[:windows]} in the first windows, {min(sizes)} to {max(sizes)} in all {len(sizes)}")
    print("seconds:", ", ".join(f"{engine} {s:.1f}" for engine, s in found["seconds"].items()), f"; compiled in {found['compiled_s']:.1f}")
    if not found["everybody"]:
        print("test accuracy:", ", ".join(f"{engine} {100 * a:.2f} %" for engine, a in found["accuracy"].items()))
    print("float against fixed:", ", ".join(f"{name} {100 * share:.2f} %" for name, share in found["float_fixed_mismatch"].items()))
    print("fixed engine:", ", ".join(f"{count} {kind}" for kind, count in found["overflow"].items()))
    host = found["host"]
    written = f"{host['written']:,} synapses written, {host['removed']:,} removed, {host['currents']:,} currents set"
    print(f"host, all windows: {written}, {host['switched']:,} neurons stopped or let go")
    print(f"{found['spikes']:,} spikes, of which {found['dropped']:,} were on their way when a window ended and are dropped")


def main() -> int:
    """Print the tables; 1 where something differs that must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True, metavar="DIR", help="a folder with dynamic/dblp in it")
    parser.add_argument("--build", choices=tuple(DYNAMIC_MODELS), default="dysign-onchip")
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--width", type=int, help="the build's own if not given")
    parser.add_argument("--windows", type=int, default=3, help="in Lava; 0 leaves it out")
    parser.add_argument("--everybody", action="store_true", help="all nodes take part in every window, not only those with an edge in it")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--model", type=Path, metavar="FILE", help="a checkpoint of neurograph train, in place of training one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("machine:", machine.describe())
    checkpoint = trained(chosen.data_root, chosen.nodes, chosen.epochs, chosen.seed, chosen.model, chosen.build, chosen.width)
    if chosen.everybody:
        checkpoint = replace(checkpoint, drawing=replace(checkpoint.drawing, idle="run"))
    found = {"machine": machine.describe(), "everybody": chosen.everybody, **measure(checkpoint, chosen.windows)}
    show(found, chosen.windows)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(row["mismatched_spikes"] or row["mismatched_voltages"] or not row["compared"] for row in found["parity"]))


if __name__ == "__main__":
    sys.exit(main())
