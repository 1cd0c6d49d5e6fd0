"""Coverage-guided fuzzing of readers with atheris, in an environment of its own (Python 3.10, for which it has a wheel)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environments

__all__ = ["READERS", "run"]

VERSION = "2.3.0"
READERS = {  # whose code is Python's, so that coverage says something, and whose files are small: the modules that are watched
    "profile": ("neurograph.hw_profiles.schema", "neurograph.plain_text"),
    "settings": ("neurograph.training.settings", "neurograph.plain_text"),
    "sweep rows": ("neurograph.kept_lines", "neurograph.settings_fields"),
    "flat file": ("neurograph.flat",),
    "samples": ("neurograph.array_files",),
    "Planetoid": ("neurograph.data.planetoid_files", "neurograph.stored_checks"),
    "weights": ("neurograph.torch_files",),
    "bundle: host": ("neurograph.export.plain_onnx", "neurograph.onnx_files"),
    "recording": ("neurograph.sim.recording_file", "neurograph.hdf5_guard"),
    "NIR": ("neurograph.export.hdf5_tree", "neurograph.export.nir_io", "neurograph.hdf5_guard"),
}
_SITE = "import sys; print(next(p for p in sys.path if p.endswith('site-packages')))"


def python() -> Path:
    """The interpreter with atheris, made if it is not there."""
    folder = environments.cached(f"atheris-{VERSION}")
    if not (folder / "bin" / "python").exists():
        environments.make(folder, [f"atheris=={VERSION}"], python="3.10")
    return folder / "bin" / "python"


def run(name: str, good: Path, seconds: float) -> tuple[int, list[tuple[str, str]], float]:
    """Fuzz one reader; executions, findings (file, what) and seconds."""
    site = subprocess.run([sys.executable, "-c", _SITE], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        child = [str(python()), str(Path(__file__).with_name("fuzz_atheris_child.py")), name, str(good), folder, site, str(seconds)]
        start = time.monotonic()
        done = subprocess.run(child, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + 900)
        spent = time.monotonic() - start
        said = done.stderr
        executions = max([int(n) for n in re.findall(r"^#(\d+)", said, re.MULTILINE)] or [0])
        at = max(said.find("Uncaught Python exception"), 0) or max(len(said) - 1500, 0)
        file = re.findall(r"^Base64: (\S*)", said, re.MULTILINE)
        findings = [] if done.returncode == 0 else [(file[-1] if file else "no file", said[at : at + 1500])]
    return executions, findings, spent
