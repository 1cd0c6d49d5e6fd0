"""Arrays of a recording that stay in its file: shape and slices like NumPy's, and only what a slice asks for is read.

Events lie in the layout of NIR's EventData: ``idx`` and ``time`` of shape (samples, most events of a sample), each row in order of ticks
and filled up with −1 and inf. ``indptr`` (samples, T + 1) says where a tick's events begin:

    events of tick t of sample s  =  idx[s, indptr[s, t] : indptr[s, t + 1]]

so a slice of samples and ticks is one run in each of its rows, whatever lies around it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.hdf5_guard import DAMAGE

__all__ = ["StoredArray", "StoredEvents", "StoredValues", "reading", "select_rows"]

Array = NDArray[Any]
AGAIN = "write it again with 'neurograph simulate -o'"
ROWS = 64  # rows of one selection: adding a row to a selection takes time in proportion to the rows that are in it
_BLOCK = 1 << 22  # values read at once while they are counted


@contextlib.contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """What the HDF5 library says of a damaged file, as one error of ours.

    Raises:
        InputError: ``recording {path}: {what} cannot be read``.
    """
    try:
        yield
    except DAMAGE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"recording {path}: {what} cannot be read ({reason}); it is cut off or damaged, {AGAIN}") from None


class StoredArray(NDArrayOperatorsMixin):
    """An array (samples, T, *shape) in a file. ``np.asarray`` reads all of it; so do arithmetic and an index that is no integer or slice.

    Raises:
        InputError: on reading, where the file is damaged or closed; with a name, a sample or a neuron in it.
    """

    def __init__(self, group: h5py.Group, path: Path, what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.group, self.path, self.what = group, path, what
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=object))

    @property
    def neurons(self) -> int:
        """Neurons of the population."""
        return int(np.prod(self.shape[2:], dtype=object))

    @property
    def stored_bytes(self) -> int:
        """Bytes that it takes in the file, without its index."""
        with reading(self.path, self.what):
            return sum(int(data.id.get_storage_size()) for data in self.group.values())

    def count_nonzero(self) -> int:
        """Spikes, or values other than 0."""
        raise NotImplementedError

    def read(self, samples: slice, ticks: slice) -> Array:
        """Values of a contiguous part, (samples, ticks, *shape)."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{self.what} of {self.path.name}: {self.shape}, {self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError(f"{self.what}: lies in a file, so it cannot be had without a copy")
        whole = self.read(slice(0, self.shape[0]), slice(0, self.shape[1]))
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **more: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(x) if isinstance(x, StoredArray) else x for x in inputs), **more)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if any(k is Ellipsis for k in keys):
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            keys = (*keys[:at], *[slice(None)] * (self.ndim - len(keys) + 1), *keys[at + 1 :])
        keys = (*keys, *[slice(None)] * (2 - len(keys)))
        if any(isinstance(k, bool) or not isinstance(k, (int, np.integer, slice)) for k in keys):
            return np.asarray(self)[key]
        (samples, s), (ticks, t) = (_span(k, n, axis) for axis, (k, n) in enumerate(zip(keys[:2], self.shape[:2], strict=True)))
        inner = (s, t, *keys[2:])
        return self.read(samples, ticks)[inner]

    def dataset(self, name: str) -> h5py.Dataset:
        if not self.group:
            raise InputError(f"recording {self.path}: is closed, so {self.what} cannot be read; read it while the recording is open")
        return self.group[name]


class StoredEvents(StoredArray):
    """Spikes as events; with ``valued``, messages and their values."""

    def __init__(self, group: h5py.Group, path: Path, what: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, valued: bool) -> None:
        super().__init__(group, path, what, shape, dtype)
        self.valued = valued

    def count_nonzero(self) -> int:
        return int(self._pointers(slice(0, self.shape[0]), slice(self.shape[1], self.shape[1] + 1)).sum())

    def events(self, samples: slice, ticks: slice) -> tuple[Array, Array, Array | None]:
        """Events of a contiguous part.

        Returns:
            How many each tick has, (samples, ticks); the flat index of the neuron of each, sample by sample and tick by tick; their values,
            None where all are 1.
        """
        pointers = self._pointers(samples, slice(ticks.start, ticks.stop + 1))
        starts, stops = pointers[:, 0], pointers[:, -1]
        with reading(self.path, self.what):
            neurons = _read_rows(self.dataset("idx"), samples.start, starts, stops)
            values = _read_rows(self.dataset("value"), samples.start, starts, stops) if self.valued else None
        if neurons.size and not 0 <= neurons.min() <= neurons.max() < self.neurons:
            wrong = neurons.min() if neurons.min() < 0 else neurons.max()
            raise InputError(f"recording {self.path}: {self.what}: an event of neuron {wrong}, must be 0 to {self.neurons - 1}; {AGAIN}")
        return np.diff(pointers, axis=1), neurons, values

    def read(self, samples: slice, ticks: slice) -> Array:
        rows, columns = samples.stop - samples.start, ticks.stop - ticks.start
        dense = np.zeros((rows * columns, self.neurons), dtype=self.dtype)
        if rows and columns:
            counts, neurons, values = self.events(samples, ticks)
            dense[np.repeat(np.arange(len(dense)), counts.ravel()), neurons] = 1 if values is None else values
        return dense.reshape(rows, columns, *self.shape[2:])

    def _pointers(self, samples: slice, ticks: slice) -> Array:
        with reading(self.path, self.what):
            found = self.dataset("indptr")[samples, ticks].astype(np.int64)
            width = self.dataset("idx").shape[1]
        if found.size and (
            found.min() < 0 or found.max() > width or (np.diff(found, axis=1) < 0).any() or (ticks.start == 0 and found[:, 0].any())
        ):
            raise InputError(
                f"recording {self.path}: {self.what}: its index of ticks goes from {found.min()} to {found.max()}, must "
                f"rise from 0 to at most {width} events; {AGAIN}"
            )
        return cast(Array, found)


class StoredValues(StoredArray):
    """Real values, u or v: dense, in chunks."""

    def count_nonzero(self) -> int:
        step = max(1, _BLOCK // max(1, self.neurons))
        ticks = self.shape[1]
        parts = (self.read(slice(s, s + 1), slice(t, min(ticks, t + step))) for s in range(len(self)) for t in range(0, ticks, step))
        return sum(int(np.count_nonzero(part)) for part in parts)

    def read(self, samples: slice, ticks: slice) -> Array:
        with reading(self.path, self.what):
            part = self.dataset("data")[samples, ticks]
        return cast(Array, part.reshape(*part.shape[:2], *self.shape[2:]))


def select_rows(data: h5py.Dataset, row: int, starts: Array, stops: Array) -> tuple[Any, Any]:
    """The runs [start, stop) of consecutive rows from ``row`` on: a selection of a one-dimensional memory, and one of the dataset."""
    space = data.id.get_space()
    space.select_none()
    for r, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True), start=row):
        if stop > start:
            space.select_hyperslab((r, start), (1, stop - start), op=h5py.h5s.SELECT_OR)
    return h5py.h5s.create_simple((int((stops - starts).sum()),)), space


def _read_rows(data: h5py.Dataset, row: int, starts: Array, stops: Array) -> Array:
    """The runs of consecutive rows, one behind the other."""
    ends = np.concatenate([[0], np.cumsum(stops - starts)])
    found = np.empty(int(ends[-1]), dtype=data.dtype.newbyteorder("="))
    for first in range(0, len(starts), ROWS):
        part = slice(first, min(first + ROWS, len(starts)))
        into = found[ends[part.start] : ends[part.stop]]
        if into.size:
            data.id.read(*select_rows(data, row + first, starts[part], stops[part]), into)
    return found


def _span(key: Any, length: int, axis: int) -> tuple[slice, Any]:
    """The contiguous part of an axis that a key needs, and the key within that part."""
    if not isinstance(key, slice):
        at = int(key) + (length if key < 0 else 0)
        if not 0 <= at < length:
            raise IndexError(f"index {key} is out of bounds for axis {axis} with size {length}")
        return slice(at, at + 1), 0
    wanted = range(*key.indices(length))
    if not wanted:
        return slice(0, 0), slice(0, 0)
    low, high = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    inner = slice(None, None, wanted.step)  # from one end of the part to the other
    return slice(low, high + 1), inner
