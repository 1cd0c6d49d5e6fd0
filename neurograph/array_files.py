"""Files of NumPy arrays that others may have made: .npy and .npz, read without pickles and without more memory than they pay for.

The header of a .npy says what is allocated, so it is compared with the bytes behind it first. A .npz is a zip: what its members declare may
be at most

    min(128 MiB + 200 · size of the file,  4 GiB + 20 · size of the file)

and each must be packed by zip's own deflate, or not at all.
"""

from __future__ import annotations

import io
import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, cast

from numpy.lib import format as numpy_format
from numpy.typing import NDArray

__all__ = ["UnsafeArrayError", "read_array_file"]

Array = NDArray[Any]
npy: Any = numpy_format  # NumPy 1.26 does not type it
_FREE, _RATIO, _CAP, _CAP_RATIO = 128 << 20, 200, 4 << 30, 20
_MOST_MEMBERS = 10_000
_MAGIC = b"\x93NUMPY"
_DAMAGE = (
    *(ValueError, OSError, EOFError, RuntimeError, TypeError, KeyError, SyntaxError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, MemoryError, RecursionError),
)


class UnsafeArrayError(ValueError):
    """A file of arrays that is damaged, holds objects, or claims what it does not hold; one line."""


def read_array_file(path: Path) -> dict[str, Array]:
    """Arrays by name; a .npy has the name "".

    Raises:
        UnsafeArrayError: as the module says.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            return _read(path)
    except UnsafeArrayError:
        raise
    except _DAMAGE as error:
        raise UnsafeArrayError(f"damaged ({' '.join(str(error).split())[:160] or type(error).__name__})") from None


def _read(path: Path) -> dict[str, Array]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) == _MAGIC:
            file.seek(0)
            return {"": _array(file, size, "")}
    if not zipfile.is_zipfile(path):
        raise UnsafeArrayError(f"{size} bytes that are no .npy or .npz file")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        most = min(_FREE + _RATIO * size, _CAP + _CAP_RATIO * size)
        declared = sum(member.file_size for member in members)
        if declared > most or len(members) > _MOST_MEMBERS:
            raise UnsafeArrayError(f"declares {declared:,} bytes in {len(members)} arrays, at most {most:,} for a file of {size:,}")
        found = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in found or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnsafeArrayError(f"array {name[:60]!r} is there twice, or packed in another way than NumPy does")
            with archive.open(member) as packed:
                content = packed.read(member.file_size + 1)
            found[name] = _array(io.BytesIO(content), len(content), name)
        return found


def _array(file: IO[bytes], size: int, name: str) -> Array:
    """An array of so many bytes, header included."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise UnsafeArrayError(f"array {name[:60]!r}: is of version {version}, must be 1 to 3")
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise UnsafeArrayError(f"array {name[:60]!r}: holds pickled objects, must be plain numbers")
    if dtype.kind not in "biufcSUmM" or dtype.subdtype is not None or not all(type(n) is int and n >= 0 for n in shape):
        raise UnsafeArrayError(f"array {name[:60]!r}: is of type {str(dtype)[:60]} and shape {str(shape)[:60]}, must be plain numbers")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if wanted != there or len(shape) > 32:
        raise UnsafeArrayError(f"array {name[:60]!r}: declares {wanted:,} bytes (shape {str(shape)[:60]}) and has {there:,}")
    file.seek(0)
    return cast(Array, npy.read_array(file, allow_pickle=False))
