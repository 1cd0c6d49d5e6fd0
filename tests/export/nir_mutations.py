"""Random damage to NIR files: bytes of the file, and parts of its tree. One number, one file."""

from __future__ import annotations

import contextlib
import io
import warnings

import h5py
import numpy as np
from hostile import GRAPHS, content, edges_of, put, put_edges

GOOD = {(name, timed): content(name, timed) for name in GRAPHS for timed in (True, False)}
KINDS = [
    *(
        "Input",
        "Output",
        "Affine",
        "Linear",
        "Scale",
        "Conv1d",
        "Conv2d",
        "SumPool2d",
        "AvgPool2d",
        "Flatten",
        "Delay",
        "I",
        "IF",
        "LI",
        "LIF",
    ),
    *("CubaLI", "CubaLIF", "Threshold", "NIRGraph", "NIRNode", "Identity", "", "lif", "neurograph.PerNode", "neurograph.Aggregate"),
    *("neurograph.ReduceNodes", "neurograph.BroadcastNodes", "neurograph.SparseLinear", "neurograph.", "../Input", "os.system"),
]
NUMBERS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    0.5,
    -0.5,
    1e-3,
    1e-9,
    1e-30,
    1e-310,
    1e9,
    1e18,
    1e30,
    1e31,
    1e300,
    np.nan,
    np.inf,
    -np.inf,
    2**31,
    -(2**63),
    2**62,
]
TYPES = ["f8", "f4", "f2", "i8", "i4", "i1", "u8", "u1", "?", "c16", ">f8", ">i2", "S3", "V4"]
SHAPES = [
    (),
    (0,),
    (1,),
    (2,),
    (3,),
    (4,),
    (1, 1),
    (2, 3),
    (4, 3),
    (1, 1, 1),
    (2, 2, 2),
    (4, 2, 3, 3),
    (1, 0),
    (5,),
    (8,),
    (100,),
    (1,) * 12,
]
WORDS = [
    "same",
    "valid",
    "static",
    "spikes",
    "values",
    "subtract",
    "value",
    ">",
    ">=",
    "exponential_euler",
    "next_step",
    "x" * 300,
    "é",
    "",
    "a/b",
    "\n",
]


def damaged(seed: int) -> bytes:
    """A file of one of the graphs with a few things wrong: in its tree for an even seed, in its bytes for an odd one."""
    rng = np.random.default_rng(seed)
    whole = GOOD[list(GOOD)[rng.integers(len(GOOD))]]
    if seed % 2:
        return _bytes(rng, whole)
    buffer = io.BytesIO(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with h5py.File(buffer, "a") as file:
            for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
                with contextlib.suppress(KeyError, ValueError):  # what is damaged already may not take more
                    _CHANGES[rng.integers(len(_CHANGES))](rng, file)
    return buffer.getvalue()


def _bytes(rng, whole):
    """Bits flipped, bytes overwritten, a block moved, an end cut off."""
    data = bytearray(whole)
    kind = rng.integers(4)
    if kind == 0:
        for at in rng.integers(len(data), size=rng.integers(1, 6)):
            data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        for at in rng.integers(len(data), size=rng.integers(1, 4)):
            data[at] = int(rng.choice([0, 1, 127, 128, 255]))
    elif kind == 2:
        length = int(rng.integers(1, 64))
        a, b = (int(x) for x in rng.integers(len(data) - length, size=2))
        data[a : a + length] = data[b : b + length]
    else:
        del data[int(rng.integers(len(data))) :]
    return bytes(data)


def _pick(rng, file, wanted):
    """The path of a random group or dataset below the graph, or of a file that is no graph."""
    paths, root = [], "node/" if "node" in file else ""
    file[root or "/"].visititems(lambda name, item: paths.append(f"{root}{name}") if isinstance(item, wanted) else None)
    return paths[rng.integers(len(paths))] if paths else None


def _one_of(rng, values):
    return values[rng.integers(len(values))]


def _array(rng):
    kind, shape = _one_of(rng, TYPES), _one_of(rng, SHAPES)
    with np.errstate(all="ignore"):
        if kind in ("S3", "V4"):
            return np.zeros(shape, dtype=kind)
        return np.full(shape, _one_of(rng, NUMBERS), dtype=np.float64).astype(kind)


def _small(file, path):
    """The numbers of a dataset, none where it holds text or claims more than it has."""
    data = file[path]
    return np.array(data[()]) if data.dtype.kind in "biuf" and 0 < data.size < 10**6 else np.zeros(0)


def _value(rng, file):
    put(file, _pick(rng, file, h5py.Dataset), _array(rng))


def _entry(rng, file):
    """One value of a dataset, the rest as it was."""
    path = _pick(rng, file, h5py.Dataset)
    value = _small(file, path)
    if not value.size:
        return
    with np.errstate(all="ignore"):
        flat = value.ravel()
        flat[rng.integers(flat.size)] = np.array(_one_of(rng, NUMBERS)).astype(value.dtype)
    put(file, path, flat.reshape(value.shape))


def _reshape(rng, file):
    path = _pick(rng, file, h5py.Dataset)
    value = _small(file, path)
    if not value.size:
        return
    shapes = [
        value[None],
        value[..., None],
        value.ravel(),
        value.T,
        np.concatenate([value.ravel()] * 2),
        value.ravel()[:1],
        value.ravel()[0],
    ]
    put(file, path, np.array(_one_of(rng, shapes)))


def _scaled(rng, file):
    """A dataset times a number, or of another type: files that may well be good."""
    path = _pick(rng, file, h5py.Dataset)
    value = _small(file, path)
    if not value.size:
        return
    with np.errstate(all="ignore"):
        put(file, path, (value * _one_of(rng, [2, 0.5, -1, 0, 1e3, 1e-3, 1e10])).astype(_one_of(rng, ["f8", "f4", "f2", "i8", ">f8"])))


def _word(rng, file):
    put(file, _pick(rng, file, h5py.Dataset), str(_one_of(rng, WORDS)))


def _kind(rng, file):
    group = _pick(rng, file, h5py.Group)
    put(file, f"{group}/type", str(_one_of(rng, KINDS)))


def _remove(rng, file):
    del file[_pick(rng, file, (h5py.Dataset, h5py.Group))]


def _add(rng, file):
    group, name = (
        _pick(rng, file, h5py.Group),
        _one_of(rng, ["tau", "r", "bias", "weight", "metadata", "nodes", "edges", "x", "input_type"]),
    )
    if rng.random() < 0.3:
        file.require_group(f"{group}/{name}") if not isinstance(file.get(f"{group}/{name}"), h5py.Dataset) else None
    else:
        put(file, f"{group}/{name}", _array(rng))


def _claim(rng, file):
    """A shape that the file has not paid for."""
    path, shape = _pick(rng, file, h5py.Dataset), tuple(int(n) for n in rng.choice([1, 3, 10**3, 10**6, 10**9], size=rng.integers(1, 4)))
    del file[path]
    file.create_dataset(path, shape=shape, dtype="f4", fillvalue=float(rng.choice([0, 1])))


def _edges(rng, file):
    path = "node/edges" if rng.random() < 0.8 or "node/nodes/block/edges" not in file else "node/nodes/block/edges"
    if path not in file or file[path].dtype != object or file[path].ndim != 2:
        return
    edges = edges_of(file, path)
    names = sorted({end for e in edges for end in e} | {"nowhere", "input", "output"})
    kind, at = rng.integers(4), rng.integers(max(len(edges), 1))
    new = (str(_one_of(rng, names)), str(_one_of(rng, names)))
    if kind == 0:
        edges.append(new)
    elif kind == 1 and edges:
        edges.pop(at)
    elif kind == 2 and edges:
        edges[at] = new
    elif edges:
        edges[at] = edges[at][::-1]
    put_edges(file, edges, path)


def _move(rng, file):
    """A node under another name, or a second node of its kind."""
    names = list(file.get("node/nodes", {}))
    if not names:
        return
    a, b = str(_one_of(rng, names)), str(_one_of(rng, [*names, "new"]))
    if b in file["node/nodes"] and b != a:
        del file[f"node/nodes/{b}"]
    if a != b:
        file.copy(f"node/nodes/{a}", file["node/nodes"], b)


def _link(rng, file):
    path, other = _pick(rng, file, (h5py.Dataset, h5py.Group)), _pick(rng, file, (h5py.Dataset, h5py.Group))
    links = [h5py.SoftLink(f"/{other}"), h5py.ExternalLink("other.h5", "/x"), file[other]]
    if path != other:
        target = _one_of(rng, [0, 1, 2])
        del file[path]
        if other in file:
            file[path] = links[target]


GENERAL = [_value, _entry, _entry, _reshape, _scaled, _word, _remove, _claim, _link]  # of any HDF5 file
_CHANGES = [_value, _entry, _entry, _reshape, _scaled, _scaled, _word, _kind, _remove, _add, _claim, _edges, _edges, _move, _link]
