"""Reading what a worker left: nothing is believed of it, and no more memory is taken than the arrays asked for may have."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neurograph.errors import LavaError

__all__ = ["read_array", "read_fields", "read_json"]

_JSON_BYTES = 1 << 24
_WAY_OUT = "run it again; 'neurograph lava status' checks the runtime"


def read_json(path: Path) -> Any:
    """What a worker says of its run.

    Raises:
        LavaError: it is missing, damaged, or larger than 16 MiB.
    """
    try:
        size = path.stat().st_size
        if size > _JSON_BYTES:
            raise _bad(path, f"has {size:,} bytes, must be at most {_JSON_BYTES:,}")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LavaError(
            f"Lava worker: ended with status 0 but left no {path.name}, so it was no Python with Lava, or was disturbed; {_WAY_OUT}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(path, f"cannot be read ({error})") from None


def read_fields(path: Path, names: Sequence[str], given: Any = None) -> dict[str, float]:
    """The numbers of these names in an object, which is read from the file if it is not given.

    Raises:
        LavaError: see :func:`read_json`; or one is missing or no number.
    """
    found = read_json(path) if given is None else given
    for name in names:
        value = found.get(name) if isinstance(found, dict) else None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise _bad(path, f"says {name} is {value!r}, must be a number from 0")
    return dict(found)


def read_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...], open_ended: bool = False) -> NDArray[Any]:
    """An array of a worker: of this shape, or where ``open_ended`` with further axes.

    Raises:
        LavaError: it is missing or damaged, or its type or shape is another.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, OverflowError) as error:
        raise _bad(path, f"cannot be read ({error})") from None
    if not isinstance(mapped, np.ndarray):
        mapped.close()
        raise _bad(path, "is an archive, must be an array")
    if mapped.dtype != np.dtype(dtype) or (mapped.shape[: len(shape)] if open_ended else mapped.shape) != shape:
        raise _bad(path, f"holds {mapped.dtype} of shape {mapped.shape}, must be {np.dtype(dtype)} of shape {shape}")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if mapped.nbytes > memory:
        raise _bad(path, f"claims {mapped.nbytes:,} bytes, more than the memory of this machine ({memory:,})")
    return np.array(mapped)


def _bad(path: Path, problem: str) -> LavaError:
    return LavaError(f"Lava worker: its result {path.name} {problem}; {_WAY_OUT}")
