"""Dy-SIGN on dynamic DBLP beside SpikeNet's layer and GRU-GCN, and the memory that a training step takes.

    python benchmarks/dysign.py --data-root DIR [--seeds 3] [--shares 40 60 80] [--models dysign gru_gcn …] [--json OUT]
    python benchmarks/dysign.py --data-root DIR --seeds 1 --shares 40 --smoothing 10 --warm 250 --epochs 16 --dropout 0.5
    python benchmarks/dysign.py --data-root DIR --only memory

Accuracy: all models see the same walk features of every snapshot, the same random split of a seed (a twentieth of what is not for
testing is for validation) and the same recipe; settings are those that short trials on validation nodes chose (``CHOSEN``). Scores are
those of the test nodes at the epoch of the best validation Micro-F1, mean and standard deviation over seeds. Dy-SIGN is trained at its
equilibrium and tested with spikes. Beside them stand label propagation, which learns nothing and sees no features, and an MLP on the
features of the last step, which sees no edges but through these.

Memory: one training step with 4 to 64 latency steps in processes of their own, by the peak of the resident set
(benchmarks/dysign_child.py), on a small made graph.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

import machine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch_geometric.nn import LabelPropagation

from neurograph.data.dynamic import DynamicGraph, load_dblp
from neurograph.data.walks import walk_features
from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.dysign_onchip import OnChipConfig, OnChipDySign
from neurograph.models.gru_gcn import GruGcn
from neurograph.models.spikenet import SpikeNet, neighbour_steps
from neurograph.models.steps import graph_steps
from neurograph.training.dynamic import DynamicRecipe, f1, fit_dynamic, standardised

WIDTH = 128
SPIKES = {"width": 128, "layers": 1, "own": False, "spread": 0.8, "tolerance": 0.02, "dropout": 0.4, "last": True}
RECIPE = DynamicRecipe(warm=80, epochs=24, patience=16, every=4, learning_rate=0.02)
CONTROLS = ("MLP on the last features", "label propagation")
LATENCIES = (4, 8, 16, 32, 64)


def so_far(graph: DynamicGraph, features: list[Any]) -> list[Any]:
    """Steps with the edges of all snapshots until then, as SpikeNet's sampling has them too."""
    return graph_steps(graph, features, edges="so_far")


@dataclass(frozen=True)
class Choice:
    """A model and what the search chose for it."""

    title: str
    build: Callable[..., torch.nn.Module]
    steps: Callable[..., list[Any]] = so_far
    settings: dict[str, Any] = field(default_factory=dict)
    recipe: DynamicRecipe = RECIPE


def dysign(features: int, classes: int, steps: int, **settings: Any) -> DySign:
    return DySign(DySignConfig(features, classes, steps, **settings))


def onchip(features: int, classes: int, steps: int, **settings: Any) -> OnChipDySign:
    return OnChipDySign(OnChipConfig(features, classes, steps, **settings))


CHOSEN = {
    "dysign": Choice("Dy-SIGN (reconstruction)", dysign, settings={"forward": "equilibrium", **SPIKES}),
    "dysign_no_carry": Choice("Dy-SIGN without carry", dysign, settings={"forward": "equilibrium", "carry": False, **SPIKES}),
    "dysign_bptt": Choice("Dy-SIGN, BPTT", dysign, settings={"gradient": "unrolled", **SPIKES}),
    "dysign_onchip": Choice("Dy-SIGN, on-chip build", onchip),
    "spikenet": Choice("SpikeNet's layer (reconstruction)", SpikeNet, neighbour_steps, {"width": 96, "dropout": 0.3, "last": True}),
    "gru_gcn": Choice("GRU-GCN", GruGcn, settings={"width": 96, "dropout": 0.3, "last": True}),
}


class Mlp(torch.nn.Sequential):
    """A hidden layer of 192 on the features of the last step alone."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(torch.nn.Linear(features, 192), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(192, classes))

    def forward(self, steps: Sequence[torch.Tensor], nodes: int, rows: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = super().forward(steps[-1][rows])
        return found


def accuracy_rows(
    graph: DynamicGraph,
    models: Sequence[str],
    shares: Sequence[int],
    seeds: int,
    *,
    settings: dict[str, Any] | None = None,
    recipe: dict[str, Any] | None = None,
    width: int = WIDTH,
    smoothing: int = 0,
) -> list[dict[str, Any]]:
    """A row for each model, share and seed, the controls after the models; ``settings`` and ``recipe``: in place of the models' own."""
    features = standardised(walk_features(graph, width, smoothing=smoothing))
    rows = []
    for name in models:
        choice = CHOSEN[name]
        how = replace(choice.recipe, **(recipe or {}))
        steps = choice.steps(graph, features)
        for share in shares:
            for seed in range(seeds):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    model = choice.build(width, graph.classes, graph.steps, **{**choice.settings, **(settings or {})})
                row = trained(graph, model, steps, name, share, seed, how)
                if isinstance(model, DySign) and model.config.forward == "equilibrium":
                    row |= by_spikes(graph, model, steps, share, seed)
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    last = [torch.from_numpy(features[-1])]
    for share in shares:
        for seed in range(seeds):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = Mlp(width, graph.classes)
            rows.append(trained(graph, model, last, "MLP on the last features", share, seed, DynamicRecipe(epochs=200, patience=40)))
            rows.append(label_propagation(graph, share, seed))
    return rows


def trained(
    graph: DynamicGraph, model: torch.nn.Module, steps: Sequence[Any], name: str, share: int, seed: int, recipe: DynamicRecipe
) -> dict[str, Any]:
    """The row of one training run."""
    found = fit_dynamic(model, steps, graph.y, graph.split(share / 100, seed), recipe, seed)
    return {"model": name, "share": share, "seed": seed, **asdict(found)}


@torch.no_grad()
def by_spikes(graph: DynamicGraph, model: DySign, steps: Sequence[Any], share: int, seed: int) -> dict[str, float]:
    """Test scores of a model that was trained at its equilibrium, when its neurons fire."""
    test = torch.from_numpy(np.flatnonzero(graph.split(share / 100, seed)[2]))
    at_rest = model.config
    model.config = replace(at_rest, forward="spikes")
    macro, micro = f1(model(steps, graph.nodes, test), graph.y[test.numpy()])
    return {"test_macro": macro, "test_micro": micro}


def label_propagation(graph: DynamicGraph, share: int, seed: int) -> dict[str, Any]:
    """PyG's, over the edges of all snapshots together (Zhu and Ghahramani 2002), 10 steps, alpha 0.9."""
    train, _, test = graph.split(share / 100, seed)
    edges = torch.from_numpy(np.unique(np.concatenate(graph.snapshots, axis=1), axis=1))
    spread = LabelPropagation(num_layers=10, alpha=0.9)(torch.from_numpy(graph.y), edges, torch.from_numpy(train))
    macro, micro = f1(spread[torch.from_numpy(test)], graph.y[test])
    return {"model": "label propagation", "share": share, "seed": seed, "test_macro": macro, "test_micro": micro}


def memory_rows(root: str | None, latencies: Sequence[int] = LATENCIES, width: int = 16) -> list[dict[str, Any]]:
    """MiB of one training step, implicit and BPTT, each in a process of its own."""
    rows = []
    for latency in latencies:
        row: dict[str, Any] = {"latency": latency}
        for gradient in ("implicit", "unrolled"):
            job = json.dumps({"gradient": gradient, "latency": latency, "width": width, "root": root})
            child = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("dysign_child.py")), job]
            done = subprocess.run(child, capture_output=True, text=True, env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"})
            if done.returncode:
                raise SystemExit(f"memory at {latency} latency steps, {gradient}: the child ended with {done.returncode}:\n{done.stderr}")
            row[gradient] = json.loads(done.stdout)["mib"]
        rows.append(row)
    return rows


def summary(rows: Sequence[dict[str, Any]], model: str, share: int) -> str | None:
    """Macro and Micro, mean ± standard deviation, in %."""
    chosen = [row for row in rows if (row["model"], row["share"]) == (model, share)]
    if not chosen:
        return None
    macro, micro = (np.array([100 * row[key] for row in chosen]) for key in ("test_macro", "test_micro"))
    more = min(1, len(chosen) - 1)
    return f"{macro.mean():.2f} ± {macro.std(ddof=more):.2f} / {micro.mean():.2f} ± {micro.std(ddof=more):.2f}"


def main() -> int:
    """Print the tables; 1 where training memory at 64 latency steps is more than 1.1 times that at 4."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", required=True, metavar="DIR", help="a folder with dynamic/dblp in it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shares", type=int, nargs="+", default=[40, 60, 80], metavar="%")
    parser.add_argument("--models", nargs="+", choices=CHOSEN, default=["dysign", "spikenet", "gru_gcn"])
    parser.add_argument("--only", choices=("accuracy", "memory"))
    parser.add_argument("--smoothing", type=int, default=0, help="of the walk features (default 0)")
    parser.add_argument("--epochs", type=int, help="of every model, in place of its own")
    parser.add_argument("--warm", type=int, help="epochs on the last snapshot before these, likewise")
    parser.add_argument("--dropout", type=float, help="of every model, likewise")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    graph, console = load_dblp(chosen.data_root), Console(width=140)
    found: dict[str, Any] = {"machine": machine.describe(), "accuracy": [], "memory": []}
    print("machine:", found["machine"])
    if chosen.only != "memory":
        settings, recipe = (
            {name: value for name in names if (value := getattr(chosen, name)) is not None} for names in (("dropout",), ("epochs", "warm"))
        )
        rows = accuracy_rows(
            graph, chosen.models, chosen.shares, chosen.seeds, settings=settings, recipe=recipe, smoothing=chosen.smoothing
        )
        found["accuracy"] = rows
        table = Table("model", *(f"{share} %" for share in chosen.shares), title="dynamic DBLP: Macro-F1 / Micro-F1, %")
        for name in [*chosen.models, *CONTROLS]:
            title = CHOSEN[name].title if name in CHOSEN else name
            table.add_row(title, *(summary(rows, name, share) or "" for share in chosen.shares))
        console.print(table)
    grown = 0.0
    if chosen.only != "accuracy":
        found["memory"] = memory_rows(None)
        table = Table("latency steps", "implicit MiB", "BPTT MiB", title="one training step of Dy-SIGN, 2 layers of 16, a made graph")
        for row in found["memory"]:
            table.add_row(*(f"{row[key]:.0f}" for key in ("latency", "implicit", "unrolled")))
        console.print(table)
        grown = found["memory"][-1]["implicit"] / found["memory"][0]["implicit"]
        print(f"implicit: {LATENCIES[-1]} latency steps take {grown:.2f} times the memory of {LATENCIES[0]}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(grown > 1.1)


if __name__ == "__main__":
    sys.exit(main())
