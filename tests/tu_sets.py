"""Made sets of graphs in the TU layout."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np


def write_tu(folder: Path, name: str, graphs: list[nx.Graph], classes: list[int], **parts: list[str]) -> Path:
    """The raw files of a set, in ``folder/name``; ``parts`` are lines of further files, or of these in other words."""
    at = folder / name
    at.mkdir(parents=True)
    edges, indicator = [], []
    for number, graph in enumerate(graphs, 1):
        first = len(indicator) + 1
        place = {node: first + index for index, node in enumerate(graph)}
        indicator += [str(number)] * len(graph)
        edges += [f"{place[a]}, {place[b]}" for edge in graph.edges for a, b in (edge, edge[::-1])]
    lines = {"A": edges, "graph_indicator": indicator, "graph_labels": list(map(str, classes)), **parts}
    for part, held in lines.items():
        (at / f"{name}_{part}.txt").write_text("".join(f"{line}\n" for line in held))
    return at


def cycles_and_trees(count: int = 40, seed: int = 0) -> tuple[list[nx.Graph], list[int]]:
    """Cycles with a chord (class 7) and random trees (class −1) of 6 to 12 nodes, by turns."""
    rng = np.random.default_rng(seed)
    graphs = []
    for index in range(count):
        size = int(rng.integers(6, 13))
        made = nx.empty_graph(size) if index % 2 else nx.cycle_graph(size)
        if index % 2:
            made.add_edges_from((node, int(rng.integers(node))) for node in range(1, size))
        else:
            made.add_edge(0, size // 2)
        graphs.append(made)
    return graphs, [-1 if index % 2 else 7 for index in range(count)]
