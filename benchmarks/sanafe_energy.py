"""Energy and time of a placed network beside SANA-FE 2.2.9's, with the same constants, component by component: each difference explained.

    python benchmarks/sanafe_energy.py [--install] [--json FILE]

Karate's SpikeGraphormer (trained, seed 0) is placed on the profile loihi1-sanafe as it is, and on small cores over two chips. SANA-FE
replays the recorded spikes on the same mesh. ``--install`` first makes an environment with SANA-FE in the user's cache; an interpreter that
has it may be named in $NEUROGRAPH_SANAFE_PYTHON. Three things differ, and the line "explained" puts each into our figure:

    neuron updates   a replayed neuron is updated where it fires; ours are active where a spike comes in as well
    chip crossings   SANA-FE knows one mesh: a step to another chip is a hop, and priced as one; ours is counted and not priced
    time of a step   SANA-FE lets hops take no time in its simple model and updates a replayed neuron where it fires; ours waits for the
                     farthest message, and every active update takes its time
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import environments
import machine
import numpy as np

from neurograph import data, training
from neurograph.export.compile import compile_checkpoint
from neurograph.export.placement import Limits, Placement, place
from neurograph.export.placement.files import to_json
from neurograph.export.targets import TARGETS, sanafe
from neurograph.hw_profiles.counts import count
from neurograph.hw_profiles.energy import Estimate, estimate
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile, load, placement_limits
from neurograph.sim import fixed
from neurograph.sim.recording import Recording

VERSION = "2.2.9"
VARIABLE = "NEUROGRAPH_SANAFE_PYTHON"


@dataclass(frozen=True)
class Line:
    """One figure: ours as reported, ours by SANA-FE's rules, SANA-FE's."""

    name: str
    ours: float
    explained: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs if self.theirs else float(self.ours == self.theirs)

    @property
    def agrees(self) -> bool:
        return abs(self.explained - self.theirs) <= 1e-9 * max(abs(self.theirs), abs(self.explained))


def find_sanafe() -> Path:
    """An interpreter that has SANA-FE.

    Raises:
        LookupError: there is none, with the way out.
    """
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if (_cache() / "bin/python").exists():
        return _cache() / "bin/python"
    raise LookupError(f"no interpreter with sanafe {VERSION}: run 'python benchmarks/sanafe_energy.py --install', or set ${VARIABLE}")


def install_sanafe() -> None:
    """Make an environment with SANA-FE in the user's cache, by uv.

    Raises:
        subprocess.CalledProcessError: uv could not.
    """
    environments.make(_cache(), [f"sanafe=={VERSION}", "numpy"])


def _cache() -> Path:
    return environments.cached(f"sanafe-{VERSION}")


def compare(placement: Placement, recording: Recording, profile: Profile, interpreter: str | Path) -> list[Line]:
    """Every count, energy and time of one sample, ours and SANA-FE's.

    Raises:
        ValueError: the network has inputs that spike, which SANA-FE would charge as neurons.
        subprocess.CalledProcessError: SANA-FE failed.
    """
    if any(not p.is_static for p in placement.network.sources):
        raise ValueError("inputs that spike are neurons to SANA-FE: compare a network of static inputs")
    counts = count(placement.network, recording, host_macs={})
    routing = Routing.from_json(to_json(placement))
    ours = estimate(counts, profile, routing)
    simple, detailed = _run(placement, recording, profile, interpreter)
    active, spikes = float(counts.updates_active.mean()), float(counts.neuron_spikes.mean())
    crossings_j = _crossings_as_hops(placement, profile)
    joules, theirs = _terms(ours), simple["energy_j"]
    assert ours.latency_s is not None
    seconds, exact = ours.latency_s.value, _step_times(routing, profile)

    def counted(name: str, mine: float, key: str, explained: float | None = None) -> Line:
        return Line(name, mine, mine if explained is None else explained, simple["sanafe"].get(key, simple.get(key)))

    hops = float((routing.hops_east_west + routing.hops_north_south).mean())
    soma = sum(joules[key] for key in ("neuron_access", "neuron_activation", "spike"))
    network = sum(joules[key] for key in ("message", "hop_east_west", "hop_north_south"))
    synapse = joules.get("synaptic_event_sparse", 0.0) + joules.get("synaptic_event_dense", 0.0)
    update_j = profile.energy["neuron_activation"].si[0] * (active - spikes)
    return [
        counted("machine steps", counts.steps_alone, "steps"),
        counted("spikes", spikes, "spikes"),
        counted("messages", float(routing.messages.mean()), "messages"),
        counted("synaptic events", float(counts.synaptic_events.mean()), "synaptic_events"),
        counted("hops", hops, "hops", hops + float(routing.crossings.mean())),
        counted("neuron updates, active", active, "neurons_updated", spikes),
        Line("energy: synapse (J)", synapse, synapse, theirs["synapse"]),
        Line("energy: soma (J)", soma, soma - update_j, theirs["soma"]),
        Line("energy: network (J)", network, network + crossings_j, theirs["network"]),
        Line("energy: total (J)", ours.on_chip_j.value, ours.on_chip_j.value - update_j + crossings_j, theirs["total"]),
        Line("time, simple (s)", seconds, float(exact.sum()), simple["time_s"]),
        *(Line(f"time of step {i + 1}, simple (s)", step, step, simple["step_time_s"][i]) for i, step in enumerate(exact.tolist())),
        Line("time, detailed (s)", seconds, detailed["time_s"], detailed["time_s"]),
    ]


def _run(placement: Placement, recording: Recording, profile: Profile, interpreter: str | Path) -> list[dict[str, Any]]:
    """SANA-FE's answer with its simple and with its detailed timing model."""
    energy, time = ({key: constant.si[0] for key, constant in section.items()} for section in (profile.energy, profile.time))
    with tempfile.TemporaryDirectory() as folder:
        sanafe.write(placement, recording, Path(folder), energy=energy, time=time)
        found = []
        for more in ([], ["--detailed"]):
            command = [str(interpreter), str(Path(folder, "run.py")), "--json", *more]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
            found.append(json.loads(done.stdout))
    return found


def _terms(ours: Estimate) -> dict[str, float]:
    """Joules by constant."""
    return {term.constant.removeprefix("energy."): term.energy_j.value for part in ours.components for term in part.terms}


def _crossings_as_hops(placement: Placement, profile: Profile) -> float:
    """Joules of the steps between chips if they were hops of their direction."""
    assert placement.traffic is not None
    entries = placement.traffic.between.tocoo()
    across, down = placement.mesh.crossings(entries.row, entries.col)
    east_west, north_south = (profile.energy[key].si[0] for key in ("hop_east_west", "hop_north_south"))
    return float(entries.data @ across * east_west + entries.data @ down * north_south)


def _step_times(routing: Routing, profile: Profile) -> np.ndarray[Any, np.dtype[np.float64]]:
    """SANA-FE's simple model on our counts, step by step: the busiest sender or the busiest receiver, whichever takes longer."""
    work, time = routing.work, {key: constant.si[0] for key, constant in profile.time.items()}
    assert work is not None
    update = time["neuron_activation"] + time["spike"]
    sending = time["neuron_access"] * work.neurons + update * work.neuron_spikes + time["message"] * work.messages_out
    events = work.synaptic_events_dense + work.synaptic_events_sparse
    receiving = time["message_in"] * work.messages_in + time["synaptic_event_sparse"] * events
    steps: np.ndarray[Any, np.dtype[np.float64]] = np.maximum(sending[0].max(axis=1), receiving[0].max(axis=1)) + time["barrier"]
    return steps


def networks() -> dict[str, tuple[Placement, Recording]]:
    """Karate on the profile's own cores, and on small ones."""
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    result = training.train(config, graph, seed=0, recipe=recipe, progress=False)
    with tempfile.TemporaryDirectory() as folder:
        path = training.save(Path(folder, "karate.pt"), result.model, graph, result)
        compiled = compile_checkpoint(training.load(path), TARGETS["loihi2"])
    assert compiled.quantized is not None
    recording = fixed.run(compiled.quantized, compiled.inputs)
    limits = Limits.of("loihi1-sanafe", placement_limits(load("loihi1-sanafe")))
    small = replace(limits, neurons=300, cores_per_chip=16, tiles_per_chip=8, mesh_width=4)
    found = {"as the profile is": limits, "cores of 300 neurons, chips of 16 cores": small}
    return {name: (place(compiled.quantized, chosen, recording=recording), recording) for name, chosen in found.items()}


def show(lines: list[Line]) -> None:
    """Print the table."""
    print(f"  {'':<28}{'ours':>14}{'SANA-FE':>14}{'ours / SANA-FE':>16}{'explained':>14}")
    for line in lines:
        if not line.name.startswith("time of step"):
            print(f"  {line.name:<28}{line.ours:>14,.6g}{line.theirs:>14,.6g}{line.ratio:>16.4f}{line.explained:>14,.6g}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="only make the environment of SANA-FE, in the user's cache")
    parser.add_argument("--json", type=Path, help="write all figures")
    arguments = parser.parse_args()
    if arguments.install:
        install_sanafe()
        return 0
    interpreter, profile, good, found = find_sanafe(), load("loihi1-sanafe"), True, {}
    print(machine.describe())
    for name, (placement, recording) in networks().items():
        lines = compare(placement, recording, profile, interpreter)
        good &= all(line.agrees for line in lines)
        print(f"karate, {name}: {placement.cores} cores, {placement.chips} chips")
        show(lines)
        found[name] = {line.name: {"ours": line.ours, "explained": line.explained, "sanafe": line.theirs} for line in lines}
    print("every difference is explained" if good else "NOT every difference is explained")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
