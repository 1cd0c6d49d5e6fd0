"""The Lava engines: a Network runs as Lava processes, in a child process with its own interpreter and a time limit.

The child is the leader of its own process group. However it ends, the whole group, its temporary folder and its shared-memory segments (all
named after this run) are removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import LavaError, LavaMissingError, LavaTimeoutError, NetworkError
from neurograph.network import CubaLIF, Network, base_of, gain_of
from neurograph.sim.inputs import Prepared, prepare
from neurograph.sim.lava import program, runtime
from neurograph.sim.recording import Recording

__all__ = ["KINDS", "run", "run_worker", "short_folder"]

Array = NDArray[Any]
KINDS = ("spikes", "voltages", "currents")
WORKER = Path(__file__).with_name("worker.py")
SHARED_MEMORY = Path("/dev/shm")  # nosec B108  # looked at, not written to
_GRACE_S = 3.0  # for the worker to end its own children before the group is killed
_TAIL_LINES = 200
_SOCKET_PATH_LIMIT = 60  # multiprocessing adds about 40 characters, and a Unix socket's path has 108


def run(
    network: Network,
    inputs: Mapping[str, Array],
    *,
    engine: Literal["fixed", "float"] = "fixed",
    timeout_s: float = 170.0,
    record: Sequence[str] = KINDS,
) -> Recording:
    """Run an aligned network in Lava.

    Args:
        network: depths and delays set by ``align_delays``; integer for "fixed", float for "float".
        inputs: source → values, see :mod:`neurograph.sim.inputs`.
        engine: Lava's ``fixed_pt`` or ``floating_pt`` process models.
        timeout_s: seconds for start-up and run together.
        record: which of spikes, voltages and currents to keep; spikes always are.

    Returns:
        Recording "lava-fixed" or "lava-float" in ticks of the model: what population p did at machine step s·period + t + depth(p) stands
        at sample s, tick t. v is after the reset, u and v are int32 (fixed) or float64, and graded populations have none; ``notes`` has
        start-up seconds and process count.

    Raises:
        NetworkError: not aligned, or float for "fixed" and the other way round.
        UnsupportedError, QuantizationError: see :func:`neurograph.sim.lava.program.write`.
        LavaMissingError, LavaTimeoutError, LavaError: no Lava, out of time, or the worker failed.
        InputError: inputs that do not fit.
    """
    if engine not in ("fixed", "float"):
        raise NetworkError(f"Lava engine {engine!r}: must be 'fixed' or 'float'")
    for kind in record:
        if kind not in KINDS:
            raise NetworkError(f"Lava record {kind!r}: must be one of {', '.join(KINDS)}")
    if network.is_integer != (engine == "fixed"):
        kinds = ("an integer", "float") if network.is_integer else ("a float", "fixed")
        way_out = "use engine='fixed', or the float network" if network.is_integer else "quantise it, or use engine='float'"
        raise NetworkError(f"network: it is {kinds[0]} network, which lava-{engine} cannot run; {way_out}")
    interpreter = runtime.find()
    prepared = prepare(network, inputs)
    with tempfile.TemporaryDirectory(prefix="neurograph-lava-", dir=short_folder()) as folder:
        path, out = Path(folder, "program.npz"), Path(folder, "out")
        out.mkdir()
        program.write(network, prepared, path)
        run_worker(
            [str(interpreter), str(WORKER), str(path), str(out), "--engine", engine, "--record", ",".join(record)], Path(folder), timeout_s
        )
        return _read(network, prepared, out, engine, record)


def run_worker(command: list[str], folder: Path, timeout_s: float, tag: str | None = None) -> None:
    """Run a worker command in its own session, with ``folder`` for its temporary files; nothing of it is left when this returns.

    ``tag`` is how the names of its shared-memory segments start, by default a random one.

    Raises:
        LavaTimeoutError: it ran past ``timeout_s``. LavaError: it ended with a status other than 0. LavaMissingError: the interpreter is no
            good.
    """
    tag = tag or f"ng{secrets.token_hex(6)}"
    # One thread a process: Lava already runs one process a population, and BLAS threads on top of them only wait for each other.
    environment = {**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        worker = subprocess.Popen(
            [*command, "--tag", tag],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise LavaMissingError(f"Lava: {command[0]} cannot be run: {error.strerror}; {runtime.way_out()}") from None
    assert worker.stdout is not None
    tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
    reader = threading.Thread(target=_keep_tail, args=(worker.stdout, tail), daemon=True)
    reader.start()
    ended = False
    try:
        with _control_c() as interrupted:
            ended = _wait(worker, timeout_s, interrupted)
            if interrupted.is_set():
                raise KeyboardInterrupt
    finally:
        said = _last_line(tail)
        _end(worker, ended)
        reader.join(_GRACE_S)
        worker.stdout.close()
        for segment in SHARED_MEMORY.glob(f"{tag}_*"):
            segment.unlink(missing_ok=True)
    if not ended:
        raise LavaTimeoutError(
            f"Lava worker: killed after {timeout_s:g} s, its limit ({said}); give a larger limit (--timeout), or fewer samples"
        )
    if worker.returncode == 0:
        return
    reason = _last_line(tail)
    if reason.startswith("ModuleNotFoundError"):
        raise LavaMissingError(f"Lava: {command[0]} cannot run it: {reason}; {runtime.way_out()}")
    raise LavaError(f"Lava worker: ended with status {worker.returncode}, must be 0: {reason}; 'neurograph lava status' checks the runtime")


def short_folder() -> str | None:
    """Where a worker's temporary files go, if the usual place would make the paths of its sockets too long."""
    return "/tmp" if len(tempfile.gettempdir()) > _SOCKET_PATH_LIMIT else None  # nosec B108  # for mkdtemp


@contextlib.contextmanager
def _control_c() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets: an exception could be raised inside some finaliser, where Python drops it and the run would go on."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed  # only the main thread hears of signals
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.set())
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _wait(worker: subprocess.Popen[bytes], timeout_s: float, stop: threading.Event | None = None) -> bool:
    """Wait until the worker has ended, without reaping it: as long as it is a zombie, its process group's number can't be given away."""
    deadline = time.monotonic() + timeout_s
    while os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline or (stop is not None and stop.is_set()):
            return False
        time.sleep(0.02)
    return True


def _end(worker: subprocess.Popen[bytes], ended: bool) -> None:
    """Let the worker end its children and reap them if it can, then kill what is left of its group."""
    if not ended:
        worker.send_signal(signal.SIGTERM)
        _wait(worker, _GRACE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _keep_tail(stream: IO[bytes], tail: deque[bytes]) -> None:
    with contextlib.suppress(ValueError, OSError):
        while line := stream.readline(4096):
            tail.append(line)


def _last_line(tail: Sequence[bytes]) -> str:
    """The worker's own word on what went wrong if there is one; Python's resource tracker may speak after it."""
    lines = [line for line in (raw.decode(errors="replace").strip() for raw in tail) if line]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["nothing"])[-1]


def _read(network: Network, prepared: Prepared, out: Path, engine: str, record: Sequence[str]) -> Recording:
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    recorded: dict[str, dict[str, Array]] = {kind: {} for kind in KINDS}
    for number, population in enumerate(p for p in network.populations.values() if not p.is_static):
        if population.is_source:
            recorded["spikes"][population.name] = prepared.spikes[population.name]
            continue
        graded = population.is_graded  # has no u and v
        for kind in {"spikes"} if graded else {"spikes", *record}:
            values = np.load(out / f"{kind}_{number}.npy", allow_pickle=False)
            if kind == "voltages" and engine == "float":
                values = values + _rest(network, population.name)
            recorded[kind][population.name] = values.reshape(*values.shape[:2], *population.shape)
        if engine == "float" and "currents" in record and not graded:
            currents = recorded["currents"]
            currents[population.name] = _model_current(network, prepared, population.name, currents[population.name])
    return Recording(
        engine=f"lava-{engine}",
        ticks=network.ticks,
        machine_steps=program.steps(network, prepared.samples),
        wall_s=result["run_s"],
        notes={"startup_s": result["startup_s"], "processes": result["processes"]},
        spikes=recorded["spikes"],
        voltages=recorded.get("voltages", {}),
        currents=recorded.get("currents", {}),
    )


def _rest(network: Network, name: str) -> Array:
    """The base from which Lava's v is counted (see program.py), flat."""
    population = network.populations[name]
    return np.broadcast_to(np.asarray(base_of(population.neuron)), population.shape).ravel()


def _model_current(network: Network, prepared: Prepared, name: str, u: Array) -> Array:
    """Lava's u is γ times ours, and where the bias enters v (anything but a CubaLIF) lacks it."""
    neuron = network.populations[name].neuron
    gain = np.broadcast_to(np.asarray(gain_of(neuron)), network.populations[name].shape)
    current = np.divide(u, gain, out=np.zeros_like(u), where=gain != 0)  # what γ = 0 lets through cannot be known
    return current if isinstance(neuron, CubaLIF) else current + prepared.bias[name][:, None]
