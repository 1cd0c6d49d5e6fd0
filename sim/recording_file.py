"""Files of recordings, HDF5: written at once or piece by piece (:mod:`neurograph.sim.recording_writer`), opened without being read.

Version 1 (dense arrays) is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import InputError
from neurograph.sim.recording import Recording
from neurograph.sim.recording_writer import FORMAT, KINDS, TALLY, TYPES, VERSION, RecordingWriter
from neurograph.sim.stored_arrays import AGAIN, StoredArray, StoredEvents, StoredValues, reading
from neurograph.sim.tally import Tally

__all__ = ["RecordingWriter", "StoredRecording", "load", "open_recording", "save"]

Array = NDArray[Any]
_LONGEST = 64 << 20  # bytes of its JSON
_LARGEST = 1 << 62  # slots of one population
_FILTERS = {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32}


@dataclass(frozen=True)
class StoredRecording(Recording):
    """A recording whose arrays stay in the file until they are asked for, see :class:`neurograph.sim.stored_arrays.StoredArray`.

    A context manager that closes the file; without it, the file is closed when nothing refers to it any more.
    """

    path: Path = Path()
    stored_samples: int = 0
    file: Any = field(default=None, repr=False, compare=False)

    @property
    def samples(self) -> int:
        return self.stored_samples

    def counts(self) -> dict[str, int]:
        """Spikes in all, by population: those that were counted in the run, else those that were recorded, of which the index is read."""
        if self.tally is not None:
            return super().counts()
        return {
            name: held.count_nonzero() if isinstance(held, StoredArray) else int(np.count_nonzero(held))
            for name, held in self.spikes.items()
        }

    def close(self) -> None:
        """Close the file: what was not read cannot be read any more."""
        self.file.close()

    def __enter__(self) -> StoredRecording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def save(recording: Recording, path: Path) -> None:
    """Write a recording, whole or not at all.

    Raises:
        InputError: the file cannot be written, or does not hold what is in the recording.
    """
    with RecordingWriter(path, engine=recording.engine, samples=recording.samples, ticks=recording.ticks) as writer:
        for kind in KINDS:
            for name, values in getattr(recording, kind).items():
                if values.shape[:2] != (recording.samples, recording.ticks):
                    raise InputError(
                        f"recording {path}: {kind} of population {name!r} have shape {values.shape}, must begin with "
                        f"{(recording.samples, recording.ticks)} (samples, ticks); record all populations together"
                    )
                writer.append(name, slice(None), slice(None), values, kind=kind)
        writer.finish(machine_steps=recording.machine_steps, wall_s=recording.wall_s, notes=recording.notes, tally=recording.tally)


def load(path: Path) -> Recording:
    """Read all of a recording into memory.

    Raises:
        InputError: as :func:`open_recording`.
    """
    with open_recording(path) as stored:
        parts: Any = {kind: {name: np.asarray(values) for name, values in getattr(stored, kind).items()} for kind in KINDS}
        return Recording(
            stored.engine,
            stored.ticks,
            **parts,
            machine_steps=stored.machine_steps,
            wall_s=stored.wall_s,
            notes=stored.notes,
            tally=stored.tally,
        )


def open_recording(path: str | Path) -> StoredRecording:
    """Open a recording; ``spikes["name"][samples, ticks]`` reads what it asks for and no more.

    Raises:
        InputError: no recording, of another version, cut off or damaged; what is damaged further in is found when it is read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"recording {path}: {'is a folder' if path.is_dir() else 'does not exist'}; 'neurograph simulate -o' writes one")
    with reading(path, "the file"):
        file = h5py.File(path, "r")
    try:
        return _opened(file, path)
    except BaseException:
        file.close()
        raise


def _opened(file: h5py.File, path: Path) -> StoredRecording:
    with reading(path, "its version"):
        _check_version(file, path)
    with reading(path, "its description"):
        about = _about(file)
        parts: Any = {kind: {entry["name"]: _stored(file, path, about, kind, entry) for entry in about[kind]} for kind in KINDS}
    with reading(path, "its tally"):
        tally = _tally(file, about["tally"], about["samples"]) if "tally" in about else None
    plain = {key: about[key] for key in ("engine", "ticks", "machine_steps", "wall_s", "notes")}
    return StoredRecording(**plain, **parts, tally=tally, path=path, stored_samples=about["samples"], file=file)


def _check_version(file: h5py.File, path: Path) -> None:
    """Look at the type of an attribute before its value: text of variable length lies in a heap, which HDF5 may read for ever."""
    there = {name: h5py.h5a.open(file.id, name.encode()) for name in ("format", "version") if name in file.attrs}
    kinds = {name: attribute.get_type() for name, attribute in there.items() if attribute.shape == ()}
    ours = len(kinds) == 2 and isinstance(kinds["version"], h5py.h5t.TypeIntegerID) and isinstance(kinds["format"], h5py.h5t.TypeStringID)
    if ours and not kinds["format"].is_variable_str():
        ours = file.attrs["format"] == FORMAT.encode()
    elif ours:
        ours = set(file) == set(KINDS)  # version 1
    if not ours:
        raise InputError(f"recording {path}: is no recording of neurograph; 'neurograph simulate -o' writes one")
    version = int(file.attrs["version"])
    if version != VERSION:
        raise InputError(f"recording {path}: is of version {version}, this neurograph reads version {VERSION}; {AGAIN}")


def _about(file: h5py.File) -> dict[str, Any]:
    data = _dataset(file, "about", np.dtype(np.uint8), None)
    if data.ndim != 1 or data.size > _LONGEST:
        raise ValueError(f"text of shape {data.shape}, at most {_LONGEST:,} bytes")
    about: dict[str, Any] = json.loads(data[()].tobytes())
    numbers = [about[key] for key in ("ticks", "samples", "machine_steps")]
    if not all(type(n) is int for n in numbers) or numbers[0] < 1 or min(numbers) < 0 or not isinstance(about["notes"], dict):
        raise ValueError("{} ticks, {} samples, {} steps".format(*numbers))
    return {**about, "engine": str(about["engine"]), "wall_s": float(about["wall_s"])}


def _stored(file: h5py.File, path: Path, about: Mapping[str, Any], kind: str, entry: Mapping[str, Any]) -> StoredArray:
    """One array, whose datasets are all there, of the right shapes and types."""
    where, shape = f"nodes/{entry['name']}/observables/{kind}", (about["samples"], about["ticks"], *entry["shape"])
    slots = int(np.prod(shape, dtype=object))
    if not all(type(n) is int and n > 0 for n in shape) or slots > _LARGEST or entry["dtype"] not in TYPES:
        raise ValueError(f"{where}: {entry['dtype']} of shape {shape}")
    dtype = np.dtype(entry["dtype"])
    what = f"{kind} of population {entry['name']!r}"
    size = slots // (shape[0] * shape[1])
    if entry["layout"] == "values":
        _dataset(file, f"{where}/data", dtype, (*shape[:2], size))
        return StoredValues(file[where], path, what, shape, dtype)
    valued = entry["layout"] == "valued events"
    if not valued and entry["layout"] != "events":
        raise ValueError(f"{where}: layout {entry['layout']!r}")
    idx = _dataset(file, f"{where}/idx", np.dtype(np.int32 if size < 2**31 else np.int64), (shape[0], None))
    _dataset(file, f"{where}/indptr", np.dtype(np.int64), (shape[0], shape[1] + 1))
    if valued:
        _dataset(file, f"{where}/value", dtype, idx.shape)
    return StoredEvents(file[where], path, what, shape, dtype, valued=valued)


def _dataset(file: h5py.File, where: str, dtype: np.dtype[Any], shape: tuple[int | None, ...] | None) -> h5py.Dataset:
    """A dataset in this file, packed as the writer packs, of the type and the shape; None is any length.

    Raises:
        ValueError: it is another.
    """
    group: Any = file
    for name in where.split("/"):
        if not isinstance(group, h5py.Group) or name not in group:
            raise ValueError(f"{where} is missing")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{where} is a link, which is not followed")
        group = group[name]
    if not isinstance(group, h5py.Dataset) or group.is_virtual or group.external or group.dtype != dtype:
        raise ValueError(f"{where} is no dataset of {dtype} in this file")
    if shape is not None and (len(shape) != group.ndim or any(n not in (None, m) for n, m in zip(shape, group.shape, strict=True))):
        raise ValueError(f"{where} has shape {group.shape}, must be {tuple('any' if n is None else n for n in shape)}")
    packing = group.id.get_create_plist()
    if {packing.get_filter(i)[0] for i in range(packing.get_nfilters())} - _FILTERS:
        raise ValueError(f"{where} is stored through filters that are not read")
    return group


def _tally(file: h5py.File, rows: Mapping[str, Any], samples: int) -> Tally:
    found: dict[str, Any] = {}
    for name in TALLY:
        names = rows[name]
        count = names if isinstance(names, int) else len(names)
        values: Array = np.zeros((count, samples), dtype=np.int64)
        if values.size:
            values = _dataset(file, f"tally/{name}", values.dtype, values.shape)[()]
        found[name] = tuple(values) if isinstance(names, int) else dict(zip(names, values, strict=True))
    return Tally(**found)
