"""Freed memory is kept while training: glibc hands arrays above 32 MB back to the system and takes them anew in every operation.

Each page is then zeroed and mapped again, which took three times as long as the arithmetic on 262,144 nodes (benchmarks/attention.py);
what is kept instead lies in pieces, so that the peak there is about 1.7 times as high.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["freed_memory_kept"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # malloc.h of glibc
_NEVER = -1
_MAPS, _MOST_MAPPED = 65_536, 32 * 2**20  # glibc's own: arrays it may map, and the threshold that its own rule ends at


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, freed memory stays with the process; afterwards what is free goes back. Does nothing where the C library is not glibc."""
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _MAPS)
        library.mallopt(_MMAP_THRESHOLD, _MOST_MAPPED)
        library.mallopt(_TRIM_THRESHOLD, 2 * _MOST_MAPPED)
        library.malloc_trim(0)
