"""A drawing of a NIR graph as SVG: nodes in columns by their distance from the input, neurons filled, linear nodes outlined."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import networkx as nx
import nir

from neurograph.export.lower import flatten
from neurograph.export.neuron_nodes import NEURONS
from neurograph.files import write_file

__all__ = ["columns", "draw"]

_COLOURS = {"ends": "#d9d9d9", "neuron": "#9ecae1", "linear": "#ffffff"}


def draw(graph: nir.NIRGraph, path: Path) -> None:
    """Write the drawing.

    Raises:
        InputError: the file cannot be written. GraphError: a nested graph that cannot be unfolded.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    nodes, edges = flatten(graph)
    drawn = _graph(nodes, edges)
    for column, names in enumerate(columns(nodes, edges)):
        for name in names:
            drawn.nodes[name]["column"] = column
    places = nx.multipartite_layout(drawn, subset_key="column")
    across = 1 + max(drawn.nodes[name]["column"] for name in nodes)
    down = max(sum(drawn.nodes[n]["column"] == c for n in nodes) for c in range(across))
    figure, axes = pyplot.subplots(figsize=(2.1 * across + 1, 0.9 * down + 2))
    axes.set_axis_off()
    axes.scatter(
        [x for x, _ in places.values()], [y for _, y in places.values()], s=0
    )  # annotations alone set no limits, and are clipped without
    axes.margins(0.1, 0.25)
    for a, b in edges:
        span = drawn.nodes[b]["column"] - drawn.nodes[a]["column"]
        bend = f"arc3,rad={0.35 if span <= 0 else 0.02 if span == 1 else 0.2}"  # what skips columns or goes back swings round the boxes
        arrow = {"arrowstyle": "-|>", "connectionstyle": bend, "color": "#666666", "shrinkA": 22, "shrinkB": 22, "linewidth": 0.8}
        axes.annotate("", places[b], places[a], arrowprops=arrow)
    for name, node in nodes.items():
        colour = _COLOURS["ends" if isinstance(node, (nir.Input, nir.Output)) else "neuron" if type(node) in NEURONS else "linear"]
        box = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "#333333", "linewidth": 0.8}
        text = f"{_short(name)}\n{type(node).__name__} {_size(node)}"
        axes.annotate(text, places[name], ha="center", va="center", fontsize=6.5, bbox=box, parse_math=False)
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "neurograph"}):  # the same graph gives the same file
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    write_file(path, buffer.getvalue(), "drawing")


def columns(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Node names by the longest way to them, loops left out."""
    graph = _graph(nodes, edges)
    start = [name for name, node in nodes.items() if isinstance(node, nir.Input)] or list(nodes)[:1]
    distance = dict(nx.multi_source_dijkstra_path_length(graph, set(start)))
    loop = {name: i for i, members in enumerate(nx.strongly_connected_components(graph)) for name in members}
    graph.remove_edges_from([(a, b) for a, b in edges if loop[a] == loop[b] and distance.get(b, 0) <= distance.get(a, 0)])
    return [sorted(names) for names in nx.topological_generations(graph)]


def _graph(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return graph


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:8]}…{name[-13:]}"


def _size(node: Any) -> str:
    shape = next(iter(node.output_type.values()))
    return "" if shape is None else "×".join(str(int(n)) for n in shape)
