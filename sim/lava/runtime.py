"""Finding, describing and installing a Python that can import Lava.

Lava 0.10 is archived and needs Python 3.10 and NumPy < 2, so it runs in a child process with an interpreter of its own: the current one if
``lava`` is importable, else ``$NEUROGRAPH_LAVA_PYTHON``, else the environment that :func:`install` made in the user's cache, where nobody
else can write to it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurograph.errors import LavaError, LavaMissingError
from neurograph.private_cache import is_own_folder, make_private

__all__ = ["LAVA_VERSION", "cache_folder", "find", "install", "status", "way_out"]

LAVA_VERSION = "0.10.0"
VARIABLE = "NEUROGRAPH_LAVA_PYTHON"
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
    raise LavaMissingError(
        f"Lava: no interpreter with lava-nc {LAVA_VERSION}: it is not importable in {sys.executable}, ${VARIABLE} is not set and "
        f"{cache_folder()} does not exist; {way_out()}"
    )


def status() -> dict[str, Any]:
    """What would run Lava: ``interpreter``, ``origin``, ``version``, and if none would, ``problem`` and ``way_out``; else None."""
    for interpreter, origin in _candidates():
        version, problem = _probe(interpreter)
        remedy = None if version else way_out()
        return {"interpreter": str(interpreter), "origin": origin, "version": version, "problem": problem, "way_out": remedy}
    return {"interpreter": None, "origin": None, "version": None, "problem": "no interpreter with Lava was found", "way_out": way_out()}


def way_out() -> str:
    """What to do where Lava does not run."""
    return f"run 'neurograph lava install' (needs Python 3.10), or set ${VARIABLE} to a Python with lava-nc {LAVA_VERSION}"


def install() -> Path:
    """Make an environment with Lava in the user's cache, with a Python 3.10 found on this machine; progress goes to stderr.

    Returns:
        The interpreter of the new environment.

    Raises:
        LavaMissingError: no Python 3.10.
        LavaError: the environment could not be made, or Lava does not import in it.
    """
    python, folder = _python310(), cache_folder()
    shutil.rmtree(folder, ignore_errors=True)
    make_private(folder.parent)
    interpreter = _interpreter_in(folder)
    commands = (
        [str(python), "-m", "venv", str(folder)],
        [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check", f"lava-nc=={LAVA_VERSION}"],
        [str(interpreter), "-c", _PROBE],
    )
    for command in commands:
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise LavaError(f"Lava install: '{' '.join(command)}' ended with status {done.returncode}; its output above says why")
    return interpreter


def _interpreter_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def _candidates() -> Iterator[tuple[Path, str]]:
    if _importable():
        yield Path(sys.executable), "this interpreter"
    elif os.environ.get(VARIABLE):
        yield Path(os.environ[VARIABLE]), f"${VARIABLE}"
    elif _interpreter_in(cache_folder()).exists() and is_own_folder(cache_folder()):
        yield _interpreter_in(cache_folder()), "neurograph lava install"


def _importable() -> bool:
    # ``lava`` is a namespace package, so any folder of that name would pass for it.
    try:
        return importlib.util.find_spec("lava.magma.core") is not None
    except (ImportError, ValueError):
        return False


def _probe(interpreter: Path) -> tuple[str | None, str | None]:
    """Version of Lava in ``interpreter``, or what is wrong."""
    try:
        done = subprocess.run([str(interpreter), "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"{interpreter} cannot be run: {error}"
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or ["no message"])[-1]
    return done.stdout.strip(), None


def _python310() -> Path:
    """A Python 3.10: this one, one on PATH, one of pyenv's, one of uv's."""
    if sys.version_info[:2] == (3, 10):
        return Path(sys.executable)
    on_path = shutil.which("python3.10")
    if on_path:
        return Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for python in sorted(pyenv.glob("3.10.*/bin/python")):
        return python
    if shutil.which("uv"):
        done = subprocess.run(["uv", "python", "find", "3.10"], capture_output=True, text=True, check=False)  # nosec B607  # the user's own uv
        if done.returncode == 0:
            return Path(done.stdout.strip())
    raise LavaMissingError(
        f"Lava install: no Python 3.10 on PATH, in {pyenv} or known to uv, and lava-nc {LAVA_VERSION} runs on no later one; install one "
        f"('uv python install 3.10') and run it again"
    )
