"""Finding an interpreter with SANA-FE and running a placed network in it: GPL-3, so always a child process."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from neurograph.child import Ended, Kept
from neurograph.errors import InputError, UnsupportedError
from neurograph.export.placement import Placement
from neurograph.export.targets import sanafe
from neurograph.hw_profiles.schema import Profile
from neurograph.sim.recording import Recording

__all__ = ["TIME_LIMIT_S", "VARIABLE", "VERSION", "cache_folder", "replay", "sanafe_python"]

VERSION = "2.2.9"
VARIABLE = "NEUROGRAPH_SANAFE_PYTHON"
TIME_LIMIT_S = 300.0
_PROBE = "import importlib.metadata, sanafe; print(importlib.metadata.version('sanafe'))"
_WAY_OUT = f"run 'pip install sanafe=={VERSION}' in an environment of its own and set ${VARIABLE} to its interpreter"


def cache_folder() -> Path:
    """The environment in the user's cache, ``$XDG_CACHE_HOME/neurograph/sanafe-…``; ``benchmarks/sanafe_energy.py --install`` makes it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "neurograph" / f"sanafe-{VERSION}"


def sanafe_python(interpreter: Path | None = None, probe_limit_s: float = 60.0) -> tuple[Path, str]:
    """An interpreter with SANA-FE, and its version: the one given, else $NEUROGRAPH_SANAFE_PYTHON, this one, the user's cache.

    Raises:
        InputError: there is none, or it does not run.
    """
    python = interpreter or _found()
    if python is None:
        raise InputError(
            f"SANA-FE: no interpreter has it: ${VARIABLE} is not set, {sys.executable} cannot import sanafe and {cache_folder()} does not "
            f"exist; {_WAY_OUT}"
        )
    try:
        with Kept("neurograph-probe-") as child:
            ended = child.run([str(python), "-c", _PROBE], probe_limit_s)
    except OSError as error:
        raise InputError(f"SANA-FE: {python} cannot be run ({error.strerror or error}); {_WAY_OUT}") from None
    if ended.status is None:
        raise InputError(f"SANA-FE: {python} cannot be run (no answer within {probe_limit_s:g} s); {_WAY_OUT}")
    if ended.status != 0:
        raise InputError(f"SANA-FE: {python} cannot import it ({_said(ended)}); {_WAY_OUT}")
    version = (ended.out.strip().splitlines() or [""])[-1]
    if not re.fullmatch(r"\d+(\.\w+)+", version):
        raise InputError(f"SANA-FE: {python} does not answer as a Python with it would; {_WAY_OUT}")
    return python, version


def replay(
    placement: Placement, recording: Recording, profile: Profile, interpreter: Path, time_limit_s: float = TIME_LIMIT_S
) -> tuple[dict[str, Any], dict[str, Any]]:
    """SANA-FE's answer with its simple and with its detailed timing model, as ``export/targets/sanafe_run.py`` prints it.

    Raises:
        InputError: SANA-FE fails. UnsupportedError: graded spikes, too many synapses, or a run past its time limit.
    """
    energy, time = ({key: constant.si[0] for key, constant in section.items()} for section in (profile.energy, profile.time))
    try:
        with Kept("neurograph-sanafe-") as child:
            sanafe.write(placement, recording, child.folder, energy=energy, time=time)
            command = [str(interpreter), str(child.folder / "run.py"), "--json"]
            return _run(child, command, time_limit_s), _run(child, [*command, "--detailed"], time_limit_s)
    except OSError as error:
        what = f"{error.filename or os.environ.get('TMPDIR') or 'the temporary folder'}: {error.strerror or error}"
        raise InputError(f"SANA-FE: {what}; set ${VARIABLE} to its interpreter, and TMPDIR to a folder with room") from None


def _run(child: Kept, command: list[str], time_limit_s: float) -> dict[str, Any]:
    ended = child.run(command, time_limit_s)
    if ended.status is None:
        raise UnsupportedError("SANA-FE", [f"this network in {time_limit_s:g} s, its time limit"], "export a smaller graph")
    lines = ended.out.strip().splitlines()
    failed = f"SANA-FE: '{command[0]} run.py' {ended.how} ({_said(ended)}); take sanafe {VERSION}"
    if ended.status not in (0, 1) or not lines:  # 1: a count differs, which the lines will show
        raise InputError(failed)
    try:
        found = json.loads(lines[-1])
    except (ValueError, RecursionError):
        raise InputError(failed) from None
    if not isinstance(found, dict):
        raise InputError(failed)
    return found


def _found() -> Path | None:
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if importlib.util.find_spec("sanafe") is not None:
        return Path(sys.executable)
    cached = cache_folder() / "bin/python"
    return cached if cached.exists() else None


def _said(ended: Ended) -> str:
    return ended.last_line[:500]
