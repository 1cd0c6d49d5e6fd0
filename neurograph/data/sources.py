"""Where raw files are: in a folder that the user names, never written to, or downloaded into the user's cache."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neurograph.errors import DataError
from neurograph.siblings import scratch_folder, sibling

__all__ = ["ROOT_VARIABLE", "Raw", "copied", "held", "quietly"]

ROOT_VARIABLE = "NEUROGRAPH_DATA"


@dataclass(frozen=True)
class Raw:
    """Raw files of a dataset.

    Args:
        title: as errors call it.
        folder: where they lie below a root, e.g. ``Planetoid/Cora/raw``; a root may be any folder on the way, or hold ``data/`` first.
        files: their names.
        fetch: makes them in a folder of the cache that stands for the root; None: they may not be handed on, so there is no download.
        optional: names of files that are taken too where they are there.
        places: further folders below a root where they may lie.
    """

    title: str
    folder: str
    files: tuple[str, ...]
    fetch: Callable[[Path], object] | None
    optional: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@contextmanager
def held(raw: Raw, root: str | Path | None) -> Iterator[Path]:
    """The folder of the files, to read them there.

    Args:
        root: that holds them. None: the folder in $NEUROGRAPH_DATA, else the user's cache, which a download fills.

    Raises:
        DataError: files that are missing or cannot be read, or a download that failed.
    """
    root = root if root is not None else os.environ.get(ROOT_VARIABLE) or None
    folder = _find(raw, Path(root)) if root is not None else _cached(raw)
    try:
        yield folder
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"dataset {raw.title}: raw files in {folder} cannot be read ({_first_line(error)}); copy them anew") from error


@contextmanager
def copied(raw: Raw, root: str | Path | None) -> Iterator[Path]:
    """A temporary root with a copy of the files, for loaders that write beside them; see :func:`held`."""
    with held(raw, root) as folder, scratch_folder("neurograph-data") as name:
        copy = name / raw.folder
        copy.mkdir(parents=True)
        for file in (*raw.files, *(file for file in raw.optional if (folder / file).is_file())):
            shutil.copyfile(folder / file, copy / file)
        yield name


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings and progress of loaders that we did not write."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def _first_line(error: Exception) -> str:
    """What an exception says, short."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]


def _places(raw: Raw) -> list[Path]:
    """Where they may lie below a root: the whole path, its later parts, ``data/`` before it, the root itself."""
    parts = Path(raw.folder).parts
    return [*(Path(*parts[first:]) for first in range(len(parts))), Path("data", raw.folder), *map(Path, raw.places), Path()]


def _find(raw: Raw, root: Path) -> Path:
    for place in _places(raw):
        folder = root / place
        missing = [file for file in raw.files if not (folder / file).is_file()]
        if not missing:
            return folder
        if folder.is_dir() and (len(missing) < len(raw.files) or len(place.parts) > 1):
            raise DataError(
                f"dataset {raw.title}: {len(missing)} of {len(raw.files)} raw files are missing in {folder} ({missing[0]} …); "
                "copy them there"
            )
    raise DataError(
        f"dataset {raw.title}: data root {root} holds no {raw.folder}/{raw.files[0]}, nor a part of that path; "
        "point --data-root at a folder that does"
    )


def _cached(raw: Raw) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurograph"
    folder = cache / raw.folder
    if not all((folder / file).is_file() for file in raw.files):
        pass_root = f"pass --data-root DIR (or set {ROOT_VARIABLE}) with a folder that holds {raw.folder}/{raw.files[0]}"
        if raw.fetch is None:
            raise DataError(f"dataset {raw.title}: its files may not be handed on, so there is no download; {pass_root}")
        try:
            _fetch(raw, raw.fetch, cache, folder)
        except Exception as error:
            raise DataError(f"dataset {raw.title}: not in {cache} and its download failed ({_first_line(error)}); {pass_root}") from error
    return folder


def _fetch(raw: Raw, fetch: Callable[[Path], object], cache: Path, folder: Path) -> None:
    """Download beside the cache's folder and move over what has come whole: a download that was stopped is not taken for a dataset."""
    cache.mkdir(parents=True, exist_ok=True)
    with sibling(cache / "download", folder=True) as begun:
        with quietly():
            fetch(begun)
        folder.mkdir(parents=True, exist_ok=True)
        for file in (
            *(file for file in raw.optional if (begun / raw.folder / file).is_file()),
            *raw.files,
        ):  # those last that are asked for
            (begun / raw.folder / file).replace(folder / file)
