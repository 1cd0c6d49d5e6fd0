"""One training step of Dy-SIGN in a process of its own; prints how many MiB it took at its peak above what was there before it.

    python benchmarks/dysign_child.py '{"gradient": "implicit", "latency": 64, "width": 16, "root": DIR or null}'

The resident set as the kernel counts it: VmHWM after the step less VmRSS before, VmHWM being set back in between. A step with one latency
step goes before, so that what torch takes once is not counted, and what that step left to the allocator is given back to the kernel.
Without ``root`` the graph is a made one. Run with MALLOC_MMAP_THRESHOLD_=65536, so that the allocator keeps no large tensor that was freed.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurograph.data.dynamic import DynamicGraph, load_dblp
from neurograph.data.graph import canonical_edges
from neurograph.data.walks import walk_features
from neurograph.models.dysign import DySign, DySignConfig
from neurograph.models.steps import Step, graph_steps
from neurograph.training.dynamic import standardised

FEATURES = 16


def made_graph(nodes: int = 4000, steps: int = 4, edges: int = 8000) -> DynamicGraph:
    draw = np.random.default_rng(0)
    snapshots = tuple(canonical_edges(draw.integers(0, nodes, (2, edges))) for _ in range(steps))
    return DynamicGraph("made", snapshots, draw.integers(0, 10, nodes), 10)


def train_step(steps: list[Step], graph: DynamicGraph, **config: Any) -> None:
    torch.manual_seed(0)
    model = DySign(DySignConfig(FEATURES, graph.classes, graph.steps, **config))
    optimizer = torch.optim.Adam(model.parameters())
    rows = torch.arange(int(0.4 * graph.nodes))
    torch.nn.functional.cross_entropy(model(steps, graph.nodes, rows), torch.from_numpy(graph.y)[rows]).backward()
    optimizer.step()


def resident_kib(key: str) -> int:
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))


def main() -> int:
    job = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    graph = load_dblp(job["root"]) if job["root"] else made_graph()
    steps = graph_steps(graph, standardised(walk_features(graph, FEATURES)))
    train_step(steps, graph, gradient=job["gradient"], latency=1, width=job["width"])
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS
    before = resident_kib("VmRSS")
    train_step(steps, graph, gradient=job["gradient"], latency=job["latency"], width=job["width"])
    print(json.dumps({"mib": (resident_kib("VmHWM") - before) / 1024}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
