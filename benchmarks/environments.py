"""Environments for programs that do not go with ours, made by uv in the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["base_interpreter", "cached", "make"]


def cached(name: str) -> Path:
    """The folder of an environment."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "neurograph" / name


def base_interpreter() -> str:
    """The Python that this environment was made from: an environment linked to this one would end with it.

    Python 3.10 gives its environment's own link as ``sys._base_executable``, so the link is followed.
    """
    return str(Path(sys.executable).resolve())


def make(folder: Path, packages: Sequence[str], python: str | None = None, overrides: Sequence[str] = ()) -> None:
    """Make an environment anew.

    Args:
        folder: where.
        packages: what it holds, with versions.
        python: a version or an interpreter, by default :func:`base_interpreter`.
        overrides: requirements that replace those of the packages; one with a marker that is never true leaves a package out.

    Raises:
        subprocess.CalledProcessError: uv could not.
    """
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv") or "uv"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", python or base_interpreter(), str(folder)], check=True)
    (folder / "overrides.txt").write_text("".join(f"{line}\n" for line in overrides))
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--overrides", str(folder / "overrides.txt")]
    subprocess.run([*install, "--python", str(folder / "bin/python"), *packages], check=True)
