"""Run a placed network in SANA-FE 2.2.9 and compare its counts with neurograph's: python run.py [--json] [--detailed].

Lies in the folder that neurograph wrote, beside architecture.yaml, network.yaml and expected.json. Exit status 1 where a count differs.
With --detailed the time is that of SANA-FE's detailed timing model (messages block each other) in place of its simple one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(folder: Path, timing: str = "simple") -> dict[str, Any]:
    """Counts of SANA-FE and of neurograph, and the energy (joules) and time (seconds) that SANA-FE makes of them."""
    sanafe = importlib.import_module("sanafe")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    with _quiet():
        architecture = sanafe.load_arch(str(folder / "architecture.yaml"))
        chip = sanafe.SpikingChip(architecture)
        chip.load(sanafe.load_net(str(folder / "network.yaml"), architecture))
        result = chip.sim(expected["steps"], timing_model=timing, perf_trace=True)
    # what SANA-FE calls a spike is a synaptic event, and a neuron that spikes has "fired"
    counted = {
        "steps": result["timesteps_executed"],
        "spikes": sum(result["perf_trace"]["fired"]),
        "messages": result["packets_sent"],
        "synaptic_events": result["spikes"],
        "hops": sum(result["perf_trace"]["hops"]),
    }
    same = all(expected[name] is None or expected[name] == value for name, value in counted.items())
    return {
        "same": same,
        "sanafe": counted,
        "neurograph": expected,
        "energy_j": dict(result["energy"]),
        "time_s": result["sim_time"],
        "step_time_s": list(result["perf_trace"]["sim_time"]),
        "neurons_updated": result["neurons_updated"],
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """SANA-FE's own lines to stderr: it writes past Python's sys.stdout."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    outcome = main(Path(__file__).resolve().parent, "detailed" if "--detailed" in sys.argv else "simple")
    if "--json" in sys.argv:
        print(json.dumps(outcome))
    else:
        for name, value in outcome["sanafe"].items():
            print(f"{name}: SANA-FE {value:,}, neurograph {outcome['neurograph'][name]}")
    sys.exit(0 if outcome["same"] else 1)
