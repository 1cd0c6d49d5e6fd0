"""Zachary's karate club from training to an energy report: train, compile for Loihi 2, compare every spike, price one inference.

    python examples/karate_quickstart.py [-o FOLDER] [--seed N]

Exit status: 0 all engines agree, 1 two of them differ, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

from neurograph import NeurographError, compile_checkpoint, data, open_bundle, rendered, report_of, target, training, verify, write_bundle


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("karate"), help="folder for the checkpoint, the bundle and the report")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)

    # 1. Train. The graph is bundled; `preset` has settings that suit it. A checkpoint is plain tensors: loading it runs no code.
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=arguments.seed, recipe=recipe)
    training.save(folder / "model.pt", result.model, graph, result)
    print(f"trained on {graph.nodes} nodes: test accuracy {result.test_accuracy:.1%}")

    # 2. Compile: a NIR graph, a float network, an integer network, cores and chips. The bundle holds all of it.
    chip = target("loihi2")
    compiled = compile_checkpoint(training.load(folder / "model.pt"), chip, bits=8)
    bundle = write_bundle(compiled, chip, folder / "bundle")
    placed = bundle.manifest["placement"]
    print(f"compiled to {len(bundle.network.neurons)} populations on {placed['cores']} cores of {placed['chips']} chip")

    # 3. Verify, as `neurograph check` does: spikes of torch, our float engine and Lava; spikes, u and v of the integer engines.
    pairs = verify(bundle, say=lambda line: print(line, file=sys.stderr))
    for pair in pairs:
        print(f"{pair.a} = {pair.b}: {pair.compared:,} spike slots, {pair.mismatched_spikes} differ")
        if pair.first_mismatch is not None:
            print(f"  first: {pair.first_mismatch}")

    # 4. Report. It is a plain dict: print what you need of it, or write it in one of the formats.
    report = report_of(open_bundle(folder / "bundle"), ["horowitz45", "loihi1", "loihi2"])
    print(
        f"one inference: {report['counts']['synaptic_events']:,} synaptic events, test accuracy {report['accuracy']:.1%} in 8-bit integers"
    )
    for profile in report["profiles"]:
        energy = profile["energy_j"]
        print(f"  {profile['name']}, {profile['level']}: {energy['total']:.3g} J ({energy['low']:.3g} to {energy['high']:.3g})")
    (folder / "report.html").write_text(rendered(report, "html"), encoding="utf-8")
    print(f"whole report: {folder / 'report.html'}")
    return 0 if all(pair.ok for pair in pairs) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
