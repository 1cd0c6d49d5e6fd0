"""Simulators beside each other on the same integer networks, in one run, with equal spikes checked: docs/simulators.md.

    python benchmarks/simulators.py [--install] [--rows NAME,...] [--quick] [-o FILE.json] [--write]
    python benchmarks/simulators.py --start-up [--bundle cora/]

Ours, Lava 0.10 (fixed_pt), a plain NumPy step loop, nengo-loihi's emulator and SANA-FE (environments of their own, which --install makes in
the user's cache; who is missing is reported), snnTorch and Norse on float networks; and the floor, the bare products of the same sizes.
Exit status 1: spikes differ where they must not. What is asked of our engines and not reached is bold in the tables, no error.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
from nir_table import replace_table
from nir_zoo import shared
from pages import ROOT
from simulator_children import SIMULATORS
from simulator_measure import Settings, measure, say
from simulator_networks import RANDOM, ZOO_CNN, Row, cnn, cora, random_row
from simulator_start_up import start_up
from simulator_tables import requirements, tables

__all__ = ["PAGE", "QUICK", "ROWS"]

PAGE = "docs/simulators.md"
TICKS, SAMPLES = 100, 32
ROWS = (*RANDOM, "cnn-sinabs", "cora")
QUICK = ("dense-256x1", "recurrent-512", "sparse-1024x4")


def rows(names: Sequence[str], ticks: int, samples: int, data: Path, bundle: Callable[[], Path]) -> Iterator[Row]:
    """Each row, made when its turn comes."""
    for name in names:
        if name in RANDOM:
            yield random_row(name, RANDOM[name], ticks, samples)
        else:
            yield cnn(data, ticks, samples) if name == "cnn-sinabs" else cora(bundle(), samples)


def without(names: Sequence[str], data: Path, bundle: Path | None) -> list[str]:
    """What the rows need and is not there."""
    needed = {"cnn-sinabs": data / "nir_zoo" / ZOO_CNN, "cora": (bundle / "network.h5") if bundle else data / "data" / "Planetoid"}
    return [f"row {name} needs {needed[name]}, which does not exist" for name in names if name in needed and not needed[name].exists()]


def cora_bundle(folder: Path, data: Path) -> Path:
    """Train SpikeGraphormer on Cora and export it, as a user does.

    Raises:
        subprocess.CalledProcessError: a command failed.
    """
    command, model, bundle = [sys.executable, "-m", "neurograph"], str(folder / "cora.pt"), folder / "cora"
    say("training on Cora for the bundle; --bundle takes one that is there")
    train = [*command, "train", "spikegraphormer", "--dataset", "cora", "--data-root", str(data / "data"), "-o", model]
    subprocess.run(train, check=True, stdout=subprocess.DEVNULL)
    export = [*command, "export", model, "--target", "loihi2", "--no-verify", "-o", str(bundle)]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    return bundle


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="first make the environments of nengo-loihi and SANA-FE")
    parser.add_argument("--rows", metavar="NAME,...", help=f"of {', '.join(ROWS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help=f"few ticks, few samples, {', '.join(QUICK)}")
    parser.add_argument(
        "--start-up", action="store_true", help="only one Cora inference from the command line; else it comes after Cora's row"
    )
    parser.add_argument("--bundle", type=Path, help="a Cora bundle made before")
    parser.add_argument("--data-root", type=Path, help="folder that holds nir_zoo and data (default: $NEUROGRAPH_SHARED, ../shared)")
    parser.add_argument("--no-lava", action="store_true", help="leave Lava out")
    parser.add_argument("--no-others", action="store_true", help="leave nengo-loihi, SANA-FE, snnTorch and Norse out")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write all figures there, row by row")
    parser.add_argument("--figures", type=Path, metavar="FILE.json", help="measure nothing: make the tables of what -o wrote before")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}")
    chosen = parser.parse_args(arguments)
    names = chosen.rows.split(",") if chosen.rows else [*(QUICK if chosen.quick else ROWS)]
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        parser.error(f"--rows {','.join(unknown)}: must be of {', '.join(ROWS)}")
    chosen.data_root = shared(chosen.data_root)
    missing = without(["cora"] if chosen.start_up else names, chosen.data_root, chosen.bundle)
    if missing and not chosen.figures:
        parser.error(f"{'; '.join(missing)}: set --data-root to the shared folder, or leave it out by --rows")
    chosen.rows = [] if chosen.start_up else names
    return chosen


def measured(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that was asked for; figures of rows are written as they come.

    Raises:
        AssertionError: spikes that differ where they must not.
    """
    start, bundles, with_others = time.perf_counter(), list[Path](), not chosen.no_others
    settings = Settings(lava=not chosen.no_lava, others=with_others, torch=with_others)
    if chosen.quick:
        settings = Settings((1, 2), 1, 1, 0.01, not chosen.no_lava, with_others, with_others)

    def bundle() -> Path:
        if not bundles:
            bundles.append(chosen.bundle or cora_bundle(folder, chosen.data_root))
        return bundles[0]

    ticks, samples = (10, 2) if chosen.quick else (TICKS, SAMPLES)
    found: dict[str, Any] = {"machine": machine.describe(), "rows": []}
    for row in rows(chosen.rows, ticks, samples, chosen.data_root, bundle):
        found["rows"].append(measure(row, settings))
        _write(found, start, chosen.output)
    if chosen.start_up or "cora" in chosen.rows:
        found["start_up"] = start_up(bundle())
    _write(found, start, chosen.output)
    return found


def _write(found: dict[str, Any], start: float, path: Path | None) -> None:
    found["seconds"] = time.perf_counter() - start
    found["requirements"] = [asked.to_json() for asked in requirements(found)]
    if path:
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parsed(arguments)
    if chosen.install:
        for simulator in SIMULATORS.values():
            simulator.install()
    if chosen.figures:
        found = json.loads(chosen.figures.read_text())
    else:
        try:
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch, about its own future
                found = measured(chosen, Path(folder))
        except AssertionError as error:
            say(f"error: {error}")
            return 1
    text = tables(found)
    print(text)
    if chosen.write:
        (ROOT / PAGE).write_text(replace_table((ROOT / PAGE).read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
