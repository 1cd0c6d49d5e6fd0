"""A small snnTorch network, briefly trained, through NIR to Loihi 2: the same spikes as snnTorch's own run.

    python examples/nir_from_snntorch.py [-o FOLDER]

NIR holds no time step and no reset rule, so a graph that snnTorch wrote is read by dialect "snntorch", which says what it assumes. The
command line does the same: neurograph export model.nir --target loihi2 --dialect snntorch --input sample.npy

Exit status: 0 no spike differs, 1 some do, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

try:
    import snntorch
    from snntorch.export_nir import export_to_nir
except ImportError:
    print("error: snnTorch is not installed, this example needs 1.0; install it with 'pip install snntorch==1.0.0'", file=sys.stderr)
    sys.exit(2)

import nir
import numpy as np
import torch

from neurograph import NeurographError, Recording, compare, compile_graph, run_engine, target, verify, write_bundle
from neurograph.export import dialects, nir_io

TICKS, INPUTS, HIDDEN, CLASSES = 25, 16, 24, 2


def spikes_of(label: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Spikes (T, B, INPUTS): class 0 is loud in the first half of the channels, class 1 in the second."""
    rates = torch.where(torch.arange(INPUTS) < INPUTS // 2, 0.4, 0.1).expand(len(label), INPUTS)
    rates = torch.where(label[:, None] == 0, rates, rates.flip(1))
    return (torch.rand(TICKS, *rates.shape, generator=generator) < rates).float()


def run(model: torch.nn.Sequential, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Spikes (T, B, N) of each layer of neurons, named as snnTorch's exporter names it: by its place in the model."""
    neurons = {name: layer for name, layer in model.named_children() if isinstance(layer, snntorch.Leaky)}
    for layer in neurons.values():
        layer.reset_mem()
    fired: dict[str, list[torch.Tensor]] = {name: [] for name in neurons}
    for row in x:
        for name, layer in model.named_children():
            row = layer(row.to(x.dtype))  # snnTorch's spikes are float32, whatever the model is
            if name in neurons:
                fired[name].append(row)
    return {name: torch.stack(rows) for name, rows in fired.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("from-snntorch"), help="folder for the graph, the sample and the bundle")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    # A network in snnTorch, trained for a moment. One beta and threshold a neuron: from a single number its exporter gets no shape.
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, HIDDEN),
        snntorch.Leaky(torch.full((HIDDEN,), 0.9), torch.ones(HIDDEN), init_hidden=True),
        torch.nn.Linear(HIDDEN, CLASSES),
        snntorch.Leaky(torch.full((CLASSES,), 0.8), torch.ones(CLASSES), init_hidden=True),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        label = torch.randint(0, CLASSES, (32,), generator=generator)
        loss = torch.nn.functional.cross_entropy(run(model, spikes_of(label, generator))["3"].sum(0), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    label = torch.randint(0, CLASSES, (200,), generator=generator)
    with torch.no_grad():
        accuracy = (run(model, spikes_of(label, generator))["3"].sum(0).argmax(1) == label).float().mean()
    print(f"snnTorch: accuracy {accuracy:.1%}")

    # snnTorch's own exporter, and its own spikes for one sample, in float64 as our float engine computes.
    nir.write(folder / "model.nir", export_to_nir(model, torch.zeros(1, INPUTS), ignore_dims=[0]))
    sample = spikes_of(torch.tensor([1]), generator)[:, 0].numpy()
    np.save(folder / "sample.npy", sample)
    with torch.no_grad():
        own = run(model.double(), torch.from_numpy(sample).double()[:, None])

    # Read the file by its dialect, compile it, compare.
    reading = dialects.interpret(nir_io.read(folder / "model.nir", type_check=False), "snntorch", ticks=TICKS)
    for line in reading.assumed:
        print(f"assumed: {line}")
    (source,) = (name for name, node in reading.graph.nodes.items() if isinstance(node, nir.Input))
    chip = target("loihi2")
    compiled = compile_graph(reading.graph, {source: sample}, chip, time=reading.time)
    theirs = Recording("snntorch", TICKS, {name: z.numpy().astype(np.uint8).swapaxes(0, 1) for name, z in own.items()})
    pairs = [compare(compiled.network, theirs, run_engine("float", compiled.network, None, compiled.inputs))]
    pairs += verify(write_bundle(compiled, chip, folder / "bundle"), say=lambda line: print(line, file=sys.stderr))
    for pair in pairs:
        print(f"{pair.a} = {pair.b}: {pair.compared:,} spike slots of {pair.populations} populations, {pair.mismatched_spikes} differ")
    return 0 if all(pair.ok for pair in pairs) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
