"""Graph datasets by name: one graph, or a set of graphs as one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurograph.data.digits import load_digits
from neurograph.data.graph import GraphData, canonical_edges, some_graphs, with_adjacency
from neurograph.data.heterophilous import load_heterophilous
from neurograph.data.karate import load_karate
from neurograph.data.pyg import load_pyg
from neurograph.data.snapshots import DYNAMIC
from neurograph.data.splits import FOLDS, resplit
from neurograph.data.synthetic import cluster, pattern, rmat, sbm
from neurograph.data.tu import TU, load_tu
from neurograph.errors import DataError

__all__ = ["GraphData", "canonical_edges", "describe", "is_set", "load", "names", "some_graphs", "with_adjacency"]


@dataclass(frozen=True)
class _Dataset:
    """What a name stands for.

    Args:
        about: one line.
        load: (root, split, nodes) → GraphData.
        splits: how many there are; 0: as many as there are seeds.
        made: whether the number of nodes can be chosen.
    """

    about: str
    load: Callable[[str | Path | None, int, int | None], GraphData]
    splits: int
    made: bool = False


def _read(loader: Any, name: str) -> Any:
    return lambda root, split, nodes: loader(name, root, split)


def _made(maker: Any) -> Any:
    return lambda root, split, nodes: maker(seed=split) if nodes is None else maker(nodes, split)


_RANDOM = "random split of 60/20/20 %"
_FILED = {  # name: what reads it, how many splits it has, what it is
    "cora": (load_pyg, 1, "Cora citations: 2,708 nodes, 5,278 edges, 7 classes, 1,433 words, public split"),
    "citeseer": (load_pyg, 1, "CiteSeer citations: 3,327 nodes, 4,552 edges, 6 classes, 3,703 words, public split"),
    "pubmed": (load_pyg, 1, "PubMed citations: 19,717 nodes, 44,324 edges, 3 classes, 500 words, public split"),
    "computers": (load_pyg, 0, f"Amazon Computers, goods bought together: 13,752 nodes, 10 classes, 767 words, {_RANDOM}"),
    "photo": (load_pyg, 0, f"Amazon Photo, goods bought together: 7,650 nodes, 8 classes, 745 words, {_RANDOM}"),
    "cs": (load_pyg, 0, f"Coauthor CS, who wrote with whom: 18,333 nodes, 15 classes, 6,805 words, {_RANDOM}"),
    "physics": (load_pyg, 0, f"Coauthor Physics, who wrote with whom: 34,493 nodes, 5 classes, 8,415 words, {_RANDOM}"),
    "actor": (load_heterophilous, 10, "Actor, on one page of Wikipedia: 7,600 nodes, 5 classes, 932 words, 10 splits"),
    "squirrel": (
        load_heterophilous,
        10,
        "Squirrel, links of Wikipedia, duplicates filtered: 2,223 nodes, 5 classes, 2,089 words, 10 splits",
    ),
    "chameleon": (
        load_heterophilous,
        10,
        "Chameleon, links of Wikipedia, duplicates filtered: 890 nodes, 5 classes, 2,325 words, 10 splits",
    ),
    "texas": (load_heterophilous, 10, "Texas, pages of a university: 183 nodes, 5 classes, 1,703 words, 10 splits"),
}
_SETS = {
    "mutag": "MUTAG, nitro compounds that mutate or not: 188 graphs, 2 classes",
    "proteins": "PROTEINS, enzymes or not: 1,113 graphs, 2 classes",
    "enzymes": "ENZYMES, which of the six classes: 600 graphs",
    "nci1": "NCI1, compounds active against lung cancer or not: 4,110 graphs, 2 classes",
    "ptc_mr": "PTC_MR, compounds carcinogenic to male rats or not: 344 graphs, 2 classes",
    "dd": "DD, proteins that are enzymes or not: 1,178 graphs, 2 classes",
    "imdb-binary": "IMDB-BINARY, which genre actors played together in: 1,000 graphs, 2 classes, degrees as features",
    "imdb-multi": "IMDB-MULTI, which genre actors played together in: 1,500 graphs, 3 classes, degrees as features",
    "collab": "COLLAB, which field of physics wrote together: 5,000 graphs, 3 classes, degrees as features",
}
_OTHER = "tu"  # tu:NAME is any other set of graphs in that layout
_MADE = {
    "cluster": (cluster, "CLUSTER-style block model, any size: which community"),
    "pattern": (pattern, "PATTERN-style block model, any size: which nodes are in the hidden pattern"),
    "sbm": (sbm, "stochastic block model with Gaussian features, any size"),
    "rmat": (rmat, "R-MAT graph with Gaussian features, any size"),
}


def _unnamed(root: str | Path | None, split: int, nodes: int | None) -> GraphData:
    raise DataError("dataset tu: of which name is not said; give e.g. tu:Cuneiform")


_DATASETS = {
    "karate": _Dataset(
        "Zachary's karate club: 34 nodes, 78 edges, 2 classes, one-hot features; bundled", lambda root, split, nodes: load_karate(), 1
    ),
    "digits": _Dataset(
        f"scikit-learn's digits, each image joined to its 5 nearest: 1,797 nodes, 10 classes, 64 pixels, {_RANDOM}; bundled",
        lambda root, split, nodes: load_digits(split),
        0,
    ),
    **{
        name: _Dataset(f"{about}; needs --data-root or a download", _read(loader, name), splits)
        for name, (loader, splits, about) in _FILED.items()
    },
    **{
        name: _Dataset(f"set of graphs: {about}, {FOLDS} folds; needs --data-root or a download", _read(load_tu, name), FOLDS)
        for name, about in _SETS.items()
    },
    _OTHER: _Dataset(f"tu:NAME, any other set of graphs in the TU layout, {FOLDS} folds; needs --data-root or a download", _unnamed, FOLDS),
    **{name: _Dataset(f"{about}; made", _made(maker), 0, True) for name, (maker, about) in _MADE.items()},
}


def names() -> tuple[str, ...]:
    """Names that :func:`load` takes."""
    return tuple(_DATASETS)


def describe(name: str) -> str:
    """One line about a dataset."""
    return _DATASETS[_known(name)[0]].about


def plain_name(name: str) -> str:
    """A dataset's name as settings and tables have it: lower case but for what follows a colon."""
    kind, colon, rest = name.partition(":")
    return kind.lower() + colon + rest


def is_set(name: str) -> bool:
    """Whether a dataset is a set of graphs, each with a class, and not one graph whose nodes have them."""
    return name.lower() in TU or name.lower().partition(":")[0] == _OTHER


def load(name: str, root: str | Path | None = None, split: int = 0, shares: tuple[float, float, float] | None = None) -> GraphData:
    """A dataset by name, in any case.

    Args:
        name: one of :func:`names`; one that is made takes its number of nodes behind a colon, ``rmat:20000``, and ``tu:NAME``, NAME in the
            case of its files, is a set of graphs that has no name here.
        root: folder that holds raw files (``--data-root``); never written to. Bundled datasets need none.
        split: which of its splits, or the seed of a random one, and of a graph that is made.
        shares: of train, validation and test, for a random split by that seed in the stead of the dataset's own.

    Raises:
        DataError: an unknown name or split, or files that are missing or broken.
    """
    known, nodes = _known(name)
    dataset = _DATASETS[known]
    if known == _OTHER and ":" in name:
        dataset = replace(dataset, load=_read(load_tu, name.partition(":")[2]))
    if split < 0 or (shares is None and dataset.splits and split >= dataset.splits):
        there = f"0 to {dataset.splits - 1}" if dataset.splits > 1 else "0, its only one" if dataset.splits else "0 or more"
        raise DataError(f"dataset {known}: split {split}, must be {there}; choose another, or give shares for a random one")
    graph = dataset.load(root, 0 if shares and dataset.splits else split, nodes)
    graph = graph if shares is None else resplit(graph, shares, split)
    return graph if nodes is None else replace(graph, name=f"{known}:{nodes}")


def _known(name: str) -> tuple[str, int | None]:
    known, colon, size = name.lower().partition(":")
    if known in DYNAMIC:
        raise DataError(f"dataset {name!r}: a graph that changes, which dynamic models alone take; choose another, or train dysign-onchip")
    if known not in _DATASETS:
        there = ", ".join(f"{key}:NAME" if key == _OTHER else key for key in _DATASETS)
        raise DataError(f"dataset {name!r}: not known; choose one of {there}; a dynamic model takes {' or '.join(DYNAMIC)}")
    if not colon or known == _OTHER:
        return known, None
    if _DATASETS[known].made and not size.isdecimal():
        raise DataError(f"dataset {name!r}: {size!r} is no number of nodes, must be a whole number; give e.g. {known}:20000")
    if not _DATASETS[known].made:
        made = ", ".join(key for key, dataset in _DATASETS.items() if dataset.made)
        raise DataError(f"dataset {name!r}: only graphs that are made ({made}) take a number of nodes, as in rmat:20000; leave it out")
    return known, int(size)
