"""Brian2Loihi and nengo-loihi, each in an interpreter of its own: where it is, how it is made, and running integer networks in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environments
import numpy as np
from numpy.typing import NDArray

from neurograph import fixedpoint as fx
from neurograph.network import Network
from neurograph.sim.inputs import prepare
from neurograph.sim.recording import Recording

__all__ = ["EMULATORS", "Emulator", "Job", "find", "install", "run"]

Array = NDArray[Any]
Job = tuple[Network, Mapping[str, Array]]


@dataclass(frozen=True)
class Emulator:
    """One emulator.

    Args:
        rules: its entry of neurograph.sim.integer_rules.
        name, version: as its users write them.
        packages: what its environment holds; both run on Python 3.10 and 3.11.
        script: beside this file.
    """

    rules: str
    name: str
    version: str
    packages: tuple[str, ...]
    script: str

    @property
    def variable(self) -> str:
        """The environment variable that names an interpreter that has it."""
        return f"NEUROGRAPH_{self.rules.upper()}_PYTHON"

    @property
    def folder(self) -> Path:
        """The environment that ``--install`` makes."""
        return environments.cached(f"{self.rules}-{self.version}")

    @property
    def missing(self) -> str | None:
        """Why it cannot run here, or None."""
        try:
            find(self)
        except LookupError as error:
            return str(error)
        return None


EMULATORS: dict[str, Emulator] = {
    emulator.rules: emulator
    for emulator in (
        Emulator(
            "brian2loihi",
            "Brian2Loihi",
            "0.5.2",
            ("brian2-loihi==0.5.2", "brian2==2.9.0", "numpy==2.2.6", "setuptools<80"),
            "brian2loihi_child.py",
        ),
        Emulator(
            "nengo_loihi",
            "nengo-loihi",
            "1.1.0",
            # the last nengo that nengo-loihi was tested with; its arrays need NumPy 1
            ("nengo-loihi==1.1.0", "nengo==3.2.0", "numpy==1.26.4", "setuptools<80"),
            "nengo_loihi_child.py",
        ),
    )
}


def find(emulator: Emulator) -> Path:
    """The interpreter that has the emulator.

    Raises:
        LookupError: none, with the way out.
    """
    named = os.environ.get(emulator.variable)
    path = Path(named) if named else emulator.folder / "bin/python"
    if path.exists():
        return path
    raise LookupError(
        f"no interpreter with {emulator.name} {emulator.version} ({path} does not exist): run 'python benchmarks/emulators.py --install', "
        f"or set ${emulator.variable}"
    )


def install(emulator: Emulator) -> None:
    """Make its environment in the user's cache, by uv, with this interpreter where it is Python 3.10 or 3.11.

    Raises:
        subprocess.CalledProcessError: uv could not.
    """
    environments.make(emulator.folder, emulator.packages, None if sys.version_info[:2] in ((3, 10), (3, 11)) else "3.11")


def run(emulator: Emulator, jobs: Sequence[Job], *, whole: Sequence[bool] = (), timeout_s: float = 280.0) -> list[Recording]:
    """Run integer networks, one sample each, in one child process; ``whole``: which of them at once, the others population by population.

    Raises:
        LookupError: no interpreter has it. RuntimeError: it refused or broke off, with its last line.
    """
    interpreter = find(emulator)
    with tempfile.TemporaryDirectory() as folder:
        for index, (network, inputs) in enumerate(jobs):
            np.savez(f"{folder}/{index:04}.job.npz", **_job(network, inputs, any(whole[index : index + 1])))
        script = Path(__file__).with_name(emulator.script)
        done = subprocess.run([str(interpreter), str(script), folder], capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{script.name}: ended with status {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
        return [
            _recording(emulator.rules, network, inputs, dict(np.load(f"{folder}/{index:04}.out.npz")))
            for index, (network, inputs) in enumerate(jobs)
        ]


def _job(network: Network, inputs: Mapping[str, Array], whole: bool) -> dict[str, Array]:
    prepared = prepare(network, inputs)
    if prepared.samples != 1:
        raise ValueError(f"{prepared.samples} samples, a job takes one")
    arrays = {f"spikes/{name}": spikes[0].reshape(network.ticks, -1) for name, spikes in prepared.spikes.items()}
    order = [network.populations[name] for name in network.order() if not network.populations[name].is_source]
    for population in order:
        neuron: Any = population.neuron
        values = {"du": neuron.du, "dv": neuron.dv, "vth": neuron.vth, "start": neuron.v_start}
        values["bias"] = prepared.bias[population.name][0] << neuron.bias_exp
        for key, value in values.items():
            arrays[f"{key}/{population.name}"] = np.broadcast_to(np.asarray(value, dtype=np.int64), population.shape).ravel()
    projections = []
    for i, p in enumerate(network.spiking_projections):
        mode = p.sign_mode or fx.sign_mode_of(p.weights.values)
        projections.append({"source": p.source, "target": p.target, "lag": p.lag, "exponent": int(p.exponent), "sign_mode": mode})
        arrays[f"weights/{i}"] = p.weights.to_csr().toarray().astype(np.int64)
    about = {
        "ticks": network.ticks,
        "whole": whole,
        "populations": [{"name": p.name, "size": p.size} for p in order],
        "projections": projections,
    }
    return {"about": np.array(json.dumps(about)), **arrays}


def _recording(rules: str, network: Network, inputs: Mapping[str, Array], answer: Mapping[str, Array]) -> Recording:
    def taken(kind: str) -> dict[str, Array]:
        names = [p.name for p in network.neurons]
        return {name: answer[f"{kind}/{name}"].reshape(1, network.ticks, *network.populations[name].shape) for name in names}

    spikes = {**prepare(network, inputs).spikes, **{name: z.astype(np.uint8) for name, z in taken("spikes").items()}}
    return Recording(rules, network.ticks, spikes, taken("v"), taken("u"))
