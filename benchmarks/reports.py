"""The full energy reports of the three models, as they stand in docs/reports/, and the table of what is left of their headlines.

    python benchmarks/reports.py --data-root DIR [--only NAME …] [--models DIR] [--epochs N] [--write]

Each model is trained with its own settings (seed 0), exported for Loihi 2 and reported, SpikeGraphormer and SGHormer on Cora beside a GCN
and a dense graph transformer that are trained on the same split, Dy-SIGN on the dynamic DBLP. These are the commands:

    neurograph train MODEL --dataset NAME --data-root DIR -o model.pt
    neurograph export model.pt --target loihi2 -o bundle --no-verify
    neurograph report bundle --ann gcn --ann transformer --data-root DIR -o report.md

``--models`` keeps model files and bundles there, and takes those that are there already. ``--write`` writes docs/reports/ and the table in
docs/energy.md; without it they are printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import pages

from neurograph.cli.main import run_command
from neurograph.hw_profiles.report import rendered
from neurograph.hw_profiles.report.text import ratio, si

RIVALS = ("dense graph transformer", "gcn, trained", "GRU-GCN")
PAGE = "docs/energy.md"
BEGIN, END = "<!-- made by benchmarks/reports.py -->", "<!-- to here -->"


@dataclass(frozen=True)
class Case:
    """One report.

    Args:
        anns: trained beside it.
    """

    name: str
    model: str
    dataset: str
    anns: tuple[str, ...]


CASES = (
    Case("spikegraphormer-cora", "spikegraphormer", "cora", ("gcn", "transformer")),
    Case("sghormer-cora", "sghormer", "cora", ("gcn", "transformer")),
    Case("dysign-dblp", "dysign-onchip", "dblp", ()),
)


def reported(case: Case, root: Path | None, folder: Path, epochs: int | None) -> dict[str, Any]:
    """Train where there is no model file yet, export where there is no bundle, report."""
    model, bundle = folder / f"{case.name}.pt", folder / case.name
    data = [] if root is None else ["--data-root", str(root)]
    if not model.is_file():
        limit = [] if epochs is None else ["--epochs", str(epochs)]
        _run("train", case.model, "--dataset", case.dataset, *data, *limit, "-o", str(model))
    if not bundle.is_dir():
        _run("export", str(model), "--target", "loihi2", "-o", str(bundle), "--no-verify")
    out = folder / f"{case.name}.json"
    beside = [*(word for name in case.anns for word in ("--ann", name)), *data] if case.anns else []
    _run("report", str(bundle), *beside, "--format", "json", "-o", str(out))
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def _run(*words: str) -> None:
    print("neurograph", *words, file=sys.stderr)
    if run_command(list(words)) != 0:
        sys.exit(f"error: neurograph {' '.join(words)} failed; see above")


def summary(found: list[tuple[Case, dict[str, Any]]]) -> str:
    """What is left of each headline: rows are ways to count, columns models; a table for each network with real values."""
    about = [[case.name, *_about(report)] for case, report in found]
    chips = [p["name"] for p in found[0][1]["profiles"] if p["on_chip_j"] is not None]
    heads = ["report", "accuracy %", "ticks", "synaptic events", *(f"on chip, {name}" for name in chips)]
    tables = [_left(found, rival) for rival in RIVALS if any(b["name"] == rival for _, report in found for b in report["baselines"])]
    return "\n".join([pages.table(heads, about), *tables])


def _left(found: list[tuple[Case, dict[str, Any]]], rival: str) -> str:
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for case, report in found:
        for line in report["headline"]:
            if line["baseline"] == rival and line["ratio"] is not None:
                value, low, high = (ratio(line["ratio"][key]) for key in ("value", "low", "high"))
                text = value if low == high else f"{value} ({low} to {high})"
                lines.setdefault((line["line"], line["profile"]), {})[case.name] = text
    there = [case.name for case, report in found if any(b["name"] == rival for b in report["baselines"])]
    rows = [[what, profile, *(by.get(name, "–") for name in there)] for (what, profile), by in lines.items()]
    reached = [_accuracy(report, rival) for case, report in found if case.name in there]
    said = f" (its accuracy: {', '.join(reached)})" if all(reached) else ""
    return f"Energy of the {rival} over the spiking network's{said}:\n\n{pages.table(['what is counted', 'constants', *there], rows)}"


def _accuracy(report: dict[str, Any], rival: str) -> str:
    return next((f"{100 * b['accuracy']:.1f} %" for b in report["baselines"] if b["name"] == rival and "accuracy" in b), "")


def _about(report: dict[str, Any]) -> list[str]:
    windows = report.get("windows_of_model", [])
    ticks = f"{len(windows)} windows of {windows[0]['ticks']}" if windows else str(report["ticks"])
    accuracy = f"{100 * report['accuracy']:.2f}" if "accuracy" in report else "–"
    energies = [_on_chip(p) for p in report["profiles"] if p["on_chip_j"] is not None]
    return [accuracy, ticks, f"{report['counts']['synaptic_events']:,}", *energies]


def _on_chip(profile: dict[str, Any]) -> str:
    if profile["placement_refused"]:
        return "refused"
    total, low, high = (si(profile["on_chip_j"][key], "J") for key in ("total", "low", "high"))
    return f"{total} ({low} to {high})"


def write(found: list[tuple[Case, dict[str, Any]]]) -> None:
    """The reports and the table, where they stand in the documentation."""
    folder = pages.ROOT / "docs/reports"
    folder.mkdir(exist_ok=True)
    for case, report in found:
        (folder / f"{case.name}.md").write_text(rendered(report, "md"))
    page = pages.standing(PAGE)
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    (pages.ROOT / PAGE).write_text(f"{before}{BEGIN}\n{summary(found)}\n{machine.describe()}\n{END}{after}")


def main(args: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, help="folder that holds Planetoid and dynamic")
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], help="these alone")
    parser.add_argument("--models", type=Path, metavar="DIR", help="keep model files and bundles there, and take those that are there")
    parser.add_argument("--epochs", type=int, help="at most; default: as each model's settings say")
    parser.add_argument("--write", action="store_true", help="write docs/reports and the table in docs/energy.md")
    arguments = parser.parse_args(args)
    chosen = [case for case in CASES if arguments.only is None or case.name in arguments.only]
    with tempfile.TemporaryDirectory() as empty:
        folder = arguments.models or Path(empty)
        folder.mkdir(parents=True, exist_ok=True)
        found = [(case, reported(case, arguments.data_root, folder, arguments.epochs)) for case in chosen]
    if arguments.write:
        write(found)
    print(f"{summary(found)}\n{machine.describe()}")


if __name__ == "__main__":
    main()
