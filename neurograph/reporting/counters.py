"""Joules of a piece of work: from the energy counters of the machine, by zeus, and where none answers from nominal power.

    measured    RAPL (processor package, and memory where the chip has a counter for it) or NVML (GPU), read before and after
    assumed     CPU seconds × watts of a busy hardware thread: the package's nominal power over its threads where the kernel tells it, else
                what cloud machines of unknown processors take

A counter counts everything that happens on its package, other programs and idling too; so an idle window is measured beside it.

zeus was chosen over codecarbon (samples power over seconds, asks the network where the machine stands), pyRAPL and pyJoules (last released
in 2019 and 2020): Apache-2.0, reads both counters around a window, Python 3.9 to 3.12. Source: You 2023, NSDI (Zeus).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["POWERCAP", "Power", "Window", "counter_of_cpu", "counter_of_gpu", "library", "nominal_power", "watch"]

POWERCAP = Path("/sys/class/powercap")
LEAST_REPEATS = 3
IDLE_S = 1.0
SETTLE_S = 2.0  # zeus's first reading starts a process of its own, which looks out for counters that overflow
_WAY_OUT = "pip install 'neurograph[measure]'"


@dataclass(frozen=True)
class Power:
    """Watts of one busy hardware thread, with a range where the source has one."""

    watts: float
    low: float | None
    high: float | None
    source: str
    url: str


# Averages over a cloud's processors, full load; low: the lowest average of an idle thread, high: the highest of a busy one.
_CLOUD = Power(
    3.5,
    0.71,
    4.26,
    "Cloud Carbon Footprint, methodology: watts of a virtual CPU by SPECpower, AWS at full load (low: GCP idle, high: GCP at full load)",
    "https://www.cloudcarbonfootprint.org/docs/methodology/",
)


@dataclass(frozen=True)
class Window:
    """A piece of work done ``repeats`` times. Joules are of all repeats, by package or GPU; empty where nothing was counted.

    Args:
        seconds, cpu_seconds: of all repeats, on the clock and of all threads of this process.
        shortest_s, longest_s: of one repeat.
        package_j, dram_j, gpu_j: by index.
        idle_w: watts of the same counters before the work, with nothing to do.
    """

    repeats: int
    seconds: float
    cpu_seconds: float
    shortest_s: float
    longest_s: float
    package_j: dict[int, float]
    dram_j: dict[int, float]
    gpu_j: dict[int, float]
    idle_w: float | None

    @property
    def joules(self) -> float:
        """Of all counters."""
        return sum(sum(part.values()) for part in (self.package_j, self.dram_j, self.gpu_j))


def library() -> str | None:
    """Name and version of the library that reads counters; None where it is not installed."""
    try:
        return f"zeus {metadata.version('zeus')}"
    except metadata.PackageNotFoundError:
        return None


def counter_of_cpu() -> tuple[Any, str]:
    """A monitor of all packages by RAPL; None and why there is none."""
    if library() is None:
        return None, f"zeus, which reads RAPL, is not installed: {_WAY_OUT}"
    from zeus.device import get_cpus
    from zeus.device.cpu.rapl import rapl_is_available
    from zeus.device.exception import ZeusBaseCPUError
    from zeus.monitor import ZeusMonitor

    if not rapl_is_available():
        return None, f"RAPL is not there: the kernel shows no {POWERCAP}/intel-rapl, as in most virtual machines"
    try:
        if len(get_cpus()) == 0:
            return None, f"RAPL is empty: {POWERCAP}/intel-rapl names no processor package"
        return ZeusMonitor(gpu_indices=[]), ""
    except (ZeusBaseCPUError, OSError, ValueError) as error:
        return None, f"RAPL does not answer on this machine ({str(error).strip().rstrip('.')})"


def counter_of_gpu(index: int) -> tuple[Any, str]:
    """A monitor of one GPU by NVML; None and why there is none."""
    if library() is None:
        return None, f"zeus, which reads NVML, is not installed: {_WAY_OUT}"
    from zeus.device import get_gpus
    from zeus.device.exception import ZeusBaseGPUError
    from zeus.monitor import ZeusMonitor

    try:
        get_gpus()
        return ZeusMonitor(gpu_indices=[index], cpu_indices=[]), ""
    except (ZeusBaseGPUError, OSError, ValueError) as error:
        return None, f"NVML does not answer on this machine ({str(error).strip().rstrip('.')})"


def watch(work: Callable[[], object], monitor: Any, seconds: float) -> Window:
    """Do the work again and again for at least ``seconds`` and at least three times, once before unwatched, with the counters read
    before and after; a monitor of None reads clocks alone."""
    work()
    idle = None if monitor is None else _idle(monitor)
    times: list[float] = []
    if monitor is not None:
        monitor.begin_window("work")
    start, cpu = time.perf_counter(), time.process_time()
    while len(times) < LEAST_REPEATS or time.perf_counter() - start < seconds:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    took, busy = time.perf_counter() - start, time.process_time() - cpu
    found = None if monitor is None else monitor.end_window("work")
    package, dram, gpu = ({}, {}, {}) if found is None else _parts(found)
    return Window(len(times), took, busy, min(times), max(times), package, dram, gpu, idle)


def nominal_power(root: Path = POWERCAP) -> Power:
    """Watts of a busy hardware thread of this machine, nominally.

    Args:
        root: the kernel's powercap folder. Nominal power is in it for everyone, also where energy is for root alone.
    """
    told = [microwatts for path in sorted(root.glob("intel-rapl:[0-9]*")) if (microwatts := _package_uw(path))]
    threads = os.cpu_count()
    if not told or not threads:
        return _CLOUD
    watts = sum(told) / 1e6
    return Power(
        watts / threads, None, None, f"{root.name}: nominal power {watts:g} W of {len(told)} packages over {threads} hardware threads", ""
    )


def _package_uw(path: Path) -> int:
    """Nominal microwatts of one package; 0 where the kernel does not say, and for what is part of a package."""
    try:
        is_package = (path / "name").read_text().strip().startswith("package")
        return int((path / "constraint_0_max_power_uw").read_text()) if is_package else 0
    except (OSError, ValueError):
        return 0


def _idle(monitor: Any) -> float:
    """Watts with nothing to do."""
    monitor.begin_window("first")
    monitor.end_window("first")
    time.sleep(SETTLE_S)
    monitor.begin_window("idle")
    time.sleep(IDLE_S)
    found = monitor.end_window("idle")
    return sum(sum(part.values()) for part in _parts(found)) / float(found.time)


def _parts(found: Any) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
    """Joules of packages, of memory and of GPUs, by index."""
    return dict(found.cpu_energy or {}), dict(found.dram_energy or {}), dict(found.gpu_energy or {})
