"""Parts of NumPy and SciPy that no command needs at its start are loaded when they are first used.

NumPy 1 and SciPy import them whether they are wanted or not, for a fifth of the time that a short run takes (NumPy 2 postpones its own).
:class:`importlib.util.LazyLoader` makes the module at once and runs its code when the first of its names is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

__all__ = ["postpone"]

_LATER = {"numpy.ctypeslib", "numpy.ma", "numpy.polynomial", "scipy.sparse.csgraph"}


def postpone() -> None:
    """From here on, in this process."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


class _Finder:
    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _LATER:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec
