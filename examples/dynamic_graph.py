"""A graph that changes: Dy-SIGN's on-chip build on five snapshots, exported as one network a snapshot, one of them verified in Lava.

    python examples/dynamic_graph.py [-o FOLDER] [--nodes N] [--epochs N] [--window W]

Membranes stay from window to window; in between the host writes the synapses of the next snapshot. docs/dysign.md has the equations.

Exit status: 0 all engines agree, 1 two of them differ, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

from neurograph import NeurographError, compare, run_engine, target
from neurograph.data.snapshots import load_dynamic, masks_of
from neurograph.errors import InputError, LavaMissingError
from neurograph.export.bundle.windows import Labels
from neurograph.export.bundle.windows_write import write_dynamic
from neurograph.export.dynamic import compile_windows
from neurograph.sim.windows import compare_windows, joined, run_windows
from neurograph.training.dynamic_checkpoint import train_dynamic


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("dynamic"), help="folder of the bundle")
    parser.add_argument("--nodes", type=int, default=60, help="of the graph that is made")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--window", type=int, default=1, help="snapshot to run in Lava, from 0")
    arguments = parser.parse_args()

    # Three blocks of nodes that arrive one after another. In the middle snapshot nobody takes part.
    graph = load_dynamic("blocks", nodes=arguments.nodes)
    trained = train_dynamic("dysign-onchip", graph, masks_of(graph), epochs=arguments.epochs)
    print(f"trained on {graph.nodes} nodes in {graph.steps} snapshots: test accuracy {trained.metrics['test_accuracy']:.1%}")

    # One network a snapshot, over the nodes that take part; one scale a population for all of them, as membranes are carried on.
    chip = target("loihi2")
    compiled = compile_windows(trained.model, trained.steps(), graph.nodes, chip)
    bundle = write_dynamic(compiled, chip, arguments.output, labels=Labels.of(trained))
    runs = list(run_windows(bundle.quantized, "fixed"))
    for run, window, work in zip(runs, bundle.quantized.windows, bundle.manifest["host_work"], strict=True):
        if run.recording is None:
            print(f"window {run.at}: nobody takes part, nothing runs")
            continue
        spikes = sum(run.recording.counts().values())
        print(f"window {run.at}: {len(window.nodes)} nodes, the host writes {work['written']:,} synapses, {spikes:,} spikes")
    if bundle.labels is not None:
        accuracy = bundle.labels.accuracy(bundle.quantized, [run.recording for run in runs])
        print(f"after {len(runs)} windows, in 8-bit integers: test accuracy {accuracy:.1%}")

    # The torch model and the float engine, over all windows; the integers and Lava, in one window, from the same membranes.
    pairs = [joined(compare_windows(bundle.expected("torch"), list(run_windows(bundle.network, "float"))))]
    if not 0 <= arguments.window < len(runs) or runs[arguments.window].recording is None:
        there = ", ".join(str(run.at) for run in runs if run.recording is not None)
        raise InputError(f"--window {arguments.window}: nothing runs in it, must be one of {there}; choose one of those")
    one = runs[arguments.window]
    try:
        in_lava = run_engine("lava-fixed", None, one.network, one.inputs)
        pairs.append(compare(one.network, one.recording, in_lava, voltages=True))
    except LavaMissingError as error:
        print(f"window {one.at} was not run in Lava: {error}", file=sys.stderr)
    for pair in pairs:
        values = f", {pair.mismatched_voltages} of {pair.compared_voltages:,} values of u and v" if pair.compared_voltages else ""
        print(f"{pair.a} = {pair.b}: {pair.mismatched_spikes} of {pair.compared:,} spike slots{values} differ")
    return 0 if all(pair.ok for pair in pairs) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
