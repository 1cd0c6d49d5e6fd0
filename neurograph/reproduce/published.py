"""Accuracies that others published, in test accuracy %, with the paper and its protocol."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

from neurograph.data import plain_name

__all__ = ["Published", "published"]


@dataclass(frozen=True)
class Published:
    """One figure: mean and standard deviation (None where there is none) in %."""

    dataset: str
    model: str
    mean: float
    std: float | None
    source: str
    protocol: str


@cache
def published(dataset: str) -> tuple[Published, ...]:
    """All figures of a dataset."""
    name = plain_name(dataset)
    text = resources.files(__package__).joinpath("published.csv").read_text()
    rows = (row for row in csv.DictReader(text.splitlines()) if row["dataset"] == name)
    return tuple(
        Published(
            row["dataset"], row["model"], float(row["mean"]), float(row["std"]) if row["std"] else None, row["source"], row["protocol"]
        )
        for row in rows
    )
