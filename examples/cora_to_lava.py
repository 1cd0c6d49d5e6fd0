"""Cora to Lava: train, export, compare every spike with Lava, print the energy of one inference.

python examples/cora_to_lava.py --data-root DIR        (a folder that holds Planetoid/Cora/raw; downloads without it)
python examples/cora_to_lava.py --dataset karate       (bundled, seconds)
"""

import argparse
import sys
from pathlib import Path

from neurograph import data, training
from neurograph.errors import LavaMissingError
from neurograph.export.bundle import write_bundle
from neurograph.export.compile import compile_checkpoint
from neurograph.export.targets import TARGETS
from neurograph.hw_profiles.report import build, to_markdown
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine as lava
from neurograph.sim.parity import compare


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", default="cora")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("-o", "--output", type=Path, default=Path("cora-to-lava"))
    arguments = parser.parse_args()
    arguments.output.mkdir(exist_ok=True)

    # Train on the graph and keep a checkpoint that loads without running code.
    graph = data.load(arguments.dataset, arguments.data_root)
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe, epochs=arguments.epochs, progress=sys.stderr.isatty())
    training.save(arguments.output / "model.pt", result.model, graph, result)
    print(f"trained: test accuracy {result.test_accuracy:.2%}")

    # Compile: NIR, float network, integer network. The bundle is all of it on disk.
    target = TARGETS["loihi2"]
    compiled = compile_checkpoint(training.load(arguments.output / "model.pt"), target)
    bundle = write_bundle(compiled, target, arguments.output / "bundle")

    # The torch model, our engines and Lava have to spike alike.
    float_run, fixed_run = floating.run(bundle.network, bundle.inputs), fixed.run(bundle.quantized, bundle.inputs)
    print(f"in 8-bit integers: test accuracy {bundle.accuracy(fixed_run):.2%}")
    pairs = [("torch = float", compare(bundle.network, compiled.torch, float_run))]
    try:
        in_lava = lava.run(bundle.network, bundle.inputs, engine="float"), lava.run(bundle.quantized, bundle.inputs, engine="fixed")
        pairs.append(("float = Lava floating point", compare(bundle.network, float_run, in_lava[0])))
        pairs.append(("fixed = Lava fixed point, u and v too", compare(bundle.quantized, fixed_run, in_lava[1], voltages=True)))
    except LavaMissingError as error:
        print(error)
    for name, pair in pairs:
        print(f"{name}: {pair.compared:,} slots, {pair.mismatched_spikes} spikes and {pair.mismatched_voltages} voltages differ")

    # Count what happened and price it.
    report = build(
        bundle.quantized, fixed_run, bundle_name=arguments.dataset, host_macs=bundle.host_macs, accuracy=bundle.accuracy(fixed_run)
    )
    (arguments.output / "report.md").write_text(to_markdown(report))
    print(f"{report['counts']['synaptic_events']:,} synaptic events; report in {arguments.output / 'report.md'}")
    sys.exit(0 if all(pair.ok for _, pair in pairs) else 1)


if __name__ == "__main__":
    main()
