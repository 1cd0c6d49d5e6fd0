"""Zachary's karate club, bundled with networkx: 34 members, 78 friendships, the two clubs that it split into."""

from __future__ import annotations

import networkx as nx
import numpy as np

from neurograph.data.graph import GraphData, canonical_edges

__all__ = ["load_karate"]

TRAIN_PER_CLASS = 4
VAL_PER_CLASS = 4
LEADERS = (0, 33)  # the instructor and the officer, whose quarrel split the club


def load_karate() -> GraphData:
    """The graph with one-hot features (the identity), the club as class, and a fixed split.

    Train: the two leaders and 3 more of each club; validation: 4 of each; test: the other 18.
    """
    club = nx.karate_club_graph()
    y = np.array([int(club.nodes[node]["club"] == "Officer") for node in club], dtype=np.int64)
    split = np.full(len(y), 2)
    rng = np.random.default_rng(0)
    for label, leader in enumerate(LEADERS):
        others = np.flatnonzero((y == label) & (np.arange(len(y)) != leader))
        members = np.array([leader, *rng.permutation(others)])
        split[members[:TRAIN_PER_CLASS]] = 0
        split[members[TRAIN_PER_CLASS : TRAIN_PER_CLASS + VAL_PER_CLASS]] = 1
    return GraphData(
        name="karate",
        x=np.eye(len(y), dtype=np.float32),
        edge_index=canonical_edges(np.array(club.edges, dtype=np.int64).T),
        y=y,
        train_mask=split == 0,
        val_mask=split == 1,
        test_mask=split == 2,
        classes=2,
    )
