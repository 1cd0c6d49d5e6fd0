"""Writing a folder so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from neurograph.errors import BundleError

__all__ = ["atomic_folder", "sha256"]


@contextlib.contextmanager
def atomic_folder(target: Path, *, marker: str) -> Iterator[Path]:
    """A temporary sibling of ``target`` that takes its place when the block ends without an error.

    Args:
        target: the folder to make. An existing one is replaced only if it is empty or holds ``marker``, a file that says it is one of ours.
        marker: file name.

    Raises:
        BundleError: something else is there, or the folder cannot be written. Nothing half-written is left.
    """
    if target.exists() and not target.is_dir():
        raise BundleError(f"output {target}: is a file, must be a folder; choose another -o")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise BundleError(f"output {target}: is not empty and holds no {marker}, so it is not replaced; choose another -o")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _refused(target, error) from None
    try:
        yield temporary
        temporary.chmod(0o755)
        _swap(temporary, target)
    except OSError as error:
        raise _refused(target, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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


def _refused(target: Path, error: OSError) -> BundleError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return BundleError(f"output {target}: cannot be written ({reason}); choose a folder that is writable and has room")
