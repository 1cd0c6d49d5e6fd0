"""Graph datasets by name."""

from __future__ import annotations

from pathlib import Path

from neurograph.data.graph import GraphData, canonical_edges
from neurograph.data.karate import load_karate
from neurograph.data.planetoid import DATASETS, load_planetoid
from neurograph.errors import DataError

__all__ = ["GraphData", "canonical_edges", "describe", "load", "names"]

_DESCRIPTIONS = {
    "karate": "Zachary's karate club: 34 nodes, 78 edges, 2 classes, one-hot features; bundled",
    "cora": "Cora citations: 2,708 nodes, 5,278 edges, 7 classes, 1,433 words, public split; needs --data-root or a download",
    "citeseer": "CiteSeer citations: 3,327 nodes, 4,552 edges, 6 classes, 3,703 words, public split; needs --data-root or a download",
}


def names() -> tuple[str, ...]:
    """Names that :func:`load` takes."""
    return tuple(_DESCRIPTIONS)


def describe(name: str) -> str:
    """One line about a dataset."""
    return _DESCRIPTIONS[_known(name)]


def load(name: str, root: str | Path | None = None) -> GraphData:
    """A dataset by name, in any case.

    Args:
        name: one of :func:`names`.
        root: folder that holds raw files (``--data-root``); never written to. Bundled datasets need none.

    Raises:
        DataError: an unknown name, or files that are missing or broken.
    """
    known = _known(name)
    return load_planetoid(known, root) if known in DATASETS else load_karate()


def _known(name: str) -> str:
    if name.lower() not in _DESCRIPTIONS:
        raise DataError(f"dataset {name!r}: not known; choose one of {', '.join(_DESCRIPTIONS)}")
    return name.lower()
