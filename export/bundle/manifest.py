"""The manifest of a bundle and the hashes in it; without NumPy, so that a run may begin before it is loaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from neurograph.errors import BundleError
from neurograph.plain_text import misfit, read_json

if TYPE_CHECKING:
    import h5py

__all__ = ["DYNAMIC_FORMAT", "DYNAMIC_VERSION", "FORMAT", "MANIFEST", "VERSION", "Files", "is_dynamic", "open_files"]

FORMAT, VERSION, MANIFEST = "neurograph.bundle", 2, "manifest.json"
DYNAMIC_FORMAT, DYNAMIC_VERSION = "neurograph.dynamic-bundle", 2


_MOST_FILES = 100_000
_RULE = {"rule": str, "used": float, "limit": float, "unit": str, "where": str, "mean": (float, None), "share": float}
_TRAFFIC = ("messages", "inter_core", "hops_east_west", "hops_north_south", "crossings", "host_messages")
_PLACEMENT = {
    "target": str,
    "cores": int,
    "chips": int,
    "binding_rule": str,
    "rules": [_RULE],
    "notes": [str],
    "traffic": (None, {key: [float] for key in _TRAFFIC}),
}
_ORIGIN = {
    "?dataset": str,
    "?seed": (int, None),
    "?metrics": {"*": (float, None)},
    "?config": {},
    "?versions": {"*": str},
    "?constants": {"*": str},
}
_BOTH = {
    "target": str,
    "ticks": int,
    "dt_s": float,
    "steps_per_tick": int,
    "outputs": [str],
    "origin": _ORIGIN,
    "files": {"*": str},
    "wraps": {"*": int},
    "clips": {"*": int},
    "versions": {"*": str},
    "verification": (None, {"ok": bool}),
}
_KINDS: Mapping[str, Any] = {
    FORMAT: {
        **_BOTH,
        "profile": (str, None),
        "profile_sha256": (str, None),
        "depth": int,
        "?no_integers": (str, None),
        "quantization": (None, {"bits": int}),
        "placement": (None, _PLACEMENT),
    },
    DYNAMIC_FORMAT: {
        **_BOTH,
        "nodes": int,
        "windows": int,
        "start": {"float": {"*": float}, "integer": {"*": int}},
        "swapped": [[str]],
        "host_work": [{"removed": int, "written": int, "currents": int, "switched": int}],
        "dropped": [int],
    },
}


def is_dynamic(path: Path) -> bool:
    """Whether a folder says that it is a bundle of a dynamic model."""
    try:
        return bool(read_json(path / MANIFEST)["format"] == DYNAMIC_FORMAT)
    except (ValueError, KeyError, TypeError, OSError):
        return False


def open_files(path: Path, *, whole: bool, form: str = FORMAT, version: int = VERSION) -> Files:
    """Read the manifest and check that every file is there, and its hash; if not ``whole``, a file's hash when the file is first read.

    Raises:
        BundleError: no bundle, another version, a manifest that does not hold what it must or names files outside, or a file that is
            missing or changed.
    """
    if not (path / MANIFEST).is_file() and (path / "bundle" / MANIFEST).is_file():
        raise BundleError(f"bundle {path}: has no {MANIFEST}, so it is not a bundle, but {path / 'bundle'} is one; give that")
    if not (path / MANIFEST).is_file():
        raise BundleError(f"bundle {path}: has no {MANIFEST}, so it is not a bundle; 'neurograph export' writes one")
    try:
        manifest = read_json(path / MANIFEST)
        names, found, kind = dict(manifest["files"]), manifest["version"], manifest["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BundleError(f"bundle {path}: {MANIFEST} is damaged ({error}); export it again") from None
    if kind == DYNAMIC_FORMAT and form == FORMAT:
        raise BundleError(
            f"bundle {path}: of a dynamic model, must be of one network here; 'neurograph check', 'simulate' and 'report' take both"
        )
    if kind != form or found != version:
        raise BundleError(
            f"bundle {path}: {str(kind)[:60]!r} version {str(found)[:20]}, this neurograph reads {form} version {version}; export it again"
        )
    problem = misfit(manifest, _KINDS[form]) or _problem(manifest)
    if problem:
        raise BundleError(f"bundle {path}: {MANIFEST} is damaged ({problem}); export it again")
    files = Files(path, manifest)
    inside = path.resolve()
    for name in names:
        if not _is_inside(name) or not (path / name).resolve().is_relative_to(inside):
            raise BundleError(f"bundle {path}: {MANIFEST} names {name!r}, must be a file below the bundle; export it again")
        if not (path / name).is_file():
            files._refuse_another()
            raise BundleError(f"bundle {path}: {name} is missing; export it again")
        if whole:
            files.path_of(name)
    return files


def _problem(manifest: Mapping[str, Any]) -> str | None:
    """What kinds cannot say."""
    if manifest["ticks"] < 1 or manifest["steps_per_tick"] < 1 or len(manifest["files"]) > _MOST_FILES:
        return f"{manifest['ticks']} ticks, {manifest['steps_per_tick']} steps a tick, {len(manifest['files'])} files"
    if not str(manifest.get("no_integers", "")).isprintable():
        return "no_integers holds characters that cannot be printed"
    placement = manifest.get("placement")
    if placement is not None:
        if not any(rule["rule"] == placement["binding_rule"] and rule["mean"] is not None for rule in placement["rules"]):
            return "placement.binding_rule is none of the rules of a core"
        if placement["traffic"] is not None and not all(placement["traffic"][name] for name in _TRAFFIC):
            return "placement.traffic is empty"
    if any(len(pair) != 2 for pair in manifest.get("swapped", ())):
        return "swapped must be pairs"
    return None


def _is_inside(name: str) -> bool:
    """Whether a name is one of a file below the folder, as it is written on every system."""
    plain = PurePosixPath(name)
    if not plain.parts:
        return False
    return (
        name.isprintable()
        and "\\" not in name
        and ":" not in name
        and str(plain) == name
        and not plain.is_absolute()
        and ".." not in plain.parts
    )


class Files:
    """The files of a bundle; nothing is read of one whose hash is not that of the manifest.

    Args:
        path: the folder.
        manifest: what stands in its manifest.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        self._checked: set[str] = set()
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.manifest["files"]

    def path_of(self, name: str) -> Path:
        """Path of a file, whose hash is checked once.

        Raises:
            BundleError: it is not what was exported.
        """
        if name not in self._checked:
            if name not in self:
                self._check(name, "")
            digest = hashlib.sha256()
            try:
                with (self.path / name).open("rb") as file:
                    while block := file.read(1 << 20):
                        digest.update(block)
            except FileNotFoundError:
                self._refuse_another()
                raise
            self._check(name, digest.hexdigest())
        return self.path / name

    @contextmanager
    def hdf5(self, name: str) -> Iterator[h5py.File]:
        """An HDF5 file, which is looked at before it is first read (:mod:`neurograph.hdf5_guard`).

        Raises:
            BundleError: it is not what was exported, another bundle was put in this one's place, or it or what the block reads of it is
                damaged.
        """
        from neurograph.hdf5_guard import checked_hdf5

        path = self.path_of(name)
        with checked_hdf5(path, f"bundle {self.path}: {name}", BundleError, "export it again", known=name in self._known) as file:
            self._refuse_another()
            self._known.add(name)
            yield file

    def rewrite(self, manifest: str) -> None:
        """Write another manifest for the same files.

        Raises:
            BundleError: another bundle was put in this one's place, or it cannot be written.
        """
        from neurograph.files import write_file
        from neurograph.siblings import locked

        with locked(self.path):
            self._refuse_another()
            write_file(self.path / MANIFEST, manifest.encode(), error=BundleError)

    def _refuse_another(self) -> None:
        try:
            same = read_json(self.path / MANIFEST)["files"] == self.manifest["files"]
        except (ValueError, KeyError, TypeError, OSError):
            same = False
        if not same:
            raise BundleError(f"bundle {self.path}: another export put its own in this place meanwhile; run the command again")

    def content(self, name: str) -> bytearray:
        """What stands in a file, read once for its hash and for itself.

        Raises:
            BundleError: it is not what was exported.
        """
        with (self.path / name).open("rb") as file:
            content = bytearray(os.fstat(file.fileno()).st_size)
            content = content[: file.readinto(content)]
        self._check(name, hashlib.sha256(content).hexdigest())
        return content

    def _check(self, name: str, digest: str) -> None:
        if name not in self.manifest["files"]:
            raise BundleError(f"bundle {self.path}: holds no {name}; export it again")
        if digest != self.manifest["files"][name]:
            self._refuse_another()
            raise BundleError(f"bundle {self.path}: {name} is not what was exported (its sha256 differs); export it again")
        self._checked.add(name)
