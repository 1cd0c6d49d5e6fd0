"""Accuracy of SpikeGraphormer and SGHormer on Cora's public split, with the controls that tell what their attention does.

    python benchmarks/cora_accuracy.py --data-root DIR [--dataset cora] [--seeds 10] [--rows SGHormer "GCN (dense)"] [--json OUT]

Every row is trained with the same recipe from the same seeds; test accuracy at the epoch of the best validation accuracy.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from neurograph.data import GraphData, load
from neurograph.models.baselines import baseline
from neurograph.training import Recipe, TrainingResult, fit, parameter_groups, preset, train


@dataclass(frozen=True)
class Run:
    """One training run; accuracies 0 to 1."""

    seed: int
    val_accuracy: float
    test_accuracy: float
    epochs: int
    wall_s: float
    mask_alive: float | None = None


def trained(graph: GraphData, seed: int, progress: bool = False, model: str = "spikegraphormer", **overrides: Any) -> TrainingResult:
    """The preset's model for a seed; ``overrides`` are fields of its config, e.g. ``mask="ones"``."""
    config, recipe = preset(graph, model, **overrides)
    return train(config, graph, seed=seed, recipe=recipe, progress=progress)


def spiking(graph: GraphData, seed: int, progress: bool, **overrides: Any) -> Run:
    result = trained(graph, seed, progress, **overrides)
    return Run(seed, result.val_accuracy, result.test_accuracy, result.epochs, result.wall_s, result.mask_alive)


def dense(name: str, graph: GraphData, seed: int, progress: bool) -> Run:
    """A baseline with real numbers, with the same consistency loss, weight decay and stopping."""
    recipe = Recipe()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = baseline(name, graph)
        found = fit(model, graph, parameter_groups(model, recipe), recipe, progress=progress)
    return Run(seed, found.val_accuracy, found.test_accuracy, found.epochs, found.wall_s)


ROWS: dict[str, Callable[[GraphData, int, bool], Run]] = {
    "SpikeGraphormer": spiking,
    "mask forced to 1": partial(spiking, mask="ones"),
    "without the attention branch": partial(spiking, attention=False),
    "SGHormer": partial(spiking, model="sghormer"),
    "SGHormer, map forced to 1": partial(spiking, model="sghormer", mask="ones"),
    "SGHormer without global attention": partial(spiking, model="sghormer", mask="none"),
    "SGHormer, paper build": partial(spiking, model="sghormer-paper"),
    "GCN (dense)": partial(dense, "gcn"),
    "graph transformer (dense)": partial(dense, "transformer"),
}


def measure(graph: GraphData, seeds: int, rows: list[str], progress: bool = False) -> dict[str, list[Run]]:
    """All runs of the chosen rows, one line on stderr as each is done."""
    found: dict[str, list[Run]] = {}
    for name in rows:
        found[name] = []
        for seed in range(seeds):
            run = ROWS[name](graph, seed, progress)
            found[name].append(run)
            print(f"{name}, seed {seed}: test {run.test_accuracy:.1%} in {run.wall_s:.0f} s", file=sys.stderr)
    return found


def table(found: dict[str, list[Run]], dataset: str = "cora") -> Table:
    result = Table("model", "test accuracy %", "validation %", "alive masks", "s a seed", title=f"{dataset}, public split")
    for name, runs in found.items():
        alive = [run.mask_alive for run in runs if run.mask_alive is not None]
        result.add_row(
            name,
            _mean_std([100 * run.test_accuracy for run in runs]),
            _mean_std([100 * run.val_accuracy for run in runs]),
            f"{np.mean(alive):.0%}" if alive else "",
            f"{np.mean([run.wall_s for run in runs]):.0f}",
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that holds Planetoid/Cora/raw")
    parser.add_argument("--dataset", default="cora", help="cora (default), citeseer or pubmed")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to N − 1 (default 10)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW", help="only these rows")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every run there")
    parser.add_argument("--progress", action="store_true", help="draw a progress bar on stderr")
    arguments = parser.parse_args()
    found = measure(load(arguments.dataset, arguments.data_root), arguments.seeds, arguments.rows, arguments.progress)
    Console().print(table(found, arguments.dataset))
    if arguments.json:
        arguments.json.write_text(json.dumps({name: [asdict(run) for run in runs] for name, runs in found.items()}, indent=2) + "\n")


def _mean_std(values: list[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=min(1, len(values) - 1)):.2f}"


if __name__ == "__main__":
    main()
