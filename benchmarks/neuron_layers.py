"""Neuron layers: one LIF layer forward and backward, ours beside Norse, snnTorch and SpikingJelly.

    python benchmarks/neuron_layers.py [--ticks 4 16 64] [--neurons N] [--json OUT]

The same current into the same neuron (beta 0.5, θ 0.3, reset to 0, a surrogate gradient), float32, all ticks of a window; the gradient of
the spikes' sum back to the current. All contestants in turns, the fewest seconds of each. Spikes are compared slot by slot with ours;
SpikingJelly fires at v = θ too, which random currents do not meet. Freed memory is kept for all of them, as in our training. Frameworks
come with the `frameworks` extra (Norse with neurograph itself); one that is missing is said to be.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))

import machine

from neurograph.nn import LIF
from neurograph.training.memory import freed_memory_kept

BETA, THRESHOLD = 0.5, 0.3
ROUNDS, BUDGET_S = 6, 0.3


def ours() -> Callable[[Tensor], Tensor]:
    return LIF(BETA, THRESHOLD)


def norse() -> Callable[[Tensor], Tensor]:
    from neurograph.nn._norse import LIFBoxFeedForwardState, LIFBoxParameters, lif_box_feed_forward_step

    parameters = LIFBoxParameters(tau_mem_inv=torch.tensor(BETA), v_th=torch.tensor(THRESHOLD))

    def run(current: Tensor) -> Tensor:
        state, spikes = LIFBoxFeedForwardState(v=torch.zeros_like(current[0])), []
        for tick in current.unbind(0):
            z, state = lif_box_feed_forward_step(tick, state, parameters, dt=1.0)
            spikes.append(z)
        return torch.stack(spikes)

    return run


def snntorch() -> Callable[[Tensor], Tensor]:
    import snntorch as snn

    neuron = snn.Leaky(beta=1 - BETA, threshold=THRESHOLD, reset_mechanism="zero", reset_delay=False)

    def run(current: Tensor) -> Tensor:
        membrane, spikes = neuron.reset_mem(), []
        for tick in current.unbind(0):
            z, membrane = neuron(BETA * tick, membrane)
            spikes.append(z)
        return torch.stack(spikes)

    return run


def spikingjelly() -> Callable[[Tensor], Tensor]:
    from spikingjelly.activation_based import neuron, surrogate

    layer = neuron.LIFNode(
        tau=1 / BETA, v_threshold=THRESHOLD, v_reset=0.0, surrogate_function=surrogate.Sigmoid(), step_mode="m", backend="torch"
    )

    def run(current: Tensor) -> Tensor:
        layer.reset()
        return layer(current)

    return run


CONTESTANTS = {"ours": ours, "Norse": norse, "snnTorch": snntorch, "SpikingJelly": spikingjelly}


def measure(ticks: int, neurons: int, budget_s: float) -> dict[str, Any]:
    """Seconds of each contestant, and how many of its spikes differ from ours."""
    current = torch.randn(ticks, neurons, generator=torch.Generator().manual_seed(0)) * 2
    layers, said = {}, {}
    for name, make in CONTESTANTS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                layers[name] = make()
        except ImportError as error:
            said[name] = f"not installed ({error})"
    seconds: dict[str, dict[str, float]] = {name: {} for name in layers}
    spikes = {name: layer(current).detach() for name, layer in layers.items()}
    for _ in range(ROUNDS):
        for name, layer in layers.items():
            end = time.perf_counter() + budget_s
            while True:
                given = current.clone().requires_grad_()
                start = time.perf_counter()
                sent = layer(given)
                forward = time.perf_counter()
                sent.sum().backward()
                done = time.perf_counter()
                for key, value in (("forward", forward - start), ("both", done - start)):
                    seconds[name][key] = min(value, seconds[name].get(key, value))
                if done > end:
                    break
    differ = {name: int((z != spikes["ours"]).sum()) for name, z in spikes.items()}
    return {"ticks": ticks, "neurons": neurons, "rate": float(spikes["ours"].mean()), "seconds": seconds, "differ": differ, "said": said}


def main() -> int:
    """Print the table; 1 where another layer is faster, or gives other spikes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--neurons", type=int, default=2708 * 64, help="default: Cora, 64 wide")
    parser.add_argument("--budget", type=float, default=BUDGET_S, metavar="S", help="seconds of a contestant in a turn")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    with freed_memory_kept():
        rows = [measure(ticks, chosen.neurons, chosen.budget) for ticks in chosen.ticks]
    found = {"machine": machine.describe(), "rows": rows}
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    table = Table(title="one LIF layer, forward and backward")
    for column in ("ticks", "neurons", "layer", "forward ms", "both ms", "both / ours", "spikes that differ"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    slower = []
    for row in rows:
        own = row["seconds"]["ours"]["both"]
        for name, took in row["seconds"].items():
            ratio, differ = took["both"] / own, row["differ"][name]
            cells = (
                f"{1e3 * took['forward']:.3g}",
                f"{1e3 * took['both']:.3g}",
                f"{ratio:.2f}",
                f"{differ:,} of {row['ticks'] * row['neurons']:,}",
            )
            table.add_row(str(row["ticks"]), f"{row['neurons']:,}", name, *cells)
            if ratio < 1 or differ:
                slower.append(f"{row['ticks']} ticks: {name} takes {ratio:.2f} times ours, {differ:,} spikes differ")
    print("machine:", found["machine"])
    Console(width=120).print(table)
    for line in [*slower, *{f"{name}: {why}" for row in rows for name, why in row["said"].items()}]:
        print(line)
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
