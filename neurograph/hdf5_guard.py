"""HDF5 files that others may have made, looked at before anything in them is read: a file is opened alone, and pays for what it declares.

What a file says of itself is not believed. Links that lead out of a group (soft, external), virtual datasets and datasets whose bytes lie
in other files are refused, so no other file is opened; a group that is met twice is refused too, for hard links can make a loop, or a tree
that grows as 2^depth; filters other than gzip and lzf, and types other than numbers and text, are not read. What the HDF5 library itself
would believe (the length of a text, what a compressed chunk inflates to, a heap's free space) is looked at in the file first.

Declared sizes are added up before anything is read, whether or not their bytes are stored, and have a limit that depends on the file's
size (:class:`Limits`): gzip reaches about 1,030 to 1, and not more.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurograph.errors import NeurographError
from neurograph.hdf5_heaps import check_heaps
from neurograph.plain_text import line_of

__all__ = ["DAMAGE", "DEEPEST", "LONGEST_NAME", "MOST_OBJECTS", "Guard", "Limits", "checked_hdf5", "line_of", "quoted", "short"]

MOST_OBJECTS = 250_000
DEEPEST = 80
"""Groups within groups."""
LONGEST_NAME = 1000
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError, SystemError)
"""What h5py and NumPy turn damage into."""
_MOST_CHUNKS = 100_000
_DEFLATE = h5py.h5z.FILTER_DEFLATE
_FILTERS = (h5py.h5z.FILTER_SHUFFLE, _DEFLATE, h5py.h5z.FILTER_LZF, h5py.h5z.FILTER_FLETCHER32)


@dataclass(frozen=True)
class Limits:
    """Bytes that a file may declare, an element counted as ``least`` or more:
    ``min(free + ratio · size, max(cap, free + cap_ratio · size))``."""

    free: int = 128 << 20
    ratio: int = 1100
    cap: int = 4 << 30
    cap_ratio: int = 20
    least: int = 1

    def most(self, size: int) -> int:
        """For a file of ``size`` bytes."""
        return min(self.free + self.ratio * size, max(self.cap, self.free + self.cap_ratio * size))


@contextmanager
def checked_hdf5(path: Path, what: str, error: type[NeurographError], way_out: str, *, known: bool = False) -> Iterator[h5py.File]:
    """A file that was looked at whole, for as long as the block runs; whatever the block meets in it becomes an error of one line.

    Args:
        what, way_out: what messages begin and end with.
        error: their class.
        known: it was looked at before.

    Raises:
        error: as the module says, or damage.
    """
    try:
        if not known:
            check_heaps(path, error)
        with h5py.File(path, "r") as file:
            if not known:
                Guard(path, error, way_out, text=False).walk(file)
            yield file
    except NeurographError as problem:
        if type(problem) is not error or str(problem).startswith(what.partition(": ")[0]):
            raise
        raise error(f"{what}: {problem}") from None
    except DAMAGE as problem:
        raise error(f"{what}: is damaged ({line_of(problem)}); {way_out}") from None


class Guard:
    """Looks at the parts of one file as they are met.

    Args:
        path: of the file.
        error: class of the errors.
        way_out: what a message ends with.
        limits: bytes that it may declare.
        text: whether datasets of text are read.
    """

    def __init__(self, path: Path, error: type[NeurographError], way_out: str, limits: Limits | None = None, *, text: bool = True) -> None:
        self.path, self.error, self.way_out, self.text = path, error, way_out, text
        self.file_size = path.stat().st_size
        self.most = (limits or Limits()).most(self.file_size)
        self.least = (limits or Limits()).least
        self.bytes = self.objects = 0
        self.seen: set[int] = set()

    def walk(self, group: h5py.Group, where: str = "", depth: int = 0) -> None:
        """Look at everything below a group.

        Raises:
            error: links, types or sizes that are refused.
        """
        self.group(group, where or "/", depth)
        for name in group:
            item = self.entry(group, name, f"{where}/{name}")
            if isinstance(item, h5py.Group):
                self.walk(item, f"{where}/{name}", depth + 1)
            else:
                self.dataset(item, f"{where}/{name}")

    def group(self, group: h5py.Group, where: str, depth: int, most: int = MOST_OBJECTS) -> None:
        """Count a group with ``most`` entries at most.

        Raises:
            error: it lies too deep, is met again or holds too many entries.
        """
        if depth > DEEPEST:
            raise self.error(f"{where[:60]}...: groups lie {depth} deep, at most {DEEPEST}; {self.way_out}")
        address = h5py.h5o.get_info(group.id).addr
        if address in self.seen:
            raise self.error(f"{short(where)}: the group is linked more than once, must be a tree; {self.way_out}")
        self.seen.add(address)
        if len(group) > most:
            raise self.error(f"{short(where)}: {len(group)} entries, at most {most}; {self.way_out}")
        self.objects += len(group)
        if self.objects > MOST_OBJECTS:
            raise self.error(f"{short(where)}: more than {MOST_OBJECTS} groups and datasets; {self.way_out}")

    def entry(self, group: h5py.Group, name: str, where: str) -> Any:
        """An entry of a group: a group or a dataset in this file.

        Raises:
            error: a link, another kind of object, or a name that is no text.
        """
        if not isinstance(name, str):  # h5py leaves what it cannot decode
            raise self.error(f"{short(where)}: the name is not UTF-8; rename it")
        if len(name) > LONGEST_NAME:
            raise self.error(f"{short(where)}: a name of {len(name)} characters, at most {LONGEST_NAME}; shorten it")
        try:
            name.encode()
        except UnicodeEncodeError:
            raise self.error(f"{short(where)}: the name is not UTF-8; rename it") from None
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            kind = "a link to another file" if isinstance(link, h5py.ExternalLink) else "a soft link"
            raise self.error(f"{short(where)}: is {kind}, which is not followed; {self.way_out}")
        item = group[name]
        if not isinstance(item, (h5py.Group, h5py.Dataset)):
            raise self.error(f"{short(where)}: is a named type, must be a group or a dataset; {self.way_out}")
        return item

    def dataset(self, data: h5py.Dataset, where: str) -> None:
        """Look at a dataset, before it is read.

        Raises:
            error: its values lie elsewhere, are of a type that is not read, or take more than the file may declare.
        """
        if data.is_virtual or data.external:
            raise self.error(f"{short(where)}: its values lie in other files, which are not read; {self.way_out}")
        if data.shape is None:
            raise self.error(f"{short(where)}: holds no value; {self.way_out}")
        text = h5py.check_string_dtype(data.dtype) is not None
        if not (text and self.text) and data.dtype.kind not in "biuf":
            wanted = "numbers or text" if self.text else "numbers"
            raise self.error(f"{short(where)}: is of type {data.dtype}, must be {wanted}; {self.way_out}")
        self._spend(data, where)
        if data.chunks and data.id.get_storage_size():
            self._check_chunks(data, where)

    def _spend(self, data: h5py.Dataset, where: str) -> None:
        """Count what reading it allocates: its elements, and one chunk where it is stored in chunks."""
        size = int(np.prod([int(n) for n in data.shape], dtype=object))
        chunk = int(np.prod(data.chunks, dtype=object)) if data.chunks and data.id.get_storage_size() else 0
        self.bytes += max(size, chunk) * max(self.least, data.dtype.itemsize)
        if self.bytes > self.most:
            raise self.error(
                f"{short(where)}: shape {data.shape} brings what the file declares to {self.bytes:,} bytes, at most {self.most:,} for a "
                f"file of {self.file_size:,}; {self.way_out}"
            )

    def _check_chunks(self, data: h5py.Dataset, where: str) -> None:
        """Inflate each chunk up to its declared size: the HDF5 library inflates whatever is there, up to a thousand times the file."""
        pipeline = data.id.get_create_plist()
        filters = [pipeline.get_filter(i)[0] for i in range(pipeline.get_nfilters())]
        if filters != [f for f in _FILTERS if f in filters]:
            raise self.error(f"{short(where)}: is stored through the filters {filters}, must be gzip or lzf; {self.way_out}")
        chunks: list[tuple[tuple[int, ...], int]] = []

        def collect(info: Any) -> bool | None:
            chunks.append((info.chunk_offset, info.size))
            return len(chunks) > _MOST_CHUNKS or None  # anything but None ends it

        data.id.chunk_iter(collect)
        if len(chunks) > _MOST_CHUNKS or any(size > self.file_size for _, size in chunks):
            what = f"more than {_MOST_CHUNKS} chunks" if len(chunks) > _MOST_CHUNKS else "a chunk larger than the file"
            raise self.error(f"{short(where)}: is stored in {what}; {self.way_out}")
        wanted = int(np.prod(data.chunks, dtype=object)) * data.dtype.itemsize
        for offset, _ in chunks if _DEFLATE in filters else ():
            skipped, raw = data.id.read_direct_chunk(offset)
            checksum = 4 if h5py.h5z.FILTER_FLETCHER32 in filters else 0  # behind what was packed
            if not skipped and not _inflates_to(raw[: len(raw) - checksum], wanted):
                raise self.error(f"{short(where)}: a chunk does not inflate to its {wanted:,} bytes; {self.way_out}")


def _inflates_to(raw: bytes, size: int) -> bool:
    stream = zlib.decompressobj()
    try:
        return len(stream.decompress(raw, size)) == size and not stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error:
        return False


def quoted(name: str) -> str:
    """A name for a message: escaped, so that it stays on its line, and cut where it is long."""
    return repr(name if len(name) <= 60 else f"{name[:57]}...")


def short(where: str) -> str:
    """A path in the file for a message."""
    return quoted(where if len(where) <= 60 else f"...{where[-57:]}")
