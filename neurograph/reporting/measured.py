"""What the reference path costs on the machine at hand: the bundle's float network on its own sample, in this process.

    seconds an inference = wall time / (repeats · samples)
    energy an inference  = joules of the counters / (repeats · samples)            label "measured"
                         = CPU seconds · watts a thread / (repeats · samples)      label "assumed"

The encoder and the readout of the host are in neither. On a GPU the same network runs in the device engine.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from neurograph.errors import NeurographError
from neurograph.reporting.counters import Power, Window, counter_of_cpu, counter_of_gpu, library, nominal_power, watch
from neurograph.sim import choice, floating

__all__ = ["SECONDS", "measured_of"]

SECONDS = 2.0  # of a window: RAPL's counters move every millisecond, NVML's every 20 to 100

_WHAT = "the float network on the bundle's own sample; encoder and readout of the host are not in it"


def measured_of(bundle: Any, *, seconds: float = SECONDS) -> dict[str, Any]:
    """Time and energy of a bundle's float network on its own sample, on this processor and, where there is one, on a GPU.

    Args:
        bundle: as :func:`neurograph.export.bundle.open_bundle` gives it.
        seconds: the work is repeated for at least so long, and at least three times.

    Returns:
        ``reference`` and ``gpu``, each with ``engine``, ``what``, ``machine``, ``repeats``, ``seconds_per_inference``, ``energy_j``,
        ``label`` ("measured" or "assumed", of the energy), ``counter``, ``library``, ``idle_subtracted``; ``reason`` where no counter
        answered, and ``power`` where it was assumed. A GPU that is not there, or cannot run it, has a ``reason`` alone.
    """
    return {"reference": _processor(bundle, seconds), "gpu": _gpu(bundle, seconds)}


def _processor(bundle: Any, seconds: float) -> dict[str, Any]:
    engine, work, samples = _float_run(bundle)
    monitor, reason = counter_of_cpu()
    window = watch(work, monitor, seconds)
    found = {"engine": engine, **_times(window, samples), "machine": _machine()}
    if window.package_j:
        return {**found, **_counted(window, samples, "RAPL")}
    return {**found, **_assumed(window, samples, nominal_power(), reason or "RAPL counted nothing")}


def _gpu(bundle: Any, seconds: float) -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return {"reason": "no GPU: PyTorch finds no usable NVIDIA GPU and driver"}
    from neurograph.sim.device import Simulator

    index = torch.cuda.current_device()
    monitor, reason = counter_of_gpu(index)
    try:
        ready = Simulator(bundle.network, device=f"cuda:{index}")
        samples = ready.run(bundle.inputs, record="outputs").samples
        window = watch(lambda: ready.run(bundle.inputs, record="outputs"), monitor, seconds)
    except NeurographError as error:
        return {"reason": f"the device engine does not run it: {error}"}
    found = {
        "engine": f"float, device engine on cuda:{index}",
        **_times(window, samples),
        "machine": f"{torch.cuda.get_device_name(index)}, {_machine()}",
    }
    if any(window.gpu_j.values()):
        return {**found, **_counted(window, samples, "NVML")}
    return {**found, "reason": reason or "NVML counted nothing", "energy_j": None, "label": None, "counter": None, "library": library()}


def _float_run(bundle: Any) -> tuple[str, Callable[[], object], int]:
    """Name of the engine, one run of the sample in it, and the samples of a run."""
    network, inputs = bundle.network, bundle.inputs
    ready = choice.simulator(network, None, integer=False)
    if ready is None:
        run = floating.run(network, inputs, record="outputs", compiled=False)
        return "float, NumPy", lambda: floating.run(network, inputs, record="outputs", compiled=False), run.samples
    return "float, compiled kernels", lambda: ready.run(inputs, record="outputs"), ready.run(inputs, record="outputs").samples


def _times(window: Window, samples: int) -> dict[str, Any]:
    inferences = window.repeats * samples
    return {
        "what": _WHAT,
        "repeats": window.repeats,
        "samples": samples,
        "wall_s": window.seconds,
        "seconds_per_inference": window.seconds / inferences,
        "seconds_range": {"low": window.shortest_s / samples, "high": window.longest_s / samples},
        "threads_busy": window.cpu_seconds / window.seconds,
    }


def _counted(window: Window, samples: int, counter: str) -> dict[str, Any]:
    inferences = window.repeats * samples
    total = window.joules / inferences
    parts = {"package": window.package_j, "dram": window.dram_j, "gpu": window.gpu_j}
    idle = None if window.idle_w is None else window.idle_w * window.seconds / inferences
    return {
        "energy_j": {
            "total": total,
            **{name: sum(part.values()) / inferences for name, part in parts.items() if part},
            "idle": idle,
            "above_idle": None if idle is None else total - idle,
        },
        "label": "measured",
        "counter": counter,
        "library": library(),
        "idle_w": window.idle_w,
        "idle_subtracted": False,
    }


def _assumed(window: Window, samples: int, power: Power, reason: str) -> dict[str, Any]:
    busy = window.cpu_seconds / (window.repeats * samples)
    return {
        "energy_j": {
            "total": busy * power.watts,
            "low": None if power.low is None else busy * power.low,
            "high": None if power.high is None else busy * power.high,
        },
        "label": "assumed",
        "counter": None,
        "library": library(),
        "idle_subtracted": False,
        "reason": reason,
        "power": {
            "watts_per_thread": power.watts,
            "low": power.low,
            "high": power.high,
            "status": "assumed",
            "source": power.source,
            "url": power.url,
        },
    }


def _machine() -> str:
    """Processor, hardware threads, system, and the versions that the run rests on."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "torch"))
    return f"{_model()}, {os.cpu_count()} hardware threads, {platform.system()}, Python {platform.python_version()}, {versions}"


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor() or "processor")
