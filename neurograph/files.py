"""Writing files and folders so that they are there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py

from neurograph.errors import BundleError, InputError, NeurographError

__all__ = ["atomic_folder", "refuse_foreign", "sha256", "stream_hdf5", "write_file", "write_hdf5"]


def write_file(path: Path, content: bytes, what: str = "output", error: type[NeurographError] = InputError) -> None:
    """Write ``content`` to a temporary sibling and rename it to ``path``.

    Raises:
        error: it cannot be written, as ``{what} {path}: ...``; what was at the path before is unharmed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as cause:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _refused(f"{what} {path}", cause, error) from None


@contextlib.contextmanager
def write_hdf5(path: Path, what: str = "output", error: type[NeurographError] = InputError) -> Iterator[h5py.File]:
    """An HDF5 file that is built in memory and written in one go: HDF5 itself leaves half a file on a full disk, and no OSError."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        yield file
    write_file(path, buffer.getvalue(), what, error)


@contextlib.contextmanager
def stream_hdf5(
    path: Path, what: str = "output", error: type[NeurographError] = InputError
) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """An HDF5 file for what does not fit in memory: it grows as a temporary sibling and takes its place when the block ends without an error.

    Its objects are in the format of HDF5 1.10, in which all metadata has checksums.

    Yields:
        The file, and a function that raises if the disk has refused anything so far.

    Raises:
        error: it cannot be written, as ``{what} {path}: ...``; what was at the path before is unharmed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        disk = _Disk(temporary)
    except OSError as cause:
        raise _refused(f"{what} {path}", cause, error) from None

    def check() -> None:
        if disk.failure is not None:
            raise _refused(f"{what} {path}", disk.failure, error) from None

    try:
        try:
            with h5py.File(disk, "w", libver=("v110", "v110")) as file:
                yield file, check
            disk.close()
            check()
            temporary.replace(path)
        except OSError as cause:
            raise _refused(f"{what} {path}", disk.failure or cause, error) from None
        except Exception:
            check()  # whatever HDF5 made of it, a full disk is the reason
            raise
    finally:
        disk.close()
        with contextlib.suppress(OSError):
            temporary.unlink()


class _Disk(io.RawIOBase):
    """A file that keeps its first failure and goes on: raised through the HDF5 library, it would be lost or come out as something else."""

    def __init__(self, path: Path) -> None:
        self.raw = path.open("w+b", buffering=0)
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.raw.seek(offset, whence)

    def tell(self) -> int:
        return self.raw.tell()

    def readinto(self, buffer: Any) -> int:
        return self.raw.readinto(buffer)

    def write(self, data: Any) -> int:
        view = memoryview(data)
        done = 0
        try:
            while self.failure is None and done < len(view):
                done += self.raw.write(view[done:])
        except OSError as error:
            self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return self.raw.truncate(size)
        except OSError as error:
            self.failure = self.failure or error
        return size or 0

    def close(self) -> None:
        if not self.raw.closed:
            try:
                self.raw.close()
            except OSError as error:
                self.failure = self.failure or error
        super().close()


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
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as cause:
        raise _refused(f"output {target}", cause, BundleError) from None
    try:
        yield temporary
        temporary.chmod(0o755)
        _swap(temporary, target)
    except OSError as cause:
        raise _refused(f"output {target}", cause, BundleError) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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


def _swap(temporary: Path, target: Path) -> None:
    if not target.exists():
        temporary.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / "old")
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _refused(subject: str, cause: OSError, error: type[NeurographError]) -> NeurographError:
    reason = os.strerror(cause.errno) if cause.errno else str(cause)
    return error(f"{subject}: cannot be written ({reason}); choose a folder that exists, is writable and has room")
