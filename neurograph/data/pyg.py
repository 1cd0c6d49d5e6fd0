"""Graphs that PyTorch Geometric loads: Planetoid with its public split; Amazon and Coauthor, which have none."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from neurograph.data.graph import GraphData, canonical_edges
from neurograph.data.planetoid_files import check_npz, rewrite_planetoid
from neurograph.data.sources import Raw, copied, quietly
from neurograph.data.splits import FRACTIONS, Masks, random_split

__all__ = ["PYG", "load_pyg"]

PYG = {
    "cora": ("Planetoid", "Cora"),
    "citeseer": ("Planetoid", "CiteSeer"),
    "pubmed": ("Planetoid", "PubMed"),
    "computers": ("Amazon", "Computers"),
    "photo": ("Amazon", "Photo"),
    "cs": ("Coauthor", "CS"),
    "physics": ("Coauthor", "Physics"),
}
_PLANETOID = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
_FILES = {
    "Computers": "amazon_electronics_computers.npz",
    "Photo": "amazon_electronics_photo.npz",
    "CS": "ms_academic_cs.npz",
    "Physics": "ms_academic_phy.npz",
}


def load_pyg(name: str, root: str | Path | None = None, split: int = 0) -> GraphData:
    """A graph with row-normalised features (PyG's NormalizeFeatures: each row sums to 1).

    Args:
        name: one of :data:`PYG`.
        root: a folder that holds ``[[data/]Planetoid/]Cora/raw`` and so on, see :func:`neurograph.data.sources.copied`.
        split: of Planetoid 0, its public split; else the seed of a random split of 60, 20 and 20 % of the nodes.

    Raises:
        DataError: raw files that are missing or cannot be read, or a download that failed.
    """
    family, title = PYG[name]
    raw = _raw(family, title)
    with copied(raw, root) as folder, quietly():
        if family == "Planetoid":
            rewrite_planetoid(folder / raw.folder, title)
        else:
            check_npz(folder / raw.folder / raw.files[0], title)
        data = _loaded(family, title, folder)
    y = data.y.numpy().astype(np.int64)
    masks: Masks = random_split(len(y), FRACTIONS, split, name)
    if family == "Planetoid":
        masks = data.train_mask.numpy(), data.val_mask.numpy(), data.test_mask.numpy()
    x = sp.csr_matrix(data.x.numpy().astype(np.float32))
    return GraphData(name, x, canonical_edges(data.edge_index.numpy()), y, *masks, classes=int(y.max()) + 1)


def _raw(family: str, title: str) -> Raw:
    files = tuple(f"ind.{title.lower()}.{part}" for part in _PLANETOID) if family == "Planetoid" else (_FILES[title],)
    return Raw(title, f"{family}/{title}/raw", files, partial(_loaded, family, title))


def _loaded(family: str, title: str, root: Path) -> Any:
    """What PyG reads below a root; it downloads what is not there."""
    from torch_geometric import datasets
    from torch_geometric.transforms import NormalizeFeatures

    return getattr(datasets, family)(str(root / family), title, transform=NormalizeFeatures())[0]
