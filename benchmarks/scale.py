"""Scale: time and memory of one SpikeGraphormer inference against the nodes of its graph, in integers, on chip's terms.

    python benchmarks/scale.py [--nodes N ...] [--degree 10] [--width 64] [--best-of 5] [--check-up-to N] [--max-memory GIB] [--json OUT]

A seeded SpikeGraphormer (64 features, T = 4, both branches ``--width`` wide, populations that fire at about 10 %) is compiled and quantised
on a random graph of 1,000 nodes, as `neurograph export` does it. Each size then has a process of its own: it opens that bundle, makes a
random graph, puts the network on it (neurograph.export.other_graph) and carries the integers over (carried_integers), encodes the features,
and runs the fixed engine, outputs recorded and everything counted. Time is that of the engine's run: of the first one, whose buffers are
new, and of the best of k. Memory is the peak of the process, and its growth since the bundle was open. Another process then records all
spikes and steps every population again in plain NumPy (scale_check.py): no slot may differ, no count may be off. Exit status 1: one is, a
population is silent, time or memory grows with an exponent above 1.05, or the peak passes 20 GiB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import machine
import numpy as np
from rich.console import Console
from rich.table import Table

__all__ = ["child", "exponent", "failures", "measure"]

NODES = (10_000, 100_000, 1_000_000)
SMALL = 1000
MOST_EXPONENT, MOST_GIB = 1.05, 20.0
GROWTH = ("run_s", "grown_gib", "first_s", "cpu_s", "set_up_s")
ALIVE = (0.02, 0.6)  # spikes a neuron and tick, of every population
MOST_CHANGE = 0.25  # of a rate between the graph that the network was compiled on and a larger one


def measure(nodes: Sequence[int], **options: Any) -> dict[str, Any]:
    """All figures: a row for each number of nodes, and the exponents between them.

    Args:
        nodes: sizes of the graphs, ascending.
        options: degree, width, best_of, check_up_to, max_memory, seed; see the command line.
    """
    settings = {"degree": 10.0, "width": 64, "best_of": 5, "check_up_to": max(nodes), "max_memory": None, "seed": 0, **options}
    with tempfile.TemporaryDirectory(prefix="neurograph-scale-") as name:
        folder = Path(name)
        compiled = child("compile", folder, settings | {"nodes": SMALL})
        rows = []
        for size in nodes:
            row = child("run", folder, settings | {"nodes": size})
            if size <= settings["check_up_to"]:
                row["check"] = child("check", folder, settings | {"nodes": size})
            print(f"{size:,} nodes: {row['run_s']:.3g} s, {row['peak_gib']:.3g} GiB", file=sys.stderr)
            rows.append(row)
    found: dict[str, Any] = {"machine": machine.describe(), "settings": settings, "compiled": compiled, "rows": rows}
    if len(rows) > 1:
        found["steepest"] = {key: max(exponent(pair, key) for pair in pairwise(rows)) for key in GROWTH}
        found["exponents"] = {key: exponent(rows, key) for key in GROWTH}
    return found


def exponent(rows: Sequence[dict[str, Any]], key: str) -> float:
    """e of the best fit of nodes^e."""
    return float(np.polyfit(np.log([row["nodes"] for row in rows]), np.log([row[key] for row in rows]), 1)[0])


def failures(found: dict[str, Any]) -> list[str]:
    """What is not as it was asked for."""
    wrong = []
    for row in found["rows"]:
        where = f"{row['nodes']:,} nodes"
        wrong += [
            f"{where}: population {name} fires at {rate:.1%}" for name, rate in row["rates"].items() if not ALIVE[0] < rate < ALIVE[1]
        ]
        small = found["compiled"]["rates"]
        moved = {name: rate for name, rate in row["rates"].items() if abs(rate / small[name] - 1) > MOST_CHANGE}
        wrong += [f"{where}: population {name} fires at {rate:.1%}, at {small[name]:.1%} where compiled" for name, rate in moved.items()]
        wrong += [f"{where}: {count:,} {what}" for what, count in row["overflows"].items() if count]
        if row["peak_gib"] > MOST_GIB:
            wrong.append(f"{where}: {row['peak_gib']:.1f} GiB, more than {MOST_GIB:.0f}")
        check = row.get("check", {})
        wrong += [f"{where}: {count:,} spikes of {name} differ" for name, count in check.get("different", {}).items() if count]
        wrong += [f"{where}: the count of {name} is off" for name in check.get("miscounts", ())]
        if check and check["spikes"] != row["spikes"]:
            wrong.append(f"{where}: {row['spikes']:,} spikes, but {check['spikes']:,} in the run that recorded them")
    for key in ("run_s", "grown_gib"):
        value = found.get("exponents", {}).get(key, 0.0)
        if value > MOST_EXPONENT:
            wrong.append(f"{key} grows with exponent {value:.3f}, more than {MOST_EXPONENT}")
    return wrong


def child(task: str, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("scale_child.py")), task, str(folder), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"scale: {task} with {settings['nodes']:,} nodes ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _table(found: dict[str, Any]) -> Table:
    table = Table(title="SpikeGraphormer, fixed engine, one inference")
    for column in (
        "nodes",
        "synapses",
        "neurons",
        "start-up s",
        "set-up s",
        "first run s",
        "best run s",
        "its CPU s",
        "ns/update",
        "GiB",
        "GiB grown",
        "spikes",
        "checked",
    ):
        table.add_column(column, justify="right")
    for row in found["rows"]:
        check = row.get("check")
        seconds = (f"{row[key]:.3g}" for key in ("start_up_s", "set_up_s", "first_s", "run_s", "cpu_s"))
        sizes = (f"{row[key]:,}" for key in ("nodes", "synapses", "neurons"))
        rest = (f"{1e9 * row['run_s'] / row['updates']:.2f}", f"{row['peak_gib']:.2f}", f"{row['grown_gib']:.2f}", f"{row['spikes']:,}")
        table.add_row(*sizes, *seconds, *rest, "–" if check is None else f"{check['compared']:,}")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=list(NODES))
    parser.add_argument("--degree", type=float, default=10.0, help="average degree (default 10)")
    parser.add_argument("--width", type=int, default=64, help="features of each branch (default 64)")
    parser.add_argument("--best-of", type=int, default=5, metavar="K", help="runs of the engine in one process (default 5)")
    parser.add_argument("--check-up-to", type=int, metavar="N", help="step sizes up to this again in plain NumPy (default: all)")
    parser.add_argument("--max-memory", type=float, metavar="GIB", help="of the engine's buffers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    arguments = vars(parser.parse_args())
    out, nodes = arguments.pop("json"), sorted(arguments.pop("nodes"))
    found = measure(nodes, **{key: value for key, value in arguments.items() if value is not None})
    print(f"machine: {found['machine']}")
    Console(width=180).print(_table(found))
    for key, value in found.get("exponents", {}).items():
        print(f"{key} grows with nodes^{value:.3f}, from one size to the next at most with nodes^{found['steepest'][key]:.3f}")
    for row in found["rows"][-1:]:
        print("rates at the most nodes: " + ", ".join(f"{name} {rate:.1%}" for name, rate in row["rates"].items()))
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n")
    wrong = failures(found)
    for line in wrong:
        print(f"not reached: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
