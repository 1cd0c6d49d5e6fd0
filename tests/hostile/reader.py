"""What a reader of files that others may have made is, to who damages its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reader:
    """One reader.

    Args:
        make: writes good files into a folder.
        files: those to damage, each with what damages it.
        use: reads them from a folder, as a command does.
        sealed: whether the manifest's hashes are made anew after the damage, as whoever made a bundle would.
    """

    make: Callable[[Path], None]
    files: dict[str, Callable[[Any, bytes], bytes]]
    use: Callable[[Path], Any]
    sealed: bool = False


def seal(folder):
    """Put the hashes of the files as they are now into a manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
