"""Accuracy against weight bits: post-training quantisation, and training for so many bits, beside the float model.

    python benchmarks/weight_bits.py --data-root DIR [--dataset cora|karate] [--seeds 0-9] [--bits 8,6,5,4,3,2] [--qat 4,3,2]
                                     [--cache DIR] [--plot FILE.png] [--epochs N]

For each seed: train in float, export for Loihi 2 at each of --bits and run the fixed engine; for each of --qat, train the float model on
with rounded weights, export with so many bits, run again. As a control, the float model is trained on for as long in float. Test accuracy
at the epoch of the best validation accuracy; quantisation sees no label at all. With --cache, models and figures are kept there, and a
second run goes on where the first one ended. Figures of other code are not told apart: empty the folder after a change.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import machine
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from neurograph import training
from neurograph.data import GraphData, load
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.reproduce.run import recorded_accuracy
from neurograph.sim import fixed, floating
from neurograph.training import Checkpoint

TARGET = TARGETS["loihi2"]
KINDS = {"post": "post-training", "qat": "trained for it", "on": "float, trained on"}


@dataclass(frozen=True)
class Row:
    """One model in integers (``bits`` 0: in float).

    Args:
        dataset, seed: of the model.
        kind: "float", "on" (float, trained on), "post" or "qat".
        bits: of the weights.
        accuracy: on the test nodes, 0 to 1, of the fixed engine (bits 0: the float engine).
        mismatch: share of all spike slots in which the fixed engine differs from the float engine on the same model.
        worst: the same of the population where it is largest.
        overflows: wraps of u and clips of v.
        train_s, export_s: wall times.
    """

    dataset: str
    seed: int
    kind: str
    bits: int
    accuracy: float
    mismatch: float = 0.0
    worst: float = 0.0
    overflows: int = 0
    train_s: float = 0.0
    export_s: float = 0.0


class Cache:
    """Models and figures of earlier runs in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._lines = folder, folder / "weight_bits.jsonl"
        self.rows = [Row(**json.loads(line)) for line in self._lines.read_text().splitlines()] if self._lines.is_file() else []

    def find(self, dataset: str, seed: int, kind: str, bits: int) -> Row | None:
        key = (dataset, seed, kind, bits)
        return next((row for row in self.rows if (row.dataset, row.seed, row.kind, row.bits) == key), None)

    def add(self, row: Row) -> Row:
        with self._lines.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        self.rows.append(row)
        print(f"{row.dataset}, seed {row.seed}, {row.kind} {row.bits or ''}: {row.accuracy:.1%}", file=sys.stderr)
        return row

    def path(self, dataset: str, seed: int, kind: str, bits: int) -> Path:
        return self.folder / (f"{dataset}-{seed}.pt" if kind == "float" else f"{dataset}-{seed}-{kind}{bits or ''}.pt")


def measure(graph: GraphData, seed: int, bits: Iterable[int], qat: Iterable[int], cache: Cache, epochs: int | None) -> list[Row]:
    """All rows of one seed; those that the cache has are taken from there."""
    wanted = [("float", 0), *(("post", b) for b in bits), ("on", 0), *(("qat", b) for b in qat)]
    rows = []
    for kind, width in wanted:
        row = cache.find(graph.name, seed, kind, width)
        if row is None:
            checkpoint = model(graph, seed, "float" if kind == "post" else kind, width, cache, epochs)
            row = cache.add(run(checkpoint, kind, width))
        rows.append(row)
    return rows


def model(graph: GraphData, seed: int, kind: str, bits: int, cache: Cache, epochs: int | None) -> Checkpoint:
    """The float model of a seed, or that model trained on, with rounded weights where ``kind`` is "qat"."""
    path = cache.path(graph.name, seed, kind, bits)
    if not path.is_file():
        config, recipe = training.preset(graph)
        if kind == "float":
            result = training.train(config, graph, seed, recipe, epochs)
        else:
            start = model(graph, seed, "float", 0, cache, epochs).model
            result = training.fine_tune(start, graph, bits or None, seed, recipe, epochs)
        training.save(path, result.model, graph, result)
    return training.load(path)


def run(checkpoint: Checkpoint, kind: str, bits: int) -> Row:
    """Export, run the float and the fixed engine, and tell the test accuracy."""
    start = time.perf_counter()
    compiled = compile_checkpoint(checkpoint, TARGET, bits=bits or 8)
    export_s = time.perf_counter() - start
    assert compiled.quantized is not None
    exact = floating.run(compiled.network, compiled.inputs)
    name, train_s = checkpoint.graph.name, float(checkpoint.metrics["wall_s"])
    if not bits:
        return Row(name, checkpoint.seed, kind, 0, recorded_accuracy(checkpoint, exact), train_s=train_s)
    integer = fixed.run(compiled.quantized, compiled.inputs)
    differ = {p.name: integer.spikes[p.name] != exact.spikes[p.name] for p in compiled.network.neurons}
    return Row(
        dataset=name,
        seed=checkpoint.seed,
        kind=kind,
        bits=bits,
        accuracy=recorded_accuracy(checkpoint, integer),
        mismatch=sum(int(d.sum()) for d in differ.values()) / sum(d.size for d in differ.values()),
        worst=max(float(d.mean()) for d in differ.values()),
        overflows=sum(integer.notes["wraps"].values()) + sum(integer.notes["clips"].values()),
        train_s=train_s if kind == "qat" else 0.0,
        export_s=export_s,
    )


def table(rows: list[Row]) -> Table:
    """Means over seeds; differences are from the float model of the same seed."""
    seeds = {row.seed for row in rows}
    base = {row.seed: row.accuracy for row in rows if row.kind == "float"}
    result = Table("weights", "bits", "test accuracy %", "− float, points", "slots that differ %", "worst population %", "wraps, clips")
    result.title = f"{rows[0].dataset}, {len(seeds)} seeds, fixed engine"
    result.add_row("float", "", _spread([100 * a for a in base.values()]), "", "", "", "")
    for kind, bits in dict.fromkeys((row.kind, row.bits) for row in rows if row.kind != "float"):
        chosen = [row for row in rows if (row.kind, row.bits) == (kind, bits)]
        cells = [_spread([100 * row.accuracy for row in chosen]), _spread([100 * (row.accuracy - base[row.seed]) for row in chosen], "+")]
        if bits:
            cells += [_spread([100 * getattr(row, key) for row in chosen]) for key in ("mismatch", "worst")]
            cells.append(str(sum(row.overflows for row in chosen)))
        result.add_row(KINDS[kind], str(bits or ""), *cells)
    return result


def plot(rows: list[Row], path: Path) -> None:
    """Test accuracy against bits: means with standard deviations."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    exact = np.mean([100 * row.accuracy for row in rows if row.kind == "float"])
    axes.axhline(exact, color="black", linewidth=1, label="float")
    axes.axhspan(exact - 1.5, exact, color="black", alpha=0.07, linewidth=0, label="within 1.5 points")
    for kind, marker, shift in (("post", "o", -0.05), ("qat", "s", 0.05)):
        bits = sorted({row.bits for row in rows if row.kind == kind})
        values = [[100 * row.accuracy for row in rows if (row.kind, row.bits) == (kind, b)] for b in bits]
        if bits:
            means, deviations = [np.mean(v) for v in values], [_deviation(v) for v in values]
            axes.errorbar([b + shift for b in bits], means, deviations, marker=marker, capsize=3, label=KINDS[kind])
    axes.set(
        xlabel="weight bits",
        ylabel="test accuracy, %",
        title=f"{rows[0].dataset.capitalize()}, {len({row.seed for row in rows})} seeds, fixed engine",
    )
    axes.set_ylim(bottom=min(axes.get_ylim()[0], exact - 2))
    axes.set_xticks(sorted({row.bits for row in rows if row.bits}))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that holds Planetoid/Cora/raw or Cora/raw")
    parser.add_argument("--dataset", default="cora", choices=("cora", "karate"))
    parser.add_argument("--seeds", type=_numbers, default=list(range(10)), help="such as 0-9 or 0,3 (default 0-9)")
    parser.add_argument("--bits", type=_numbers, default=[8, 6, 5, 4, 3, 2], help="of post-training quantisation")
    parser.add_argument("--qat", type=_numbers, default=[4, 3, 2], help="bits to train for")
    parser.add_argument("--epochs", type=int, help="at most, in place of the preset's")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep models and figures there, and go on from what is there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curve: .svg, .png or .pdf")
    chosen = parser.parse_args(arguments)
    graph = load(chosen.dataset, chosen.data_root)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(chosen.cache or Path(folder))
        rows = [row for seed in chosen.seeds for row in measure(graph, seed, chosen.bits, chosen.qat, cache, chosen.epochs)]
    print(f"machine: {machine.describe()}")
    Console(width=120).print(table(rows))
    trained, exported = sum(row.train_s for row in rows), [row.export_s for row in rows if row.bits]
    print(f"training {trained:.0f} s in all, compiling {_spread(exported)} s each; this run {time.perf_counter() - start:.0f} s")
    if chosen.plot:
        plot(rows, chosen.plot)


def _numbers(text: str) -> list[int]:
    """3, 0,2 or 0-9."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=min(1, len(values) - 1)))


def _spread(values: list[float], sign: str = "") -> str:
    return f"{np.mean(values):{sign}.2f} ± {_deviation(values):.2f}" if values else ""


if __name__ == "__main__":
    main()
