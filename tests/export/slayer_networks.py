"""Run in an interpreter with lava-dl: builds small networks with slayer, exports each as `.net`, and runs each in torch.

    python slayer_networks.py FOLDER

writes FOLDER/<case>.net and FOLDER/<case>.npz with the spikes: ``input`` (T, *shape), and of each block ``spikes_k`` (T, *shape), k
counted over the blocks that have neurons. slayer's blocks delay what they send by one step, as a connection of the machine does, so tick t
of a block that lies d blocks behind the input is at step t + d.
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import torch
from lava.lib.dl import slayer

T = 30
CUBA = {"threshold": 1.25, "current_decay": 0.3, "voltage_decay": 0.12, "requires_grad": False}
LIF = {"threshold": 1.0, "current_decay": 1.0, "voltage_decay": 0.2, "requires_grad": False}
SHARP = {"threshold": 0.8, "current_decay": 1.0, "voltage_decay": 1.0, "requires_grad": False}


def norm():
    return slayer.neuron.norm.MeanOnlyBatchNorm


class Chain(torch.nn.Module):
    """Blocks one after the other; a concat is a tuple of earlier positions."""

    def __init__(self, blocks):
        super().__init__()
        self.blocks = blocks

    def run(self, x):
        spikes, made = [], []
        for block in self.blocks:
            x = torch.cat([x, *(made[i] for i in block)], dim=1) if isinstance(block, tuple) else block(x)
            made.append(x)
            if getattr(block, "neuron", None) is not None:
                spikes.append(x)
        return spikes

    def export(self, path, shape):
        with h5py.File(path, "w") as file:
            first = file.create_group("layer/0")
            first.create_dataset("type", (1,), "S10", [b"input"])
            first["shape"] = np.array(shape)
            for number, block in enumerate(self.blocks, start=1):
                group = file.create_group(f"layer/{number}")
                if isinstance(block, tuple):
                    group.create_dataset("type", (1,), "S10", [b"concat"])
                    group["layers"] = np.array(block) + 1
                else:
                    block.export_hdf5(group)
            file["simulation/Ts"], file["simulation/tSample"] = 1, T


def cases():
    """Name → (blocks, input shape)."""
    cuba = slayer.block.cuba
    noisy = {**CUBA, "norm": norm()}
    yield "dense", [cuba.Dense(noisy, 8, 12), cuba.Dense(CUBA, 12, 10), cuba.Dense(SHARP, 10, 6)], (8,)
    yield "delays", [cuba.Dense(CUBA, 8, 12, delay=True), cuba.Dense(LIF, 12, 12, delay=True), cuba.Dense(CUBA, 12, 5)], (8,)
    yield (
        "conv",
        [
            cuba.Conv(LIF, 2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
            cuba.Conv(CUBA, 4, 6, 3, groups=2),
            cuba.Flatten(),
            cuba.Dense(LIF, 6 * 2 * 3, 7),
        ],
        (2, 7, 7),
    )
    yield "pool", [cuba.Conv(LIF, 2, 3, 3, delay=True), cuba.Pool(SHARP, 2), cuba.Pool(LIF, (1, 2), delay=True)], (2, 9, 10)
    yield "skip", [cuba.Dense(CUBA, 8, 6), cuba.Dense(LIF, 6, 5), cuba.Dense(LIF, 5, 4), (0, 1), cuba.Dense(CUBA, 15, 7)], (8,)
    yield (
        "joined_images",
        [cuba.Conv(LIF, 2, 3, 3, padding=1), cuba.Conv(LIF, 3, 2, 3, padding=1), (0,), cuba.Conv(CUBA, 5, 3, 3)],
        (2, 6, 5),
    )
    yield "recurrent", [cuba.Recurrent(dict(CUBA), 8, 6), cuba.Dense(LIF, 6, 5)], (8,)
    yield "channels", [cuba.Dense({**CUBA, "shared_param": False, "current_decay": (0.2, 0.6)}, 8, 9), cuba.Dense(CUBA, 9, 4)], (8,)


def main(folder: Path) -> None:
    torch.manual_seed(5)
    rng = np.random.default_rng(5)
    for name, blocks, shape in cases():
        model = Chain(blocks)
        spikes = (rng.random((T, *shape)) < 0.4).astype(np.float32)
        x = torch.from_numpy(np.moveaxis(spikes, 0, -1)[None].copy())
        with torch.no_grad():
            model.run(x)  # shapes and delays come into being
            for block in blocks:
                for part in ("synapse", "input_synapse", "recurrent_synapse"):
                    synapse = getattr(block, part, None)
                    if synapse is not None and not isinstance(block, slayer.block.cuba.Pool):
                        fan_in = synapse.weight[0].numel()
                        synapse.weight.data = torch.randn_like(synapse.weight) * 1.6 / fan_in**0.5 + 0.5 / fan_in**0.5
                if getattr(block, "delay", None) is not None:
                    block.delay.delay.data = torch.rand_like(block.delay.delay) * 9
                if getattr(getattr(block, "neuron", None), "norm", None) is not None:
                    block.neuron.norm.running_mean = torch.from_numpy(
                        rng.normal(-0.1, 0.2, block.neuron.norm.num_features).astype(np.float32)
                    )
                if getattr(block, "neuron", None) is not None:
                    block.neuron.eval()
                    block.neuron.current_state *= 0
                    block.neuron.voltage_state *= 0
                    if getattr(block.neuron, "norm", None) is not None:
                        block.neuron.norm.update = False
            made = model.run(x)
            model.export(folder / f"{name}.net", shape)
        arrays = {f"spikes_{k}": np.moveaxis((s[0].numpy() > 0).astype(np.uint8), -1, 0) for k, s in enumerate(made)}
        np.savez_compressed(folder / f"{name}.npz", input=spikes.astype(np.uint8), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
