"""A graph layer of PubMed's size as NIR: seconds and memory to write, read and lower it, sparse and (--dense) as plain NIR would.

    python benchmarks/nir_pubmed.py [--dense]

The graph: 19,717 nodes, 88,648 directed edges drawn at random and a loop at each node; 500 features → PerNode → 16 → Aggregate → LIF →
PerNode → 3 → LIF, float32. Memory is the peak of Python's allocations (tracemalloc, NumPy included) in a second, untimed run, and the
largest resident size of the process. --dense adds one nir.Linear of 19,717² float32, the map that NIR 1.0.8 has for an aggregation: 1.6 GB,
and three to four times that while it is written and read.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import scipy.sparse as sp
from machine import describe
from pages import table

from neurograph.export import nir_io
from neurograph.export.lower import lower
from neurograph.export.nir_io import TimeMetadata, with_time
from neurograph.export.nodes import Aggregate, PerNode

NODES, EDGES, FEATURES, HIDDEN, CLASSES = 19_717, 88_648, 500, 16, 3


def graph() -> nir.NIRGraph:
    """The layer, the same every time."""
    rng = np.random.default_rng(0)
    pairs = rng.choice(NODES * (NODES - 1), EDGES, replace=False)  # no loops among them
    source, target = pairs // (NODES - 1), pairs % (NODES - 1)
    target = target + (target >= source)
    loops = np.arange(NODES)
    ends = np.concatenate([source, loops]), np.concatenate([target, loops])
    matrix = sp.csr_matrix((rng.random(EDGES + NODES, dtype=np.float32), ends), shape=(NODES, NODES))
    nodes = {
        "input": nir.Input(np.array([NODES, FEATURES])),
        "encode": PerNode(rng.normal(size=(HIDDEN, FEATURES)).astype(np.float32), np.zeros(HIDDEN, np.float32), NODES),
        "aggregate": Aggregate(matrix.data, matrix.indices, matrix.indptr, np.array(matrix.shape), HIDDEN),
        "hidden": _lif(HIDDEN),
        "decode": PerNode(rng.normal(size=(CLASSES, HIDDEN)).astype(np.float32), np.zeros(CLASSES, np.float32), NODES),
        "out": _lif(CLASSES),
        "output": nir.Output(np.array([NODES, CLASSES])),
    }
    return with_time(nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False), TimeMetadata(1e-3, 10))


def _lif(features: int) -> nir.LIF:
    return nir.LIF(*(np.full((NODES, features), x, dtype=np.float32) for x in (2e-3, 1.0, 0.0, 1.0, 0.0)))


def dense() -> nir.NIRGraph:
    """The same aggregation as plain NIR has it, one feature wide."""
    matrix = graph().nodes["aggregate"].matrix().toarray()
    return nir.NIRGraph.from_list(nir.Linear(matrix), type_check=True)


def measure(steps: dict[str, Callable[[], Any]]) -> list[tuple[str, float, float]]:
    """Seconds of each step, then its peak of allocated memory in MB in a run of its own."""
    seconds = {}
    for name, step in steps.items():
        start = time.perf_counter()
        step()
        seconds[name] = time.perf_counter() - start
    rows = []
    for name, step in steps.items():
        tracemalloc.start()
        step()
        rows.append((name, seconds[name], tracemalloc.get_traced_memory()[1] / 1e6))
        tracemalloc.stop()
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dense", action="store_true", help="also write and read it as plain NIR; takes some 7 GB and half a minute")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, made = Path(folder, "sparse.nir"), graph()
        rows = measure(
            {"write": lambda: nir_io.write(made, path), "read": lambda: nir_io.read(path), "lower": lambda: lower(nir_io.read(path))}
        )
        sizes = [("sparse", path.stat().st_size / 1e6)]
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if options.dense:
            plain, big = Path(folder, "dense.nir"), dense()
            steps = {"plain NIR: write": lambda: nir.write(plain, big), "plain NIR: read": lambda: nir.read(plain)}
            rows += measure(steps)
            sizes.append(("plain NIR", plain.stat().st_size / 1e6))
    print(describe())
    print(table(("step", "seconds", "peak MB"), [(name, f"{seconds:.2f}", f"{peak:.0f}") for name, seconds, peak in rows]))
    print(", ".join(f"{name} file {size:.1f} MB" for name, size in sizes) + f"; largest resident size of the sparse part {resident:.0f} MB")


if __name__ == "__main__":
    main()
