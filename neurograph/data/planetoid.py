"""Cora and CiteSeer through PyG's Planetoid, from a folder that already holds the raw files or by download."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurograph.data.graph import GraphData, canonical_edges
from neurograph.errors import DataError

__all__ = ["DATASETS", "ROOT_VARIABLE", "load_planetoid"]

DATASETS = {"cora": "Cora", "citeseer": "CiteSeer"}
ROOT_VARIABLE = "NEUROGRAPH_DATA"
RAW_NAMES = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")


def load_planetoid(name: str, root: str | Path | None = None) -> GraphData:
    """A Planetoid graph with its public split and row-normalised features (PyG's NormalizeFeatures: each row sums to 1).

    Args:
        name: "cora" or "citeseer".
        root: a folder that holds ``[[data/]Planetoid/]Cora/raw``. It is never written to: the raw files are copied to a temporary
            folder for the loader. None: the folder in $NEUROGRAPH_DATA, else a download into the user's cache.

    Raises:
        DataError: raw files that are missing or cannot be read, or a download that failed.
    """
    title = DATASETS[name]
    root = root if root is not None else os.environ.get(ROOT_VARIABLE) or None
    raw = _find_raw(Path(root), title) if root is not None else _cached_raw(title)
    with tempfile.TemporaryDirectory(prefix="neurograph-") as scratch:
        copy = Path(scratch, title, "raw")
        copy.mkdir(parents=True)
        for file in _raw_files(title):
            shutil.copyfile(raw / file, copy / file)
        try:
            data = _run_loader(scratch, title)
        except Exception as error:
            raise DataError(f"dataset {title}: raw files in {raw} cannot be read ({_first_line(error)}); copy them anew") from error
    return _to_graph(name, data)


def _run_loader(root: str | Path, title: str) -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        from torch_geometric.datasets import Planetoid
        from torch_geometric.transforms import NormalizeFeatures

        return Planetoid(str(root), title, transform=NormalizeFeatures())[0]


def _to_graph(name: str, data: Any) -> GraphData:
    y = data.y.numpy().astype(np.int64)
    return GraphData(
        name=name,
        x=sp.csr_matrix(data.x.numpy().astype(np.float32)),
        edge_index=canonical_edges(data.edge_index.numpy()),
        y=y,
        train_mask=data.train_mask.numpy(),
        val_mask=data.val_mask.numpy(),
        test_mask=data.test_mask.numpy(),
        classes=int(y.max()) + 1,
    )


def _raw_files(title: str) -> list[str]:
    return [f"ind.{title.lower()}.{name}" for name in RAW_NAMES]


def _find_raw(root: Path, title: str) -> Path:
    for folder in (root / "Planetoid", root, root / "data" / "Planetoid"):
        raw = folder / title / "raw"
        if not raw.is_dir():
            continue
        missing = [file for file in _raw_files(title) if not (raw / file).is_file()]
        if missing:
            raise DataError(
                f"dataset {title}: {len(missing)} of {len(RAW_NAMES)} raw files are missing in {raw} ({missing[0]} …); copy them there"
            )
        return raw
    raise DataError(
        f"dataset {title}: data root {root} holds no {title}/raw nor Planetoid/{title}/raw; point --data-root at a folder that does"
    )


def _cached_raw(title: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurograph" / "Planetoid"
    raw = cache / title / "raw"
    if not all((raw / file).is_file() for file in _raw_files(title)):
        try:
            _run_loader(cache, title)
        except Exception as error:
            raise DataError(
                f"dataset {title}: not in {cache} and its download failed ({_first_line(error)}); "
                f"pass --data-root DIR (or set {ROOT_VARIABLE}) with a folder that holds {title}/raw"
            ) from error
    return raw


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]
