"""Damage to files of every format: a random generator and good bytes in, bad bytes out. One seed, one file."""

from __future__ import annotations

import copy
import io
import json
import re
import warnings
import zipfile

import h5py
import nir_mutations as tree
import numpy as np

NUMBERS = [0, 1, -1, 2, 3, 7, 255, 1000, 10**6, 10**9, 2**31, 2**32, 2**62, -(2**63), 2**70, 10**30, 0.5, -0.5, 1e-310, 1e300]
ODD = [
    *NUMBERS,
    float("nan"),
    float("inf"),
    -float("inf"),
    None,
    True,
    False,
    "",
    "x",
    "\x1b[31m",
    "é\n",
    "../../etc/passwd",
    [],
    {},
    [[]],
    {"a": 1},
]
TEXTS = ["0", "1", "-1", "2", "1e9", "1000000000000", "99999999999999999999", "nan", "inf", "0.5", "", "x", '"', "[", "]", "{", "a.b", "true", "\x1b", "\0", ",", "\n", "é"]  # fmt: skip


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def in_bytes(rng, whole):
    """Bits flipped, bytes or words overwritten, a block moved or doubled, an end cut off."""
    data = bytearray(whole)
    for _ in range(int(pick(rng, [1, 1, 2, 4]))):
        if len(data) < 16:
            break
        at = int(rng.integers(len(data) - 8))
        kind = int(rng.integers(6))
        if kind == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            data[at] = int(pick(rng, [0, 1, 127, 128, 255]))
        elif kind == 2:
            size = int(pick(rng, [2, 4, 8]))
            data[at : at + size] = int(pick(rng, [0, 1, 2**15 - 1, 2**16 - 1, 10**4, 2**size - 1])).to_bytes(8, "little")[:size]
        elif kind == 3:
            length, other = int(rng.integers(1, 64)), int(rng.integers(len(data)))
            data[at : at + length] = data[other : other + length]
        elif kind == 4:
            length, other = int(rng.integers(1, 64)), int(rng.integers(len(data)))
            data[at:at] = data[other : other + length]
        elif rng.random() < 0.3:
            del data[at:]
        else:
            del data[at : at + int(rng.integers(1, 16))]
    return bytes(data)


def hdf5(rng, whole):
    """The tree of an HDF5 file, its attributes, or its bytes."""
    if rng.random() < 0.35:
        return in_bytes(rng, whole)
    buffer = io.BytesIO(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with h5py.File(buffer, "a") as file:
            for _ in range(int(pick(rng, [1, 1, 1, 2, 3]))):
                try:
                    pick(rng, [*tree.GENERAL, _attribute, _attribute, _attribute, _filtered])(rng, file)
                except (KeyError, ValueError, TypeError, OSError, RuntimeError, OverflowError, AttributeError):
                    continue  # what is damaged already may not take more
    return buffer.getvalue()


def _items(file):
    found = [file]
    file.visititems(lambda _, item: found.append(item))
    return found


def _attribute(rng, file):
    item = pick(rng, [item for item in _items(file) if len(item.attrs)] or [file])
    name = pick(rng, [*item.attrs, "extra"])
    kind = int(rng.integers(5))
    if kind == 0:
        del item.attrs[name]
    elif kind == 1:
        item.attrs[name] = pick(rng, tree.WORDS)
    elif kind == 2:
        item.attrs[name] = tree._array(rng)
    elif kind == 3 and isinstance(item.attrs[name], np.ndarray):
        values = item.attrs[name].copy()
        values[int(rng.integers(values.size))] = pick(rng, [0, 1, -1, 3, 10**6, 10**9, 2**62])
        item.attrs[name] = values
    else:
        item.attrs[name] = pick(rng, [0, 1, -1, 2, 10**6, 2**40, 0.5, float("nan"), float("inf"), "[]", "[[", "{}", '["x"]', "LIF", "Kron"])


def _filtered(rng, file):
    """The same values through another filter, in chunks."""
    path = tree._pick(rng, file, h5py.Dataset)
    data = file[path]
    values = data[()] if data.dtype.kind in "biuf" and data.ndim and 0 < data.size < 10**6 else None
    if values is None:
        return
    del file[path]
    more = pick(rng, [{"compression": "lzf"}, {"scaleoffset": 3}, {"fletcher32": True}, {"maxshape": (None,) * values.ndim}])
    file.create_dataset(path, data=values, **more)


def plain_json(rng, whole):
    """One value of a JSON text replaced, removed, doubled or nested; or its bytes."""
    if rng.random() < 0.15:
        return in_bytes(rng, whole)
    held = json.loads(whole)
    for _ in range(int(pick(rng, [1, 1, 2]))):
        held = _changed(rng, held)
    text = json.dumps(held)
    return text.replace('"DEEP"', "[" * 50_000 + "]" * 50_000).encode()


def json_lines(rng, whole):
    lines = whole.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    lines[at] = plain_json(rng, lines[at].rstrip()) + b"\n"
    return b"".join(lines)


def _changed(rng, held, odd=None):
    """A copy of a tree of dicts and lists with one place in it changed."""
    odd = [*ODD, "DEEP"] if odd is None else odd
    held = copy.copy(held)
    keys = list(held) if isinstance(held, dict) else list(range(len(held)))
    if not keys:
        return pick(rng, odd)
    key = pick(rng, keys)
    inner = held[key]
    if isinstance(inner, (dict, list, tuple)) and len(inner) and rng.random() < 0.8:
        made = _changed(rng, inner, odd)
        if isinstance(held, tuple):
            return (*held[:key], made, *held[key + 1 :])
        held[key] = made
        return held
    if isinstance(held, tuple):
        return (*held[:key], pick(rng, odd), *held[key + 1 :])
    kind = int(rng.integers(5))
    if kind == 0:
        del held[key]
    elif kind == 1 and isinstance(held, dict):
        held[str(pick(rng, ["x", "../x", "\x1b[0m", "", "a/b"]))] = inner
    else:
        held[key] = pick(rng, odd)
    return held


def toml(rng, whole):
    """A number, a word or a line of a text replaced."""
    if rng.random() < 0.15:
        return in_bytes(rng, whole)
    text = whole.decode()
    for _ in range(int(pick(rng, [1, 1, 2]))):
        kind = int(rng.integers(4))
        if kind < 2:
            words = list(re.finditer(r'[-+\w.]+|"[^"]*"', text))
            found = pick(rng, words)
            text = text[: found.start()] + str(pick(rng, TEXTS)) + text[found.end() :]
        elif kind == 2:
            lines = text.splitlines(keepends=True)
            at = int(rng.integers(len(lines)))
            lines[at] = pick(rng, ["", lines[at] * 2, "a = " + "[" * 20_000 + "\n", "a" + ".a" * 5_000 + " = 1\n", "x = 1\n", lines[-1]])
            text = "".join(lines)
        else:
            text = re.sub(r"= [-\d.e]+", lambda m: f"= {pick(rng, TEXTS[:10])}", text, count=1 + int(rng.integers(3)))
    return text.encode()


def table(rng, whole):
    """Numbers of a text table replaced, lines taken out or doubled."""
    return toml(rng, whole)


def zipped(rng, whole, member):
    """A zip whose members are damaged by ``member(rng, name, content)``, under good checksums; or its bytes."""
    if rng.random() < 0.2:
        return in_bytes(rng, whole)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = pick(rng, [n for n in members if not n.endswith(("version", "byteorder", "serialization_id"))])
    kind = int(rng.integers(8))
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[f"{name}x"] = members.pop(name)
    else:
        members[name] = member(rng, name, members[name])
    packing = zipfile.ZIP_DEFLATED if rng.random() < 0.2 else zipfile.ZIP_STORED
    return as_zip(members, packing)


def as_zip(members, packing=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def npy(rng, whole):
    """An array of another type, shape or values; a header that says what is not so; or bytes."""
    kind = int(rng.integers(4))
    if kind == 0:
        return in_bytes(rng, whole)
    if kind == 1:
        shape = pick(rng, ["(10**12,)", "(1000000000000,)", "(-1,)", "(3, 1000000000)", "()", "(0,)", "(1,)*40", "9"])
        return re.sub(rb"'shape': \([^)]*\)", f"'shape': {shape}".encode(), whole)
    if kind == 2:
        return re.sub(
            rb"'descr': '[^']*'",
            f"'descr': '{pick(rng, ['|O', '<f8', '<i8', '|S3', '<U9', '<c16', '|V8', '<M8[s]', '|b1'])}'".encode(),
            whole,
        )
    return as_npy(changed_array(rng, np.load(io.BytesIO(whole), allow_pickle=False)))


def as_npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz(rng, whole):
    return zipped(rng, whole, lambda rng, name, content: npy(rng, content))


def changed_array(rng, array):
    """Other values, type or shape; objects too, which NumPy pickles."""
    kind = int(rng.integers(6))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == 0 and array.size and array.dtype.kind in "biuf":
            flat = array.ravel().copy()
            flat[int(rng.integers(flat.size))] = np.array(pick(rng, [0, -1, 1, 10**6, 10**9, 2**31, float("nan"), float("inf")])).astype(
                array.dtype
            )
            return flat.reshape(array.shape)
        if kind == 1:
            return array.astype(pick(rng, ["f8", "f4", "i8", "i1", "u8", "?", "c16", ">f4", "U5"]))
        if kind == 2:
            return pick(
                rng,
                [array[None], array[..., None], array.ravel(), array.T, array[:1], array.ravel()[:0], np.concatenate([array.ravel()] * 2)],
            )
        if kind == 3:
            return tree._array(rng)
        if kind == 4:
            return np.array([{"a": 1}, None], dtype=object)
    return array[: max(1, len(array) // 2)] if array.ndim else array


def torch_file(rng, whole):
    """A torch file with another pickle, other members, or other values under the same format."""
    import torch

    if rng.random() < 0.4:
        return zipped(rng, whole, lambda rng, name, content: in_bytes(rng, content))
    payload = torch.load(io.BytesIO(whole), weights_only=True)
    for _ in range(int(pick(rng, [1, 1, 2]))):
        payload = _changed(rng, payload, [*ODD, *_odd_tensors(rng)])
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def _odd_tensors(rng):
    import torch

    doubled = ["x"]
    for _ in range(60):
        doubled = [doubled, doubled]
    endless = []
    endless.append(endless)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            torch.zeros(()),
            torch.zeros(0),
            torch.ones(3),
            torch.ones(2, 2, dtype=torch.int64) * 10**9,
            torch.full((4,), float("nan")),
            torch.ones(1).expand(10**12),
            torch.ones(1, 1).expand(10**6, 10**6),
            torch.ones(2, dtype=torch.complex64),
            torch.eye(3).to_sparse(),
            torch.eye(3).to_sparse_csr(),
            torch.ones(2, dtype=torch.bfloat16),
            torch.nn.Parameter(torch.ones(2)),
            torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
            torch.zeros(2, device="meta"),
            torch.ones(3, dtype=torch.bool),
            torch.Size([1, 2]),
            torch.float32,
            doubled,
            endless,
            "y" * 100_000,
        ]


def pickled(rng, whole):
    """The bytes of a pickle."""
    return in_bytes(rng, whole)


def onnx_file(rng, whole):
    """A model with other dims, attributes, operators or stored elsewhere; or its bytes."""
    if rng.random() < 0.4:
        return in_bytes(rng, whole)
    import onnx

    model = onnx.load_model_from_string(whole)
    for _ in range(int(pick(rng, [1, 1, 2]))):
        pick(rng, _ONNX)(rng, model)
    return model.SerializeToString()


def _dims(rng, model):
    if model.graph.initializer:
        tensor = pick(rng, model.graph.initializer)
        if tensor.dims:
            tensor.dims[int(rng.integers(len(tensor.dims)))] = int(pick(rng, [0, 1, -1, 10**6, 10**12, 2**62]))


def _elsewhere(rng, model):
    if model.graph.initializer:
        tensor = pick(rng, model.graph.initializer)
        tensor.data_location = 1
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", pick(rng, ["../../etc/passwd", "/etc/passwd", "manifest.json", ""])


def _operator(rng, model):
    pick(rng, model.graph.node).op_type = pick(
        rng, ["Identity", "Loop", "If", "ConstantOfShape", "Expand", "Tile", "MatMul", "Concat", "Gather", "x", "ReduceSum"]
    )


def _wires(rng, model):
    node = pick(rng, model.graph.node)
    if node.input:
        node.input[int(rng.integers(len(node.input)))] = pick(
            rng, ["", "x", node.output[0], *(t.name for t in model.graph.initializer[:3])]
        )


def _numbers(rng, model):
    if model.graph.initializer:
        tensor = pick(rng, model.graph.initializer)
        tensor.data_type = int(pick(rng, [0, 1, 2, 6, 7, 8, 10, 11, 99]))


def _attributes(rng, model):
    node = pick(rng, model.graph.node)
    if node.attribute:
        attribute = pick(rng, node.attribute)
        attribute.i = int(pick(rng, [0, 1, -1, 2, 9, 2**62]))


def _domain(rng, model):
    pick(rng, model.graph.node).domain = pick(rng, ["com.microsoft", "evil", "ai.onnx.ml"])


_ONNX = [_dims, _elsewhere, _operator, _wires, _numbers, _attributes, _domain]
