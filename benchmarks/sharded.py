"""One network over several processes: time, memory of each rank, bytes that cross, and the same spikes.

    python benchmarks/sharded.py [--nodes N] [--shards 2] [--degree 10] [--width 64] [--best-of 3] [--json OUT]

A seeded SpikeGraphormer (as in benchmarks/scale.py) is put on two graphs of N nodes and written to a file: a random one, in which nearly
every node has neighbours on every rank, and a ring of near neighbours whose nodes are numbered at random, in which METIS finds a cut that
ranges of numbers miss. Rows: the fixed engine in one process, on all cores and on one; a sharded run of one rank; ranks in ranges of
nodes; ranks by METIS. Each is a process (or torchrun) of its own, one thread a rank, which reads the file, runs the inference k times with
everything counted and keeps the outputs. Time is that of the best run; memory the growth of a process's peak since its libraries were
there, the reading of its part of the file included, and by itself. The outputs' spikes and all counts must be the same in every row: exit
status 1 where not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
from rich.console import Console
from rich.table import Table

__all__ = ["measure"]

HERE = Path(__file__).resolve().parent
GRAPHS = ("random", "near")


def measure(*, nodes: int, shards: int, degree: float, width: int, best_of: int, seed: int = 0) -> dict[str, Any]:
    """All rows of both graphs."""
    settings = {"nodes": nodes, "degree": degree, "width": width, "best_of": best_of, "seed": seed}
    rows = []
    for graph in GRAPHS:
        with tempfile.TemporaryDirectory(prefix="neurograph-sharded-") as name:
            folder = Path(name)
            _child(folder, settings | {"task": "make", "graph": graph, "shards": shards}, 1)
            for task, ranks in (("one process", 1), ("one thread", 1), ("ranges", 1), ("ranges", shards), ("metis", shards)):
                found = _child(folder, settings | {"task": task}, ranks)
                rows.append({"graph": graph, "task": task, "ranks": ranks, **found})
                print(f"{graph}, {task}, {ranks} rank(s): {found['run_s']:.3g} s", file=sys.stderr)
    return {"machine": machine.describe(), "settings": settings | {"shards": shards}, "rows": rows}


def _child(folder: Path, settings: dict[str, Any], ranks: int) -> dict[str, Any]:
    """Run the child in so many processes; rank 0's findings, and of some the list over ranks."""
    start = [sys.executable]
    if settings["task"] in ("ranges", "metis"):
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    command = [*start, str(HERE / "sharded_child.py"), str(folder), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(f"{settings['task']}: exit status {done.returncode}\n{done.stderr[-3000:]}")
    every = [json.loads((folder / f"found.{rank}.json").read_text()) for rank in range(ranks)]
    return {**every[0], "read_gib": [one.get("read_gib") for one in every], "peak_gib": [one.get("peak_gib") for one in every]}


def failures(found: dict[str, Any]) -> list[str]:
    """Rows whose outputs or counts are not those of one process."""
    wrong = []
    for graph in GRAPHS:
        first, *others = [row for row in found["rows"] if row["graph"] == graph]
        for row in others:
            where = f"{graph}, {row['task']}, {row['ranks']} rank(s)"
            wrong += [f"{where}: {key} differ from one process" for key in ("outputs", "counts") if row[key] != first[key]]
        if not first["output_spikes"]:
            wrong.append(f"{graph}: the outputs are silent, which compares nothing")
    return wrong


def show(found: dict[str, Any]) -> None:
    """The table."""
    settings = found["settings"]
    title = f"{settings['nodes']:,} nodes, degree {settings['degree']:g}, width {settings['width']}"
    table = Table("graph", "run", "ranks", "s", "peak, GiB a rank", "of it reading", "halo nodes a rank", "sent a rank", title=title)
    for row in found["rows"]:
        about = row.get("sharded") or {"halo_nodes": [], "sent_bytes": []}
        memory = [" ".join(f"{gib:.2f}" for gib in row[key]) for key in ("peak_gib", "read_gib")]
        sent = " ".join(f"{count / 2**20:.1f} MiB" for count in about["sent_bytes"])
        halo = " ".join(f"{count:,}" for count in about["halo_nodes"])
        table.add_row(row["graph"], row["task"], str(row["ranks"]), f"{row['run_s']:.3g}", *memory, halo, sent)
    Console(width=140).print(table)
    print(found["machine"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=50_000)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--degree", type=float, default=10.0)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--best-of", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = vars(parser.parse_args())
    target = options.pop("json")
    found = measure(**options)
    show(found)
    if target is not None:
        target.write_text(json.dumps(found, indent=1) + "\n")
    wrong = failures(found)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
