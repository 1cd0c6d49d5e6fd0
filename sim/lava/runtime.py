"""Finding, describing and installing a Python that can import Lava.

Lava 0.10 is archived and needs Python 3.10 and NumPy < 2, so it runs in a child process with an interpreter of its own: the current one if
``lava`` is importable, else ``$NEUROGRAPH_LAVA_PYTHON``, else the environment that :func:`install` made in the user's cache, where nobody
else can write to it.
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
from neurograph.private_cache import is_own_folder, make_private

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
    raise LavaMissingError(
        f"Lava: no interpreter with lava-nc {LAVA_VERSION}: it is not importable in {sys.executable}, ${VARIABLE} is not set and "
        f"{cache_folder()} does not exist; {way_out()}"
    )


def status(timeout_s: float = PROBE_LIMIT_S) -> dict[str, Any]:
    """What would run Lava: ``interpreter``, ``origin``, ``version``, and if none would, ``problem`` and ``way_out``; else None.

    An interpreter that does not answer within ``timeout_s`` is a problem too.
    """
    for interpreter, origin in _candidates():
        version, problem = _probe(interpreter, timeout_s)
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
    try:
        shutil.rmtree(folder, ignore_errors=True)
        make_private(folder.parent)
    except OSError as error:
        raise LavaError(f"Lava install: {folder}: {error.strerror or error}; set XDG_CACHE_HOME to a folder that is writable") from None
    interpreter = _interpreter_in(folder)
    commands = (
        [str(python), "-m", "venv", str(folder)],
        [str(interpreter), "-m", "pip", "install", "--disable-pip-version-check", f"lava-nc=={LAVA_VERSION}"],
        [str(interpreter), "-c", _PROBE],
    )
    done = False
    try:
        with Kept("neurograph-install-", show=True) as child:
            for command in commands:
                ended = child.run(command, INSTALL_LIMIT_S)
                if ended.status != 0:
                    what = f"took more than {INSTALL_LIMIT_S:g} s" if ended.status is None else ended.how
                    raise LavaError(f"Lava install: '{' '.join(command)}' {what}; its output above says why")
        done = True
    except OSError as error:
        raise LavaError(f"Lava install: {error.filename or folder}: {error.strerror or error}; mend that and run it again") from None
    finally:
        if not done:  # Ctrl-C too
            shutil.rmtree(folder, ignore_errors=True)
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
