"""What a newcomer waits for: a wheel built, installed in an empty environment, and the demo run there, far from the checkout.

    python benchmarks/first_hour.py [--python PYTHON] [--lava-python PYTHON] [--no-cache] [--runs 10] [--keep DIR] [--json FILE]

``--python`` makes the environment (the one that runs this if not given), ``--lava-python`` is an interpreter with Lava 0.10; without one
the demo goes on without Lava. ``--no-cache`` downloads every package again, else uv takes those that it has. Seconds are those of a clock;
CPU seconds, of the process and of all that it waited for, hold on a machine that has other work to do. The first ``--help`` also compiles
Python's bytecode, the first demo also the engine: its cache is empty.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine

__all__ = ["measure", "table"]

ROOT = Path(__file__).resolve().parents[1]
SHORT = (["--version"], ["--help"], ["export", "--help"], ["profiles", "list"])
WHOLE = (["check", "demo/bundle"], ["report", "demo/bundle", "--format", "html", "-o", "report.html"], ["simulate", "demo/bundle"])


def measure(folder: Path, python: str, lava_python: str | None = None, *, no_cache: bool = False, runs: int = 10) -> dict[str, Any]:
    """Build, install and run.

    Returns:
        ``machine``, ``python``, ``lava`` (whether the demo compared with it), ``steps``: name → [seconds, CPU seconds], of ``--help`` and
        such the median of ``runs``.

    Raises:
        RuntimeError: a step failed, with what it said.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "NG_TREE", "PYTHONDONTWRITEBYTECODE")}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "NEUROGRAPH_LAVA_PYTHON": lava_python or ""}
    uv_cache = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))}
    steps: dict[str, tuple[float, float]] = {}

    def step(name: str, *command: object, **more: str) -> str:
        seconds, cpu, said = _timed([str(part) for part in command], folder, {**environment, **more})
        steps[name] = (seconds, cpu)
        return said

    step("build the wheel", sys.executable, "-m", "build", "--wheel", "-o", folder / "dist", ROOT)
    (wheel,) = (folder / "dist").glob("*.whl")
    step("make an empty environment", python, "-m", "venv", folder / "env")
    uv, bin_ = Path(sys.executable).with_name("uv"), folder / "env" / "bin"
    step("install the wheel", uv, "pip", "install", *["--no-cache"] * no_cache, "--python", bin_ / "python", wheel, **uv_cache)
    step("neurograph --help, the first time", bin_ / "neurograph", "--help")
    said = step("neurograph demo, the first time", bin_ / "neurograph", "demo", "-o", "demo", "--json")
    found = json.loads(said)
    if not found["ok"]:
        raise RuntimeError("the demo found a mismatch")
    step("neurograph demo, again", bin_ / "neurograph", "demo", "-o", "demo", "--json")
    for words in WHOLE:
        step("neurograph " + " ".join(words), bin_ / "neurograph", *words)
    for words in SHORT:
        both = [_timed([str(bin_ / "neurograph"), *words], folder, environment)[:2] for _ in range(runs)]
        steps[f"neurograph {' '.join(words)}"] = (statistics.median(a for a, _ in both), statistics.median(b for _, b in both))
    version = subprocess.run([bin_ / "python", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"machine": machine.describe(), "python": version, "lava": found["lava"], "runs": runs, "no_cache": no_cache, "steps": steps}


def table(found: dict[str, Any]) -> str:
    """The steps for a terminal, and their sum to the first result."""
    steps = found["steps"]
    packages = "downloaded" if found["no_cache"] else "from uv's cache where it has them"
    lines = [f"{found['machine']}; {found['python']}, packages {packages}, {'with' if found['lava'] else 'without'} Lava", ""]
    lines += [f"{'':<62}{'seconds':>9}{'CPU':>9}"]
    lines += [f"{name:<62}{seconds:>9.2f}{cpu:>9.2f}" for name, (seconds, cpu) in steps.items()]
    first = ("make an empty environment", "install the wheel", "neurograph demo, the first time")
    sums = [sum(steps[name][index] for name in first) for index in (0, 1)]
    return "\n".join([*lines, f"{'from an empty environment to the end of the demo':<62}{sums[0]:>9.2f}{sums[1]:>9.2f}"])


def _timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, str]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--lava-python")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--keep", type=Path, help="folder for it all, which must not exist yet")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="neurograph-first-hour-") as temporary:
        folder = (given.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=given.keep is None)
        found = measure(folder, given.python, given.lava_python, no_cache=given.no_cache, runs=given.runs)
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
