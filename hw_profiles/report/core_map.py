"""The core map of a placement as SVG: what every core sends and takes in, the links between tiles, and what lies where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import EngFormatter
from numpy.typing import NDArray

from neurograph.hw_profiles.report.svg import GREY, VERMILLION, svg

__all__ = ["core_map"]

Array = NDArray[Any]
_GAP = 1.0  # between chips, in tiles
_TILE = 0.72  # side of a drawn tile


def core_map(data: Mapping[str, Any], name: str) -> str:
    """Draw one of ``figures.core_maps``; ``name`` begins every id in it."""
    across, down = data["chips_across"], -(-data["chips"] // data["chips_across"])
    if data["chips"] < across:
        across = data["chips"]
    wide, high = across * (data["tiles_across"] + _GAP) - _GAP, down * (data["tiles_down"] + _GAP) - _GAP
    inches = 7.4 if wide > 10 else 4.7
    scale = inches / (wide + 0.4)
    traffic = "messages_out" in data["columns"]
    legend = 0.17 * -(-len(set(data["columns"]["population"])) // 2) + 0.1
    panel = scale * (high + 0.9) + 0.3
    height = panel + legend + (panel + 0.55 if traffic else 0)

    def draw(figure: Figure) -> None:
        engine = figure.get_layout_engine()
        assert isinstance(engine, ConstrainedLayoutEngine)
        engine.set(hspace=0.04)
        axes = figure.subplots(2 if traffic else 1, 1, squeeze=False)[:, 0]
        for ax in axes:
            ax.set(xlim=(-0.7, wide - 0.3), ylim=(high - 0.3, -1.2), aspect="equal", anchor="N")
            ax.axis("off")
            _chips(ax, data)
        if traffic:
            links = ", and over the links between tiles" if data["links"] else ""
            axes[0].set_title(f"messages of every {data['units']}{links}")
            _traffic(figure, axes[0], data)
        axes[-1].set_title(f"population of most neurons of every {data['units']}")
        _populations(figure, axes[-1], data, scale)

    return svg(name, inches, height, draw)


def _chips(ax: Axes, data: Mapping[str, Any]) -> None:
    """Outlines of the chips, and their tiles in grey."""
    tiles = []
    for chip in range(data["chips"]):
        left = (chip % data["chips_across"]) * (data["tiles_across"] + _GAP)
        top = (chip // data["chips_across"]) * (data["tiles_down"] + _GAP)
        corner = (left - 0.5, top - 0.5)
        ax.add_patch(Rectangle(corner, data["tiles_across"], data["tiles_down"], fill=False, edgecolor=GREY, linewidth=0.9))
        ax.text(left - 0.5, top - 0.55, f"chip {chip}", fontsize=7.5, va="bottom")
        places = [(left + x, top + y) for x in range(data["tiles_across"]) for y in range(data["tiles_down"])]
        tiles += [Rectangle((x - _TILE / 2, y - _TILE / 2), _TILE, _TILE) for x, y in places]
    ax.add_collection(PatchCollection(tiles, facecolor=GREY, alpha=0.14, edgecolor="none", zorder=0))


def _drawn(data: Mapping[str, Any], x: Array, y: Array) -> tuple[Array, Array]:
    """Positions with a gap between chips."""
    return x + (x // data["tiles_across"]) * _GAP, y + (y // data["tiles_down"]) * _GAP


def _squares(data: Mapping[str, Any]) -> tuple[list[Rectangle], float]:
    columns = {key: np.array(values) for key, values in data["columns"].items()}
    side = math.ceil(math.sqrt(data["cores_per_tile"]))
    size = _TILE / side
    x, y = _drawn(data, columns["x"], columns["y"])
    left, top = x - _TILE / 2 + (columns["slot"] % side) * size, y - _TILE / 2 + (columns["slot"] // side) * size
    return [Rectangle((float(a), float(b)), size * 0.94, size * 0.94) for a, b in zip(left, top, strict=True)], size


def _traffic(figure: Figure, ax: Axes, data: Mapping[str, Any]) -> None:
    columns = data["columns"]
    sent = np.array(columns["messages_out"]) + np.array(columns["messages_in"]) + np.array(columns.get("host_messages_in", 0))
    norm = _norm(sent)
    steps = colormaps["viridis"].resampled(32)  # matplotlib draws a bar of more as a bitmap
    cores = PatchCollection(_squares(data)[0], cmap=steps, norm=norm, zorder=2, linewidth=0)
    cores.set_array(sent.astype(np.float64))
    ax.add_collection(cores)
    bar: dict[str, Any] = {"ax": ax, "location": "bottom", "shrink": 0.6, "aspect": 40, "format": EngFormatter(sep="")}
    made = figure.colorbar(cores, label=f"messages sent and taken in by a {data['units']}{_log(norm)}", **bar)
    made.solids.set_edgecolor("face")  # type: ignore[union-attr]
    if not data["links"]:
        return
    both: dict[tuple[tuple[int, int], tuple[int, int]], int] = {}
    for xa, ya, xb, yb, messages in data["links"]:
        key = min((xa, ya), (xb, yb)), max((xa, ya), (xb, yb))
        both[key] = both.get(key, 0) + messages
    ends, heavy = np.array([[*a, *b] for a, b in both]), np.array(list(both.values()), dtype=np.float64)
    (xa, ya), (xb, yb) = _drawn(data, ends[:, 0], ends[:, 1]), _drawn(data, ends[:, 2], ends[:, 3])
    lines = np.stack([np.stack([xa, ya], axis=1), np.stack([xb, yb], axis=1)], axis=1)
    ax.add_collection(LineCollection(list(lines), linewidths=0.5 + 5 * heavy / heavy.max(), color=VERMILLION, zorder=1))


def _populations(figure: Figure, ax: Axes, data: Mapping[str, Any], scale: float) -> None:
    """Colours run with the order of the network; numbers say which is which where they fit."""
    squares, size = _squares(data)
    which = np.array(data["columns"]["population"])
    present = np.unique(which)
    colours = dict(zip(present.tolist(), colormaps["viridis"](np.linspace(0.15, 0.95, len(present))), strict=True))
    ax.add_collection(PatchCollection(squares, facecolor=[colours[i] for i in which.tolist()], zorder=2, linewidth=0))
    points = 0.62 * size * scale * 72
    if points >= 3.5:
        for square, population in zip(squares, which.tolist(), strict=True):
            dark = sum(colours[population][:3]) < 1.5
            at = square.get_x() + square.get_width() / 2, square.get_y() + square.get_height() / 2
            text: dict[str, Any] = {"color": "white" if dark else "black", "fontsize": min(points, 9), "zorder": 3}
            ax.text(*at, str(population), ha="center", va="center_baseline", **text)
    handles = [Patch(color=colour, label=f"{i}  {data['populations'][i]}") for i, colour in colours.items()]
    legend = figure.legend(handles=handles, loc="outside lower left", ncols=2, fontsize=7, frameon=False, handlelength=1, borderpad=0)
    for label in legend.get_texts():
        label.set_parse_math(False)  # a name with dollars is a name


def _norm(values: Array) -> Normalize:
    positive = values[values > 0]
    if positive.size and positive.max() > 50 * positive.min():
        return LogNorm(float(positive.min()), float(positive.max()))
    return Normalize(0, float(max(1, values.max(initial=1))))


def _log(norm: Normalize) -> str:
    return ", logarithmic" if isinstance(norm, LogNorm) else ""
