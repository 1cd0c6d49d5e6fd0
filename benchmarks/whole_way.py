"""The whole way, with the figures of docs/results.md: accuracy in float and in integers, parity with Lava, time and memory.

    python benchmarks/whole_way.py --data-root DIR [--dataset cora] [--seeds 10] [--json OUT]

For each seed: train, compile for Loihi 2, run the float and the fixed engine. For seed 0 also: `neurograph export` as a user calls it, with
and without verification, the check against Lava, and what one inference counts and costs. Controls and baselines: `neurograph reproduce`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np

from neurograph.data import GraphData, load
from neurograph.export.bundle import open_bundle, write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.reporting import report_of
from neurograph.sim import fixed, floating
from neurograph.training import load as load_checkpoint
from neurograph.training import save as save_checkpoint
from neurograph.training import settings_for, train
from neurograph.verification import verify

TARGET = TARGETS["loihi2"]


def one_seed(graph: GraphData, seed: int, folder: Path, epochs: int | None = None) -> dict[str, Any]:
    """Train, compile, run both engines; the checkpoint and the bundle stay in ``folder``."""
    settings = settings_for("spikegraphormer", graph.name)
    result = train(settings.config(graph), graph, seed, settings.how(), epochs)
    path = save_checkpoint(folder / f"{seed}.pt", result.model, graph, result)
    start = time.perf_counter()
    compiled = compile_checkpoint(load_checkpoint(path), TARGET)
    compile_s = time.perf_counter() - start
    bundle = write_bundle(compiled, TARGET, folder / f"{seed}")
    export_s = time.perf_counter() - start
    float_run, fixed_run = floating.run(compiled.network, compiled.inputs), fixed.run(compiled.quantized, compiled.inputs)
    return {
        "seed": seed,
        "torch": result.test_accuracy,
        "float": bundle.accuracy(float_run),
        "fixed": bundle.accuracy(fixed_run),
        "mask_alive": result.mask_alive,
        "agreement": agreement(float_run, fixed_run),
        "wraps": sum(fixed_run.notes["wraps"].values()),
        "clips": sum(fixed_run.notes["clips"].values()),
        "train_s": result.wall_s,
        "compile_s": compile_s,
        "export_s": export_s,
        "fixed_s": fixed_run.wall_s,
    }


def agreement(a: Any, b: Any) -> float:
    """Share of all spike slots in which two runs agree."""
    same = sum(int((a.spikes[name] == b.spikes[name]).sum()) for name in a.spikes)
    return same / sum(spikes.size for spikes in a.spikes.values())


def check(path: Path) -> dict[str, Any]:
    """`neurograph check` on a bundle, with its time and its memory."""
    bundle = open_bundle(path)
    start = time.perf_counter()
    with machine.PeakMemory() as peak:
        comparisons = verify(bundle, done=lambda c: print(_line(c), file=sys.stderr))
    return {
        "ok": all(c.ok for c in comparisons),
        "pairs": [c.to_json() for c in comparisons],
        "wall_s": time.perf_counter() - start,
        "peak_gib": peak.gib,
    }


def export_times(checkpoint: Path) -> dict[str, float]:
    """Seconds of `neurograph export`, from the start of the process to its end: "with Lava" verified, "without" not run."""
    command = [sys.executable, "-m", "neurograph", "export", str(checkpoint), "--target", "loihi2", "-o"]
    found = {}
    for name, more in (("without", ["--no-verify"]), ("with Lava", [])):
        start = time.perf_counter()
        subprocess.run([*command, str(checkpoint.with_suffix("")) + "-timed", *more], check=True, capture_output=True)
        found[name] = time.perf_counter() - start
    return found


def main(args: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that holds Planetoid/Cora/raw or Cora/raw")
    parser.add_argument("--dataset", default="cora", help="default cora")
    parser.add_argument("--epochs", type=int, help="at most; default: as the settings say")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to N − 1 (default 10)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything there")
    arguments = parser.parse_args(args)
    graph = settings_for("spikegraphormer", arguments.dataset).prepare(load(arguments.dataset, arguments.data_root))
    print(f"machine: {machine.describe()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for seed in range(arguments.seeds):
            rows.append(one_seed(graph, seed, folder, arguments.epochs))
            line = "seed {seed}: float {float:.2%}, fixed {fixed:.2%}, {mask_alive:.0%} of the masks alive, {train_s:.0f} s"
            print(line.format(**rows[-1]), file=sys.stderr)
        times = export_times(folder / "0.pt")
        checked = check(folder / "0")
        report = report_of(open_bundle(folder / "0"))
    print(f"{graph.name}, {graph.nodes:,} nodes, onchip, hard reset, {len(rows)} seeds")
    _print(rows, checked, report)
    print(f"neurograph export of seed 0: {times['with Lava']:.1f} s with verification in Lava, {times['without']:.1f} s without any")
    if arguments.json:
        whole = {"machine": machine.describe(), "seeds": rows, "check": checked, "export_s": times, "report": report}
        arguments.json.write_text(json.dumps(whole, indent=1, default=float) + "\n")


def _print(rows: list[dict[str, Any]], checked: dict[str, Any], report: dict[str, Any]) -> None:
    def spread(key: str, scale: float = 100.0) -> str:
        values = [scale * row[key] for row in rows]
        return f"{statistics.mean(values):.2f} ± {np.std(values, ddof=min(1, len(values) - 1)):.2f}"

    print(f"  test accuracy, torch float32      {spread('torch')} %")
    print(f"  test accuracy, float engine       {spread('float')} %")
    print(f"  test accuracy, fixed, 8-bit       {spread('fixed')} %")
    print(f"  slots that spike alike            {spread('agreement')} %")
    print(f"  mask neurons alive                {spread('mask_alive')} %")
    print(f"  wraps, clips                      {sum(r['wraps'] for r in rows)}, {sum(r['clips'] for r in rows)}")
    print(f"  training                          {spread('train_s', 1)} s a seed")
    print(f"  export without verification       {spread('export_s', 1)} s;  one fixed inference {spread('fixed_s', 1)} s")
    print(f"check of seed 0 ({checked['wall_s']:.1f} s, peak {checked['peak_gib']:.2f} GiB):")
    for pair in checked["pairs"]:
        values = f", {pair['compared_voltages']:,} of u and v" if pair["compared_voltages"] else ""
        differ = f"{pair['mismatched_spikes']} spikes, {pair['mismatched_voltages']} values differ, {pair['ties']} ties"
        print(f"  {pair['a']} = {pair['b']}: {pair['populations']} populations, {pair['compared']:,} spike slots{values}: {differ}")
    print("energy of one inference:")
    for profile in report["profiles"]:
        energy = profile["energy_j"]
        chip = f", on chip {1e6 * profile['on_chip_j']['total']:.2f} µJ" if profile.get("on_chip_j") else ""
        print(f"  {profile['name']:<16}{1e6 * energy['total']:.2f} µJ ({1e6 * energy['low']:.2f} to {1e6 * energy['high']:.2f}){chip}")


def _line(comparison: Any) -> str:
    from neurograph.cli.output import comparison_line

    return comparison_line(comparison)


if __name__ == "__main__":
    main()
