"""Ready runs of bundles in the user's cache: the second run of a bundle's own sample waits for no library.

A ready run is tables and pointers for the compiled engine, which believes them. So it is made here, of a bundle that was read and checked,
and not taken from a bundle that may come from anywhere, nor from a cache that somebody else can write to. Its name is a
hash of what it was made of; before it is run, the files that it was made of are checked as they are when they are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from neurograph.errors import BundleError, CompilerMissingError
from neurograph.export.bundle.manifest import Files
from neurograph.files import write_file
from neurograph.private_cache import cache_folder, is_private, make_private
from neurograph.siblings import clear
from neurograph.sim.compiled.stored import Outcome, kind, run_stored

__all__ = ["MOST_BYTES", "keep", "run_ready"]

MOST_BYTES = 16 << 20  # of one file
_MOST_FILES = 16
_PARTS = ("network.h5", "check.h5", "host/readout.onnx")
_DIGEST = 32  # bytes: SHA-256 of the rest of a file


def run_ready(files: Files) -> Outcome | None:
    """Run a bundle's own sample; None where nothing is ready for it.

    Raises:
        BundleError: a file that it was made of is not what was exported.
    """
    path = _path(files)
    if not is_private(path):
        return None
    try:
        content = bytearray(path.read_bytes())
    except OSError:
        return None
    digest = bytes(content[:_DIGEST])
    del content[:_DIGEST]
    if hashlib.sha256(content).digest() != digest:
        return None
    for name in _parts(files):
        files.path_of(name)
    with contextlib.suppress(OSError):
        os.utime(path)  # the oldest are thrown away
    try:
        return run_stored(content)
    except CompilerMissingError:
        return None


def keep(files: Files, content: bytes) -> None:
    """Put a ready run of a bundle into the cache; where it cannot be written there is none."""
    path = _path(files)
    with contextlib.suppress(OSError, BundleError):
        make_private(path.parent)
        clear(path.parent)
        write_file(path, hashlib.sha256(content).digest() + content, error=BundleError)
        path.chmod(0o600)
        others = sorted(path.parent.glob("ready-*"), key=lambda other: other.stat().st_mtime, reverse=True)
        for old in others[_MOST_FILES:]:
            old.unlink(missing_ok=True)


def _path(files: Files) -> Path:
    made_of = [kind(), *(f"{name} {files.manifest['files'][name]}" for name in _parts(files))]
    return cache_folder() / f"ready-{hashlib.sha256(' '.join(made_of).encode()).hexdigest()[:20]}"


def _parts(files: Files) -> list[str]:
    return [name for name in _PARTS if name in files]
