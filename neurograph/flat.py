"""Arrays in one flat file, which is read at once and without NumPy.

The file is a safetensors file (github.com/huggingface/safetensors, "Format"): the length of a header in 8 bytes; the header, JSON, with
type, shape and place of each array, and texts; the arrays, without holes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from neurograph.errors import InputError
from neurograph.plain_text import parse_json

__all__ = ["pack", "unpack"]

_CODES = {"<f8": "F64", "<f4": "F32", "<i8": "I64", "<i4": "I32", "<i2": "I16", "|i1": "I8", "|u1": "U8"}


def pack(kind: str, about: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """The content of a file.

    Args:
        kind: what such a file is, with its version; :func:`unpack` refuses another.
        about: what JSON can say.
        arrays: NumPy arrays by name.
    """
    header: dict[str, Any] = {"__metadata__": {"kind": kind, "about": json.dumps(about)}}
    placed = sorted(arrays.items(), key=lambda item: -item[1].itemsize)  # so that each array begins at a multiple of its items
    at = 0
    for name, array in placed:
        header[name] = {"dtype": _CODES[array.dtype.str], "shape": array.shape, "data_offsets": (at, at + array.nbytes)}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for _, array in placed)])


def unpack(kind: str, content: bytes | bytearray) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    """What a file says about itself, and where each array begins and ends in its content.

    Raises:
        InputError: damaged, or of another kind.
    """
    try:
        start = 8 + int.from_bytes(content[:8], "little")
        header = parse_json(bytes(content[8:start]))
        said = header.pop("__metadata__")
        if said["kind"] != kind:
            raise InputError(f"flat file: is {said['kind']!r}, must be {kind!r}; write it again")
        places = {name: (start + item["data_offsets"][0], start + item["data_offsets"][1]) for name, item in header.items()}
        beyond = next((name for name, (first, last) in places.items() if not start <= first <= last <= len(content)), None)
        if beyond is not None:
            raise ValueError(f"array {beyond!r} ends at byte {places[beyond][1]:,} of {len(content):,}")
        return parse_json(said["about"]), places
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(f"flat file: is damaged ({error}), must be a whole {kind!r}; write it again") from None
