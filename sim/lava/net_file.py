"""Chain → lava-dl's `.net`: an HDF5 file with one group a layer, as slayer's blocks write it and netx reads it.

    layer/0          type "input", shape (m,)
    layer/k          type "dense", shape (n,), inFeatures, outFeatures, weight (n, m), bias (n,), delay (n, m) where there is any
    layer/k/neuron   type "CUBA", iDecay = du + 1, vDecay = dv, vThMant = vth (one number, or one a neuron), refDelay 1, gradedSpike false
    simulation       Ts (ms a tick), tSample (ticks)

The root's attribute ``neurograph_slots`` says as JSON where each population stands: name → (layer, start, stop). netx does not look at it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from neurograph.errors import BundleError
from neurograph.files import write_hdf5
from neurograph.network import Network
from neurograph.sim.inputs import prepare
from neurograph.sim.lava.chain import Chain, Level, chain_of

__all__ = ["write_chain", "write_net"]

Array = NDArray[Any]


def write_net(network: Network, path: Path, inputs: Mapping[str, Array] | None = None) -> Chain:
    """Write an integer network as a `.net`, whole or not at all.

    Args:
        network: integer, feed-forward, see :func:`neurograph.sim.lava.chain.chain_of`.
        path: file to write.
        inputs: source → values; of static sources the first sample becomes biases. Not needed where there is none.

    Returns:
        The chain that was written, with the slot of every population.

    Raises:
        UnsupportedError: what the format cannot hold, all at once. InputError: inputs that do not fit. BundleError: it cannot be written.
    """
    given = dict(inputs or {})
    for source in network.sources:
        if not source.is_static and not source.is_constant:
            given.setdefault(source.name, np.zeros((network.ticks, *source.shape), dtype=np.uint8))
    bias = {name: values[0] for name, values in prepare(network, given).bias.items()}
    chain = chain_of(network, bias)
    write_chain(chain, path, network.ticks, network.dt)
    return chain


def write_chain(chain: Chain, path: Path, ticks: int, dt: float) -> None:
    """Write a chain.

    Args:
        ticks, dt: noted in the file; netx does not look at them.

    Raises:
        BundleError: it cannot be written.
    """
    with write_hdf5(path, "lava-dl network", BundleError) as file:
        file.attrs["neurograph_slots"] = json.dumps(chain.slots)
        group = file.create_group("layer/0")
        _type(group, "input")
        group["shape"] = np.array([chain.width])
        for number, level in enumerate(chain.levels, start=1):
            _dense(file.create_group(f"layer/{number}"), level)
        file["simulation/Ts"] = dt * 1e3
        file["simulation/tSample"] = ticks


def _type(group: h5py.Group, name: str) -> None:
    group.create_dataset("type", (1,), "S10", [name.encode()])


def _dense(group: h5py.Group, level: Level) -> None:
    _type(group, "dense")
    rows, columns = level.weight.shape
    group["shape"] = np.array([rows])
    group["inFeatures"], group["outFeatures"] = columns, rows
    _array(group, "weight", level.weight.astype(np.float32))
    if level.bias.any():
        _array(group, "bias", level.bias.astype(np.float32))
    if level.delay is not None:
        _array(group, "delay", level.delay.astype(np.float32))
    neuron = group.create_group("neuron")
    neuron["type"] = "CUBA"
    for key, values in (("iDecay", level.du + 1), ("vDecay", level.dv), ("vThMant", level.vth)):
        neuron[key] = values[0] if (values == values[0]).all() else values
    neuron["refDelay"], neuron["gradedSpike"] = 1, False


def _array(group: h5py.Group, name: str, values: Array) -> None:
    group.create_dataset(name, data=values, compression="gzip", compression_opts=1)
