"""Simulators beside each other on the same integer networks, in one run, with equal spikes checked: docs/simulators.md.

    python benchmarks/simulators.py [--install] [--rows NAME,...] [--quick] [-o FILE.json] [--write]
    python benchmarks/simulators.py --start-up

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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import machine
from nir_table import replace_table
from nir_zoo import shared
from pages import ROOT
from simulator_children import SIMULATORS
from simulator_measure import Settings, measure, say
from simulator_networks import RANDOM, Row, cnn, cora, random_row
from simulator_start_up import start_up
from simulator_tables import requirements, tables

__all__ = ["PAGE", "QUICK", "ROWS", "run"]

PAGE = "docs/simulators.md"
TICKS, SAMPLES = 100, 32
ROWS = (*RANDOM, "cnn-sinabs", "cora")
QUICK = ("dense-256x1", "recurrent-512", "sparse-1024x4")


def rows(names: Sequence[str], ticks: int, samples: int, data: Path, bundle: Callable[[], Path]) -> list[Callable[[], Row]]:
    """How each row is made."""

    def made(name: str) -> Row:
        if name in RANDOM:
            return random_row(name, RANDOM[name], ticks, samples)
        return cnn(data, ticks, samples) if name == "cnn-sinabs" else cora(bundle(), samples)

    return [lambda name=name: made(name) for name in names]


def run(makers: Sequence[Callable[[], Row]], settings: Settings) -> list[dict[str, Any]]:
    """Every row, made when its turn comes.

    Raises:
        AssertionError: spikes that differ where they must not.
    """
    return [measure(make(), settings) for make in makers]


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
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json", help="write all figures there")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}")
    chosen = parser.parse_args(arguments)
    names = chosen.rows.split(",") if chosen.rows else [*(QUICK if chosen.quick else ROWS)]
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        parser.error(f"--rows {','.join(unknown)}: must be of {', '.join(ROWS)}")
    chosen.rows = [] if chosen.start_up else names
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parsed(arguments)
    warnings.simplefilter("ignore")  # of torch, about its own future
    if chosen.install:
        for simulator in SIMULATORS.values():
            simulator.install()
    start, data, bundles = time.perf_counter(), shared(chosen.data_root), list[Path]()
    with_others = not chosen.no_others
    settings = Settings(lava=not chosen.no_lava, others=with_others, torch=with_others)
    if chosen.quick:
        settings = Settings((1, 2), 1, 1, 0.01, not chosen.no_lava, with_others, with_others)
    with tempfile.TemporaryDirectory() as folder:

        def bundle() -> Path:
            if not bundles:
                bundles.append(chosen.bundle or cora_bundle(Path(folder), data))
            return bundles[0]

        ticks, samples = (10, 2) if chosen.quick else (TICKS, SAMPLES)
        try:
            found: dict[str, Any] = {"rows": run(rows(chosen.rows, ticks, samples, data, bundle), settings)}
        except AssertionError as error:
            say(f"error: {error}")
            return 1
        if chosen.start_up or "cora" in chosen.rows:
            found["start_up"] = start_up(bundle())
    found |= {"machine": machine.describe(), "seconds": time.perf_counter() - start, "requirements": []}
    found["requirements"] = [asked.to_json() for asked in requirements(found)]
    text = tables(found)
    print(text)
    if chosen.output:
        chosen.output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if chosen.write:
        (ROOT / PAGE).write_text(replace_table((ROOT / PAGE).read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
