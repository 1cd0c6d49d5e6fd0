"""Temporary siblings: what is being written lies beside its target, locked as long as its process lives.

A process that is killed leaves its sibling behind, unlocked, and the next one with the same target throws it away. The lock is ``flock``:
the kernel lets go of it however the process ends, and a number that was given to another process is never taken for the old one.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not POSIX: nothing is locked, so nothing is thrown away
    fcntl = None  # type: ignore[assignment]

__all__ = ["clear", "locked", "put_folder", "scratch_folder", "shown", "sibling", "synced"]

_PARTIAL, _REPLACED = ".partial", ".replaced"
_DIGITS = 8
_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)  # what file systems and kernels say that have no such call
_THERE = (errno.ENOTEMPTY, errno.EEXIST)


@contextlib.contextmanager
def sibling(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """A new empty file or folder ``.{name}.{8 hex digits}.partial`` beside ``target``; what is at its path when the block ends is removed.

    Siblings of the same target that dead processes left are removed first.

    Raises:
        OSError: it cannot be made.
    """
    clear(target.parent, target.name)
    path, lock = _name(target, _PARTIAL), None
    try:
        while lock is None:
            if folder:
                path.mkdir(mode=0o700)
            else:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            with contextlib.suppress(FileNotFoundError):  # another process may have thrown it away before it was locked
                lock = _lock(path)
        yield path
    finally:  # of a signal between making and locking too
        _remove(path)
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A temporary folder of one's own, ``.{name}.….partial`` where the system keeps such; those of dead processes are removed first.

    Raises:
        OSError: it cannot be made.
    """
    import tempfile

    with sibling(Path(tempfile.gettempdir(), name), folder=True) as path:
        yield path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with a folder: whoever else locks it, or puts another in its place, waits.

    Raises:
        OSError: it is not there.
    """
    lock = None
    while lock is None:
        lock = _lock(path)
    try:
        yield
    finally:
        os.close(lock)


def put_folder(temporary: Path, target: Path) -> None:
    """Put a folder at the path of another, or of none; what was there is then at the path of ``temporary``, or gone.

    On Linux the two change places in one step, so that at every moment there is a whole one at ``target``. Where the file system or the
    kernel cannot, they are renamed one after the other; a process killed in between leaves the old one as ``.{name}.….replaced``, which
    the next one with this target puts back.

    Raises:
        OSError: it cannot be renamed.
    """
    while True:
        try:
            with locked(target):
                if not _exchanged(temporary, target):
                    _put_in_two_steps(temporary, target)
            return
        except FileNotFoundError:
            if not temporary.exists():
                raise
        try:
            temporary.rename(target)
            return
        except OSError as error:
            if error.errno not in _THERE:  # of another process, which was faster
                raise


def synced(path: Path) -> None:
    """Wait until a file, or a folder with all that is in it, is on the disk.

    Raises:
        OSError: the disk failed.
    """
    if path.is_dir() and not path.is_symlink():
        for inside in path.iterdir():
            synced(inside)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    finally:
        os.close(descriptor)


def shown(path: Path) -> Path:
    """A path as it is called in messages: the target's in place of its temporary sibling's."""
    return Path(*(_target_of(part) or part for part in path.parts))


def _name(target: Path, ending: str) -> Path:
    target = target if target.name else target.resolve()
    return target.with_name(f".{target.name}.{os.urandom(_DIGITS // 2).hex()}{ending}")


def _target_of(name: str) -> str | None:
    """Name of the target whose sibling this is; None of any other name."""
    for ending in (_PARTIAL, _REPLACED):
        target, dot, digits = name.removesuffix(ending).rpartition(".")
        if name.endswith(ending) and dot and target[:1] == "." and len(digits) == _DIGITS and not set(digits) - set("0123456789abcdef"):
            return target[1:]
    return None


def clear(folder: Path, name: str | None = None) -> None:
    """Remove the siblings in a folder that belong to no process that lives: those of the target of this name, or of all."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            target = _target_of(path.name)
            if target is None or name not in (None, target) or path.is_symlink():
                continue
            if path.suffix == _REPLACED:
                with contextlib.suppress(OSError):
                    path.rename(folder / target)  # fails where a new one is there
            lock = _lock(path, wait=False)
            if lock is not None:
                _remove(path)
                os.close(lock)


def _lock(path: Path, *, wait: bool = True) -> int | None:
    """A descriptor that holds the lock of what is at a path; None where another holds it, or it is no longer there.

    If it is to ``wait``, where there are no locks it comes without one, and FileNotFoundError is raised.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        if wait:
            raise
        return None
    try:
        if fcntl is None:
            raise OSError(errno.ENOTSUP, "no locks")
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if wait:
            return descriptor
        os.close(descriptor)
        return None
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None


def _exchanged(a: Path, b: Path) -> bool:
    """Let two paths change places in one step; False where that cannot be done here."""
    import ctypes

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(a), _HERE, os.fsencode(b), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(b))


def _put_in_two_steps(temporary: Path, target: Path) -> None:
    old = _name(target, _REPLACED)
    target.rename(old)
    temporary.rename(target)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
