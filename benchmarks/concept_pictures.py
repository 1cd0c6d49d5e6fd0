"""The pictures of docs/concepts, drawn from real runs.

    python benchmarks/concept_pictures.py [folder]      (docs/pictures if none is given)

Every file has a light background of its own, so that it can be read on a dark page.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import numpy as np
from concept_networks import karate, one_neuron, shortcut, streamed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurograph import fixedpoint as fx
from neurograph.network import Network
from neurograph.sim import fixed, floating, timing
from neurograph.sim.parity import compare

BLUE, ORANGE, GREEN, RED, GREY = "#2563a8", "#c2571a", "#2f7d4f", "#b3261e", "#8a8f98"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "neurograph",
    "svg.fonttype": "path",
}


def boxes(axes: Axes, places: Mapping[str, tuple[float, float]], texts: Mapping[str, str], size: tuple[float, float]) -> None:
    """A box a name, around the middle that it is given."""
    width, height = size
    for name, (x, y) in places.items():
        axes.add_patch(
            plt.Rectangle((x - width / 2, y - height / 2), width, height, facecolor="#eaf1f9", edgecolor=BLUE, linewidth=1.2, zorder=2)
        )
        axes.text(x, y, texts[name], ha="center", va="center", zorder=3)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "", *, bend: float = 0.0, colour: str = "#333"
) -> None:
    """From one point to another, with a word beside its middle."""
    style = f"arc3,rad={bend}"
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "connectionstyle": style, "color": colour, "linewidth": 1.3}, zorder=1)
    if text:
        (x0, y0), (x1, y1) = start, end
        dx, dy = x1 - x0, y1 - y0
        x, y = (x0 + x1) / 2 + bend * dy / 2, (y0 + y1) / 2 - bend * dx / 2
        axes.text(
            x, y, text, ha="center", va="center", color=colour, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5}, zorder=3
        )


def grid(axes: Axes, network: Network, samples: int) -> None:
    """Which tick of which inference each population has at each machine step."""
    names = list(network.order())
    last = timing.steps(network, samples)
    for row, name in enumerate(names):
        depth = timing.depth_of(network.populations[name])
        for sample in range(samples):
            for tick in range(network.ticks):
                step = sample * timing.period(network) + network.steps_per_tick * tick + depth
                colour = ("#dbe8f5", "#f9e3d3", "#ddeee3")[sample]
                axes.add_patch(plt.Rectangle((step - 0.5, -row - 0.42), 1, 0.84, facecolor=colour, edgecolor="white"))
                axes.text(step, -row, f"{tick}", ha="center", va="center")
    axes.set(xlim=(0.4, last + 0.6), ylim=(-len(names) + 0.4, 0.6), xticks=range(1, last + 1), xlabel="machine step")
    axes.set_yticks([-row for row in range(len(names))], [f"{n}, depth {network.populations[n].depth}" for n in names])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def ticks() -> Figure:
    network = streamed()
    figure, axes = plt.subplots(figsize=(8.2, 2.5), layout="constrained")
    grid(axes, network, 3)
    axes.set_title("Three inferences of 4 ticks, back to back: the number is the tick, the colour the inference", fontsize=10)
    return figure


def depth() -> Figure:
    network = shortcut()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=(1, 1.15), layout="constrained")
    places = {"a": (0, 0), "b": (1, 0), "c": (2, 0), "d": (3, 0)}
    boxes(left, places, {n: f"{n}\ndepth {network.populations[n].depth}" for n in places}, (0.66, 0.5))
    for p in network.projections:
        (x0, y0), (x1, y1) = places[p.source], places[p.target]
        if x1 - x0 == 1:
            arrow(left, (x0 + 0.33, y0), (x1 - 0.33, y1), f"{p.delay}")
        else:
            arrow(left, (x0, y0 + 0.25), (x1, y1 + 0.25), f"delay {p.delay}", bend=-0.35, colour=ORANGE)
    left.set(xlim=(-0.45, 3.45), ylim=(-0.6, 1.2))
    left.axis("off")
    left.set_title("delay = difference of depths", fontsize=10)
    grid(right, network, 1)
    right.set_title("what a spike of a's tick 0 reaches, and when", fontsize=10)
    row = {name: -i for i, name in enumerate(network.order())}
    for p in network.projections:
        start = timing.depth_of(network.populations[p.source])
        end = start + (p.delay or 0)
        far = end - start > 1
        arrow(right, (start + 0.2, row[p.source]), (end + 0.2 * far, row[p.target] + 0.25), bend=-0.3 * far, colour=ORANGE if far else BLUE)
    return figure


def raster(network: Network, spikes: Mapping[str, Any]) -> Figure:
    """Spikes of a run, each at the machine step at which the machine has it."""
    figure, axes = plt.subplots(figsize=(9, 5.4), layout="constrained")
    names = sorted((p.name for p in network.neurons), key=lambda n: timing.depth_of(network.populations[n]))
    rng = np.random.default_rng(0)
    for row, name in enumerate(names):
        start = timing.depth_of(network.populations[name])
        axes.add_patch(plt.Rectangle((start - 0.5, -row - 0.44), network.ticks, 0.88, facecolor="#eaf1f9", edgecolor="none"))
        fired = spikes[name][0].reshape(network.ticks, -1)
        when, who = np.nonzero(fired)
        across = rng.uniform(-0.38, 0.38, len(when))  # so that neurons of a step do not hide one another
        axes.scatter(
            when + start + across, -row - 0.38 + 0.76 * who / max(fired.shape[1] - 1, 1), s=2.5, color=BLUE, linewidths=0, rasterized=True
        )
    last = timing.steps(network, 1)
    axes.set(xlim=(0.4, last + 0.6), ylim=(-len(names) + 0.4, 0.6), xticks=range(1, last + 1), xlabel="machine step")
    short = [n.removeprefix("attention_blocks_0_").removesuffix("_neuron") for n in names]
    axes.set_yticks(
        [-row for row in range(len(names))], [f"{s} ({network.populations[n].depth})" for s, n in zip(short, names, strict=True)]
    )
    axes.tick_params(length=0)
    axes.set_title(
        "Karate, one inference of 4 ticks: a dot is a spike, a band the window of a population (its depth in brackets)", fontsize=10
    )
    return figure


def gates(network: Network) -> Figure:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=(0.5, 1.6), layout="constrained")
    sums = np.array([0, 16, 32])
    left.bar([0, 1, 2], sums, color=[GREY, GREY, GREEN], width=0.6)
    left.axhline(24, color=RED, linewidth=1.2)
    left.text(-0.38, 24.6, "threshold 24", color=RED)
    left.set(xticks=[0, 1, 2], xlabel="inputs that spike", ylabel="v / 64")
    for x, total in enumerate(sums):
        left.text(x, total + 0.5, f"{total}" + (", spikes" if total > 24 else ""), ha="center", va="bottom")
    left.set_ylim(0, 38)
    left.set_title("AND: two inputs of weight 16", fontsize=10)
    sga = "attention_blocks_0_sga_"
    full = {"in": "attention_blocks_0_neuron", "q": f"{sga}q_neuron", "k": f"{sga}k_neuron", "v": f"{sga}v_neuron", "kv": f"{sga}kv"}
    full |= {"mask": f"{sga}mask_neuron", "gate": f"{sga}gate", "out": "attention_blocks_0_ffn_neuron"}
    places = {"in": (0, 1), "q": (1.7, 0.1), "k": (1.7, 1), "v": (1.7, 1.9), "kv": (3.4, 1.45), "mask": (5.1, 1.45), "gate": (6.8, 0.8)}
    places["out"] = (8.5, 0.8)
    said = {
        "in": "spikes in",
        "q": "Q",
        "k": "K",
        "v": "V",
        "kv": "K AND V",
        "mask": "mask\nΣ nodes",
        "gate": "Q AND\nmask",
        "out": "next layer",
    }
    texts = {key: f"{said[key]}\ndepth {network.populations[full[key]].depth}" for key in places}
    boxes(right, places, texts, (1.1, 0.62))
    short = {name: key for key, name in full.items()}
    for p in network.projections:
        if p.source in short and p.target in short:
            (x0, y0), (x1, y1) = places[short[p.source]], places[short[p.target]]
            arrow(right, (x0 + 0.55, y0), (x1 - 0.55, y1), f"{p.delay}", colour=ORANGE if (p.delay or 0) > 1 else "#333")
    right.set(xlim=(-0.7, 9.2), ylim=(-0.35, 2.4))
    right.axis("off")
    right.set_title("Spiking graph attention; on an arrow its delay in machine steps", fontsize=10)
    return figure


def scales() -> Figure:
    figure, (grids, trace, limits) = plt.subplots(1, 3, figsize=(11, 3.4), width_ratios=(1, 1.2, 1), layout="constrained")
    wanted = np.linspace(-40, 40, 400)
    for bits, colour in ((8, BLUE), (5, ORANGE)):
        grids.plot(
            wanted,
            fx.nearest_weights(wanted, "mixed", bits),
            color=colour,
            linewidth=1.3,
            label=f"{bits} bits: steps of {fx.weight_limits('mixed', bits)[2]}",
        )
    grids.set(xlabel="γw / (S·2^e)", ylabel="integer weight", title="weights of mixed sign")
    grids.legend(frameon=False, fontsize=8)
    network, quantized, inputs = one_neuron()
    run, integer = floating.run(network, inputs), fixed.run(quantized, inputs)
    scale = quantized.populations["neuron"].neuron.scale  # type: ignore[union-attr]
    trace.plot(run.voltages["neuron"][0, :, 0], color=GREY, linewidth=3, label="float")
    trace.plot(integer.voltages["neuron"][0, :, 0] / 64 * scale, color=BLUE, linewidth=1.2, label="integer · S/64")
    trace.axhline(1.0, color=RED, linewidth=1)
    trace.set(xlabel="tick", ylabel="v after reset, volts", title="4-bit weights, 24-bit states")
    trace.legend(frameon=False, fontsize=8, loc="lower right")
    sums = np.linspace(-1.9, 1.9, 800) * fx.STATE_LIMIT
    wrapped = fx.wrap24(sums.astype(np.int64)) / fx.STATE_LIMIT
    jumps = np.where(np.abs(np.diff(wrapped, append=wrapped[-1])) > 1, np.nan, wrapped)
    limits.plot(sums / fx.STATE_LIMIT, jumps, color=ORANGE, linewidth=1.3, label="u wraps")
    limits.plot(sums / fx.STATE_LIMIT, fx.clip24(sums.astype(np.int64)) / fx.STATE_LIMIT, color=BLUE, linewidth=1.3, label="v clips")
    limits.set(xlabel="sum / 2²³", ylabel="stored / 2²³", title="past 24 bits")
    limits.legend(frameon=False, fontsize=8)
    return figure


def parity(network: Network, quantized: Network, inputs: Mapping[str, Any], bits: int) -> Figure:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=(0.85, 1.3), layout="constrained")
    places = {
        "torch": (0, 2),
        "float": (1.6, 2),
        "lava-float": (3.4, 2),
        "fixed": (1.6, 0.9),
        "lava-fixed": (3.4, 0.9),
        "chip": (3.4, -0.2),
    }
    said = {"torch": "torch\nfloat64", "float": "float\nengine", "lava-float": "Lava\nfloating_pt", "fixed": "fixed\nengine"}
    boxes(left, places, {**said, "lava-fixed": "Lava\nfixed_pt", "chip": "the chip"}, (1.05, 0.55))
    for start, end in (("torch", "float"), ("float", "lava-float"), ("fixed", "lava-fixed")):
        (x0, y0), (x1, y1) = places[start], places[end]
        left.plot([x0 + 0.53, x1 - 0.53], [y0, y1], color=GREEN, linewidth=3, zorder=1)
    left.text(0.55, 2.42, "same spikes, but for ties", color=GREEN, ha="left")
    left.text(1.75, 1.27, "same spikes, u and v", color=GREEN, ha="left")
    for (x0, y0), (x1, y1), text in (
        ((1.6, 1.72), (1.6, 1.18), "compared,\nnot promised"),
        ((3.4, 0.62), (3.4, 0.08), "nobody outside\nIntel can test it"),
    ):
        left.plot([x0, x1], [y0, y1], color=GREY, linewidth=1.3, linestyle="--", zorder=1)
        left.text(x0 - 0.1, (y0 + y1) / 2, text, color="#555", ha="right", va="center", fontsize=9)
    left.set(xlim=(-0.6, 4.0), ylim=(-0.6, 2.7))
    left.axis("off")
    a, b = floating.run(network, inputs), fixed.run(quantized, inputs)
    names = [name for name in network.order() if name in a.spikes and not network.populations[name].is_source]
    differ = np.array([[np.mean(a.spikes[n][0, t] != b.spikes[n][0, t]) for t in range(network.ticks)] for n in names])
    shown = right.imshow(100 * differ, cmap="Blues", aspect="auto")
    short = [n.removeprefix("attention_blocks_0_").removesuffix("_neuron") for n in names]
    right.set_yticks(range(len(names)), short)
    right.set(xticks=range(network.ticks), xlabel="tick", title=f"float against fixed, {bits}-bit weights: % of slots that differ")
    first = compare(network, a, b).first_mismatch
    assert first is not None
    right.scatter(first.tick, names.index(first.population), marker="o", s=160, facecolors="none", edgecolors=RED, linewidths=2)
    figure.colorbar(shown, ax=right)
    right.text(
        0.99,
        -0.2,
        f"circle: {first.population.removeprefix('attention_blocks_0_')}{list(first.neuron)}, tick {first.tick}: the first",
        color=RED,
        transform=right.transAxes,
        ha="right",
        fontsize=9,
    )
    return figure


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0]) if arguments else Path(__file__).parent.parent / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        eight, four = karate(Path(made))
    assert eight.quantized is not None and four.quantized is not None
    run = fixed.run(eight.quantized, eight.inputs)
    with plt.rc_context(STYLE):
        figures = {
            "ticks": ticks(),
            "depth": depth(),
            "raster": raster(eight.quantized, run.spikes),
            "gates": gates(eight.quantized),
            "scales": scales(),
            "parity": parity(four.network, four.quantized, four.inputs, 4),
        }
        for name, figure in figures.items():
            figure.savefig(folder / f"concept_{name}.svg", metadata={"Date": None}, dpi=160)
            print(folder / f"concept_{name}.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
