"""The Lava engines: a Network runs as Lava processes, in a child process with its own interpreter and a time limit.

However the child ends, and however this process does, nothing of the run is left: see :mod:`neurograph.child`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurograph.errors import NetworkError
from neurograph.network import CubaLIF, Network, base_of, gain_of
from neurograph.sim.inputs import Prepared, prepare
from neurograph.sim.lava import program, results, running, runtime
from neurograph.sim.recording import Recording

__all__ = ["KINDS", "run"]

Array = NDArray[Any]
KINDS = ("spikes", "voltages", "currents")
WORKER = Path(__file__).with_name("worker.py")


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
        LavaMissingError, LavaTimeoutError, LavaError: no Lava, out of time, or the worker failed; see docs/lava_faults.md.
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
    with running.kept("neurograph-lava-") as child:
        path, out = child.folder / "program.npz", child.folder / "out"
        try:
            out.mkdir()
            program.write(network, prepared, path)
        except OSError as error:
            raise running.no_folder(error) from None
        command = [str(interpreter), str(WORKER), str(path), str(out), "--engine", engine, "--record", ",".join(record)]
        running.run_worker(child, command, timeout_s)
        return _read(network, prepared, out, engine, record)


def _read(network: Network, prepared: Prepared, out: Path, engine: str, record: Sequence[str]) -> Recording:
    result = results.read_fields(out / "result.json", ("run_s", "startup_s", "processes"))
    state = np.float64 if engine == "float" else np.int32
    recorded: dict[str, dict[str, Array]] = {kind: {} for kind in KINDS}
    for number, population in enumerate(p for p in network.populations.values() if not p.is_static):
        if population.is_source:
            recorded["spikes"][population.name] = prepared.spikes[population.name]
            continue
        graded = population.is_graded  # has no u and v
        for kind in {"spikes"} if graded else {"spikes", *record}:
            dtype = state if kind != "spikes" else np.int32 if graded else np.uint8
            values = results.read_array(out / f"{kind}_{number}.npy", dtype, (prepared.samples, network.ticks, population.size))
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
