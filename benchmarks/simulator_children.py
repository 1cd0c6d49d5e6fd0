"""nengo-loihi's emulator and SANA-FE as simulators: one integer network, one sample, timed in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emulator_children
import numpy as np
import sanafe_energy
import scipy.sparse as sp
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import FixedLIF, Network
from neurograph.sim.inputs import prepare

__all__ = ["SIMULATORS", "Answer", "Simulator"]

Array = NDArray[Any]
LARGEST = 6_000_000  # synapses: both hold an object or a list for each


@dataclass(frozen=True)
class Answer:
    """Seconds of each repetition, the steps alone; spikes of every population that computes, (T, n)."""

    seconds: list[float]
    spikes: Mapping[str, Array]


@dataclass(frozen=True)
class Simulator:
    """One of them.

    Args:
        name: with its version.
        find: gives its interpreter, or raises a LookupError that says how to get one.
        install: makes the environment.
        script: beside this file.
        limits: what it cannot give, network → reason or None.
    """

    name: str
    find: Callable[[], Path]
    install: Callable[[], None]
    script: str
    limits: Callable[[Network], str | None]

    def missing(self) -> str | None:
        """Why it is not here, or None."""
        try:
            path = self.find()
        except LookupError as error:
            return str(error)
        return None if path.exists() else f"{self.name}: {path} does not exist; run 'python benchmarks/simulators.py --install'"

    def run(self, network: Network, inputs: Mapping[str, Array], repetitions: int, timeout_s: float) -> Answer:
        """Run the first sample.

        Raises:
            LookupError: it is not here, or cannot take the network. RuntimeError: it broke off, with its last line, or took too long.
        """
        arrays = _job(network, inputs)
        refused = self.limits(network) or _too_large(network, json.loads(str(arrays["about"]))["whole"])
        if refused:
            raise LookupError(refused)
        with tempfile.TemporaryDirectory() as folder:
            job, answer = Path(folder, "job.npz"), Path(folder, "answer.npz")
            np.savez(job, **arrays)
            command = [str(self.find()), str(Path(__file__).with_name(self.script)), str(job), str(answer), str(repetitions)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"took more than {timeout_s:.0f} s") from None
            if done.returncode != 0:
                raise RuntimeError(f"ended with status {done.returncode}: {' '.join(done.stderr.strip().splitlines()[-1:])}")
            found = dict(np.load(answer))
        spikes = {name.removeprefix("spikes/"): values for name, values in found.items() if name.startswith("spikes/")}
        return Answer(found["seconds"].tolist(), {p.name: spikes[p.name] for p in network.neurons})


def _too_large(network: Network, whole: bool) -> str | None:
    """Of a network that runs population by population only the synapses into one are held at once."""
    into = {p.name: 0 for p in network.neurons}
    for projection in network.spiking_projections:
        into[projection.target] += int(projection.weights.fan_out().sum())
    synapses = sum(into.values()) if whole else max(into.values())
    return f"{synapses:,} synapses at once, an object each: at most {LARGEST:,} are tried" if synapses > LARGEST else None


def _nengo_limits(network: Network) -> str | None:
    if any(isinstance(p.neuron, FixedLIF) and (p.neuron.reset != "value" or np.any(p.neuron.v_reset)) for p in network.neurons):
        return "no reset by subtraction"
    return None


def _sanafe_limits(network: Network) -> str | None:
    if any(isinstance(p.neuron, FixedLIF) and (np.any(p.neuron.v_reset) or p.neuron.reset_by is not None) for p in network.neurons):
        return "another reset"
    return None


def _job(network: Network, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """See simulator_jobs.py."""
    prepared = prepare(network, {name: values[:1] for name, values in inputs.items()})
    arrays = {f"spikes/{name}": spikes[0].reshape(network.ticks, -1) for name, spikes in prepared.spikes.items()}
    order = [network.populations[name] for name in network.order() if not network.populations[name].is_source]
    for population in order:
        neuron: Any = population.neuron
        values = {"du": neuron.du, "dv": neuron.dv, "vth": neuron.vth, "start": neuron.v_start, "subtract": neuron.reset == "subtract"}
        values["bias"] = prepared.bias[population.name][0] << neuron.bias_exp
        for key, value in values.items():
            arrays[f"{key}/{population.name}"] = np.broadcast_to(np.asarray(value, dtype=np.int64), population.shape).ravel()
    projections = []
    for i, p in enumerate(network.spiking_projections):
        columns = sp.csr_matrix(p.weights.to_csr().T)
        columns.eliminate_zeros()
        mode = p.sign_mode or fx.sign_mode_of(p.weights.values)
        projections.append({"source": p.source, "target": p.target, "lag": p.lag, "exponent": int(p.exponent), "sign_mode": mode})
        arrays.update({f"indptr/{i}": columns.indptr, f"targets/{i}": columns.indices, f"values/{i}": columns.data.astype(np.int64)})
    about = {
        "ticks": network.ticks,
        "whole": _as_pipeline(network, arrays),
        "populations": [{"name": p.name, "size": p.size} for p in order],
        "projections": projections,
    }
    return {"about": np.array(json.dumps(about)), **arrays}


def _as_pipeline(network: Network, arrays: Mapping[str, Array]) -> bool:
    """Whether the network can run at once: nothing acts before its tick 0, and no spike waits for longer than a step takes."""
    rests = not any(arrays[f"{key}/{p.name}"].any() for p in network.neurons for key in ("bias", "start"))
    direct = all(p.delay == 1 for p in network.spiking_projections if not network.populations[p.source].is_source)
    return rests and direct


NENGO = emulator_children.EMULATORS["nengo_loihi"]
SIMULATORS: Mapping[str, Simulator] = {
    "nengo_loihi": Simulator(
        f"{NENGO.name} {NENGO.version}",
        lambda: emulator_children.find(NENGO),
        lambda: emulator_children.install(NENGO),
        "simulator_nengo_child.py",
        _nengo_limits,
    ),
    "sanafe": Simulator(
        f"SANA-FE {sanafe_energy.VERSION}",
        sanafe_energy.find_sanafe,
        sanafe_energy.install_sanafe,
        "simulator_sanafe_child.py",
        _sanafe_limits,
    ),
}
