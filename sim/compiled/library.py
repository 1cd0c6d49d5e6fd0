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

from neurograph.errors import CompilerMissingError
from neurograph.private_cache import cache_folder, is_private, make_private
from neurograph.sim.compiled import tables

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
    import subprocess
    import tempfile

    compiler = _compiler()
    source = tables.definitions() + '#include "engine.c"\n'
    try:
        make_private(path.parent)
        descriptor, made = tempfile.mkstemp(suffix=".so", dir=path.parent)
        os.close(descriptor)
    except OSError as error:
        raise CompilerMissingError(
            f"compiled engine {path}: cannot be written ({error}); set XDG_CACHE_HOME to a folder that can"
        ) from None
    command = [compiler, *FLAGS, "-I", str(HERE), "-x", "c", "-", "-o", made]
    try:
        done = subprocess.run(command, input=source, capture_output=True, text=True, timeout=TIME_LIMIT_S)
        if done.returncode == 0:
            Path(made).chmod(0o700)
            Path(made).replace(path)
            return
        failed = next((line for line in done.stderr.splitlines() if "error" in line), f"exit status {done.returncode}")
    except (OSError, subprocess.TimeoutExpired) as error:
        failed = str(error)
    finally:
        Path(made).unlink(missing_ok=True)
    raise CompilerMissingError(
        f"compiled engine: {compiler} fails ({failed}); set CC to another compiler. Until then the NumPy engines run"
    )
