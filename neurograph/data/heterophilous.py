"""Graphs in the npz layout of Platonov et al. (A critical look at the evaluation of GNNs under heterophily, ICLR 2023), with ten splits
each: Squirrel and Chameleon without the duplicate nodes that leak from train to test, Actor, Texas."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import scipy.sparse as sp

from neurograph.array_files import read_array_file
from neurograph.data.graph import GraphData, canonical_edges
from neurograph.data.sources import Raw, held
from neurograph.errors import DataError
from neurograph.files import write_file

__all__ = ["HETEROPHILOUS", "load_heterophilous", "read_npz"]

HETEROPHILOUS = {"actor": "actor", "squirrel": "squirrel_filtered", "chameleon": "chameleon_filtered", "texas": "texas"}
SOURCE = "https://raw.githubusercontent.com/yandex-research/heterophilous-graphs/main/data"
_KEYS = ("node_features", "node_labels", "edges", "train_masks", "val_masks", "test_masks")
_TIMEOUT_S = 60


def load_heterophilous(name: str, root: str | Path | None = None, split: int = 0) -> GraphData:
    """A graph with row-normalised features and one of its own splits.

    Args:
        name: one of :data:`HETEROPHILOUS`.
        root: a folder that holds ``[data/][heterophilous/]actor.npz`` and so on.
        split: 0 to 9.

    Raises:
        DataError: a file that is missing or cannot be read, a download that failed, or a split that there is not.
    """
    file = f"{HETEROPHILOUS[name]}.npz"
    raw = Raw(HETEROPHILOUS[name], "heterophilous", (file,), partial(_download, file))
    with held(raw, root) as folder:
        return read_npz(folder / file, name, split)


def read_npz(path: Path, name: str, split: int = 0) -> GraphData:
    """A file of that layout: node_features (N, F), node_labels (N,), edges (E, 2), train_masks, val_masks, test_masks (splits, N).

    Raises:
        DataError: arrays that are missing, or a split that there is not. UnsafeArrayError: not such a file.
    """
    arrays = read_array_file(path)
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise DataError(f"dataset {name}: {path.name} holds no {', '.join(missing)}; give a file with {', '.join(_KEYS)}")
    nodes = len(arrays["node_labels"])
    shapes = {key: arrays[key].shape for key in _KEYS}
    if shapes["node_features"][:1] != (nodes,) or any(shape[1:] != (nodes,) for key, shape in shapes.items() if key.endswith("masks")):
        raise DataError(f"dataset {name}: {path.name} holds arrays of shapes {shapes}, must be of the same nodes; copy it anew")
    splits = len(arrays["train_masks"])
    if not 0 <= split < splits:
        raise DataError(f"dataset {name}: split {split}, must be 0 to {splits - 1}; choose one of these, or shares for a random one")
    features = arrays["node_features"].astype(np.float32)
    total = features.sum(axis=1, keepdims=True)
    y = arrays["node_labels"].astype(np.int64)
    train, val, test = (arrays[f"{part}_masks"][split] for part in ("train", "val", "test"))
    x = sp.csr_matrix(features / np.where(total == 0, 1, total))
    return GraphData(name, x, canonical_edges(arrays["edges"].T), y, train, val, test, int(y.max()) + 1)


def _download(file: str, root: Path) -> None:
    folder = root / "heterophilous"
    folder.mkdir(parents=True, exist_ok=True)
    with urlopen(f"{SOURCE}/{file}", timeout=_TIMEOUT_S) as answer:  # nosec B310  # https, see SOURCE
        write_file(folder / file, answer.read(), "dataset", DataError)
