"""How each dataset is used in a table: its splits and how many seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurograph import data
from neurograph.data import GraphData

__all__ = ["Protocol", "protocol"]


@dataclass(frozen=True)
class Protocol:
    """The splits of a table.

    Args:
        about: in words, for a table.
        seeds: runs, with seeds 0, 1, ….
        each: whether every seed has a split of its own; else all runs share one.
        shares: of a random split, drawn by the seed; None: the dataset's own splits.
    """

    about: str
    seeds: int
    each: bool
    shares: tuple[float, float, float] | None = None

    def graph(self, dataset: str, root: Path | None, seed: int) -> GraphData:
        """The dataset with the split of a seed.

        Raises:
            DataError: see :func:`neurograph.data.load`.
        """
        return data.load(dataset, root, seed if self.each else 0, self.shares)


_PUBLIC = Protocol("Planetoid's public split", 10, False)
_RANDOM = Protocol("random 60/20/20 % a seed", 5, True)
_FOLDS = Protocol("10 stratified folds, a seed each", 10, True)
_FIXED = Protocol("the 10 splits of the dataset, a seed each", 10, True)
_PROTOCOLS = {
    **dict.fromkeys(("cora", "citeseer", "pubmed"), _PUBLIC),
    **dict.fromkeys(("computers", "photo", "cs", "physics"), _RANDOM),
    **dict.fromkeys(("squirrel", "chameleon", "texas"), _FIXED),
    "actor": Protocol("random 50/25/25 % a seed", 10, True, (0.5, 0.25, 0.25)),
    "karate": Protocol("its one split", 10, False),
}


def protocol(dataset: str) -> Protocol:
    """The protocol of a dataset; of one that no table has, a split and a run for each of five seeds."""
    return _FOLDS if data.is_set(dataset) else _PROTOCOLS.get(data.plain_name(dataset), Protocol("a split a seed", 5, True))
