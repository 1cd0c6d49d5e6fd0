"""Attention: one training step of spiking graph attention beside softmax attention, time and peak memory against the number of nodes.

    python benchmarks/attention.py [--nodes 1024 4096 16384 65536 262144 1048576] [--width 16] [--ticks 4] [--json OUT]

Forward and backward of one attention block on random input, float32: ours (`SpikingGraphAttention`, T ticks), the same attention as a
plain softmax over all pairs of nodes, and torch's fused softmax, which is not stored but still takes N² work. Each measurement is a
process of its own, one thread. Memory is what its peak (VmHWM) grew by in a first step; then freed memory is kept, as while training, and
time is the fewest seconds of four steps after one to warm up, by the clock and of the processor, which differ where others use it. A
contestant that fails for memory, or would by its N² matrix, or takes longer than a minute a step, is left out at larger N, and the table
says so. The exponents are fitted over all sizes, and over the upper half of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

import machine

NODES = [2**power for power in range(10, 21, 2)]
SLOW_S = 60.0
WARM_UP, STEPS = 1, 4


def spiking(nodes: int, width: int, ticks: int) -> Any:
    from neurograph.nn import SpikingGraphAttention

    layer = SpikingGraphAttention(width, nodes).train()
    spikes = (torch.rand(ticks, nodes, width) < 0.2).float().requires_grad_()
    return lambda: layer(spikes).square().mean().backward()


def softmax(nodes: int, width: int, ticks: int, fused: bool = False) -> Any:
    q, k, v, out = (torch.nn.Linear(width, width) for _ in range(4))
    x = torch.randn(nodes, width, requires_grad=True)

    def step() -> None:
        a, b, c = q(x), k(x), v(x)
        if fused:
            y = torch.nn.functional.scaled_dot_product_attention(a[None], b[None], c[None])[0]
        else:
            y = torch.softmax(a @ b.t() / width**0.5, dim=-1) @ c
        out(y).square().mean().backward()

    return step


CONTESTANTS = {"ours": spiking, "softmax": softmax, "fused softmax": lambda *sizes: softmax(*sizes, fused=True)}


def child(name: str, nodes: int, width: int, ticks: int) -> dict[str, float]:
    """Measured in this process."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    from neurograph.training.memory import freed_memory_kept

    step = CONTESTANTS[name](nodes, width, ticks)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before, seconds, processor = _gib("VmRSS"), [], []
    step()
    peak = max(_gib("VmHWM") - before, 2**-14)
    with freed_memory_kept():  # as in training
        for _ in range(WARM_UP):
            step()
        for _ in range(STEPS):
            start, worked = time.perf_counter(), time.process_time()
            step()
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - worked)
            if seconds[-1] > SLOW_S / 2:
                break
    return {"seconds": min(seconds), "processor": min(processor), "gib": peak}


def measure(sizes: list[int], width: int, ticks: int, most_gib: float, report: Any = lambda line: None) -> list[dict[str, Any]]:
    """A row a size: what each contestant took, or why it was left out."""
    rows, out = [], {}
    for nodes in sizes:
        row: dict[str, Any] = {"nodes": nodes, "took": {}, "said": dict(out)}
        for name in CONTESTANTS:
            if name not in out and name == "softmax" and 3 * 4 * nodes**2 / 2**30 > most_gib:
                out[name] = f"N² numbers three times are {3 * 4 * nodes**2 / 2**30:.0f} GiB of {most_gib:.0f}"
            if name in out:
                row["said"][name] = out[name]
                continue
            command = [sys.executable, __file__, "--child", name, "--nodes", str(nodes), "--width", str(width), "--ticks", str(ticks)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=10 * SLOW_S, check=True)
                row["took"][name] = json.loads(done.stdout)
                if row["took"][name]["seconds"] > SLOW_S / 8:  # four times the nodes would take sixteen times as long
                    out[name] = f"{row['took'][name]['seconds']:.0f} s a step at {nodes:,} nodes"
            except subprocess.TimeoutExpired:
                out[name] = row["said"][name] = f"more than {10 * SLOW_S:.0f} s"
            except subprocess.CalledProcessError as error:
                out[name] = row["said"][name] = " ".join(error.stderr.split())[-120:] or f"ended with status {error.returncode}"
        rows.append(row)
        report(f"{nodes:,} nodes: " + ", ".join(f"{name} {t['seconds']:.3g} s, {t['gib']:.3g} GiB" for name, t in row["took"].items()))
    return rows


def exponent(rows: list[dict[str, Any]], name: str, key: str, upper: bool = True) -> float | None:
    """Of time or memory against nodes, over the upper half of the sizes, or all; None with fewer than two."""
    held = [(row["nodes"], row["took"][name][key]) for row in rows if name in row["took"]]
    held = held[len(held) // 2 :] if upper and len(held) > 3 else held
    return float(np.polyfit(*np.log(np.array(held)).T, 1)[0]) if len(held) > 1 else None


def table(rows: list[dict[str, Any]]) -> Table:
    result = Table(title="one training step of attention")
    for column in ("nodes", *(f"{name}, {unit}" for name in CONTESTANTS for unit in ("s", "processor s", "MiB")), "softmax ÷ ours, memory"):
        result.add_column(column, justify="right")
    for row in rows:
        cells = []
        for name in CONTESTANTS:
            took = row["took"].get(name)
            cells += [""] * 3 if took is None else [f"{took['seconds']:.3g}", f"{took['processor']:.3g}", f"{1024 * took['gib']:,.1f}"]
        both = {"ours", "softmax"} <= row["took"].keys()
        ratio = f"{row['took']['softmax']['gib'] / row['took']['ours']['gib']:.0f}" if both else ""
        result.add_row(f"{row['nodes']:,}", *cells, ratio)
    for upper, title in ((False, "exponent"), (True, "upper half")):
        powers = [exponent(rows, name, key, upper) for name in CONTESTANTS for key in ("seconds", "processor", "gib")]
        result.add_row(title, *("" if power is None else f"{power:.2f}" for power in powers), "")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES)
    parser.add_argument("--width", type=int, default=16, help="features (default 16, as in the models)")
    parser.add_argument("--ticks", type=int, default=4, help="of ours (default 4)")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("--child", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments.nodes[0], arguments.width, arguments.ticks)))
        return
    print(machine.describe())
    rows = measure(arguments.nodes, arguments.width, arguments.ticks, _total_gib() / 2, lambda line: print(line, file=sys.stderr))
    Console(width=150).print(table(rows))
    for name, why in rows[-1]["said"].items():
        print(f"{name}: left out, {why}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine.describe(), "rows": rows}, indent=1) + "\n")


def _gib(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 2**20


def _total_gib() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemTotal")) / 2**20


if __name__ == "__main__":
    main()
