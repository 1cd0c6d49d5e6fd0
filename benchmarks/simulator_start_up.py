"""One Cora inference from the command line, everything counted from the start of the process: seconds, and peak memory of its processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurograph.errors import LavaMissingError
from neurograph.sim.lava import runtime

__all__ = ["start_up"]

INFERENCE = """
import json, sys, time
from pathlib import Path
from neurograph.export.bundle import open_bundle
from neurograph.sim import fixed
bundle = open_bundle(Path(sys.argv[1]))
seconds = []
for _ in range(5):
    start = time.perf_counter()
    recording = fixed.run(bundle.quantized, bundle.inputs, record="outputs", counts=True)
    seconds.append(time.perf_counter() - start)
assert recording.tally is not None
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"seconds": seconds, "peak_gib": int(status["VmHWM"].split()[0]) / 2**20}))
"""
# The peak that the system keeps of a process starts at the size of the one that started it, so a small one starts it and waits for it.
TIMED = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=2)
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss / 2**20, os.waitstatus_to_exitcode(status)]))
"""


def start_up(bundle: Path, rounds: int = 3, timeout_s: float = 400.0) -> dict[str, Any]:
    """Commands in turns, the fewest seconds of each; an inference within Python, with its counts; what is missing.

    Raises:
        RuntimeError: a command failed, with its last line.
    """
    simulate = [sys.executable, "-m", "neurograph", "simulate", str(bundle)]
    commands = {"neurograph simulate BUNDLE": simulate}
    missing = None
    try:
        interpreter = str(runtime.find())
        commands["neurograph simulate BUNDLE --engine lava-fixed"] = [*simulate, "--engine", "lava-fixed", "--timeout", str(timeout_s)]
        commands["python BUNDLE/lava/run.py"] = [interpreter, str(bundle / "lava" / "run.py")]
    except LavaMissingError as error:
        missing = f"missing: {error}"
    found: dict[str, dict[str, float]] = {}
    for turn in range(rounds):
        for name, command in commands.items():
            if "lava" in name and turn > 1:
                continue
            seconds, gib = _run(command)
            kept = found.setdefault(name, {"seconds": seconds, "peak_gib": gib})
            kept["seconds"], kept["peak_gib"] = min(seconds, kept["seconds"]), max(gib, kept["peak_gib"])
    done = subprocess.run([sys.executable, "-c", INFERENCE, str(bundle)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"an inference of {bundle}: {done.stderr.strip().splitlines()[-1:]}")
    return {"commands": found, "inference": json.loads(done.stdout.strip().splitlines()[-1]), "missing": missing}


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Seconds, and the peak memory of the process or of the largest of those that it waited for, in GiB."""
    done = subprocess.run([sys.executable, "-S", "-c", TIMED, *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    seconds, gib, status = json.loads(done.stdout)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)}: ended with status {status}: {done.stderr.strip().splitlines()[-1:]}")
    return seconds, gib
