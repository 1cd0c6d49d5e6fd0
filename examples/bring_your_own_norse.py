"""A Norse model of your own, from its weights to a verified bundle for Loihi 2, in seconds.

    python examples/bring_your_own_norse.py [-o FOLDER]

The model is trained for a moment on two noisy spike patterns, its state dict is saved, and neurograph takes it from there: it traces the
module, quantises it, and compares every spike of the torch model with the float engine's and Lava's. The command line does the same:
neurograph export weights.pt --model bring_your_own_norse:build --target loihi2 --input sample.npy

Exit status: 0 all engines agree, 1 two of them differ, 2 something could not be used (said in one line).
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Norse scripts functions on import, which torch calls deprecated
    import norse.torch as norse

from neurograph import NeurographError, compile_module, load_model, target, verify, write_bundle

TICKS, INPUTS, CLASSES = 30, 24, 2


def build() -> torch.nn.Module:
    """The factory: what ``--model bring_your_own_norse:build`` names."""
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
    """Train for a moment; accuracy on patterns not seen, 0 to 1."""
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("own-norse"), help="folder for the weights and the bundle")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = build()
    print(f"Norse: accuracy {train(model, generator):.1%}")
    torch.save(model.state_dict(), folder / "weights.pt")

    # Weights and the function that builds their module; the sample is what it is traced, quantised and verified on.
    x = sample(1, generator)[0][:, 0].numpy().astype(np.uint8)
    np.save(folder / "sample.npy", x)
    loaded = load_model(f"{Path(__file__).stem}:build", folder / "weights.pt")
    chip = target("loihi2")
    compiled = compile_module(loaded, x, chip)
    bundle = write_bundle(compiled, chip, folder / "bundle")

    pairs = verify(bundle, say=lambda line: print(line, file=sys.stderr))
    for pair in pairs:
        print(f"{pair.a} = {pair.b}: {pair.compared:,} spike slots, {pair.mismatched_spikes} differ, {pair.ties} ties")
    for name, share in bundle.rounding().items():
        print(f"population {name}: 8-bit weights change {share:.2%} of its slots")
    print(f"{bundle.path}: {', '.join(sorted(p.name for p in bundle.path.iterdir()))}")
    return 0 if all(pair.ok for pair in pairs) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
