"""An energy table for a paper: one trained network, priced on published chips and on a chip profile of one's own.

    python examples/energy_table.py [-o FOLDER] [--model MODEL.pt]

FOLDER gets paper.tex (a whole document that reads energy.tex: methods paragraph and tables), references.bib, methods.md (the paragraph
alone) and mychip.toml; the table is printed as Markdown. A model is trained on karate unless one is given.

Exit status: 0 written, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

from neurograph import NeurographError, compile_checkpoint, data, rendered, report_of, target, training, write_bundle
from neurograph.hw_profiles.report.latex import document
from neurograph.hw_profiles.report.methods import methods

# A chip of one's own. Every constant has a unit, how it came to be (measured, simulated, fitted, derived, specified or assumed) and a
# source; `neurograph profiles show loihi1 --toml` has all that a profile can say, limits to place networks on too.
MY_CHIP = """
name = "mychip"
title = "My chip, 22 nm, from post-layout simulation"
level = "chip events"
node_nm = 22
scope = "An example, made up: put in your own figures. Core-to-core links and input/output are left out."

[energy.synaptic_event]
value = 1.5
low = 1.2
high = 2.1
unit = "pJ"
status = "assumed"
source = "made up for this example"

[energy.neuron_update_active]
value = 6.0
unit = "pJ"
status = "assumed"
source = "made up for this example"

[energy.neuron_update_inactive]
value = 0.4
unit = "pJ"
status = "assumed"
source = "made up for this example"

[power.static_chip]
value = 0.8
unit = "mW"
status = "assumed"
source = "made up for this example"
"""


def trained(folder: Path) -> Path:
    """A checkpoint of karate, made in seconds."""
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe)
    return training.save(folder / "model.pt", result.model, graph, result)


def spread(found: dict | None) -> str:
    """Value, low and high in millionths, or nothing where a profile has no such figure."""
    if found is None:
        return ""
    total, low, high = (f"{1e6 * found[key]:.3g}" for key in ("total" if "total" in found else "value", "low", "high"))
    return total if low == high else f"{total} ({low}–{high})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("energy-table"), help="folder for all that is written")
    parser.add_argument("--model", type=Path, help="checkpoint of 'neurograph train'")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)

    # The network in integers, and its report: exact counts of one inference times the constants of each profile.
    chip = target("loihi2")
    compiled = compile_checkpoint(training.load(arguments.model or trained(folder)), chip)
    bundle = write_bundle(compiled, chip, folder / "karate" if arguments.model is None else folder / arguments.model.stem)
    (folder / "mychip.toml").write_text(MY_CHIP, encoding="utf-8")
    report = report_of(bundle, ["horowitz45", "loihi1", "loihi2", str(folder / "mychip.toml")])

    # For the paper.
    (folder / "energy.tex").write_text(rendered(report, "latex"), encoding="utf-8")
    (folder / "references.bib").write_text(rendered(report, "bibtex"), encoding="utf-8")
    (folder / "paper.tex").write_text(document(r"\input{energy}"), encoding="utf-8")
    (folder / "methods.md").write_text(methods(report) + "\n", encoding="utf-8")

    # The same figures as Markdown, in one table of our own: a report is a plain dict.
    print(f"one inference of {report['bundle']}: {report['counts']['synaptic_events']:,} synaptic events, accuracy {report['accuracy']:.1%}\n")
    print("| profile | level | energy, µJ | on chip, µJ | latency, µs |")
    print("|---|---|--:|--:|--:|")
    for profile in report["profiles"]:
        figures = (spread(profile[key]) for key in ("energy_j", "on_chip_j", "latency_range_s"))
        print(f"| {profile['name']} | {profile['level']} | {' | '.join(figures)} |")
    print(f"\n{folder}: {', '.join(sorted(path.name for path in folder.iterdir() if path.is_file()))}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NeurographError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
