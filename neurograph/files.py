"""Writing files and folders so that they are there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neurograph.errors import BundleError, InputError, NeurographError
from neurograph.siblings import put_folder, shown, sibling, synced

if TYPE_CHECKING:
    import h5py

__all__ = [
    "atomic_folder",
    "cannot_write",
    "is_zip",
    "put_file",
    "refuse_foreign",
    "refuse_special",
    "refuse_unwritable",
    "sha256",
    "torch_file_says",
    "write_file",
    "write_hdf5",
]


def write_file(path: Path, content: bytes, what: str = "output", error: type[NeurographError] = InputError) -> None:
    """Write ``content`` to a temporary sibling, wait until it is on the disk, and rename it to ``path``.

    Raises:
        error: it cannot be written, as ``{what} {path}: ...``; what was at the path before is unharmed. A device or a pipe is there.
    """
    refuse_special(path, what, error)
    try:
        with sibling(path) as temporary:
            temporary.write_bytes(content)
            put_file(temporary, path)
    except OSError as cause:
        raise cannot_write(f"{what} {shown(path)}", cause, error) from None


def put_file(temporary: Path, path: Path) -> None:
    """Rename a written file to ``path``, in whose place it is there even after the power failed: first the content, then the name.

    Raises:
        OSError: the disk failed, or it cannot be renamed.
    """
    synced(temporary)
    temporary.replace(path)
    _sync_names(path.parent)


def refuse_special(path: Path, what: str = "output", error: type[NeurographError] = InputError) -> None:
    """Refuse to put a file where a device, a pipe or a socket is, which renaming would remove.

    Raises:
        error: one is there.
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # nothing is there, or writing will say why it cannot be written
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise error(f"{what} {path}: is a device or pipe, must be a file; name a file, or leave -o out to print")


@contextlib.contextmanager
def write_hdf5(path: Path, what: str = "output", error: type[NeurographError] = InputError) -> Iterator[h5py.File]:
    """An HDF5 file that is built in memory and written in one go: HDF5 itself leaves half a file on a full disk, and no OSError."""
    import io

    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        yield file
    write_file(path, buffer.getvalue(), what, error)


@contextlib.contextmanager
def atomic_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """A temporary sibling of ``target`` that takes its place when the block ends without an error.

    Args:
        target: the folder to make. An existing one is replaced only if it is empty or holds ``marker``, a file that says it is one of ours.
        marker: file name.

    Raises:
        BundleError: something else is there, or the folder cannot be written. Nothing half-written is left.
    """
    refuse_foreign(target, marker)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with sibling(target, folder=True) as temporary:
            yield temporary
            temporary.chmod(0o755)
            synced(temporary)
            put_folder(temporary, target)
            _sync_names(target.parent)
    except OSError as cause:
        raise cannot_write(f"output {target}", cause, BundleError) from None


def refuse_unwritable(target: Path) -> None:
    """Refuse to make a folder where none can be made, before the work is done that it is for.

    Raises:
        BundleError: the folder around it, or around that where there is none, cannot be written to.
    """
    around = target.absolute().parent
    while not around.exists():
        around = around.parent
    if not os.access(around, os.W_OK):
        raise BundleError(f"output {target}: the folder {around} cannot be written to; choose another -o")


def refuse_foreign(target: Path, marker: str) -> None:
    """Refuse to put a folder where something else is.

    Raises:
        BundleError: ``target`` is a file, or a folder that is not empty and does not hold ``marker``.
    """
    if target.exists() and not target.is_dir():
        raise BundleError(f"output {target}: is a file, must be a folder; choose another -o")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise BundleError(f"output {target}: is not empty and holds no {marker}, so it is not replaced; choose another -o")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sync_names(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can; the files are whole without it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cannot_write(subject: str, cause: OSError, error: type[NeurographError]) -> NeurographError:
    """The error that says why a file or a folder could not be written."""
    reason = os.strerror(cause.errno) if cause.errno else str(cause)
    return error(f"{subject}: cannot be written ({reason}); choose a folder that exists, is writable and has room")


def is_zip(path: Path) -> bool:
    """Whether a file begins and ends as a zip archive does; zipfile.is_zipfile, which some damaged files make raise."""
    import zipfile

    try:
        return zipfile.is_zipfile(path)
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def torch_file_says(path: Path, text: str) -> bool:
    """Whether a torch file, damaged or not, holds a text such as the name of its format; told without loading it."""
    import zipfile
    import zlib

    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            pickles = [record for record in archive.infolist() if record.filename.endswith("/data.pkl")]
            plain = [record for record in pickles if record.compress_type == zipfile.ZIP_STORED and record.file_size <= size]
            return any(text.encode() in archive.read(record) for record in plain[:1])
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, NotImplementedError):
        return False
