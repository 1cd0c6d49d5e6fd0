"""HDF5 files that are written piece by piece and are there whole or not at all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import h5py

from neurograph.errors import InputError, NeurographError
from neurograph.files import cannot_write, put_file
from neurograph.siblings import sibling
from neurograph.stopping import never_in

__all__ = ["stream_hdf5"]


@contextlib.contextmanager
def stream_hdf5(
    path: Path, what: str = "output", error: type[NeurographError] = InputError
) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """An HDF5 file for what does not fit in memory: a temporary sibling that takes its place when the block ends without an error.

    Its objects are in the format of HDF5 1.10, in which all metadata has checksums.

    Yields:
        The file, and a function that raises if the disk has refused anything so far.

    Raises:
        error: it cannot be written, as ``{what} {path}: ...``; what was at the path before is unharmed.
    """
    with contextlib.ExitStack() as stack:
        try:
            temporary = stack.enter_context(sibling(path))
            disk = _Disk(temporary)
        except OSError as cause:
            raise cannot_write(f"{what} {path}", cause, error) from None
        stack.callback(disk.close)

        def check() -> None:
            if disk.failure is not None:
                raise cannot_write(f"{what} {path}", disk.failure, error) from None

        theirs = False
        try:
            with h5py.File(disk, "w", libver=("v110", "v110")) as file:
                try:
                    yield file, check
                except BaseException:
                    theirs = True  # of the block, which may have failed for reasons of its own
                    raise
            disk.close()
            check()
            put_file(temporary, path)
        except OSError as cause:
            check()
            if theirs:
                raise
            raise cannot_write(f"{what} {path}", cause, error) from None
        except Exception:
            check()  # whatever HDF5 made of it, a full disk is the reason
            raise


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


# Through HDF5 a Stopped in them would crash the process, or be lost.
never_in(*(function for function in vars(_Disk).values() if isinstance(function, FunctionType)))
