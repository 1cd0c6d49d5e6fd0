"""The manifest of a bundle and the hashes in it; without NumPy, so that a run may begin before it is loaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograph.errors import BundleError

if TYPE_CHECKING:
    import h5py

__all__ = ["DYNAMIC_FORMAT", "DYNAMIC_VERSION", "FORMAT", "MANIFEST", "VERSION", "Files", "is_dynamic", "open_files"]

FORMAT, VERSION, MANIFEST = "neurograph.bundle", 2, "manifest.json"
DYNAMIC_FORMAT, DYNAMIC_VERSION = "neurograph.dynamic-bundle", 2


def is_dynamic(path: Path) -> bool:
    """Whether a folder says that it is a bundle of a dynamic model."""
    try:
        return bool(json.loads((path / MANIFEST).read_text())["format"] == DYNAMIC_FORMAT)
    except (ValueError, KeyError, TypeError, OSError):
        return False


def open_files(path: Path, *, whole: bool, form: str = FORMAT, version: int = VERSION) -> Files:
    """Read the manifest and check that every file is there, and its hash; if not ``whole``, a file's hash when the file is first read.

    Raises:
        BundleError: no bundle, another version, or a file that is missing or changed.
    """
    if not (path / MANIFEST).is_file() and (path / "bundle" / MANIFEST).is_file():
        raise BundleError(f"bundle {path}: has no {MANIFEST}, so it is not a bundle, but {path / 'bundle'} is one; give that")
    if not (path / MANIFEST).is_file():
        raise BundleError(f"bundle {path}: has no {MANIFEST}, so it is not a bundle; 'neurograph export' writes one")
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        names, found, kind = dict(manifest["files"]), manifest["version"], manifest["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BundleError(f"bundle {path}: {MANIFEST} is damaged ({error}); export it again") from None
    if kind == DYNAMIC_FORMAT and form == FORMAT:
        raise BundleError(
            f"bundle {path}: of a dynamic model, must be of one network here; 'neurograph check', 'simulate' and 'report' take both"
        )
    if kind != form or found != version:
        raise BundleError(f"bundle {path}: {kind} version {found}, this neurograph reads {form} version {version}; export it again")
    files = Files(path, manifest)
    for name in names:
        if not (path / name).is_file():
            files._refuse_another()
            raise BundleError(f"bundle {path}: {name} is missing; export it again")
        if whole:
            files.path_of(name)
    return files


class Files:
    """The files of a bundle; nothing is read of one whose hash is not that of the manifest.

    Args:
        path: the folder.
        manifest: what stands in its manifest.
    """

    def __init__(self, path: Path, manifest: Mapping[str, Any]) -> None:
        self.path, self.manifest = path, manifest
        self._checked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.manifest["files"]

    def path_of(self, name: str) -> Path:
        """Path of a file, whose hash is checked once.

        Raises:
            BundleError: it is not what was exported.
        """
        if name not in self._checked:
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

    def hdf5(self, name: str) -> h5py.File:
        """A file of HDF5, open for reading.

        Raises:
            BundleError: it is not what was exported, or another bundle was put in this one's place.
        """
        import h5py

        file = h5py.File(self.path_of(name), "r")
        try:
            self._refuse_another()
        except BundleError:
            file.close()
            raise
        return file

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
            same = json.loads((self.path / MANIFEST).read_text())["files"] == self.manifest["files"]
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
        if digest != self.manifest["files"].get(name):
            self._refuse_another()
            raise BundleError(f"bundle {self.path}: {name} is not what was exported (its sha256 differs); export it again")
        self._checked.add(name)
