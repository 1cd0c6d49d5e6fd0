"""Energy and time of a placed network beside SANA-FE 2.2.9's, with the same constants, component by component: each difference explained.

    python benchmarks/sanafe_energy.py [--install] [--json FILE]

Karate's SpikeGraphormer (trained, seed 0) is placed on the profile loihi1-sanafe as it is, and on small cores over two chips, and the
digits' graph in a narrow SpikeGraphormer (untrained, seed 0). SANA-FE replays the recorded spikes on the same mesh
(:mod:`neurograph.reporting.sanafe`, which says what differs). ``--install`` first makes an environment with SANA-FE in the user's cache; an
interpreter that has it may be named in $NEUROGRAPH_SANAFE_PYTHON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import environments
import machine
import torch

from neurograph import data, training
from neurograph.errors import InputError
from neurograph.export.compile import compile_checkpoint
from neurograph.export.placement import Limits, Placement, place
from neurograph.export.targets import TARGETS
from neurograph.hw_profiles.schema import load, placement_limits
from neurograph.models import SpikeGraphormer
from neurograph.network import Network
from neurograph.reporting.sanafe import PROFILE, crosscheck
from neurograph.reporting.sanafe_child import VERSION, cache_folder, sanafe_python
from neurograph.sim import fixed
from neurograph.sim.recording import Recording
from neurograph.training.checkpoint import Checkpoint


def find_sanafe() -> Path:
    """An interpreter that has SANA-FE.

    Raises:
        LookupError: there is none, with the way out.
    """
    try:
        return sanafe_python()[0]
    except InputError as error:
        raise LookupError(f"{error}; or run 'python benchmarks/sanafe_energy.py --install'") from None


def install_sanafe() -> None:
    """Make an environment with SANA-FE in the user's cache, by uv.

    Raises:
        subprocess.CalledProcessError: uv could not.
    """
    environments.make(cache_folder(), [f"sanafe=={VERSION}", "numpy"])


def networks(quick: bool = False) -> Iterator[tuple[str, Placement, Recording]]:
    """Karate on the profile's own cores, and on small ones; the digits, unless it is to be ``quick``."""
    limits = Limits.of(PROFILE, placement_limits(load(PROFILE)))
    network, recording = _karate()
    small = replace(limits, neurons=300, cores_per_chip=16, tiles_per_chip=8, mesh_width=4)
    yield "karate, as the profile is", place(network, limits, recording=recording), recording
    yield "karate, cores of 300 neurons, chips of 16 cores", place(network, small, recording=recording), recording
    if quick:
        return
    network, recording = _digits()
    yield "digits, untrained, widths 16 and 8", place(network, limits, recording=recording), recording


def _karate() -> tuple[Network, Recording]:
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        path = training.save(Path(folder, "karate.pt"), result.model, graph, result)
        return _recorded(training.load(path))


def _digits() -> tuple[Network, Recording]:
    graph = data.load("digits")
    config, _ = training.preset(graph)
    narrow = replace(config, gnn_width=16, attention_width=8)
    torch.manual_seed(0)
    return _recorded(Checkpoint(SpikeGraphormer(narrow, graph.edge_index).eval(), graph, narrow, 0, {}, {}))


def _recorded(checkpoint: Checkpoint) -> tuple[Network, Recording]:
    compiled = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    assert compiled.quantized is not None
    return compiled.quantized, fixed.run(compiled.quantized, compiled.inputs)


def show(found: dict[str, Any]) -> None:
    """Print the table."""
    print(f"  {'':<28}{'ours':>14}{'SANA-FE':>14}{'ours / SANA-FE':>16}{'same events':>14}")
    for line in found["lines"]:
        ratio = "–" if line["ratio"] is None else f"{line['ratio']:.4f}"
        same = "–" if line["same_events"] is None else f"{line['same_events']:,.6g}"
        name = line["name"] if line["unit"] == "1" else f"{line['name']} ({line['unit']})"
        print(f"  {name:<28}{line['ours']:>14,.6g}{line['theirs']:>14,.6g}{ratio:>16}{same:>14}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="only make the environment of SANA-FE, in the user's cache")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--quick", action="store_true", help="karate alone")
    arguments = parser.parse_args()
    if arguments.install:
        install_sanafe()
        return 0
    interpreter, profile, good, results = find_sanafe(), load(PROFILE), True, {}
    print(machine.describe())
    for name, placement, recording in networks(arguments.quick):
        found = crosscheck(placement, recording, profile, interpreter)
        good &= found["explained"] and found["within_5_percent"]
        print(f"{name}: {placement.cores} cores, {placement.chips} chips")
        show(found)
        results[name] = found
    print("every difference is explained, and energy on the same events within 5 %" if good else "NOT every difference is explained")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
