"""An HDF5 group as plain dicts and arrays, read with bounds: nothing is allocated that the file has not paid for.

What a file says of itself is not believed. A dataset's declared size is added up before it is read, whether or not its bytes are stored:

    Σ elements · max(8, bytes an element)  ≤  128 MiB + 200 · size of the file  ≤  4 GiB

gzip reaches about 1,000 to 1 on constant arrays, and what neurograph computes with is float64, hence the 8. Links that lead out of the
group (soft, external), virtual datasets and datasets whose bytes lie in other files are refused: reading a graph opens no other file. A
group that is met twice is refused too: hard links can make a loop, or a tree that grows as 2^depth. What the HDF5 library itself would
believe (the length of a text, what a compressed chunk inflates to) is looked at in the file before it is read.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import GraphError
from neurograph.export.hdf5_heaps import check_heaps

__all__ = ["DEEPEST", "MOST_BYTES", "MOST_EDGES", "MOST_NODES", "quoted", "read_tree"]

Array = NDArray[Any]
MOST_NODES = 10_000
MOST_EDGES = 100_000
MOST_OBJECTS = 250_000
MOST_BYTES = 4 << 30
DEEPEST = 80  # groups within groups: 32 graphs within graphs, and metadata
_FREE_BYTES, _RATIO = 128 << 20, 200
_LONGEST_NAME = 1000
_MOST_CHUNKS = 100_000
_FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF, h5py.h5z.FILTER_FLETCHER32)
_STRING_BLOCK = 64 << 20


def read_tree(group: h5py.Group, path: Path) -> dict[str, Any]:
    """All below ``group``: groups as dicts, datasets as scalars, strings or arrays.

    Raises:
        GraphError: links, datasets or types that a NIR graph does not hold, and more or larger ones than the limits allow.
    """
    check_heaps(path)
    tree = _Tree(path)
    return tree.group(group, "node", 0)


def quoted(name: str) -> str:
    """A name for a message: escaped, so that it stays on its line, and cut where it is long."""
    return repr(name if len(name) <= 60 else f"{name[:57]}...")


class _Tree:
    def __init__(self, path: Path) -> None:
        self.path, self.file_size = path, path.stat().st_size
        self.most = min(_FREE_BYTES + _RATIO * self.file_size, MOST_BYTES)
        self.bytes = self.objects = 0
        self.seen: set[int] = set()

    def group(self, group: h5py.Group, where: str, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            raise GraphError(f"{where[:60]}...: groups lie {depth} deep, at most {DEEPEST}; unfold the subgraphs")
        address = h5py.h5o.get_info(group.id).addr
        if address in self.seen:
            raise GraphError(f"{_short(where)}: the group is linked more than once, a graph is a tree; write it with nir.write")
        self.seen.add(address)
        limit = MOST_NODES if where.endswith("nodes") else MOST_OBJECTS
        if len(group) > limit:
            raise GraphError(f"{_short(where)}: {len(group)} entries, at most {limit}; split the graph, or make populations of its nodes")
        self.objects += len(group)
        if self.objects > MOST_OBJECTS:
            raise GraphError(f"{_short(where)}: more than {MOST_OBJECTS} groups and datasets; make populations of single nodes")
        return {name: self.entry(group, name, f"{where}/{name}", depth) for name in group}

    def entry(self, group: h5py.Group, name: str, where: str, depth: int) -> Any:
        if not isinstance(name, str):  # h5py leaves what it cannot decode
            raise GraphError(f"{_short(where)}: the name is not UTF-8; rename it")
        if len(name) > _LONGEST_NAME:
            raise GraphError(f"{_short(where)}: a name of {len(name)} characters, at most {_LONGEST_NAME}; shorten it")
        try:
            name.encode()
        except UnicodeEncodeError:
            raise GraphError(f"{_short(where)}: the name is not UTF-8; rename it") from None
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            kind = "a link to another file" if isinstance(link, h5py.ExternalLink) else "a soft link"
            raise GraphError(f"{_short(where)}: is {kind}, which is not followed; write the graph with nir.write")
        item = group[name]
        if isinstance(item, h5py.Group):
            return self.group(item, where, depth + 1)
        if not isinstance(item, h5py.Dataset):
            raise GraphError(f"{_short(where)}: is a named type, must be a group or a dataset; write the graph with nir.write")
        return self.dataset(item, where)

    def dataset(self, data: h5py.Dataset, where: str) -> Any:
        if data.is_virtual or data.external:
            raise GraphError(f"{_short(where)}: its values lie in other files, which are not read; write the graph with nir.write")
        if data.shape is None:
            raise GraphError(f"{_short(where)}: holds no value; write the graph with nir.write")
        text = h5py.check_string_dtype(data.dtype) is not None
        if not text and data.dtype.kind not in "biuf":
            raise GraphError(f"{_short(where)}: is of type {data.dtype}, must be numbers or text; write the graph with nir.write")
        self.spend(data, where)
        if data.chunks and data.id.get_storage_size():
            self.check_chunks(data, where)
        return self.strings(data, where) if text else data[()]

    def spend(self, data: h5py.Dataset, where: str) -> None:
        """Count what reading it allocates: its elements, and one chunk where it is stored in chunks."""
        size = int(np.prod([int(n) for n in data.shape], dtype=object))
        chunk = int(np.prod(data.chunks, dtype=object)) if data.chunks and data.id.get_storage_size() else 0
        self.bytes += max(size, chunk) * max(8, data.dtype.itemsize)
        if self.bytes > self.most:
            raise GraphError(
                f"{_short(where)}: shape {data.shape} brings what the file declares to {self.bytes:,} bytes, at most {self.most:,} for a "
                f"file of {self.file_size:,}; store fewer or sparse values (neurograph.SparseLinear), or without compression"
            )

    def check_chunks(self, data: h5py.Dataset, where: str) -> None:
        """Inflate each chunk up to its declared size: the HDF5 library inflates whatever is there, up to a thousand times the file."""
        pipeline = data.id.get_create_plist()
        filters = [pipeline.get_filter(i)[0] for i in range(pipeline.get_nfilters())]
        if filters != [f for f in _FILTERS if f in filters]:
            raise GraphError(
                f"{_short(where)}: is stored through the filters {filters}, must be gzip or lzf; write the graph with nir.write"
            )
        chunks: list[tuple[tuple[int, ...], int]] = []

        def collect(info: Any) -> bool | None:
            chunks.append((info.chunk_offset, info.size))
            return len(chunks) > _MOST_CHUNKS or None  # anything but None ends it

        data.id.chunk_iter(collect)
        if len(chunks) > _MOST_CHUNKS or any(size > self.file_size for _, size in chunks):
            what = f"more than {_MOST_CHUNKS} chunks" if len(chunks) > _MOST_CHUNKS else "a chunk larger than the file"
            raise GraphError(f"{_short(where)}: is stored in {what}; write the graph with nir.write")
        wanted = int(np.prod(data.chunks, dtype=object)) * data.dtype.itemsize
        for offset, _ in chunks if h5py.h5z.FILTER_DEFLATE in filters else ():
            skipped, raw = data.id.read_direct_chunk(offset)
            if not skipped and not _inflates_to(raw, wanted):
                raise GraphError(f"{_short(where)}: a chunk does not inflate to its {wanted:,} bytes; write the graph with nir.write")

    def strings(self, data: h5py.Dataset, where: str) -> Any:
        """Text; an array of it in blocks, for each entry may refer to the same long string."""
        size = int(np.prod(data.shape, dtype=object))
        if size > 2 * MOST_EDGES:
            raise GraphError(f"{_short(where)}: {size // 2} edges, at most {MOST_EDGES}; make populations of single nodes")
        self.check_lengths(data, where, size)
        if data.ndim == 0:
            return _text(data[()], where)
        block = max(16, min(4096, _STRING_BLOCK // max(self.file_size, 1))) // max(1, size // max(len(data), 1)) or 1
        made: Array = np.empty(data.shape, dtype=object)
        for start in range(0, len(data), block):
            part = data[start : start + block]
            made[start : start + block] = np.array([_text(x, where) for x in part.ravel()], dtype=object).reshape(part.shape)
        return made

    def check_lengths(self, data: h5py.Dataset, where: str, size: int) -> None:
        """Check the lengths of texts in the file itself: the HDF5 library allocates what they claim, up to 4 GiB each, and then looks."""
        offset, stored = data.id.get_offset(), data.id.get_storage_size()
        if h5py.check_string_dtype(data.dtype).length is not None or stored == 0:
            return  # of one size for all, which is part of what was declared; or nothing but the fill value
        if offset is None:
            raise GraphError(f"{_short(where)}: its text is stored in chunks, must lie in one piece; write the graph with nir.write")
        each = stored // max(size, 1)
        with self.path.open("rb") as file:
            file.seek(offset)
            raw = file.read(stored)
        if each < 8 or len(raw) < size * each:
            raise GraphError(f"{_short(where)}: its text lies outside the file; write the graph with nir.write")
        lengths = np.frombuffer(raw, np.uint8)[: size * each].reshape(size, each)[:, :4].copy().view("<u4")
        if lengths.max(initial=0) > 4 * _LONGEST_NAME:
            raise GraphError(f"{_short(where)}: text of {lengths.max():,} bytes, at most {4 * _LONGEST_NAME}; shorten it")


def _inflates_to(raw: bytes, size: int) -> bool:
    stream = zlib.decompressobj()
    try:
        return len(stream.decompress(raw, size)) == size and not stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error:
        return False


def _text(value: Any, where: str) -> str:
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise GraphError(f"{_short(where)}: its text is not UTF-8; write the graph with nir.write") from None
    if len(text) > _LONGEST_NAME:
        raise GraphError(f"{_short(where)}: text of {len(text)} characters, at most {_LONGEST_NAME}; shorten it")
    return text


def _short(where: str) -> str:
    """A path in the file for a message."""
    return quoted(where if len(where) <= 60 else f"...{where[-57:]}")
