"""One Cora inference from the command line, everything counted from the start of the process: seconds, and peak memory of its processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from start_up import measure

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
print(json.dumps({"seconds": seconds, "peak_gib": int(status["VmHWM"].split()[0]) / 2**20}))  # of this program, not of who started it
"""


def start_up(bundle: Path, rounds: int = 3) -> dict[str, Any]:
    """Commands in turns (:mod:`start_up`), seconds and memory of each; an inference within Python, with its counts; what is missing.

    Raises:
        RuntimeError: a command failed, with its last line. AssertionError: spikes differ.
    """
    found = measure(bundle, rounds)
    done = subprocess.run([sys.executable, "-c", INFERENCE, str(bundle)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"an inference of {bundle}: {done.stderr.strip().splitlines()[-1:]}")
    return {**found, "inference": json.loads(done.stdout.strip().splitlines()[-1])}
