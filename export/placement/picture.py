"""The core map: chips as meshes of tiles, cores coloured by how full they are, links by how many messages cross them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from neurograph.errors import BundleError
from neurograph.export.placement.grids import Array
from neurograph.export.placement.loads import link_loads
from neurograph.export.placement.mesh import Mesh
from neurograph.export.placement.place import Placement
from neurograph.export.placement.rules import CORE_RULES
from neurograph.files import write_file

__all__ = ["core_map"]

_GAP = 1.0  # between chips, in tiles
_TILE = 0.7  # side of a drawn tile


def core_map(placement: Placement, path: Path) -> None:
    """Draw the placement; the file's ending (svg, png, pdf) says in what form. The same placement gives the same file.

    Raises:
        BundleError: the file cannot be written.
    """
    mesh = placement.mesh
    width = mesh.chips_across * (mesh.tiles_across + _GAP)
    height = -(-mesh.chips // mesh.chips_across) * (mesh.tiles_down + _GAP)
    scale = 0.9 * min(1.0, 22 / width)
    figure = Figure(figsize=(max(6.5, width * scale + 2.2), max(3.6, height * scale + 2.2)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xlim=(-1, width - 0.5), ylim=(height - 0.5, -1.1), aspect="equal")
    axes.set_title(_title(placement), fontsize=9)
    axes.axis("off")
    _draw_chips(axes, mesh)
    bar: dict[str, Any] = {"ax": axes, "location": "bottom", "shrink": 0.4, "aspect": 30}
    figure.colorbar(_draw_cores(axes, placement), label=f"{placement.binding.rule.replace('_', ' ')}, share of the limit", **bar)
    loads = link_loads(placement)
    if loads:
        figure.colorbar(_draw_links(axes, loads, mesh), label="messages over a link, both ways", **bar)
    picture, form = io.BytesIO(), path.suffix[1:] or "svg"
    with rc_context({"svg.hashsalt": "neurograph"}):
        figure.savefig(picture, format=form, dpi=110, metadata={"Date": None} if form == "svg" else None)
    write_file(path, picture.getvalue(), "picture", BundleError)


def _draw_chips(axes: Axes, mesh: Mesh) -> None:
    """Outlines of the chips, and their tiles in grey."""
    tiles = []
    for chip in range(mesh.chips):
        left = (chip % mesh.chips_across) * (mesh.tiles_across + _GAP)
        top = (chip // mesh.chips_across) * (mesh.tiles_down + _GAP)
        corner = (left - 0.5, top - 0.5)
        axes.add_patch(Rectangle(corner, mesh.tiles_across, mesh.tiles_down, fill=False, edgecolor="0.35", linewidth=1.2))
        axes.text(left - 0.5, top - 0.58, f"chip {chip}", fontsize=8, color="0.25", va="bottom")
        places = [(left + x, top + y) for x in range(mesh.tiles_across) for y in range(mesh.tiles_down)]
        tiles += [Rectangle((x - _TILE / 2, y - _TILE / 2), _TILE, _TILE) for x, y in places]
    axes.add_collection(PatchCollection(tiles, facecolor="0.95", edgecolor="none", zorder=0))


def _draw_cores(axes: Axes, placement: Placement) -> PatchCollection:
    """A square a core, coloured by its share of the limit that binds."""
    mesh, side = placement.mesh, int(np.ceil(np.sqrt(placement.limits.cores_per_tile)))
    size = _TILE / side
    x = _drawn(mesh.x, mesh.tiles_across) - _TILE / 2 + (mesh.slot % side) * size
    y = _drawn(mesh.y, mesh.tiles_down) - _TILE / 2 + (mesh.slot // side) * size
    squares = [Rectangle((float(a), float(b)), size * 0.92, size * 0.92) for a, b in zip(x, y, strict=True)]
    cores = PatchCollection(squares, cmap="viridis", norm=Normalize(0, 1), zorder=2)
    cores.set_array(_share(placement))
    axes.add_collection(cores)
    return cores


def _draw_links(axes: Axes, loads: Mapping[tuple[int, int, int, int], int], mesh: Mesh) -> ScalarMappable:
    """A line a link, darker and wider with what it carries."""
    lines, heavy = _links(loads, mesh)
    norm = Normalize(0, float(heavy.max()))
    widths = 0.4 + 5.6 * heavy / heavy.max()
    axes.add_collection(LineCollection(lines, linewidths=widths, cmap="Reds", norm=norm, array=heavy, alpha=0.75, zorder=1))
    return ScalarMappable(norm, "Reds")


def _title(placement: Placement) -> str:
    text = f"{placement.limits.target}, {placement.method}: {placement.cores} cores on {placement.chips} chip{'s' * (placement.chips != 1)}"
    if placement.traffic is None:
        return text
    traffic = placement.traffic
    return (
        f"{text}; {int(traffic.inter_core.sum()):,} messages between cores,\n"
        f"{int(traffic.hops.sum()):,} hops and {int(traffic.crossings.sum()):,} chip crossings in the recorded run"
    )


def _share(placement: Placement) -> Array:
    rule = next(rule for rule in CORE_RULES if rule.__name__ == placement.binding.rule)
    used, limit, _ = rule(placement.usage, placement.limits)
    return used / limit


def _drawn(position: Array, tiles: int) -> Array:
    """Positions with a gap between chips."""
    return position + (position // tiles) * _GAP


def _links(loads: Mapping[tuple[int, int, int, int], int], mesh: Mesh) -> tuple[list[list[tuple[float, float]]], Array]:
    """Lines and their messages, both directions together."""
    both: dict[tuple[tuple[int, int], tuple[int, int]], int] = {}
    for (xa, ya, xb, yb), sent in loads.items():
        key = min((xa, ya), (xb, yb)), max((xa, ya), (xb, yb))
        both[key] = both.get(key, 0) + sent
    ends = np.array([[*a, *b] for a, b in both])
    xs, ys = _drawn(ends[:, [0, 2]], mesh.tiles_across), _drawn(ends[:, [1, 3]], mesh.tiles_down)
    lines = [[(float(x[0]), float(y[0])), (float(x[1]), float(y[1]))] for x, y in zip(xs, ys, strict=True)]
    return lines, np.array(list(both.values()), dtype=np.float64)
