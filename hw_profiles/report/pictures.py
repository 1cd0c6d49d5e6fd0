"""The pictures of a report as SVG, one function a picture; what one needs stands in the report, and a report without it gives None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from neurograph.hw_profiles.report.svg import BLUE, GREEN, GREY, GRID, INK, ORANGE, PURPLE, VERMILLION, svg
from neurograph.hw_profiles.report.text import number, ratio, si
from neurograph.hw_profiles.schema import Constant

__all__ = ["HISTOGRAMS", "break_even", "energy", "raster", "rates"]

_WIDTH = 4.7  # inches: text stays legible where a phone shows it at four fifths
HISTOGRAMS = 24
"""Populations in the picture of rates: the largest ones."""


def energy(report: Mapping[str, Any], level: str) -> str | None:
    """Energy by component of every profile of a level, a dot with its range from low to high, on one axis."""
    panels = [(p["name"], _ranges(p)) for p in report.get("profiles", ()) if p["level"] == level and p["energy_j"]["total"] is not None]
    if not panels:
        return None
    heights = [len(rows) + 1.2 for _, rows in panels]
    known = [value for _, rows in panels for _, values in rows for value in values if value > 0]
    log = bool(known) and max(known) > 50 * min(known)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
        for ax, (name, rows) in zip(axes, panels, strict=True):
            _ranges_drawn(ax, rows)
            ax.set_title(name)
            if log:
                ax.set_xscale("log")
                ax.set_xlim(min(known) / 3, max(known) * 12)
            else:
                ax.set_xlim(0, max(known, default=1.0) * 1.35)
            ax.xaxis.set_major_formatter(EngFormatter("J"))
        axes[-1].set_xlabel(f"energy per inference{', logarithmic' if log else ''}; line: low to high")

    return svg(f"picture-energy-{level.replace(' ', '-')}", _WIDTH, 0.7 + 0.185 * sum(heights), draw)


def _ranges(profile: Mapping[str, Any]) -> list[tuple[str, tuple[float, float, float]]]:
    """Name and (value, low, high) of the components, what of them is on chip, and all."""
    rows = [(name, (c["energy_j"], c["low"], c["high"])) for name, c in profile["components"].items()]
    if profile["on_chip_j"]:
        rows.append(("on chip", tuple(profile["on_chip_j"][key] for key in ("total", "low", "high"))))
    return [*rows, ("total", tuple(profile["energy_j"][key] for key in ("total", "low", "high")))]


def _ranges_drawn(ax: Axes, rows: Sequence[tuple[str, tuple[float, float, float]]]) -> None:
    for y, (name, (value, low, high)) in enumerate(rows):
        summed = name in ("total", "on chip")
        colour = INK if summed else BLUE
        if value > 0:
            ax.plot([low or value, high], [y, y], color=colour, linewidth=2.2, alpha=0.55, solid_capstyle="butt")
            ax.plot([value], [y], color=colour, marker="D" if summed else "o", markersize=4.5 if summed else 5)
            ax.annotate(si(value, "J"), (high, y), (5, 0), textcoords="offset points", va="center", fontsize=7.5)
        else:
            ax.annotate("0 J", (0.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=7.5)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def raster(data: Mapping[str, Any]) -> str | None:
    """Spikes of one sample: a cell a tick, a row a neuron, populations one below the other in the network's order."""
    shown = data["populations"]
    if not shown:
        return None
    head, row = 0.17, 0.055  # inches of a population's name and of a neuron
    height = sum(head + row * max(2, len(p["neurons"])) for p in shown)
    ticks = data["ticks_drawn"]

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        top = 0.0
        for i, p in enumerate(shown):
            top += head
            rows = len(p["neurons"])
            of = f"{number(rows)} of {number(p['size'])}" if rows < p["size"] else f"all {number(rows)}"
            ax.text(-0.5, top - 0.025, f"{p['population']}  ({of} neurons)", fontsize=7.5, va="bottom")
            ax.fill_between([-0.5, ticks - 0.5], top, top + row * rows, color=GREY, alpha=0.1, linewidth=0)
            if p["events"]:
                ax.add_patch(PathPatch(_cells(p["events"], top, row), color=(BLUE, VERMILLION)[i % 2], linewidth=0))
            top += row * max(2, rows)
        ax.set(xlim=(-0.5, ticks - 0.5), ylim=(top, 0), xlabel="tick", yticks=[])
        ax.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        ax.spines["left"].set_visible(False)

    return svg("picture-raster", _WIDTH, height + 0.5, draw)


def _cells(events: Sequence[Sequence[int]], top: float, row: float) -> Path:
    """A rectangle a spike, all in one path."""
    at = np.array(events, dtype=np.float64)
    x, y = (
        at[:, 0, None] + np.array([-0.46, 0.46, 0.46, -0.46, -0.46]),
        top + row * (at[:, 1, None] + np.array([0.06, 0.06, 0.94, 0.94, 0.06])),
    )
    codes = np.tile([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], len(at))
    return Path(np.stack([x.ravel(), y.ravel()], axis=1), codes)


def rates(data: Mapping[str, Any]) -> str | None:
    """By population, the share of neurons that spike 0 … T times in an inference."""
    held = data["populations"]
    chosen = sorted(sorted(held, key=lambda name: -held[name]["size"])[:HISTOGRAMS], key=list(held).index)
    if not chosen:
        return None
    columns = min(2, len(chosen))
    lines = -(-len(chosen) // columns)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for ax, name in zip(axes.ravel(), chosen, strict=False):
            counts = np.array(held[name]["neurons"], dtype=np.float64)
            ax.bar(np.arange(len(counts)), 100 * counts / max(1.0, counts.sum()), width=0.85, color=BLUE)
            ax.set_title(_short(name, 34), fontsize=7, fontweight="normal")
            ax.grid(axis="y")
            ax.set_ylim(0, 100)
            ax.set_xlim(-0.6, len(counts) - 0.4)
            ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
            ax.tick_params(labelbottom=True)
        for ax in axes.ravel()[len(chosen) :]:
            ax.set_axis_off()
        figure.supxlabel("spikes of a neuron in an inference", fontsize=8.5)
        figure.supylabel("share of neurons (%)", fontsize=8.5)

    return svg("picture-rates", _WIDTH, 0.45 + 1.05 * lines, draw)


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def break_even(report: Mapping[str, Any]) -> str | None:
    """Energy at level "operations", in the first accounting, of the spiking network over its activity, against the baselines.

    E(r) = E_MAC · (host multiply-adds + graded events) + E_AC · r · synapses · T,        r: events a synapse and tick
    """
    first = next((b.get("accounting") for b in report.get("baselines", ())), None)
    baselines, crossings = ([b for b in report.get(key, ()) if b.get("accounting") == first] for key in ("baselines", "break_even"))
    if not baselines or not crossings or not {"activity", "counts", "ticks"} <= set(report):
        return None
    costs = {key: _joules(report, baselines[0]["profile"], f"energy.{key}") for key in ("mac_fp32", "add_fp32")}
    activity = report["activity"]
    possible = activity["synapses"] * report["ticks"]
    now = activity["events_per_synapse_and_tick"]
    if None in costs.values() or not possible or not now:
        return None
    fixed = costs["mac_fp32"] * (report["counts"]["host_macs"] + report["counts"]["graded_events"])
    met = {c["baseline"]: c["events_per_synapse_and_tick"] for c in crossings}
    marks = [now, *(rate for rate in met.values() if rate)]
    x = np.geomspace(min(0.01, *marks) / 5, max(1.0, *marks) * 5, 200)
    spiking = fixed + costs["add_fp32"] * x * possible

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        ax.set(xscale="log", yscale="log", xlim=(x[0], x[-1]))
        if x[-1] > 1:
            ax.axvspan(1, x[-1], color=GREY, alpha=0.12, linewidth=0)
            told = "more than every synapse\nat every tick: impossible"
            ax.annotate(told, (0.99, 0.03), xycoords="axes fraction", ha="right", fontsize=7)
        ax.plot(x, spiking, color=BLUE, linewidth=2)
        ax.annotate("spiking network", (x[-1], spiking[-1]), (-4, 4), textcoords="offset points", ha="right", va="bottom", color=BLUE)
        for b, colour in zip(baselines, (VERMILLION, GREEN, PURPLE, ORANGE) * len(baselines), strict=False):
            _baseline_drawn(ax, b, met.get(b["name"]), colour, above=bool(1 < spiking[0] / b["energy_j"]["total"] < 1.5))
        level = fixed + costs["add_fp32"] * now * possible
        ax.plot([now], [level], "D", color=INK, markersize=6)
        ax.annotate(f"now {ratio(100 * now)} %: {si(level, 'J')}", (now, level), (0, 9), textcoords="offset points", ha="right")
        levels = [*spiking[[0, -1]], *(b["energy_j"]["total"] for b in baselines)]
        ax.set_ylim(min(levels) / 2, max(levels) * 2.5)
        ax.set(xlabel="events a synapse and tick (%), logarithmic", ylabel="energy per inference, logarithmic")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: ratio(100 * value)))
        ax.yaxis.set_major_formatter(EngFormatter("J"))
        ax.yaxis.set_minor_formatter("")
        ax.grid(color=GRID)

    return svg("picture-break-even", _WIDTH, 3.4, draw)


def _baseline_drawn(ax: Axes, baseline: Mapping[str, Any], rate: float | None, colour: str, *, above: bool) -> None:
    """A horizontal line with its name where the curve is not, and the crossing; ``above``: the curve begins just above the line."""
    level, left, right = baseline["energy_j"]["total"], *ax.get_xlim()
    early = rate is not None and rate < (left * right) ** 0.5
    ax.axhline(level, color=colour, linewidth=1.6, linestyle="--")
    name: dict[str, Any] = {"xytext": (-4 if early else 4, -4 if early or above else 3), "va": "top" if early or above else "bottom"}
    text = f"{baseline['name']}, {baseline.get('number_format', 'fp32')}: {si(level, 'J')}"
    at = right if early else left, level
    ax.annotate(text, at, ha="right" if early else "left", textcoords="offset points", color=colour, fontsize=8, **name)
    if rate:
        ax.plot([rate], [level], "o", color=colour, markersize=7, markerfacecolor="none", markeredgewidth=1.8)
        told = f"break-even {ratio(100 * rate)} %"
        ax.annotate(told, (rate, level), (-7, 14), textcoords="offset points", ha="right", color=colour, fontsize=8)


def _joules(report: Mapping[str, Any], profile: str, name: str) -> float | None:
    """A constant of the report in joules; None where the report does not have it."""
    for constant in report.get("constants", ()):
        if (constant["profile"], constant["name"]) == (profile, name):
            return Constant.model_validate({key: constant[key] for key in Constant.model_fields if key in constant}).si[0]
    return None
