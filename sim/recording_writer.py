"""Writing a recording piece by piece, so that no engine has to hold all of its spikes.

The file is NIR's NIRGraphData as :func:`nir.read_data` reads it, with what makes it a recording beside it:

    /                                  format, version; __type__ NIRGraphData
    /about                             JSON in bytes: engine, ticks, samples, machine_steps, wall_s, notes, what is recorded
    /tally/{spikes, updates_active, synaptic_events, messages, reached}   (populations or projections, samples)
    /nodes/P/observables/spikes        EventData, or ValuedEventData of a graded population: idx, time, value; indptr
    /nodes/P/observables/{spikes of a real-valued population, voltages, currents}   TimeGriddedData: data (samples, T, neurons)

The unit of time is the tick: the dt of NIR is 1, the event of tick t has time t. Everything that :mod:`neurograph.sim.recording_file` reads
lies under a checksum: chunks under Fletcher's, metadata under HDF5's own (format of HDF5 1.10). ``__type__``, which NIR wants as text of
variable length, is the one thing that does not, and is not read.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurograph.errors import InputError
from neurograph.hdf5_stream import stream_hdf5
from neurograph.sim.recording import check_record
from neurograph.sim.stored_arrays import ROWS, select_rows
from neurograph.sim.tally import Tally

__all__ = ["FORMAT", "KINDS", "TALLY", "TYPES", "VERSION", "RecordingWriter"]

Array = NDArray[Any]
FORMAT, VERSION = "neurograph.recording", 2
KINDS = ("spikes", "voltages", "currents")
TYPES = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), *(f"float{bits}" for bits in (16, 32, 64)))
TALLY = ("spikes", "updates_active", "synaptic_events", "messages", "reached")
BUFFER = 32 << 20  # bytes of events that wait to be written
_CHUNK = 1 << 16  # values a chunk
_BLOCK = 1 << 22  # values that are made into events at once
_PACKED: dict[str, Any] = {"shuffle": True, "compression": "gzip", "compression_opts": 1, "fletcher32": True}


class RecordingWriter:
    """A recording that grows on disk; the file is there when the block ends without an error, whole, and else not at all.

    ::

        with RecordingWriter(path, engine="fixed", samples=32, ticks=100) as writer:
            for ...:
                writer.append("hidden", slice(0, 8), slice(0, 50), spikes)  # (8, 50, *shape)
            writer.finish(machine_steps=100, wall_s=0.3)

    It is a :class:`neurograph.sim.recording.Sink`: engines append to it as they run, from any thread.

    Args:
        path: the file; what is there is replaced.
        engine, ticks: of the recording.
        samples: of it too; None where an engine says it with :meth:`begin`.
        keeps: what an engine shall append, one of :data:`neurograph.sim.recording.RECORDS`.
        buffer_bytes: of events that are held back, so that small pieces are written together.

    Raises:
        InputError: the disk refuses it; a piece that does not fit, or a population whose last tick is missing when the block ends.
    """

    def __init__(
        self, path: Path, *, engine: str, ticks: int, samples: int | None = None, keeps: str = "all", buffer_bytes: int = BUFFER
    ) -> None:
        check_record(keeps)
        self.path, self.ticks, self.keeps, self.buffer_bytes = path, ticks, keeps, buffer_bytes
        self.about: dict[str, Any] = {"engine": engine, "ticks": ticks, "machine_steps": 0, "wall_s": 0.0, "notes": {}}
        self.samples = 0
        self._begun = False
        if samples is not None:
            self.begin(samples)
        self._lock = threading.Lock()
        self._tally: Tally | None = None
        self._parts: dict[tuple[str, str], _Events | _Values] = {}
        self._stack = contextlib.ExitStack()
        self._file: h5py.File | None = None
        self._check: Callable[[], None]

    def __enter__(self) -> RecordingWriter:
        self._file, self._check = self._stack.enter_context(stream_hdf5(self.path, "recording"))
        self._file.attrs["format"] = np.bytes_(FORMAT)
        self._file.attrs["version"] = VERSION
        self._file.attrs["__type__"] = "NIRGraphData"
        self._file.create_group("nodes")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None:
            self._file = None
            self._stack.__exit__(kind, error, traceback)
            return
        with self._stack:
            self._close()

    def begin(self, samples: int) -> None:
        """Say how many samples there will be, before the first piece.

        Raises:
            InputError: another number was said before, or there are no ticks or less than no samples.
        """
        if (self._begun and samples != self.samples) or samples < 0 or self.ticks < 1:
            before = f" after {self.samples}" if self._begun else ""
            raise InputError(
                f"recording {self.path}: {samples} samples of {self.ticks} ticks{before}, must be at least 0 and 1, and stay so; "
                "write each run to a file of its own"
            )
        self.samples, self._begun = samples, True

    def append(self, population: str, samples: slice, ticks: slice, values: ArrayLike, *, kind: str = "spikes") -> None:
        """Add a piece of shape (samples, ticks, *shape): of any samples, and of each sample the ticks that follow those that are there.

        Spikes are bool or uint8, 0 and 1; other integers are messages, where those that are not 0 are kept; floats are kept as they are, as
        are ``kind`` "voltages" and "currents".
        """
        with self._lock:
            self._append(population, samples, ticks, values, kind)

    def _append(self, population: str, samples: slice, ticks: slice, values: ArrayLike, kind: str) -> None:
        if self._file is None:
            raise InputError(f"recording {self.path}: is not open for writing; append within its 'with' block")
        piece, what = np.asarray(values), f"recording {self.path}: {kind} of population {population!r}"
        if kind not in KINDS or not population or "/" in population or population == ".":
            raise InputError(
                f"{what}: cannot be stored; the kinds are {', '.join(KINDS)}, and a name is not empty, not '.' and without '/'"
            )
        (s0, s1, _), (t0, t1, _) = samples.indices(self.samples), ticks.indices(self.ticks)
        if (samples.step, ticks.step) not in ((None, None), (1, 1)) or piece.shape[:2] != (s1 - s0, t1 - t0) or not piece.size:
            raise InputError(
                f"{what}: a piece of shape {piece.shape} for samples {s0} to {s1} and ticks {t0} to {t1} of {self.samples} "
                f"and {self.ticks}, must hold them and at least one neuron; append the samples and ticks that it is of"
            )
        part = self._parts.get((kind, population))
        if part is None:
            part = self._parts[kind, population] = self._part(what, kind, population, piece)
        if (part.shape, part.dtype) != (piece.shape[2:], piece.dtype.newbyteorder("=")):
            raise InputError(f"{what}: {piece.dtype} of shape {piece.shape[2:]} after {part.dtype} of shape {part.shape}; append all alike")
        if (part.done[s0:s1] != t0).any():
            done = int(part.done[s0:s1][part.done[s0:s1] != t0][0])
            raise InputError(f"{what}: tick {t0} after {done} ticks; append the ticks of a sample in their order, without gaps")
        flat = piece.reshape(*piece.shape[:2], -1)
        for s, t in _blocks(flat.shape):
            part.append(s0 + s.start, t0 + t.start, flat[s, t])
            if sum(p.waiting for p in self._parts.values()) > self.buffer_bytes:
                self._flush()
            self._check()
        part.done[s0:s1] = t1

    def finish(
        self, *, machine_steps: int = 0, wall_s: float = 0.0, notes: Mapping[str, Any] | None = None, tally: Tally | None = None
    ) -> None:
        """Say what is known once the run is over, see :class:`neurograph.sim.recording.Recording`."""
        self.about.update(machine_steps=int(machine_steps), wall_s=float(wall_s), notes=dict(notes or {}))
        self._tally = tally

    def _part(self, what: str, kind: str, population: str, piece: Array) -> _Events | _Values:
        assert self._file is not None
        if piece.dtype.name not in TYPES:
            raise InputError(f"{what}: holds {piece.dtype}, must be bool, integers or floats of at most 64 bits; convert it")
        node = self._file["nodes"].require_group(population)
        node.attrs["__type__"] = "NIRNodeData"
        group = node.require_group("observables").create_group(kind)
        make = _Values if kind != "spikes" or piece.dtype.kind == "f" else _Events
        return make(group, what, (self.samples, self.ticks, *piece.shape[2:]), piece.dtype.newbyteorder("="))

    def _flush(self) -> None:
        for part in self._parts.values():
            part.flush()

    def _close(self) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        self._flush()
        for part in self._parts.values():
            if (part.done != self.ticks).any():
                sample = int(np.argmax(part.done != self.ticks))
                raise InputError(f"{part.what}: {part.done[sample]} ticks of sample {sample}, must be {self.ticks}; append the others")
            part.close()
        self.about["samples"] = self.samples
        for kind in KINDS:
            self.about[kind] = [
                {"name": name, "shape": list(part.shape), "dtype": part.dtype.name, "layout": part.layout}
                for (of, name), part in self._parts.items()
                if of == kind
            ]
        if self._tally is not None:
            self.about["tally"] = _write_tally(file.create_group("tally"), self._tally)
        text = np.frombuffer(json.dumps(self.about, default=_plain).encode(), np.uint8)
        file.create_dataset("about", data=text, chunks=(min(len(text), _CHUNK),), fletcher32=True)


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Samples and ticks of a large piece, in parts that take little memory while they are made into events."""
    samples, ticks, size = shape
    many = max(1, _BLOCK // size)
    rows = max(1, many // ticks)
    for s in range(0, samples, rows):
        for t in range(0, ticks, many):
            yield slice(s, min(s + rows, samples)), slice(t, min(t + many, ticks))


class _Part:
    """What is stored of one population; ``done`` counts the ticks of each sample."""

    layout = ""
    waiting = 0

    def __init__(self, group: h5py.Group, what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.group, self.what, self.shape, self.dtype = group, what, shape[2:], dtype
        self.samples, self.ticks, self.size = shape[0], shape[1], int(np.prod(shape[2:]))
        self.done = np.zeros(self.samples, dtype=np.int64)

    def flush(self) -> None:
        """Write what waits."""

    def close(self) -> None:
        """Finish the datasets, all of it written."""


class _Values(_Part):
    layout = "values"

    def append(self, s0: int, t0: int, piece: Array) -> None:
        samples, ticks, size = piece.shape
        if "data" not in self.group:
            self.group.attrs.update({"__type__": "TimeGriddedData", "dt": 1.0})
            width = min(self.size, _CHUNK)
            chunks = (1, max(1, min(self.ticks, _CHUNK // width)), width)
            self.group.create_dataset("data", (self.samples, self.ticks, size), self.dtype, chunks=chunks, **_PACKED)
        self.group["data"][s0 : s0 + samples, t0 : t0 + ticks] = piece


class _Events(_Part):
    """Events in rows, see :mod:`neurograph.sim.stored_arrays`; ``length`` counts those of each sample."""

    def __init__(self, group: h5py.Group, what: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        super().__init__(group, what, shape, dtype)
        self.valued = dtype.name not in ("bool", "uint8")
        self.layout = "valued events" if self.valued else "events"
        self.length = np.zeros(self.samples, dtype=np.int64)
        self.held: list[tuple[int, int, Array, Array, Array | None]] = []  # sample, tick, events a tick, their neurons and values

    def append(self, s0: int, t0: int, piece: Array) -> None:
        if self.dtype == np.uint8 and piece.max() > 1:
            raise InputError(f"{self.what}: holds {piece.max()}, but uint8 are spikes, 0 or 1; give messages as int32")
        flat = np.ascontiguousarray(piece).reshape(-1)
        at = np.flatnonzero(flat)
        counts = np.count_nonzero(piece, axis=2)
        neurons = (at - np.repeat(np.arange(counts.size) * self.size, counts.ravel())).astype(np.int32 if self.size < 2**31 else np.int64)
        values = flat[at].astype(self.dtype) if self.valued else None
        self.waiting += neurons.nbytes + counts.nbytes + (0 if values is None else values.nbytes)
        self.held.append((s0, t0, counts, neurons, values))

    def flush(self) -> None:
        while self.held:
            s0, t0, counts, neurons, values = self._next()
            if "idx" not in self.group:
                self._create(neurons.dtype, counts)
            samples, ticks = counts.shape
            rows, of = slice(s0, s0 + samples), np.repeat(np.tile(np.arange(t0, t0 + ticks), samples), counts.ravel())
            ends = self.length[rows, None] + np.cumsum(counts, axis=1)
            columns = {"idx": neurons, "time": of.astype(self.group["time"].dtype), **({} if values is None else {"value": values})}
            for name, column in columns.items():
                data = self.group[name]
                if ends.max() > data.shape[1]:
                    data.resize(int(ends.max()), axis=1)
                _write_rows(data, s0, self.length[rows], ends[:, -1], column)
            self.group["indptr"][rows, t0 + 1 : t0 + ticks + 1] = ends
            self.length[rows] = ends[:, -1]
        self.waiting = 0

    def close(self) -> None:
        self.group.attrs.update(n_neurons=self.size, t_max=float(self.ticks))
        self.group.attrs["__type__"] = "ValuedEventData" if self.valued else "EventData"

    def _next(self) -> tuple[int, int, Array, Array, Array | None]:
        """The next piece, together with those that follow it on the next samples at the same ticks, or in time on the same samples."""
        s0, t0, counts, _, _ = first = self.held[0]
        below, last = [first], s0 + len(counts)
        for piece in self.held[1:]:
            if piece[:2] != (last, t0) or piece[2].shape[1] != counts.shape[1]:
                break
            below.append(piece)
            last += len(piece[2])
        run, end = [first], t0 + counts.shape[1]
        for piece in self.held[1:] if len(below) == 1 else ():
            if piece[:2] != (s0, end) or len(piece[2]) != len(counts):
                break
            run.append(piece)
            end += piece[2].shape[1]
        merged = below if len(below) > 1 else run
        del self.held[: len(merged)]
        if len(merged) == 1:
            return first
        neurons = np.concatenate([piece[3] for piece in merged])
        values = np.concatenate([piece[4] for piece in merged if piece[4] is not None]) if self.valued else None
        if merged is below:
            return s0, t0, np.concatenate([piece[2] for piece in below]), neurons, values
        order = np.argsort(np.concatenate([np.repeat(np.arange(len(counts)), piece[2].sum(axis=1)) for piece in run]), kind="stable")
        return s0, t0, np.concatenate([piece[2] for piece in run], axis=1), neurons[order], None if values is None else values[order]

    def _create(self, neurons: Any, counts: Array) -> None:
        """Empty datasets; a chunk holds about as many events as a sample has, to judge by the first piece, of as many samples as fit."""
        expected = max(1.0, float(counts.mean()) * self.ticks)
        width = min(_CHUNK, 1 << max(6, int(np.ceil(np.log2(expected)))))
        chunks = (max(1, min(self.samples, _CHUNK // width)), width)
        empty, most = (self.samples, 0), (self.samples, None)
        time = np.float32 if self.ticks < 1 << 24 else np.float64
        for name, kind, fill in (("idx", neurons, -1), ("time", time, np.inf), *([("value", self.dtype, 0)] if self.valued else [])):
            self.group.create_dataset(name, empty, kind, maxshape=most, chunks=chunks, fillvalue=fill, **_PACKED)
        width = min(self.ticks + 1, _CHUNK)
        chunks = (max(1, min(self.samples, _CHUNK // width)), width)
        self.group.create_dataset("indptr", (self.samples, self.ticks + 1), np.int64, chunks=chunks, **_PACKED)


def _write_rows(data: h5py.Dataset, row: int, starts: Array, stops: Array, values: Array) -> None:
    """One run of values for each of the consecutive rows from ``row`` on."""
    ends = np.concatenate([[0], np.cumsum(stops - starts)])
    for first in range(0, len(starts), ROWS):
        part = slice(first, min(first + ROWS, len(starts)))
        run = np.ascontiguousarray(values[ends[part.start] : ends[part.stop]])
        if run.size:
            data.id.write(*select_rows(data, row + first, starts[part], stops[part]), run)


def _write_tally(group: h5py.Group, tally: Tally) -> dict[str, Any]:
    """The counts as datasets, and the names of their rows."""
    rows: dict[str, Any] = {}
    for name in TALLY:
        found = getattr(tally, name)
        arrays = list(found.values()) if isinstance(found, Mapping) else list(found)
        rows[name] = list(found) if isinstance(found, Mapping) else len(arrays)
        if arrays and len(arrays[0]):
            values = np.array(arrays, dtype=np.int64)
            chunks = (min(len(values), 1 + _CHUNK // values.shape[1]), min(values.shape[1], _CHUNK))
            group.create_dataset(name, data=values, chunks=chunks, **_PACKED)
    return rows


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays in notes, as JSON has them."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else str(value)
