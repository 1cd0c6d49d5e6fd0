"""Files in the user's cache that are believed as they are, a library or tables for one: only where nobody else could have written them.

A folder or a file is trusted if it belongs to the user who runs this, and its group and others may not write to it. On systems without
owners everything is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["cache_folder", "is_own_folder", "is_private", "make_private"]

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/neurograph``, by default under ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurograph"


def make_private(folder: Path) -> None:
    """Make a folder that nobody else may write to, or make one of the user's own such a folder.

    Raises:
        OSError: it cannot be made, or belongs to another user.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not hasattr(os, "geteuid"):
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if found.st_mode & _OTHERS:
        folder.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def is_own_folder(folder: Path) -> bool:
    """Whether a folder and the one that it lies in are the user's own, and nobody else may write to them."""
    return all(_is_own(one) for one in (folder, folder.parent))


def is_private(path: Path) -> bool:
    """Whether a file is there that nobody else could have written, in a folder that nobody else can write to."""
    return path.is_file() and not path.is_symlink() and _is_own(path) and _is_own(path.parent)


def _is_own(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & _OTHERS)
