"""Run a worker script of Lava's with a fault in it: ``python lava_fault_worker.py FAULT WORKER.py ARGUMENTS``, see lava_faults.py.

The script is the product's own; the fault comes into it from outside, as a signal, a limit, or a change to what Lava or the worker calls.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

FLOOD_BYTES = 150_000_000  # on each of stdout and stderr


def at_start(fault: str) -> None:
    """Faults before Lava is imported."""
    if fault == "start-segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "start-exit":
        os._exit(3)
    if fault.endswith("-deaf"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    if fault.startswith("start-hang"):
        time.sleep(1e6)
    if fault == "flood":
        for number in (1, 2):
            threading.Thread(target=flood, args=(number,), daemon=True).start()
    if fault == "daemon":  # a process in a session of its own, whose parent ends at once
        orphan = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1e6)'], start_new_session=True)"
        subprocess.run([sys.executable, "-c", orphan], check=True)


def flood(number: int) -> None:
    """Hundreds of megabytes, half of them without an end of line."""
    for index in range(FLOOD_BYTES // 1_000_000):
        os.write(number, b"x" * 1_000_000 if index % 2 else b"x\n" * 500_000)


def in_a_process(fault: str) -> None:
    """Faults in one of Lava's processes, at its fifth step."""
    import processes

    def run_spk(self: Any) -> None:
        if self.time_step == 5:
            {
                "model-raise": lambda: 1 // 0,
                "model-segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
                "model-exit-0": lambda: os._exit(0),
                "model-exit-3": lambda: os._exit(3),
                "model-hang": lambda: time.sleep(1e6),
                "model-hang-deaf": lambda: time.sleep(1e6),
                "model-memory": lambda: bytearray(1 << 40),
                "model-long-error": lambda: (_ for _ in ()).throw(ValueError("x" * 10_000_000)),
            }[fault]()
        before(self)

    before = processes._Neurons.run_spk
    processes._Neurons.run_spk = run_spk


def at_stop(fault: str) -> None:
    """Faults while Lava's processes stop."""
    from lava.magma.runtime.runtime import Runtime

    def stop(self: Any) -> None:
        if fault == "stop-kill":
            os.kill(self._messaging_infrastructure.actors[-1].pid, signal.SIGKILL)
            before(self)
        time.sleep(1e6)

    before = Runtime.stop
    Runtime.stop = stop


def in_results(fault: str, out: Path) -> None:
    """Faults in what the worker leaves, when all is done."""
    import numpy as np
    import watch

    def quit_all(status: int) -> None:
        logs = sorted(out.glob("*.npy"))
        result = out / "result.json"
        if fault == "result-missing":
            result.unlink()
        elif fault == "result-rubbish":
            result.write_bytes(b"\xff{")
        elif fault == "result-numbers":
            result.write_text('{"run_s": "soon", "startup_s": NaN}')
        elif fault == "result-huge":
            result.write_text("[" * (1 << 25))
        elif fault == "log-missing":
            logs[-1].unlink()
        elif fault == "log-cut":
            os.truncate(logs[-1], logs[-1].stat().st_size - 1)
        elif fault == "log-shape":
            np.save(logs[-1], np.zeros((1, 2, 3)))
        elif fault == "log-pickle":
            np.save(logs[-1], np.array([{}], dtype=object), allow_pickle=True)
        elif fault == "log-huge":
            np.lib.format.open_memmap(logs[-1], mode="w+", dtype=np.uint8, shape=(1 << 42,))
        before(status)

    before = watch.quit_all
    watch.quit_all = quit_all


def main() -> None:
    """Command line."""
    fault, script = sys.argv[1], Path(sys.argv[2])
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(script.parent))
    at_start(fault)
    if fault.startswith("model-"):
        in_a_process(fault)
    elif fault.startswith("stop-"):
        at_stop(fault)
    elif fault.startswith(("result-", "log-")):
        in_results(fault, Path(sys.argv[2]))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
