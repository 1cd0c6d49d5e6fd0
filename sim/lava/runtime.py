"""Finding, describing and installing a Python that can import Lava.

Lava 0.10 is archived and needs Python 3.10 and NumPy < 2, so it runs in a child process with an interpreter of its own: the current one if
``lava`` is importable, else ``$NEUROGRAPH_LAVA_PYTHON``, else the environment that :func:`install` made in the user's cache.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurograph.child import Kept
from neurograph.errors import LavaError, LavaMissingError

__all__ = ["LAVA_VERSION", "cache_folder", "find", "install", "status", "way_out"]

LAVA_VERSION = "0.10.0"
VARIABLE = "NEUROGRAPH_LAVA_PYTHON"
PROBE_LIMIT_S, INSTALL_LIMIT_S = 60.0, 3600.0
_PROBE = "import importlib.metadata, lava.magma, lava.proc; print(importlib.metadata.version('lava-nc'))"


def cache_folder() -> Path:
    """Where :func:`install` puts its environment: ``$XDG_CACHE_HOME/neurograph/lava``, by default under ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "neurograph" / "lava"


def find() -> Path:
    """The interpreter to run Lava with.

    Raises:
        LavaMissingError: none, with the way out.
    """
    for interpreter, _ in _candidates():
        return interpreter


def _interpreter_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def _candidates() -> Iterator[tuple[Path, str]]:
    if _importable():
        yield Path(sys.executable), "this interpreter"
    elif os.environ.get(VARIABLE):
        yield Path(os.environ[VARIABLE]), f"${VARIABLE}"
    elif _interpreter_in(cache_folder()).exists():
        yield _interpreter_in(cache_folder()), "neurograph lava install"


def _importable() -> bool:
    # ``lava`` is a namespace package, so any folder of that name would pass for it.
    try:
        return importlib.util.find_spec("lava.magma.core") is not None
    except (ImportError, ValueError):
        return False


def _probe(interpreter: Path, timeout_s: float) -> tuple[str | None, str | None]:
    """Version of Lava in ``interpreter``, or what is wrong."""
    try:
        with Kept("neurograph-probe-") as child:
            ended = child.run([str(interpreter), "-c", _PROBE], timeout_s)
    except OSError as error:
        return None, f"{interpreter} cannot be run: {error.strerror or error}"
    if ended.status is None:
        return None, f"{interpreter} cannot be run: no answer within {timeout_s:g} s"
    if ended.status != 0:
        return None, ended.last_line if ended.status > 0 else f"{interpreter} {ended.how}"
    version = ended.out.strip()
    if not re.fullmatch(r"\d+(\.\w+)+", version):
        return None, f"{interpreter} does not answer as a Python with Lava would"
    return version, None


def _python310() -> Path:
    """A Python 3.10 that runs: this one, one on PATH, one of pyenv's, one of uv's."""
    if sys.version_info[:2] == (3, 10):
        return Path(sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for python in filter(None, (shutil.which("python3.10"), *sorted(pyenv.glob("3.10.*/bin/python")), _uv_python310())):
        if (
            _answer([str(python), "-c", "import sys; print(sys.version_info[:2])"]) == "(3, 10)"
        ):  # a shim of pyenv's may be there and not run
            return Path(python)
    raise LavaMissingError(
        f"Lava install: no Python 3.10 on PATH, in {pyenv} or known to uv, and lava-nc {LAVA_VERSION} runs on no later one; install one "
        f"('uv python install 3.10') and run it again"
    )


def _uv_python310() -> str | None:
    uv = shutil.which("uv")
    return uv and _answer([uv, "python", "find", "3.10"])


def _answer(command: list[str]) -> str | None:
    """What a command prints, if it ends well and soon."""
    try:
        with Kept("neurograph-probe-") as child:
            ended = child.run(command, 20.0)
    except OSError:
        return None
    return ended.out.strip() if ended.status == 0 else None
