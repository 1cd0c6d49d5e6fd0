"""A table: run what is missing, row by row, and print it beside what others published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from neurograph.reproduce.published import published
from neurograph.reproduce.run import Run, identity, run
from neurograph.reproduce.store import Store
from neurograph.reproduce.tables import Table
from neurograph.training.protocols import protocol

__all__ = ["as_text", "measured"]


def measured(
    table: Table,
    dataset: str,
    store: Store,
    root: Path | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """All rows on a dataset; each run that the store has not is done and stored. Plain values, for JSON and :func:`as_text`.

    Args:
        seeds: runs a row; None: as the dataset's protocol says.
        epochs: at most a run.
        report: is given a line a run that is done.
    """
    how = protocol(dataset)
    count = how.seeds if seeds is None else seeds
    rows = []
    for row in table.rows:
        runs = []
        for seed in range(count):
            key = identity(row, dataset, seed, epochs)
            found = store.find(key)
            if found is None:
                found = run(row, dataset, seed, root, epochs)
                store.add(key, found)
                report(f"{dataset}, {row.name}, seed {seed}: test {found.test_accuracy:.2%} in {found.train_s:.0f} s")
            runs.append(found)
        rows.append({"row": row.name, "model": row.model, **_summary(runs)})
    return {
        "dataset": dataset,
        "protocol": how.about,
        "seeds": count,
        "epochs": epochs,
        "rows": rows,
        "published": [asdict(figure) for figure in published(dataset)],
    }


def as_text(found: dict[str, Any], width: int = 130) -> str:
    """The rows, and below them what was published."""
    limit = "" if found["epochs"] is None else f", at most {found['epochs']} epochs"
    table = RichTable(title=f"{found['dataset']}: {found['protocol']}, {found['seeds']} seeds{limit}; test at the best validation")
    for column in ("model", "test accuracy %", "validation %", "8-bit integers %", "− float, points", "alive masks", "s a seed"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in found["rows"]:
        alive = "" if row["mask_alive"] is None else f"{row['mask_alive']:.0%}"
        fixed = [_spread(row["fixed"]), _spread(row["lost"], "+")]
        table.add_row(row["row"], _spread(row["test"]), _spread(row["val"]), *fixed, alive, f"{row['train_s']:.0f}")
    others = RichTable(title=f"{found['dataset']}: published, test accuracy %")
    for column in ("model", "%", "source", "protocol"):
        others.add_column(column, justify="right" if column == "%" else "left")
    for figure in found["published"]:
        std = "" if figure["std"] is None else f" ± {figure['std']:.2f}"
        others.add_row(figure["model"], f"{figure['mean']:.2f}{std}", figure["source"], figure["protocol"])
    text = StringIO()
    console = Console(file=text, width=width)
    console.print(table)
    if found["published"]:
        console.print(others)
    return text.getvalue().rstrip("\n")


def _summary(runs: list[Run]) -> dict[str, Any]:
    """Means and standard deviations in %, and all runs."""
    alive = [r.mask_alive for r in runs if r.mask_alive is not None]
    pairs = [(r.fixed_accuracy, r.test_accuracy) for r in runs if r.fixed_accuracy is not None]
    return {
        "test": _stats([100 * r.test_accuracy for r in runs]),
        "val": _stats([100 * r.val_accuracy for r in runs]),
        "fixed": _stats([100 * fixed for fixed, _ in pairs]),
        "lost": _stats([100 * (fixed - test) for fixed, test in pairs]),
        "mask_alive": float(np.mean(alive)) if alive else None,
        "train_s": float(np.mean([r.train_s for r in runs])),
        "runs": [asdict(r) for r in runs],
    }


def _stats(values: list[float]) -> dict[str, float] | None:
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=min(1, len(values) - 1)))} if values else None


def _spread(stats: dict[str, float] | None, sign: str = "") -> str:
    return "" if stats is None else f"{stats['mean']:{sign}.2f} ± {stats['std']:.2f}"
