"""A tree of attributes and arrays in one flat file that NumPy alone reads, in a millisecond where HDF5 takes a hundred.

The file is a safetensors file (github.com/huggingface/safetensors, "Format"): the length of a header, 8 bytes; the header, JSON, with type,
shape and place of each array; the arrays. The tree stands in the header's metadata. A :class:`Tree` has as much of the interface of an
h5py.Group as :mod:`neurograph.storage` needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError

__all__ = ["Tree", "pack", "unpack"]

Array = NDArray[Any]
_FORMAT, _VERSION = "neurograph.tree", "1"
_CODES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}
_NAMES = {np.dtype(code): name for name, code in _CODES.items()}


class Tree:
    """A group: attributes of its own, and groups and arrays by name."""

    def __init__(self) -> None:
        self.attrs: dict[str, Any] = {}
        self._items: dict[str, Tree | Array] = {}

    def create_group(self, name: str) -> Tree:
        """A new group, empty."""
        made = self._items[name] = Tree()
        return made

    def create_dataset(self, name: str, data: Any, **how: Any) -> None:
        """Keep an array; how HDF5 would store it does not matter here."""
        self._items[name] = np.asarray(data)

    def items(self) -> Iterator[tuple[str, Tree | Array]]:
        """Names with their groups and arrays."""
        yield from self._items.items()

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)


def pack(tree: Tree) -> bytes:
    """The content of a file. Integers stand in the narrowest type that holds them; :func:`unpack` gives them their own again."""
    arrays: list[Array] = []
    described = json.dumps(_described(tree, arrays))
    stored = {str(i): _narrow(array) for i, array in enumerate(arrays)}
    header: dict[str, Any] = {"__metadata__": {"format": _FORMAT, "version": _VERSION, "tree": described}}
    at = 0
    placed = sorted(stored.items(), key=lambda item: -item[1].itemsize)  # so that each array begins at a multiple of its item
    for name, array in placed:
        header[name] = {"dtype": _NAMES[array.dtype], "shape": array.shape, "data_offsets": (at, at + array.nbytes)}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(np.ascontiguousarray(array).tobytes() for _, array in placed)])


def unpack(content: bytearray | bytes) -> Tree:
    """The tree of a file's content; arrays are views of a ``bytearray`` where their type is the stored one, and may be written to.

    Raises:
        InputError: not such a file, cut off, or of another version.
    """
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(bytes(content[8 : 8 + size]))
        about = header.pop("__metadata__")
        if about["format"] != _FORMAT or about["version"] != _VERSION:
            raise InputError(f"flat file: {about['format']} version {about['version']}, must be {_FORMAT} version {_VERSION}")
        arrays = {name: _array(content, 8 + size, **place) for name, place in header.items()}
        return _tree(json.loads(about["tree"]), arrays)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"flat file: is damaged ({error}), must be a whole file of {_FORMAT}; write it again") from None


def _described(tree: Tree, arrays: list[Array]) -> dict[str, Any]:
    """The tree without its arrays: their numbers, and their types."""
    items: dict[str, Any] = {}
    for name, item in tree.items():
        if isinstance(item, Tree):
            items[name] = _described(item, arrays)
        else:
            items[name] = [len(arrays), item.dtype.str]
            arrays.append(item)
    return {"attrs": {name: _plain(value) for name, value in tree.attrs.items()}, "items": items}


def _tree(described: Mapping[str, Any], arrays: Mapping[str, Array]) -> Tree:
    tree = Tree()
    tree.attrs.update({name: tuple(value) if isinstance(value, list) else value for name, value in described["attrs"].items()})
    for name, item in described["items"].items():
        if isinstance(item, dict):
            tree._items[name] = _tree(item, arrays)
        else:
            number, dtype = item
            tree._items[name] = arrays[str(number)].astype(dtype, copy=False)
    return tree


def _array(content: bytearray | bytes, start: int, *, dtype: str, shape: list[int], data_offsets: list[int]) -> Array:
    first, last = (start + offset for offset in data_offsets)
    if not start <= first <= last <= len(content):
        raise ValueError(f"an array ends at byte {last:,} of {len(content):,}")
    kind = np.dtype(_CODES[dtype])
    return np.frombuffer(content, kind, (last - first) // kind.itemsize, first).reshape(shape)


def _narrow(array: Array) -> Array:
    if array.dtype.kind != "i" or not array.size:
        return array
    low, high = int(array.min()), int(array.max())
    for code in ("i1", "i2", "i4"):
        limits = np.iinfo(code)
        if limits.min <= low and high <= limits.max:
            return array.astype(code)
    return array


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return [_plain(item) for item in value] if isinstance(value, (tuple, list, np.ndarray)) else value
