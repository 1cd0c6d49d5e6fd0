"""The library: ``engine.c`` made by the machine's own C compiler, for its own processor, once; kept in the user's cache.

The name of a library is a hash of the sources, the compiler and the processor, so that a cache shared by several machines, or an upgrade,
never brings a wrong one. One that somebody else could have written is not loaded but made anew (:mod:`neurograph.private_cache`). Two
processes that make it at once do not harm each other: each writes a file of its own and renames it.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from neurograph.errors import CompilerMissingError
from neurograph.private_cache import cache_folder, is_private, make_private
from neurograph.sim.compiled import tables

if TYPE_CHECKING:
    from neurograph.child import Kept

__all__ = ["available", "library"]

HERE = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fwrapv", "-ffp-contract=off", "-fPIC", "-shared", "-pthread", "-std=gnu11", "-w")
TIME_LIMIT_S = 120


def available() -> bool:
    """Whether the library can be had here."""
    try:
        library()
    except CompilerMissingError:
        return False
    return True


@functools.cache
def library() -> ctypes.CDLL:
    """The library, made if it is not there yet.

    Raises:
        CompilerMissingError: there is no C compiler, or it fails.
    """
    path = _path()
    if not is_private(path):
        _make(path)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerMissingError(f"compiled engine {path}: cannot be loaded ({error}); delete the file and run again") from None


def _compiler() -> str:
    import shutil

    names = [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise CompilerMissingError(
            f"compiled engine: no C compiler ({', '.join(names)}) on this machine; install gcc or clang, or set CC to one. Until then "
            "the NumPy engines run, with the same spikes"
        )
    return found


def _path() -> Path:
    sources = [tables.definitions().encode(), *(path.read_bytes() for path in sorted(HERE.glob("*.[ch]")))]
    key = hashlib.sha256(b"\0".join([*sources, " ".join(FLAGS).encode(), _processor().encode(), os.environ.get("CC", "").encode()]))
    return cache_folder() / f"engine-{key.hexdigest()[:20]}.so"


def _processor() -> str:
    system = os.uname() if hasattr(os, "uname") else None
    try:
        with Path("/proc/cpuinfo").open() as file:
            flags = next(line for line in file if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        import platform

        flags = platform.processor()
    return f"{system and (system.sysname, system.machine)} {flags}"


def _make(path: Path) -> None:
    """Compile it under another name, then rename."""
    from neurograph.child import Kept
    from neurograph.files import put_file
    from neurograph.siblings import clear

    compiler = _compiler()
    try:
        make_private(path.parent)
        clear(path.parent)  # of other versions too, which nobody may make again
        # Beside the library, so that it can be renamed to it.
        with Kept(".engine-", where=str(path.parent)) as child:
            made, source = child.folder / "engine.so", child.folder / "source.c"
            source.write_text(tables.definitions() + '#include "engine.c"\n')
            failed = _compile(child, [compiler, *FLAGS, "-I", str(HERE), str(source), "-o", str(made)], made)
            if failed is None:
                made.chmod(0o700)
                put_file(made, path)
                return
    except OSError as error:
        raise CompilerMissingError(
            f"compiled engine {path}: cannot be written ({error.strerror or error}); set XDG_CACHE_HOME to a folder that can"
        ) from None
    raise CompilerMissingError(
        f"compiled engine: {compiler} fails ({failed}); set CC to another compiler. Until then the NumPy engines run"
    )


def _compile(child: Kept, command: list[str], made: Path) -> str | None:
    """Run the compiler; what is wrong with it or with what it made, or None."""
    try:
        ended = child.run(command, TIME_LIMIT_S)
    except OSError as error:
        return error.strerror or str(error)
    if ended.status is None:
        return f"not done after {TIME_LIMIT_S} s, its limit"
    if ended.status != 0:
        return next((line for line in ended.lines if "error" in line), ended.how)
    if not made.exists():
        return "it wrote nothing"
    try:
        ctypes.CDLL(str(made)).count_right  # noqa: B018
    except (OSError, AttributeError) as error:
        return f"what it wrote cannot be loaded: {error}"
    return None
