"""A Norse model of your own, from its weights to a verified bundle for Loihi 2, in a few seconds.

    python examples/bring_your_own_norse.py [folder]

The model is trained for a moment on two noisy spike patterns, its state dict is saved, and neurograph takes it from there: it traces the
module to NIR, quantises it, and compares every spike of the torch model with the float engine's.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Norse scripts functions on import, which torch calls deprecated
    import norse.torch as norse

from neurograph.export import bundle as bundles
from neurograph.export.targets import TARGETS
from neurograph.export.torch_modules import compile_module, load_model
from neurograph.sim import fixed, floating
from neurograph.sim.parity import compare

TICKS, INPUTS, CLASSES = 30, 24, 2


def build() -> torch.nn.Module:
    """The factory: what you would name in ``neurograph export weights.pt --model bring_your_own_norse:build``."""
    hidden = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(200.0), v_th=torch.tensor(0.4))
    return norse.SequentialState(
        torch.nn.Linear(INPUTS, 32),
        torch.nn.BatchNorm1d(32),
        norse.LIFBoxCell(hidden),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(32, CLASSES),
        norse.LIFBoxCell(hidden),
    )


def sample(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes (T, count, INPUTS) of one of two rate patterns, and which."""
    label = torch.randint(0, CLASSES, (count,), generator=generator)
    rates = torch.where(torch.arange(INPUTS) < INPUTS // 2, 0.35, 0.1)
    rates = torch.where(label[:, None] == 0, rates, rates.flip(0))
    return (torch.rand(TICKS, count, INPUTS, generator=generator) < rates).float(), label


def count_spikes(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Spikes of each output neuron, (count, CLASSES)."""
    state, total = None, torch.zeros(x.shape[1], CLASSES)
    for row in x:
        z, state = model(row, state)
        total = total + z
    return total


def train(model: torch.nn.Module, generator: torch.Generator) -> float:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(20):
        x, label = sample(32, generator)
        loss = torch.nn.functional.cross_entropy(count_spikes(model, x), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, label = sample(200, generator)
    model.eval()
    with torch.no_grad():
        return float((count_spikes(model, x).argmax(1) == label).float().mean())


def main(folder: Path) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = build()
    print(f"accuracy of the torch model: {train(model, generator):.1%}")
    torch.save(model.state_dict(), folder / "weights.pt")

    sys.path.insert(0, str(Path(__file__).parent))
    loaded = load_model("bring_your_own_norse:build", folder / "weights.pt")
    x = sample(1, generator)[0][:, 0].numpy().astype(np.uint8)
    compiled = compile_module(loaded, x, TARGETS["loihi2"])
    assert compiled.torch is not None and compiled.quantized is not None
    found = compare(compiled.network, compiled.torch, floating.run(compiled.network, compiled.inputs))
    print(f"torch against the float engine: {found.mismatched_spikes} of {found.compared} spike slots differ, {found.ties} ties")
    integer = fixed.run(compiled.quantized, compiled.inputs)
    for name, spikes in compiled.torch.spikes.items():
        changed = np.mean(integer.spikes[name] != spikes)
        print(f"population {name}: {int(spikes.sum())} spikes; 8-bit weights change {changed:.2%} of its slots")
    bundle = bundles.write_bundle(compiled, TARGETS["loihi2"], folder / "bundle")
    print(f"bundle {bundle.path}: {', '.join(sorted(p.name for p in bundle.path.iterdir()))}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
