"""One inference of a bundle from the command line, everything counted from the start of the process: ours beside Lava.

    python benchmarks/start_up.py BUNDLE [--rounds N] [--json FILE]

    neurograph simulate BUNDLE                      the fixed engine; from the second run on the sample is ready to run in the user's cache
    neurograph simulate BUNDLE --record spikes      the same without that
    neurograph simulate BUNDLE --engine lava-fixed  Lava 0.10, fixed_pt, in its child process
    python BUNDLE/lava/run.py                       Lava alone, with its own program and no neurograph

The commands take turns. The first run of each is not among the others: it compiles Python's bytecode (of all of them, into a folder of this
benchmark), and ours may compile the engine and make the sample ready. Spikes in all must be equal. CPU seconds are those of the process and
of all that it waited for, so they hold on a machine that has other work to do, where seconds do not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import machine

from neurograph.errors import LavaMissingError
from neurograph.sim.lava import runtime

__all__ = ["OURS", "measure", "table"]

OURS = "neurograph simulate BUNDLE"
TOTAL = re.compile(r"^\s*([\d,]+)  spikes in ", re.MULTILINE)
DIFFERS = re.compile(r": \d+ spikes, (\d+) of \d+ differ")
# What the system keeps as a process's peak begins with the size of the process that started it, so a small one starts it.
_TIMED = """
import json, os, sys, time
start = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - start
print(json.dumps([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20, os.waitstatus_to_exitcode(status)]))
"""


def measure(bundle: Path, rounds: int = 5, timeout_s: float = 400.0) -> dict[str, Any]:
    """Run every command ``rounds`` times and once before.

    Returns:
        ``machine``; ``commands``: name → first, best and median seconds, best CPU seconds, peak memory of a process in GiB; ``missing``:
        why Lava was not run, or None.

    Raises:
        RuntimeError: a command failed, with its last line. AssertionError: spikes differ.
    """
    commands, missing = _commands(bundle, timeout_s)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    totals: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="neurograph-bytecode-") as folder:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder
        for _ in range(rounds + 1):
            for name, command in commands.items():
                *figures, said = _run(command, environment)
                found[name].append((figures[0], figures[1], figures[2]))
                total = TOTAL.search(said)
                if total is not None:
                    totals[name] = total[1]
                assert all(count == "0" for count in DIFFERS.findall(said)), f"{name}: {said.strip().splitlines()[-1]}"
    assert len(set(totals.values())) == 1, f"spikes differ: {totals}"
    return {"machine": machine.describe(), "missing": missing, "commands": {name: _figures(runs) for name, runs in found.items()}}


def table(found: Mapping[str, Any]) -> str:
    """What was measured, for a terminal, with ratios to :data:`OURS`."""
    ours = found["commands"][OURS]
    lines = [found["machine"], "", f"{'':<48}{'first':>9}{'best':>9}{'median':>9}{'CPU':>9}{'GiB':>7}{'best':>8}{'median':>8}{'CPU':>8}"]
    for name, f in found["commands"].items():
        seconds = "".join(f"{f[key]:>7.3f} s" for key in ("first_seconds", "seconds", "median_seconds", "cpu_seconds"))
        ratios = "".join(f"{f[key] / ours[key]:>7.1f}×" for key in ("seconds", "median_seconds", "cpu_seconds"))
        lines.append(f"{name:<48}{seconds}{f['peak_gib']:>7.2f}{ratios}")
    return "\n".join([*lines, *([found["missing"]] if found["missing"] else [])])


def _commands(bundle: Path, timeout_s: float) -> tuple[dict[str, list[str]], str | None]:
    """Commands by name, and why Lava's are missing."""
    script = Path(sys.executable).with_name("neurograph")
    simulate = [*([str(script)] if script.exists() else [sys.executable, "-m", "neurograph"]), "simulate", str(bundle)]
    commands = {OURS: simulate, f"{OURS} --record spikes": [*simulate, "--record", "spikes"]}
    try:
        interpreter = str(runtime.find())
    except LavaMissingError as error:
        return commands, f"missing: {error}"
    commands[f"{OURS} --engine lava-fixed"] = [*simulate, "--engine", "lava-fixed", "--timeout", str(timeout_s)]
    commands["python BUNDLE/lava/run.py"] = [interpreter, str(bundle / "lava" / "run.py")]
    return commands, None


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float, float, str]:
    """Seconds, CPU seconds, peak memory of the process or of the largest of those that it waited for in GiB, and what it said."""
    small = [sys.executable, "-I", "-S", "-c", _TIMED, *command]
    done = subprocess.run(small, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    seconds, cpu, gib, status = json.loads(done.stdout)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: ended with status {status}: {done.stderr.strip().splitlines()[-1:]}")
    return seconds, cpu, gib, done.stderr


def _figures(runs: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    first, *rest = runs
    return {
        "first_seconds": first[0],
        "seconds": min(seconds for seconds, _, _ in rest),
        "median_seconds": statistics.median(seconds for seconds, _, _ in rest),
        "cpu_seconds": min(cpu for _, cpu, _ in rest),
        "peak_gib": max(gib for _, _, gib in runs),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    found = measure(chosen.bundle, chosen.rounds)
    print(table(found))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
