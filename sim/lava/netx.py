"""Running lava-dl networks (`.net`) with netx, in Lava, in a child process; and a Network the same way, by writing it as a `.net`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurograph.child import Kept
from neurograph.errors import InputError, LavaError, LavaMissingError, NetworkError
from neurograph.network import Network
from neurograph.sim.inputs import prepare
from neurograph.sim.lava import runtime
from neurograph.sim.lava.chain import Chain, chain_of
from neurograph.sim.lava.net_file import write_chain
from neurograph.sim.lava.results import read_array, read_fields, read_json
from neurograph.sim.lava.running import kept, no_folder, run_worker
from neurograph.sim.recording import Recording

__all__ = ["Job", "run", "run_net", "run_nets"]

Array = NDArray[Any]
WORKER = Path(__file__).with_name("netx_worker.py")


@dataclass(frozen=True)
class Job:
    """One file to run.

    Args:
        path: a `.net` that netx can load.
        inputs: spikes (samples, T, *shape), binary, or where the file's input layer has neurons values (samples, *shape), real, which its
            own transform turns into biases. Axes of images stand as in slayer: (channels, height, width).
        ticks: T.
        static: whether the inputs are values.
        names: a name for each layer that has neurons, in the order of the file.
        num_layers: how many entries of the file netx is to load, from the first; all if not given.
        stream: whether samples may follow each other every T steps: not with delays or loops, nor with values.
    """

    path: Path
    inputs: Array
    ticks: int
    static: bool = False
    names: Sequence[str] | None = None
    num_layers: int | None = None
    stream: bool = False


def run_net(path: Path, inputs: Array, ticks: int, *, timeout_s: float = 170.0, **options: Any) -> Recording:
    """Run one `.net` file in netx.

    Args:
        path, inputs, ticks, options: see :class:`Job`.
        timeout_s: seconds for start-up and run together.

    Returns:
        Recording "netx": spikes of each layer, (samples, T, *shape), in ticks of that layer; images as (channels, height, width).

    Raises:
        InputError: inputs that do not fit. LavaMissingError: no Lava, or no lava-dl. LavaTimeoutError, LavaError: out of time, or the
            worker failed.
    """
    return run_nets([Job(path, inputs, ticks, **options)], timeout_s=timeout_s)[0]


def run_nets(jobs: Sequence[Job], *, timeout_s: float = 170.0) -> list[Recording]:
    """Run several files, one after the other in one child process, see :func:`run_net`."""
    with kept("neurograph-netx-") as child:
        return _run_in(child, jobs, timeout_s)


def _run_in(child: Kept, jobs: Sequence[Job], timeout_s: float) -> list[Recording]:
    interpreter, path, out = runtime.find(), child.folder / "jobs.npz", child.folder / "out"
    try:
        out.mkdir()
        _write_jobs(jobs, path)
    except OSError as error:
        raise no_folder(error) from None
    try:
        run_worker(child, [str(interpreter), str(WORKER), str(path), str(out)], timeout_s)
    except LavaMissingError as error:
        if "lava.lib" not in str(error):
            raise
        raise LavaMissingError(
            f"netx: {interpreter} has Lava but no lava-dl, which reads .net files; install lava-dl 0.6.0 there (README, Lava)"
        ) from None
    path = out / "result.json"
    found = read_json(path)
    if not isinstance(found, list) or len(found) != len(jobs):
        raise LavaError(f"Lava worker: its result {path.name} does not hold {len(jobs)} runs; run it again")
    wanted = ("layers", "run_s", "startup_s")
    return [_read(number, job, read_fields(path, wanted, given), out) for number, (job, given) in enumerate(zip(jobs, found, strict=True))]


def run(network: Network, inputs: Mapping[str, Array], *, timeout_s: float = 170.0) -> Recording:
    """Run an integer network in netx: as a `.net` file, which lava-dl's reader loads.

    Args:
        network: integer, feed-forward, see :func:`neurograph.sim.lava.chain.chain_of`.
        inputs: source → values, see :mod:`neurograph.sim.inputs`.
        timeout_s: seconds for start-up and run together.

    Returns:
        Recording "netx": spikes of every population, sources included, in ticks of the model.

    Raises:
        UnsupportedError: what a sequential file cannot hold, all at once. Others: see :func:`run_net`.
    """
    if not network.is_integer:
        raise NetworkError("network: it is a float network, which netx cannot run; quantise it")
    prepared = prepare(network, inputs)
    samples = prepared.samples
    alike = all((bias == bias[:1]).all() for bias in prepared.bias.values())
    chains = [chain_of(network, {name: bias[s] for name, bias in prepared.bias.items()}) for s in range(1 if alike else samples)]
    driven = _input(network, chains[0], prepared.spikes, samples)
    with kept("neurograph-netx-") as child:
        jobs = []
        for number, chain in enumerate(chains):
            path = child.folder / f"{number}.net"
            try:
                write_chain(chain, path, network.ticks, network.dt)
            except OSError as error:  # HDF5's has no words for a full disk
                raise no_folder(error) from None
            part = driven if alike else driven[number : number + 1]
            jobs.append(Job(path, part, network.ticks, stream=not chain.delayed))
        recordings = _run_in(child, jobs, timeout_s)
    spikes = dict(prepared.spikes)
    for population in network.neurons:
        level, start, stop = chains[0].slots[population.name]
        each = [recording.spikes[f"layer_{level - 1}"][:, :, start:stop] for recording in recordings]
        spikes[population.name] = np.concatenate(each).reshape(samples, network.ticks, *population.shape)
    first = recordings[0]
    steps, wall = sum(r.machine_steps for r in recordings), sum(r.wall_s for r in recordings)
    return Recording(
        "netx", network.ticks, spikes, machine_steps=steps, wall_s=wall, notes={**first.notes, "levels": len(chains[0].levels)}
    )


def _input(network: Network, chain: Chain, spikes: Mapping[str, Array], samples: int) -> Array:
    """The sources side by side, as the chain's input stands; silent where there is none."""
    driven = np.zeros((samples, network.ticks, chain.width), dtype=np.uint8)
    for name, values in spikes.items():
        _, start, stop = chain.slots[name]
        driven[:, :, start:stop] = values.reshape(samples, network.ticks, -1)
    return driven


def _write_jobs(jobs: Sequence[Job], path: Path) -> None:
    about, values = [], {}
    for number, job in enumerate(jobs):
        given = np.asarray(job.inputs)
        if not job.static and (given.ndim < 3 or given.shape[1] != job.ticks):
            raise InputError(f"input of {job.path.name}: shape {given.shape}, must be (samples, {job.ticks}, *shape) for {job.ticks} ticks")
        if not job.static and not np.isin(given, (0, 1)).all():
            raise InputError(f"input of {job.path.name}: holds values other than 0 and 1, but it is spikes; encode the data as spikes")
        if not np.isfinite(given).all():
            raise InputError(f"input of {job.path.name}: holds NaN or infinity; mend the data")
        values[f"values_{number}"] = given.astype(np.float64 if job.static else np.uint8)
        stream = job.stream and not job.static
        about.append({"net": str(job.path), "ticks": job.ticks, "static": job.static, "num_layers": job.num_layers, "stream": stream})
    np.savez_compressed(path, jobs=np.array(json.dumps(about)), **values)


def _read(number: int, job: Job, result: Mapping[str, Any], out: Path) -> Recording:
    layers = int(result["layers"])
    if job.names is not None and len(job.names) != layers:
        raise NetworkError(f"netx: {job.path.name} has {layers} layers with neurons, but {len(job.names)} names are given")
    spikes = {}
    for index in range(layers):
        name = f"layer_{index}" if job.names is None else job.names[index]
        values = read_array(out / f"{number}_{index}.npy", np.uint8, (len(job.inputs), job.ticks), open_ended=True)
        spikes[name] = values.transpose(0, 1, *reversed(range(2, values.ndim)))
    samples = len(job.inputs)
    fill = layers - (1 if job.static else 0)
    steps = samples * job.ticks + (1 if job.stream else samples) * fill
    notes = {"startup_s": result["startup_s"], "processes": layers}
    return Recording("netx", job.ticks, spikes, machine_steps=steps, wall_s=result["run_s"], notes=notes)
