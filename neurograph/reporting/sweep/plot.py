"""Accuracy against energy, one colour a profile, with the Pareto front of each."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator

from neurograph.reporting.sweep.front import front_of
from neurograph.reporting.sweep.row import Row

__all__ = ["pareto"]

_LABELS = {"chip events": "energy on chip per inference", "operations": "energy of operations per inference, host included"}
_MARKERS = "osD^vP*X<>hp"


def pareto(rows: Sequence[Row], keys: Sequence[str], title: str) -> dict[str, bytes] | None:
    """The plot as "svg" and "png"; None where no row has both accuracy and energy.

    A panel for each level of energy, for those are not to be compared. The first swept key with more than one value is the marker, the
    others stand beside the points. Filled markers are on the front of their profile.
    """
    on = dict(zip(map(id, rows), front_of(rows), strict=True))
    known = [row for row in rows if row.accuracy is not None and row.cost_j]
    levels = [level for level in _LABELS if any(row.level == level for row in known)]
    if not levels:
        return None
    numbers = [key for key in keys if key != "profile" and len({getattr(row, key) for row in known}) > 1]
    profiles = list(dict.fromkeys(row.profile for row in known))
    with rc_context({"svg.hashsalt": "neurograph", "svg.fonttype": "none", "font.size": 9}):  # the same rows give the same file
        figure = Figure(figsize=(1.4 + 5.4 * len(levels), 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=10, parse_math=False)
        panels = figure.subplots(1, len(levels), squeeze=False, sharey=True)[0]
        for level, panel in zip(levels, panels, strict=True):
            _panel(panel, [row for row in known if row.level == level], on, numbers, profiles)
            panel.set_xlabel(_LABELS[level])
        panels[0].set_ylabel("test accuracy, %")
        files = {}
        for form in ("svg", "png"):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, dpi=150, metadata={"Date": None} if form == "svg" else {})
            files[form] = buffer.getvalue()
    return files


def _panel(panel: Axes, rows: Sequence[Row], on: dict[int, bool], numbers: Sequence[str], profiles: Sequence[str]) -> None:
    colours = {profile: colormaps["tab10"](profiles.index(profile) % 10) for profile in profiles}
    marked = numbers[0] if numbers else None
    values = list(dict.fromkeys(getattr(row, marked) for row in rows)) if marked else [None]
    for row in rows:
        assert row.accuracy is not None and row.cost_j is not None
        low, high = (row.cost_j if value is None else value for value in row.cost_range_j)
        value = getattr(row, marked) if marked else None
        panel.errorbar(
            row.cost_j,
            100 * row.accuracy,
            xerr=[[max(0.0, row.cost_j - low)], [max(0.0, high - row.cost_j)]],
            fmt=_MARKERS[values.index(value) % len(_MARKERS)],
            color=colours[row.profile],
            markerfacecolor=colours[row.profile] if on[id(row)] else "white",
            markersize=6,
            elinewidth=0.7,
            capsize=2,
            alpha=1.0 if on[id(row)] else 0.55,
        )
        if len(numbers) > 1:
            text = ", ".join(str(getattr(row, key)) for key in numbers[1:])
            panel.annotate(text, (row.cost_j, 100 * row.accuracy), (4, 4), textcoords="offset points", fontsize=7, color="0.35")
    for profile in dict.fromkeys(row.profile for row in rows):
        front = sorted((row for row in rows if row.profile == profile and on[id(row)]), key=lambda row: row.cost_j or 0.0)
        xs, ys = [row.cost_j or 0.0 for row in front], [100 * (row.accuracy or 0.0) for row in front]
        panel.plot(xs, ys, drawstyle="steps-post", color=colours[profile], linewidth=1.2, label=f"{profile}, front")
    for value in values if marked else ():
        marker = _MARKERS[values.index(value) % len(_MARKERS)]
        panel.plot([], [], marker, color="0.4", label=f"{marked} {value}")
    if len(numbers) > 1:
        panel.plot([], [], " ", label=f"beside a point: {', '.join(numbers[1:])}")
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(EngFormatter("J"))
    _minor_ticks(panel, rows)
    panel.yaxis.set_major_locator(MaxNLocator(8))
    panel.grid(True, which="both", linewidth=0.3, color="0.85")
    panel.legend(fontsize=7.5)


def _minor_ticks(panel: Axes, rows: Sequence[Row]) -> None:
    """Labels between the powers of ten where the axis holds few of those."""
    ends = [value for row in rows for value in (row.cost_j, *row.cost_range_j) if value]
    ratio = max(ends) / min(ends)
    if ratio >= 4:
        panel.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    panel.xaxis.set_minor_formatter(EngFormatter("J") if ratio < 100 else "")
