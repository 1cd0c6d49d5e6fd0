"""A check of an HDF5 file's global heaps, where text lies, before the HDF5 library reads them.

A heap is ``GCOL``, version 1, three zero bytes and its size, then objects: index, references (2 bytes each), 4 zero bytes, size (8 bytes),
and the bytes, padded to 8. Object 0 is the free space that ends it; its size holds its own 16 bytes. HDF5 1.14 and 2.0 step over an object
0 of size 0 for ever, in C, where no Ctrl-C is heard: one flipped bit makes such a file.

Source: HDF5 File Format Specification 3.0, III.E; the loop was found by tests/export/test_nir_fuzz.py.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from neurograph.errors import GraphError, NeurographError

__all__ = ["check_heaps"]

_HEAD = b"GCOL\x01"
_RESERVED = bytes(3)  # which the library does not look at


def check_heaps(path: Path, error: type[NeurographError] = GraphError) -> None:
    """Walk every heap in the file, in time proportional to its size.

    Raises:
        error: one that the HDF5 library would never get through, or heaps within heaps without end.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            left = [size // 4 + (1 << 16)]  # steps of at least 16 bytes, should heaps lie in heaps
            start = data.find(_HEAD)
            while start >= 0:
                _walk(data, start, left, error)
                start = data.find(_HEAD, start + 5)


def _walk(data: mmap.mmap, start: int, left: list[int], error: type[NeurographError]) -> None:
    if start + 16 > len(data):
        return
    end = start + struct.unpack_from("<Q", data, start + 8)[0]
    if end > len(data):
        if data[start + 5 : start + 8] != _RESERVED:  # five bytes of something else: no heap of this size could be read
            return
        raise error(f"its text at byte {start} is cut off ({end - start:,} bytes in a file of {len(data):,}); write the file again")
    at = start + 16
    while at + 16 <= end:
        left[0] -= 1
        if left[0] < 0:
            raise error(f"its text at byte {start} lies in heaps that overlap; write the file again")
        index, size = struct.unpack_from("<H6xQ", data, at)
        step = size if index == 0 else 16 + (size + 7) // 8 * 8
        if step < 16:
            raise error(f"its text at byte {at} is damaged (a free space of {size} bytes, at least 16); write the file again")
        at += step
