"""An energy table for a paper: one trained network, priced on published chips and on a chip profile of one's own.

    python examples/energy_table.py [-o FOLDER] [--model MODEL.pt]

FOLDER gets paper.tex (a whole document: methods and tables), energy.tex (the same without a head, to be read by \\input),
references.bib, methods.md (the methods alone) and mychip.toml; the table is printed as Markdown.
A model is trained on karate unless one is given.

Exit status: 0 written, 2 something could not be used (said in one line).
"""

import argparse
import sys
from pathlib import Path

from neurograph import NeurographError, compile_checkpoint, data, profile_text, rendered, report_of, target, training, write_bundle

# A chip of one's own: value, low, high, unit. These are made up; put in your own, each with its source and how it came to be (measured,
# simulated, fitted, derived, specified or assumed). `neurograph profiles show loihi1 --toml` has all that a profile can say.
MY_CHIP = {
    "energy.synaptic_event": (1.5, 1.2, 2.1, "pJ"),
    "energy.neuron_update_active": (6.0, 5.0, 8.0, "pJ"),
    "energy.neuron_update_inactive": (0.4, 0.3, 0.6, "pJ"),
    "energy.message": (0.8, 0.5, 1.2, "pJ"),
    "energy.hop_east_west": (0.5, 0.4, 0.7, "pJ"),
    "energy.hop_north_south": (0.5, 0.4, 0.7, "pJ"),
    "energy.host_mac": (0.9, 0.3, 8.6, "nJ"),
    "time.synaptic_event": (2.0, 2.0, 3.0, "ns"),
    "time.neuron_update_active": (4.0, 4.0, 6.0, "ns"),
    "time.neuron_update_inactive": (1.0, 1.0, 2.0, "ns"),
    "time.barrier": (150.0, 100.0, 300.0, "ns"),
    "power.static_chip": (0.8, 0.6, 1.1, "mW"),
}


def my_chip() -> str:
    """The profile as TOML. Its limits, which say how many cores a network takes, are those of `generic`, a made-up chip too."""
    lines = ['name = "mychip"', 'title = "My chip, 22 nm"', 'level = "chip events"', "node_nm = 22.0"]
    lines += ['scope = "An example, every figure made up. Leaves out chip-to-chip links and input/output."']
    for name, (value, low, high, unit) in MY_CHIP.items():
        lines += [f"[{name}]", f"value = {value}", f"low = {low}", f"high = {high}", f'unit = "{unit}"']
        lines += ['status = "assumed"', 'source = "made up for an example"']
    generic = profile_text("generic")
    return "\n".join([*lines, generic[generic.index("[limits") :]])


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
    (folder / "mychip.toml").write_text(my_chip(), encoding="utf-8")
    report = report_of(bundle, ["horowitz45", "loihi1", "loihi2", str(folder / "mychip.toml")])

    # For the paper.
    papers = {"paper.tex": "paper", "energy.tex": "latex", "references.bib": "bibtex", "methods.md": "methods"}
    for name, form in papers.items():
        (folder / name).write_text(rendered(report, form), encoding="utf-8")

    # The same figures as Markdown, in one table of our own: a report is a plain dict.
    print(
        f"one inference of {report['bundle']}: {report['counts']['synaptic_events']:,} synaptic events, accuracy {report['accuracy']:.1%}\n"
    )
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
    except (NeurographError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
