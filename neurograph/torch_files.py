"""Files of torch.save that others may have made, read without running code of theirs and without more memory than they bring.

torch.load(weights_only=True) runs no code, but believes sizes: a tensor may claim more bytes than its record has (and then reads what lies
behind), a record may be packed a thousandfold, and a tensor of one number may be of any shape. So records must be stored as torch stores
them, unpacked and none over another; the file is mapped, so that a tensor ends where the file ends; and what comes out is walked once, with
bounds, and copied.
"""

from __future__ import annotations

import pickle  # nosec B403  # its exceptions alone
import re
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neurograph.files import is_zip

__all__ = ["MOST_VALUES", "PickledObjectsError", "UnsafeFileError", "read_torch_file"]

MOST_VALUES = 1_000_000
"""Values, keys and tensors in all."""
_DEEPEST = 30
_LONGEST = 1 << 20  # characters of a text
_MOST_RECORDS = 100_000
_MOST_PICKLE = 64 << 20
_SLACK = 1 << 10
_PLAIN = (bool, int, float, type(None))
_DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.complex64, torch.complex128),
)


class UnsafeFileError(ValueError):
    """A torch file that is damaged, or claims what it does not hold; one line."""


class PickledObjectsError(UnsafeFileError):
    """A torch file with Python objects in it, which only code of its maker can make; ``found`` is the first, where it is known."""

    def __init__(self, found: str | None) -> None:
        self.found = found
        super().__init__(f"holds pickled Python objects ({found or 'a whole module?'})")


def read_torch_file(path: Path, *, legacy: bool = False) -> Any:
    """Dictionaries, lists, texts, numbers and dense tensors on the CPU, as they stand in a file.

    Args:
        path: the file.
        legacy: take a bare pickle too, as torch.save wrote before 1.6.

    Raises:
        PickledObjectsError: it holds other objects. UnsafeFileError: it is no whole torch file, or what the module says.
    """
    bare = legacy and _begins(path) == b"\x80" and not is_zip(path)
    size = path.stat().st_size if bare else _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about how the file was written
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=not bare)
        return _Walk(size).copied(found, 0, "it")
    except UnsafeFileError:
        raise
    except pickle.UnpicklingError as error:
        raise _unpickled(error, bare) from None
    except Exception as error:  # torch and its unpickler raise what they find
        raise UnsafeFileError(f"damaged ({_line(error)})") from None


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1)


def _check_archive(path: Path) -> int:
    """See that a zip is such as torch writes; its size."""
    size = path.stat().st_size
    try:
        if not is_zip(path):
            raise UnsafeFileError(f"{size} bytes that are no whole torch file (cut off, or another kind)")
        with zipfile.ZipFile(path) as archive:
            _check_records(archive.infolist(), size)
            broken = archive.testzip()  # torch.load looks at no checksums
    except UnsafeFileError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise UnsafeFileError(f"damaged ({_line(error)})") from None
    if broken:
        raise UnsafeFileError(f"damaged (checksum of {broken[:100]!r} is wrong)")
    return size


def _check_records(records: list[zipfile.ZipInfo], size: int) -> None:
    if len(records) > _MOST_RECORDS:
        raise UnsafeFileError(f"holds {len(records):,} records, at most {_MOST_RECORDS:,}")
    names = {record.filename for record in records}
    if len(names) < len(records):
        raise UnsafeFileError("damaged (two records of one name)")
    pickles = [record for record in records if record.filename.rpartition("/")[2] == "data.pkl"]
    if not pickles:
        raise UnsafeFileError("a zip archive, but not a torch file")
    if any("/code/" in record.filename for record in records):
        raise UnsafeFileError("TorchScript, which holds no Python modules to compile")
    packed = [record for record in records if record.compress_type != zipfile.ZIP_STORED or record.compress_size != record.file_size]
    if packed:
        raise UnsafeFileError(f"holds a packed record ({packed[0].filename[:100]!r}), must be stored as torch.save does")
    if sum(record.file_size for record in records) > size or pickles[0].file_size > _MOST_PICKLE:
        raise UnsafeFileError(f"declares {sum(record.file_size for record in records):,} bytes in a file of {size:,}")


class _Walk:
    """Copies what was loaded, with bounds: the same list may stand in many places, or in itself."""

    def __init__(self, size: int) -> None:
        self.values, self.size, self.bytes = 0, size, 0

    def copied(self, value: Any, depth: int, where: str) -> Any:
        self.values += 1
        if self.values > MOST_VALUES or depth > _DEEPEST:
            raise UnsafeFileError(f"holds more than {MOST_VALUES:,} values, or values nested deeper than {_DEEPEST}")
        if isinstance(value, Tensor):
            return self.tensor(value, where)
        if type(value) in _PLAIN:
            if type(value) is int and abs(value) >= 1 << 63:
                raise UnsafeFileError(f"holds a number of more than 64 bits in {where}")
            return value
        if isinstance(value, str):
            if len(value) > _LONGEST or any("\ud800" <= c <= "\udfff" for c in value):
                raise UnsafeFileError(f"holds a text of {len(value):,} characters in {where}, at most {_LONGEST:,} of Unicode")
            return str(value)
        if isinstance(value, dict):
            return {self.key(key, where): self.copied(item, depth + 1, f"{key!s:.60}") for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            made = [self.copied(item, depth + 1, where) for item in value]
            return tuple(made) if isinstance(value, tuple) else made
        raise UnsafeFileError(f"holds a {type(value).__name__} in {where}, must be tensors, numbers, texts, lists and dictionaries")

    def key(self, key: Any, where: str) -> Any:
        if type(key) is int and abs(key) < 1 << 63:  # an optimizer's parameters
            return key
        if not isinstance(key, str) or len(key) > _LONGEST or any("\ud800" <= c <= "\udfff" for c in key):
            raise UnsafeFileError(f"holds a key in {where} that is no text")
        self.values += 1
        return str(key)

    def tensor(self, value: Tensor, where: str) -> Tensor:
        plain = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized and not value.is_nested
        if not plain or value.dtype not in _DTYPES or value.is_conj() or value.is_neg():
            kind = f"{value.dtype}, {value.layout} on {value.device}"
            raise UnsafeFileError(f"holds a tensor of {kind} in {where}, must be a dense one of numbers on the CPU")
        taken = value.numel() * value.element_size()
        self.bytes += taken
        if taken > self.size + _SLACK or self.bytes > 4 * self.size + (64 << 20):
            raise UnsafeFileError(f"holds a tensor of shape {tuple(value.shape)} in {where}, of {taken:,} bytes in a file of {self.size:,}")
        return value.detach().clone(memory_format=torch.contiguous_format)


def _unpickled(error: pickle.UnpicklingError, bare: bool) -> UnsafeFileError:
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found is None and bare:
        return UnsafeFileError(f"damaged ({_line(error)})")
    return PickledObjectsError(found.group(1)[:100] if found else None)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
