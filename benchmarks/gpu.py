"""The fixed engine on a GPU against itself on the CPU: dense networks of four layers, batch 1, 32 and 256, equal spikes asserted.

    python benchmarks/gpu.py [--device cuda] [--widths 1024,4096] [--batches 1,32,256] [--ticks 100] [--rounds 3] [--json FILE]

Each engine is made ready once and run in turns; the fewest seconds count. A run takes its inputs from the host and brings the spikes of the
last layer back. "counted" gathers the tally as well. The floor is the bare float32 products of the same sizes on the device, TF32 off.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch

from neurograph.errors import InputError
from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import fixed
from neurograph.sim.choice import simulator
from neurograph.sim.device import Simulator
from neurograph.sim.device.devices import described, device_named, exact_products, synchronize
from neurograph.weights import Dense

LAYERS, RATE, DECAY_V = 4, 0.1, 2048
DEVIATIONS = 1.25  # thresholds stand as many standard deviations of v above 0: about a tenth of the neurons spike in a tick


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--widths", default="1024,4096")
    parser.add_argument("--batches", default="1,32,256")
    parser.add_argument("--ticks", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print(machine.describe())
    try:
        device = device_named(asked.device)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"device: {described(device)}, CUDA {torch.version.cuda}")
    header = ("network", "batch", "cpu ms", "device ms", "times", "counted", "floor ms", "of floor", "spikes")
    print(" ".join(f"{name:>11}" for name in header))
    rows = []
    for width in (int(text) for text in asked.widths.split(",")):
        batches = [int(text) for text in asked.batches.split(",")]
        network = dense(width, asked.ticks)
        spikes = (np.random.default_rng(1).random((max(batches), asked.ticks, width)) < RATE).astype(np.uint8)
        there, here = Simulator(network, device=str(device)), simulator(network, None, integer=True)
        for batch in batches:
            row = measure(network, spikes[:batch], there, here, asked.rounds)
            rows.append(row)
            shown = [f"{width}x{LAYERS}", batch, *(f"{row[key] * 1e3:.2f}" for key in ("cpu_s", "device_s"))]
            shown += [f"{row['cpu_s'] / row['device_s']:.1f}", f"{row['counted_s'] / row['device_s']:.2f}"]
            shown += [f"{row['floor_s'] * 1e3:.2f}", f"{row['device_s'] / row['floor_s']:.1f}", f"{row['spikes']:,}"]
            print(" ".join(f"{value:>11}" for value in shown), flush=True)
    if asked.json:
        found = {"machine": machine.describe(), "device": described(device), "torch": torch.__version__, "cuda": torch.version.cuda}
        asked.json.write_text(json.dumps({**found, "ticks": asked.ticks, "rows": rows}, indent=2) + "\n")
    return 0


def dense(width: int, ticks: int) -> Network:
    """Four layers of ``width`` neurons, 8-bit weights of both signs, half of v left after a tick."""
    rng = np.random.default_rng(width)
    populations = {"in": Population("in", (width,), Source())}
    projections = []
    spread = np.sqrt(RATE * width * np.mean(np.arange(-128, 128) ** 2.0) * 4 / (1 - (1 - DECAY_V / 4096) ** 2))
    for layer in range(LAYERS):
        source, target = "in" if layer == 0 else f"layer{layer}", f"layer{layer + 1}"
        populations[target] = Population(target, (width,), FixedLIF(4095, DECAY_V, round(DEVIATIONS * spread), 0, 0, 1.0))
        weights = rng.integers(-128, 128, (width, width)).astype(np.int16) * np.int16(2)
        projections.append(Projection(source, target, Dense(weights), sign_mode="mixed"))
    return Network(populations, tuple(projections), ticks, outputs=(f"layer{LAYERS}",))


def measure(network: Network, spikes: Any, there: Simulator, here: Any, rounds: int) -> dict[str, Any]:
    """One network with one batch.

    Raises:
        AssertionError: the engines differ in a spike or in a count.
    """
    inputs = {"in": spikes}

    def cpu(**more: Any) -> Any:
        return here.run(inputs, **more) if here is not None else fixed.run(network, inputs, **more)

    sent = same(there.run(inputs, record="spikes", counts=True), cpu(record="spikes", counts=True))
    floor = products(network, len(spikes), there.device)
    runs: dict[str, Callable[[], Any]] = {
        "cpu_s": lambda: cpu(record="outputs"),
        "device_s": lambda: there.run(inputs, record="outputs"),
        "counted_s": lambda: there.run(inputs, record="outputs", counts=True),
        "floor_s": floor,
    }
    times = in_turns(runs, rounds)
    return {"width": network.populations["in"].size, "batch": len(spikes), "spikes": sent, **{k: min(v) for k, v in times.items()}}


def in_turns(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, round after round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(timed(run))
    return times


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def products(network: Network, batch: int, device: torch.device) -> Callable[[], None]:
    """The bare products, on as many rows at a time as the memory of a quarter of a GPU holds."""
    width, rows = network.populations["in"].size, batch * network.ticks
    weights = torch.ones((width, width), device=device)
    spikes = torch.ones((min(rows, (1 << 32) // width), width), device=device)

    def run() -> None:
        with exact_products():
            for _ in range(LAYERS):
                for first in range(0, rows, len(spikes)):
                    spikes[: rows - first] @ weights.T
            synchronize(device)

    return run


def same(there: Any, here: Any) -> int:
    """Assert equal spikes and counts; how many spikes there were."""
    assert there.spikes.keys() == here.spikes.keys()
    for name, values in here.spikes.items():
        assert (there.spikes[name] == values).all(), f"spikes of {name}"
        assert name == "in" or values.any(), f"{name} is silent"
    for field in fields(here.tally):
        ours, theirs = (getattr(tally, field.name) for tally in (there.tally, here.tally))
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours[key], theirs[key]) for key in theirs]
        assert all((a == b).all() for a, b in pairs), field.name
    return sum(here.counts().values())


if __name__ == "__main__":
    sys.exit(main())
