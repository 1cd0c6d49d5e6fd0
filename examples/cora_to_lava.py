"""Cora to Lava: train, export, run each engine by itself, compare every spike with Lava, price one inference.

    python examples/cora_to_lava.py --data-root DIR        a folder that holds Planetoid/Cora/raw; downloads without it
    python examples/cora_to_lava.py --dataset karate       bundled, seconds

Exit status: 0 all engines agree, 1 two of them differ, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

from neurograph import NeurographError, compare, compile_checkpoint, data, rendered, report_of, run_engine, target, training, write_bundle
from neurograph.errors import LavaMissingError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="cora", help="'neurograph datasets list' has the names")
    parser.add_argument("--data-root", type=Path, help="folder that holds the raw files already; never written to")
    parser.add_argument("--epochs", type=int, help="at most; those of the dataset's settings if not given")
    parser.add_argument("-o", "--output", type=Path, default=Path("cora-to-lava"), help="folder for the checkpoint, the bundle, the report")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)

    # Train on the graph and keep a checkpoint that loads without running code.
    graph = data.load(arguments.dataset, arguments.data_root)
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe, epochs=arguments.epochs, progress=sys.stderr.isatty())
    training.save(folder / "model.pt", result.model, graph, result)
    print(f"trained on {graph.name}, {graph.nodes:,} nodes: test accuracy {result.test_accuracy:.2%}")

    # Compile: NIR, float network, integer network. The bundle is all of it on disk.
    chip = target("loihi2")
    compiled = compile_checkpoint(training.load(folder / "model.pt"), chip)
    bundle = write_bundle(compiled, chip, folder / "bundle")

    # The torch model, our engines and Lava have to spike alike: what `verify` and `neurograph check` do, engine by engine.
    runs = {"torch": bundle.expected("torch")}
    for engine in ("float", "fixed", "lava-float", "lava-fixed"):
        try:
            runs[engine] = run_engine(engine, bundle.network, bundle.quantized, bundle.inputs)
        except LavaMissingError as error:
            print(f"{engine} was not run: {error}", file=sys.stderr)
    print(f"in 8-bit integers: test accuracy {bundle.accuracy(runs['fixed']):.2%}")
    ok = True
    for a, b, network in (
        ("torch", "float", bundle.network),
        ("float", "lava-float", bundle.network),
        ("fixed", "lava-fixed", bundle.quantized),
    ):
        if b in runs:
            pair = compare(network, runs[a], runs[b], voltages=network.is_integer)
            ok = ok and pair.ok
            values = f", {pair.mismatched_voltages} of {pair.compared_voltages:,} values of u and v" if pair.compared_voltages else ""
            print(f"{a} = {b}: {pair.mismatched_spikes} of {pair.compared:,} spike slots{values} differ")

    # Count what happened and price it.
    report = report_of(bundle)
    (folder / "report.md").write_text(rendered(report, "md"), encoding="utf-8")
    print(f"{report['counts']['synaptic_events']:,} synaptic events an inference; report: {folder / 'report.md'}")
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
