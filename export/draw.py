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

__all__ = ["draw"]

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
    drawn = nx.DiGraph()
    drawn.add_nodes_from(nodes)
    drawn.add_edges_from(edges)
    for column, names in enumerate(_columns(drawn, nodes)):
        for name in names:
            drawn.nodes[name]["column"] = column
    places = nx.multipartite_layout(drawn, subset_key="column")
    columns = 1 + max(drawn.nodes[name]["column"] for name in nodes)
    rows = max(sum(drawn.nodes[n]["column"] == c for n in nodes) for c in range(columns))
    figure, axes = pyplot.subplots(figsize=(2.1 * columns + 1, 0.9 * rows + 2))
    axes.set_axis_off()
    across, up = zip(*places.values(), strict=True)
    axes.scatter(across, up, s=0)  # annotations alone set no limits, and are clipped without
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
        axes.annotate(text, places[name], ha="center", va="center", fontsize=6.5, bbox=box)
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "neurograph"}):  # the same graph gives the same file
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    write_file(path, buffer.getvalue(), "drawing")


def _columns(drawn: nx.DiGraph, nodes: dict[str, Any]) -> list[list[str]]:
    """Nodes by the longest way to them, loops left out."""
    start = [name for name, node in nodes.items() if isinstance(node, nir.Input)] or list(nodes)[:1]
    forward = drawn.copy()
    distance = dict(nx.multi_source_dijkstra_path_length(drawn, set(start)))
    loop = {name: i for i, members in enumerate(nx.strongly_connected_components(drawn)) for name in members}
    forward.remove_edges_from([(a, b) for a, b in drawn.edges if loop[a] == loop[b] and distance.get(b, 0) <= distance.get(a, 0)])
    return [sorted(names) for names in nx.topological_generations(forward)]


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:8]}…{name[-13:]}"


def _size(node: Any) -> str:
    shape = next(iter(node.output_type.values()))
    return "" if shape is None else "×".join(str(int(n)) for n in shape)
