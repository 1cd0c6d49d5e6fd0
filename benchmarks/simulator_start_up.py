"""One Cora inference from the command line, everything counted from the start of the process: seconds, and peak memory of its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurograph.errors import LavaMissingError
from neurograph.sim.lava import runtime

__all__ = ["start_up"]

INFERENCE = """
import json, resource, sys, time
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
print(json.dumps({"seconds": seconds, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))
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
            if turn and "lava" in name and turn > 1:
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
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"{' '.join(command)}: ended with status {process.returncode}: {lines[-1:]}")
    return seconds, usage.ru_maxrss / 2**20
