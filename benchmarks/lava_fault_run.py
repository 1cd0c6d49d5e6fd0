"""One run of a small network in Lava, for lava_faults.py: ``python lava_fault_run.py TICKS TIMEOUT [ENGINE]`` prints how it ended, as JSON.

Where $NEUROGRAPH_LAVA_PYTHON is set, this interpreter counts as one without Lava.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

from neurograph.errors import NeurographError
from neurograph.export.passes.align_delays import align_delays
from neurograph.network import LIF, FixedLIF, Network, Population, Projection, Source
from neurograph.sim.lava import engine as lava
from neurograph.sim.lava import netx
from neurograph.weights import Dense


def network(ticks: int, integer: bool = False) -> Network:
    """A source and two populations of three neurons."""
    neuron = FixedLIF(du=4095, dv=2048, vth=60, bias_mant=1, bias_exp=6, scale=1.0) if integer else LIF(0.5, 0.2)
    mode: dict[str, Any] = {"sign_mode": "mixed"} if integer else {}
    weights = Dense(np.eye(3, dtype=int) * 64 if integer else np.eye(3))
    populations = [Population("x", (3,), Source()), Population("a", (3,), neuron), Population("b", (3,), neuron)]
    projections = [Projection("x", "a", weights, **mode), Projection("a", "b", weights, **mode)]
    return align_delays(Network({p.name: p for p in populations}, tuple(projections), ticks))


def ended(ticks: int, timeout_s: float, engine: str = "float") -> dict[str, Any]:
    """How a run ended: ``error`` (class, or None), ``message``, ``seconds``."""
    if os.environ.get("NEUROGRAPH_LAVA_PYTHON"):
        sys.modules["lava.magma"] = None  # type: ignore[assignment]
    given = network(ticks, integer=engine != "float")
    inputs = {"x": np.ones((ticks, 3), np.uint8)}
    start = time.monotonic()
    try:
        if engine == "netx":
            netx.run(given, inputs, timeout_s=timeout_s)
        else:
            lava.run(given, inputs, engine="float" if engine == "float" else "fixed", timeout_s=timeout_s)
    except NeurographError as error:
        return {"error": type(error).__name__, "message": str(error), "seconds": time.monotonic() - start}
    finally:
        if sys.modules.get("lava.magma", 0) is None:
            del sys.modules["lava.magma"]
    return {"error": None, "message": "", "seconds": time.monotonic() - start}


if __name__ == "__main__":
    print("ready", flush=True)
    print(json.dumps(ended(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])))
