"""NIR files to break: small graphs of every kind of node, and ways of writing into them what nir.write would not."""

from __future__ import annotations

import io
from itertools import pairwise

import h5py
import nir
import numpy as np
import scipy.sparse as sp

from neurograph.export import nir_io
from neurograph.export.nir_io import TimeMetadata, with_time
from neurograph.export.nodes import Aggregate, BroadcastNodes, PerNode, ReduceNodes, SparseLinear


def ends(shape, out):
    return {"input": nir.Input(np.array(shape)), "output": nir.Output(np.array(out))}


def full(value, *shape):
    return np.full(shape, float(value))


def dense():
    """Input → Affine → LIF → Linear → CubaLIF (with a loop) → Output."""
    nodes = {
        **ends([3], [2]),
        "fc": nir.Affine(np.linspace(-1, 2, 12).reshape(4, 3), full(0.1, 4)),
        "lif": nir.LIF(full(5e-3, 4), full(1, 4), full(0, 4), full(0.3, 4), full(0, 4)),
        "w": nir.Linear(np.linspace(-1, 2, 8).reshape(2, 4)),
        "cuba": nir.CubaLIF(full(5e-3, 2), full(4e-3, 2), full(1, 2), full(0, 2), full(0.2, 2), full(0, 2), full(4, 2)),
        "rec": nir.Linear(np.eye(2)[::-1].copy()),
        "d": nir.Delay(np.array([2e-3, 1e-3])),
    }
    edges = [
        ("input", "fc"), ("fc", "lif"), ("lif", "w"), ("w", "cuba"), ("cuba", "rec"), ("rec", "cuba"), ("cuba", "d"), ("d", "t"), ("t", "output"),
    ]  # fmt: skip
    nodes["t"] = nir.Threshold(full(0.5, 2))
    return nodes, edges


def image():
    """Input → Conv2d → IF → SumPool2d → Conv2d → IF → AvgPool2d → Flatten → Scale → LI → Output."""
    nodes = {
        **ends([2, 8, 8], [8]),
        "c": nir.Conv2d(None, np.linspace(-1, 2, 72).reshape(4, 2, 3, 3), 1, 1, 1, 1, full(0.1, 4)),
        "n": nir.IF(full(1, 4, 8, 8), full(1, 4, 8, 8), full(0, 4, 8, 8)),
        "p": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "c2": nir.Conv2d(None, np.linspace(-1, 2, 32).reshape(2, 4, 2, 2), np.array([1, 1]), "valid", 1, 1, full(0, 2)),
        "n2": nir.IF(full(1, 2, 3, 3), full(1, 2, 3, 3), full(0, 2, 3, 3)),
        "a": nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([0, 0])),
        "f": nir.Flatten({"input": None}, 0, -1),
        "s": nir.Scale(full(2, 8)),
        "li": nir.LI(full(5e-3, 8), full(1, 8), full(0, 8)),
    }
    names = ["input", "c", "n", "p", "c2", "n2", "a", "f", "s", "li", "output"]
    return nodes, list(pairwise(names))


def line():
    """Input → Conv1d → IF → Output."""
    nodes = {**ends([2, 9], [3, 4]), "c": nir.Conv1d(9, np.linspace(-1, 2, 18).reshape(3, 2, 3), 2, 0, 1, 1, full(0, 3))}
    nodes["n"] = nir.IF(full(1, 3, 4), full(1, 3, 4), full(0, 3, 4))
    return nodes, [("input", "c"), ("c", "n"), ("n", "output")]


def sparse():
    """Every extension node, and a graph within the graph."""
    ring = sp.csr_matrix(np.eye(5)[[1, 2, 3, 4, 0]])
    flat = sp.csr_matrix(np.arange(20.0).reshape(2, 10) % 3)
    inner = {**ends([5, 2], [5, 2]), "lif": nir.LIF(full(5e-3, 5, 2), full(1, 5, 2), full(0, 5, 2), full(0.3, 5, 2), full(0, 5, 2))}
    nodes = {
        **ends([5, 3], [2]),
        "per": PerNode(np.linspace(-1, 2, 6).reshape(2, 3), np.array([0.1, 0.2]), 5),
        "agg": Aggregate(ring.data, ring.indices, ring.indptr, np.array(ring.shape), 2),
        "block": nir.NIRGraph(inner, [("input", "lif"), ("lif", "output")], type_check=False),
        "red": ReduceNodes(np.array([1.0, 2.0]), 5),
        "mask": nir.Threshold(full(0.5, 1, 2)),
        "bro": BroadcastNodes(5, 2),
        "t": nir.Threshold(full(0.5, 5, 2)),
        "lin": SparseLinear(flat.data, flat.indices, flat.indptr, np.array(flat.shape)),
        "last": nir.Threshold(full(0.5, 2)),
    }
    # SparseLinear takes flat vectors
    nodes["flat"] = nir.Flatten({"input": np.array([5, 2])}, 0, -1)
    names = ["input", "per", "agg", "block", "red", "mask", "bro", "t", "flat", "lin", "last", "output"]
    return nodes, list(pairwise(names))


GRAPHS = {"dense": dense, "image": image, "line": line, "sparse": sparse}


def content(name, timed=True):
    """The bytes of a good file."""
    nodes, edges = GRAPHS[name]()
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    for node in graph.nodes.values():
        if isinstance(node, nir.Flatten) and node.input_type["input"] is None:
            node.input_type = {"input": np.array([2, 2, 2])}
        if isinstance(node, (nir.Conv1d, nir.Conv2d)) and node.input_shape is None:
            node.input_shape = (8, 8) if node.weight.shape[1] == 2 else (4, 4)
    if timed:
        graph = with_time(graph, TimeMetadata(dt=1e-3, ticks=3, input_scale=1.0))
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    return buffer.getvalue()


def put(file, path, value, **more):
    """Replace or add a dataset; None removes it."""
    if path in file:
        del file[path]
    if isinstance(value, str):
        file.create_dataset(path, data=value, dtype=h5py.string_dtype())
    elif value is not None:
        file.create_dataset(path, data=value, **more)


def edges_of(file, path="node/edges"):
    return [tuple(end.decode() for end in edge) for edge in file[path][()]]


def put_edges(file, edges, path="node/edges"):
    del file[path]
    file.create_dataset(path, data=np.array(edges, dtype=object).reshape(-1, 2), dtype=h5py.string_dtype())


def broken(tmp_path, name, *changes):
    """A file of the graph ``name`` with ``changes`` made: (path, value) or a function of the open file."""
    path = tmp_path / "broken.nir"
    path.write_bytes(content(name))
    with h5py.File(path, "a") as file:
        for change in changes:
            if callable(change):
                change(file)
            else:
                put(file, *change)
    return path


def through(path, ticks=None):
    """Read, check, lower and run three ticks in the float engine: what a user would meet first."""
    from neurograph.export.lower import lower
    from neurograph.sim import floating

    graph = nir_io.read(path)
    network = lower(graph)
    inputs = {s.name: np.ones((network.ticks, *s.shape) if not s.is_static else s.shape) for s in network.sources}
    return floating.run(network, inputs) if network.ticks * sum(p.size for p in network.populations.values()) < 10_000_000 else None
