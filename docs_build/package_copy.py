"""The package in one folder, as a wheel has it: what reads sources does not follow the mapping of folders in pyproject.toml."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["package_copy"]


def package_copy(root: Path, into: Path) -> Path:
    """Copy the package of the checkout ``root`` into the folder ``into``, which is made anew, and return it."""
    shutil.rmtree(into, ignore_errors=True)
    mapping: dict[str, str] = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]
    for package in sorted(mapping):  # a package before those inside it
        shutil.copytree(root / mapping[package], into.joinpath(*package.split(".")), ignore=shutil.ignore_patterns("__pycache__"))
    return into
