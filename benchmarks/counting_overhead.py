"""What counting costs: a run with counts over the same run without, of a network of 4 layers of 512 LIF neurons over 50 ticks.

    python benchmarks/counting_overhead.py [--samples N [N ...]] [--repeats N] [--json FILE]

Ours are the float and the fixed engine as ``neurograph simulate --counts`` runs them ("compiled": kernels are laid out for the network,
then run once), the kernels alone for a network that was laid out before ("ready"), the NumPy engines, which run where there is no C
compiler, and :func:`neurograph.operations.count_operations` over a plain call of the torch module. NeuroBench's is a run with
``SynapticOperations`` over the plain run of the same snnTorch network, in its own environment (benchmarks/neurobench_parity.py --install).
Within a process, runs with and without alternate; a ratio is the median of the ratios of neighbours. Torch and BLAS
have one thread, the compiled kernels as many as the machine has cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import machine
import numpy as np
import torch
from neurobench_parity import find_neurobench, run_child

from neurograph.export.compile import Compiled
from neurograph.export.targets import TARGETS
from neurograph.export.torch_modules import compile_module
from neurograph.operations import count_operations
from neurograph.sim import choice, fixed, floating

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from neurobench_networks import Window, deep

LAYERS, WIDTH, TICKS, LIMIT = 4, 512, 50, 1.2


@dataclass(frozen=True)
class Overhead:
    """Seconds of single runs, in the order in which they were made."""

    name: str
    plain_s: list[float]
    counted_s: list[float]
    limit: float | None = None

    @property
    def ratio(self) -> float:
        """The median over neighbours of counted / plain."""
        return median(c / p for c, p in zip(self.counted_s, self.plain_s, strict=True))

    @property
    def row(self) -> str:
        plain, counted = (f"{1e3 * median(x):.4g}" for x in (self.plain_s, self.counted_s))
        return f"| {self.name} | {plain} | {counted} | {self.ratio:.3g} |"


def compiled(layers: int, width: int, ticks: int) -> Compiled:
    """The snnTorch network as a float and as an integer Network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile_module(deep(layers, width), given(1, ticks, width)[0].numpy().astype(np.uint8), TARGETS["loihi2"])


def given(samples: int, ticks: int, width: int) -> torch.Tensor:
    """Spikes, one in ten: what the child makes too."""
    return (torch.rand(samples, ticks, width, generator=torch.Generator().manual_seed(1)) < 0.1).float()


def measure(name: str, plain: Callable[[], object], counted: Callable[[], object], repeats: int, limit: float | None = None) -> Overhead:
    """Alternate, after one run of each that is not timed."""
    plain(), counted()
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for which in ((0, 1), (1, 0))[repeat % 2]:
            start = time.perf_counter()
            (plain, counted)[which]()
            times[which].append(time.perf_counter() - start)
    return Overhead(name, *times, limit)


def of_engines(networks: Compiled, x: torch.Tensor, repeats: int) -> list[Overhead]:
    """Float and fixed: compiled, ready and NumPy."""
    assert networks.quantized is not None
    spikes = {networks.network.sources[0].name: x.numpy().astype(np.uint8)}
    found: dict[str, list[Overhead]] = {"compiled": [], "ready": [], "NumPy": []}
    for name, engine, network in (("float", floating.run, networks.network), ("fixed", fixed.run, networks.quantized)):
        ready = choice.simulator(network, None, integer=name == "fixed")
        runs: dict[str, Callable[..., Any]] = {"compiled": partial(engine, network), "NumPy": partial(engine, network, compiled=False)}
        if ready is not None:
            runs["ready"] = ready.run
        for how, run in runs.items():
            plain, limit = partial(run, spikes, record="outputs"), LIMIT if how == "compiled" else None
            found[how].append(measure(f"neurograph, {name} engine, {how}", plain, partial(plain, counts=True), repeats, limit))
    return [line for lines in found.values() for line in lines]


def of_modules(layers: int, width: int, x: torch.Tensor, repeats: int) -> Overhead:
    """count_operations over a plain call."""
    module = Window(deep(layers, width)).eval()

    def plain() -> None:
        with torch.no_grad():
            module(x)

    return measure("neurograph.operations, torch module", plain, partial(count_operations, module, x), repeats)


def of_neurobench(layers: int, width: int, ticks: int, samples: int, repeats: int) -> Overhead:
    """In its environment.

    Raises:
        LookupError: there is none.
    """
    interpreter = find_neurobench()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "times.json")
        asked = {"layers": layers, "width": width, "ticks": ticks, "samples": samples, "repeats": repeats, "threads": 1}
        path.write_text(json.dumps(asked))
        run_child(interpreter, "times", path)
        found = json.loads(path.read_text())
    return Overhead("NeuroBench, SynapticOperations", found["plain"], found["counted"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 32], help="inferences in a run")
    parser.add_argument("--repeats", type=int, default=21, help="of ours; NeuroBench gets a fifth")
    parser.add_argument("--json", type=Path, help="write all times")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine.describe() + "; torch and BLAS with one thread")
    networks, found, good = compiled(LAYERS, WIDTH, TICKS), {}, True
    for samples in arguments.samples:
        x = given(samples, TICKS, WIDTH)
        lines = [*of_engines(networks, x, arguments.repeats), of_modules(LAYERS, WIDTH, x, max(arguments.repeats // 5, 3))]
        try:
            lines.append(of_neurobench(LAYERS, WIDTH, TICKS, samples, max(arguments.repeats // 5, 3)))
        except LookupError as error:
            print(f"without NeuroBench: {error}")
        print(f"\n| {samples} samples | plain, ms | counted, ms | ratio |\n|---|--:|--:|--:|")
        print("\n".join(line.row for line in lines))
        found[samples] = [{**vars(line), "ratio": line.ratio} for line in lines]
        good &= all(line.limit is None or line.ratio <= line.limit for line in lines)
    print(f"\nthe engines as simulate runs them {'keep' if good else 'do NOT keep'} to {LIMIT} times a run without counts")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    sys.exit(main())
