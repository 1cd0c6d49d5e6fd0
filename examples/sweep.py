"""A sweep: one trained network at several weight bits and ticks; accuracy against energy, and which points no other beats.

    python examples/sweep.py [-o FOLDER] [--bits 2,4,8] [--ticks 2,4] [--profile loihi1] [--model MODEL.pt]

Stopped, it goes on from the rows that FOLDER holds. Points run side by side in processes; the command line does the same:
neurograph report model.pt --sweep bits=2,4,8 --sweep ticks=2,4 --profile loihi1 -o FOLDER

Exit status: 0 all points done, 1 one of them failed, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

from neurograph import NeurographError, data, training
from neurograph.reporting.sweep import front_of, make_plan, parse, run_sweep, write_files


def trained(path: Path) -> Path:
    """A checkpoint of karate, made in seconds, or as it was made before: rows belong to one model."""
    if path.exists():
        return path
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe)
    return training.save(path, result.model, graph, result)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("sweep"), help="folder for rows, table and plot")
    parser.add_argument("--bits", default="2,4,8", help="of weights")
    parser.add_argument("--ticks", default="2,4", help="of an inference")
    parser.add_argument("--profile", default="loihi1", help="name, or path of a TOML")
    parser.add_argument("--model", type=Path, help="checkpoint of 'neurograph train'; one is trained on karate if none is given")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()

    # The grid, checked before anything runs; then every point that the folder does not hold yet.
    grid = parse([f"bits={arguments.bits}", f"ticks={arguments.ticks}"])
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    plan = make_plan(arguments.model or trained(folder / "model.pt"), grid, [arguments.profile])
    found = run_sweep(plan, folder / "rows", arguments.jobs)

    # The front: points of which no other has at least their accuracy for at most their energy.
    print(f"{len(found.rows)} points on {arguments.profile}, {found.kept} of them from before; ★ is on the Pareto front")
    print("bits  ticks  accuracy  on chip, µJ  synaptic events")
    for row, on in zip(found.rows, front_of(found.rows), strict=True):
        if row.error is not None:
            print(f"{row.bits:>4} {row.ticks:>6}  failed: {row.error}")
            continue
        accuracy = "" if row.accuracy is None else f"{row.accuracy:.1%}"
        energy = "" if row.cost_j is None else f"{1e6 * row.cost_j:.3g}"  # a profile may have limits and no energies
        print(f"{row.bits:>4} {row.ticks:>6} {accuracy:>9} {energy:>12} {row.synaptic_events:>16,.0f} {'★' if on else ''}")
    files = write_files(plan, found, folder / "rows")
    print(f"{folder / 'rows'}: {', '.join(files)}")
    return 1 if found.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
