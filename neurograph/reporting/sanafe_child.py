"""Finding an interpreter with SANA-FE and running a placed network in it: GPL-3, so always a child process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from neurograph.errors import InputError, UnsupportedError
from neurograph.export.placement import Placement
from neurograph.export.targets import sanafe
from neurograph.hw_profiles.schema import Profile
from neurograph.siblings import scratch_folder
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


def sanafe_python(interpreter: Path | None = None) -> tuple[Path, str]:
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
        done = subprocess.run([str(python), "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"SANA-FE: {python} cannot be run ({error}); {_WAY_OUT}") from None
    if done.returncode != 0:
        raise InputError(f"SANA-FE: {python} cannot import it ({_last_line(done.stderr)}); {_WAY_OUT}")
    return python, done.stdout.strip().splitlines()[-1]


def replay(
    placement: Placement, recording: Recording, profile: Profile, interpreter: Path, time_limit_s: float = TIME_LIMIT_S
) -> tuple[dict[str, Any], dict[str, Any]]:
    """SANA-FE's answer with its simple and with its detailed timing model, as ``export/targets/sanafe_run.py`` prints it.

    Raises:
        InputError: SANA-FE fails. UnsupportedError: graded spikes, too many synapses, or a run past its time limit.
    """
    energy, time = ({key: constant.si[0] for key, constant in section.items()} for section in (profile.energy, profile.time))
    with scratch_folder("neurograph-sanafe") as folder:
        sanafe.write(placement, recording, folder, energy=energy, time=time)
        command = [str(interpreter), str(folder / "run.py"), "--json"]
        return _run(command, time_limit_s), _run([*command, "--detailed"], time_limit_s)


def _run(command: list[str], time_limit_s: float) -> dict[str, Any]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=time_limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise UnsupportedError("SANA-FE", [f"this network in {time_limit_s:g} s, its time limit"], "export a smaller graph") from None
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not lines or not lines[-1].startswith("{"):  # 1: a count differs, which the lines will show
        raise InputError(
            f"SANA-FE: '{command[0]} run.py' ended with status {done.returncode} ({_last_line(done.stderr)}); take sanafe {VERSION}"
        )
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _found() -> Path | None:
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if importlib.util.find_spec("sanafe") is not None:
        return Path(sys.executable)
    cached = cache_folder() / "bin/python"
    return cached if cached.exists() else None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]
