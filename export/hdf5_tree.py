"""An HDF5 group as plain dicts and arrays, read with bounds: nothing is allocated that the file has not paid for.

What is refused before it is read, :mod:`neurograph.hdf5_guard` says. Of a graph the declared sizes are

    Σ elements · max(8, bytes an element)  ≤  128 MiB + 200 · size of the file  ≤  4 GiB

for what neurograph computes with is float64, hence the 8.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import GraphError
from neurograph.hdf5_guard import DEEPEST, LONGEST_NAME, MOST_OBJECTS, Guard, Limits, quoted, short
from neurograph.hdf5_heaps import check_heaps

__all__ = ["DEEPEST", "MOST_BYTES", "MOST_EDGES", "MOST_NODES", "quoted", "read_tree"]

Array = NDArray[Any]
MOST_NODES = 10_000
MOST_EDGES = 100_000
MOST_BYTES = 4 << 30
_LIMITS = Limits(ratio=200, cap=MOST_BYTES, cap_ratio=0, least=8)
_STRING_BLOCK = 64 << 20


def read_tree(group: h5py.Group, path: Path, again: str = "write the graph with nir.write") -> dict[str, Any]:
    """All below ``group``: groups as dicts, datasets as scalars, strings or arrays.

    Args:
        again: what messages end with.

    Raises:
        GraphError: links, datasets or types that a NIR graph does not hold, and more or larger ones than the limits allow.
    """
    check_heaps(path)
    return _Tree(path, again).tree(group, "node", 0)


class _Tree:
    def __init__(self, path: Path, again: str) -> None:
        self.path, self.again = path, again
        self.guard = Guard(path, GraphError, again, _LIMITS)

    def tree(self, group: h5py.Group, where: str, depth: int) -> dict[str, Any]:
        self.guard.group(group, where, depth, MOST_NODES if where.endswith("nodes") else MOST_OBJECTS)
        return {name: self.entry(group, name, f"{where}/{name}", depth) for name in group}

    def entry(self, group: h5py.Group, name: str, where: str, depth: int) -> Any:
        item = self.guard.entry(group, name, where)
        if isinstance(item, h5py.Group):
            return self.tree(item, where, depth + 1)
        self.guard.dataset(item, where)
        return self.strings(item, where) if h5py.check_string_dtype(item.dtype) is not None else item[()]

    def strings(self, data: h5py.Dataset, where: str) -> Any:
        """Text; an array of it in blocks, for each entry may refer to the same long string."""
        size = int(np.prod(data.shape, dtype=object))
        if size > 2 * MOST_EDGES:
            raise GraphError(f"{short(where)}: {size // 2} edges, at most {MOST_EDGES}; make populations of single nodes")
        self.check_lengths(data, where, size)
        if data.ndim == 0:
            return _text(data[()], where, self.again)
        block = max(16, min(4096, _STRING_BLOCK // max(self.guard.file_size, 1))) // max(1, size // max(len(data), 1)) or 1
        made: Array = np.empty(data.shape, dtype=object)
        for start in range(0, len(data), block):
            part = data[start : start + block]
            made[start : start + block] = np.array([_text(x, where, self.again) for x in part.ravel()], dtype=object).reshape(part.shape)
        return made

    def check_lengths(self, data: h5py.Dataset, where: str, size: int) -> None:
        """Check the lengths of texts in the file itself: the HDF5 library allocates what they claim, up to 4 GiB each, and then looks."""
        offset, stored = data.id.get_offset(), data.id.get_storage_size()
        if h5py.check_string_dtype(data.dtype).length is not None or stored == 0:
            return  # of one size for all, which is part of what was declared; or nothing but the fill value
        if offset is None:
            raise GraphError(f"{short(where)}: its text is stored in chunks, must lie in one piece; {self.again}")
        each = stored // max(size, 1)
        with self.path.open("rb") as file:
            file.seek(offset)
            raw = file.read(stored)
        if each < 8 or len(raw) < size * each:
            raise GraphError(f"{short(where)}: its text lies outside the file; {self.again}")
        lengths = np.frombuffer(raw, np.uint8)[: size * each].reshape(size, each)[:, :4].copy().view("<u4")
        if lengths.max(initial=0) > 4 * LONGEST_NAME:
            raise GraphError(f"{short(where)}: text of {lengths.max():,} bytes, at most {4 * LONGEST_NAME}; shorten it")


def _text(value: Any, where: str, again: str) -> str:
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise GraphError(f"{short(where)}: its text is not UTF-8; {again}") from None
    if len(text) > LONGEST_NAME:
        raise GraphError(f"{short(where)}: text of {len(text)} characters, at most {LONGEST_NAME}; shorten it")
    return text
