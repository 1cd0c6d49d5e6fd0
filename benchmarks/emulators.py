"""Lava, Brian2Loihi and nengo-loihi beside the fixed engine under the rules of each: docs/emulators.md.

    python benchmarks/emulators.py [--install] [--write]

Every emulator runs the same integer networks, and the engine runs them under each of the three rules: under an emulator's own no spike, no
u and no v may differ. ``--install`` first makes the environments of Brian2Loihi and nengo-loihi in the user's cache, ``--write`` puts the
tables into docs/emulators.md. Exit status 1: an emulator differs from its own rules, or the page says anything else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import machine
import numpy as np
from emulator_children import EMULATORS, Job, install, run
from emulator_networks import CASES, PROBES, Case, Probe, lively, probe_network, values_of
from nir_table import BEGIN, END, replace_table
from numpy.typing import NDArray
from pages import table

from neurograph import data, training
from neurograph.export.compile import compile_checkpoint
from neurograph.export.passes.align_delays import align_delays
from neurograph.export.targets import TARGETS
from neurograph.sim import fixed
from neurograph.sim.integer_rules import RULES
from neurograph.sim.lava import engine as lava
from neurograph.sim.lava import runtime
from neurograph.sim.recording import Recording
from neurograph.training.checkpoint import Checkpoint

__all__ = [
    "NAMES",
    "PAGE",
    "Difference",
    "against_rules",
    "case_tables",
    "difference",
    "karate",
    "karate_row",
    "ruled_cases",
    "ruled_probes",
    "run_cases",
    "run_probes",
]

Array = NDArray[Any]
PAGE = Path(__file__).resolve().parent.parent / "docs" / "emulators.md"
NAMES = {"lava": "Lava 0.10.0", **{key: f"{e.name} {e.version}" for key, e in EMULATORS.items()}}
KARATE = "karate: "
_STORED_IN_LAVA = """
import json, sys, numpy as np
from lava.utils.weightutils import SignMode, clip_weights, truncate_weights
w, mode = np.array(json.loads(sys.argv[1])), SignMode.MIXED
print(json.dumps(truncate_weights(clip_weights(w, mode, 8), mode, 8).tolist()))
"""


@dataclass(frozen=True)
class Difference:
    """Slots in which two runs differ, of ``slots``."""

    spikes: int = 0
    u: int = 0
    v: int = 0
    slots: int = 0

    def __add__(self, other: Difference) -> Difference:
        return Difference(self.spikes + other.spikes, self.u + other.u, self.v + other.v, self.slots + other.slots)

    @property
    def none(self) -> bool:
        return not (self.spikes or self.u or self.v)

    def __str__(self) -> str:
        return f"0 of {self.slots:,}" if self.none else f"{self.spikes:,}, {self.u:,}, {self.v:,} of {self.slots:,}"


def difference(job: Job, a: Recording, b: Recording) -> Difference:
    """Over every population that computes, at every tick."""
    names = [p.name for p in job[0].neurons]

    def count(kind: str) -> int:
        return sum(int(np.count_nonzero(getattr(a, kind)[name] != getattr(b, kind)[name])) for name in names)

    return Difference(count("spikes"), count("currents"), count("voltages"), sum(a.spikes[name].size for name in names))


def run_in(key: str, jobs: Sequence[Job], whole: Sequence[bool] = ()) -> list[Recording]:
    """Run jobs in an emulator, by the name of its rules; Lava through neurograph's own target, always whole."""
    if key != "lava":
        return run(EMULATORS[key], jobs, whole=whole)
    return [lava.run(align_delays(network), inputs, engine="fixed") for network, inputs in jobs]


def taken(key: str) -> list[Case]:
    """The cases that an emulator is given."""
    return [case for case in CASES if case.lava or key != "lava"]


def run_cases(key: str) -> dict[str, list[Recording]]:
    """Case → what the emulator gave.

    Raises:
        ValueError: a case in which too little spikes to test anything.
    """
    cases = taken(key)
    recordings = iter(run_in(key, [job for case in cases for job in case.jobs()], [case.whole for case in cases for _ in case.jobs()]))
    found = {case.name: [next(recordings) for _ in case.jobs()] for case in cases}
    for case in cases:
        for job, recording in zip(case.jobs(), found[case.name], strict=True):
            if not lively(job, recording.spikes):
                raise ValueError(f"case {case.name!r} in {NAMES[key]}: a population hardly spikes, or always does, so it tests nothing")
    return found


def against_rules(key: str, found: Mapping[str, Sequence[Recording]]) -> dict[str, Difference]:
    """Rules → how the engine under them differs from an emulator, all its cases together."""
    total = dict.fromkeys(RULES, Difference())
    for case in taken(key):
        for job, recording in zip(case.jobs(), found[case.name], strict=True):
            for rules in RULES:
                total[rules] += difference(job, recording, fixed.run(*job, rules=rules))
    return total


def matrix_row(key: str, found: Mapping[str, Sequence[Recording]]) -> list[str]:
    """An emulator's line in the first table."""
    return [NAMES[key], *(str(d) for d in against_rules(key, found).values())]


def between(case: Case, a: Sequence[Recording] | None, b: Sequence[Recording] | None) -> str:
    """A cell of the second table: where two emulators differ from each other."""
    if a is None or b is None:
        return "not run"
    return str(sum((difference(job, *pair) for job, *pair in zip(case.jobs(), a, b, strict=True)), Difference()))


def run_probes(key: str) -> dict[str, int]:
    """Probe → what the emulator shows."""
    probes = [probe for probe in PROBES if probe.lava or key != "lava"]
    found = dict(zip((p.name for p in probes), values_of(probes, run_in(key, [probe_network(probes)])[0]), strict=True))
    if key == "lava":
        found.update(_stored_in_lava([probe for probe in PROBES if not probe.lava]))
    return found


def ruled_cases(rules: str) -> dict[str, list[Recording]]:
    """What :func:`run_cases` gives where an emulator does as its rules say, with no emulator."""
    return {case.name: [fixed.run(*job, rules=rules) for job in case.jobs()] for case in taken(rules)}


def ruled_probes(rules: str) -> dict[str, int]:
    """What :func:`run_probes` gives likewise; of Lava not the odd weights, which the engine takes as they are."""
    probes = [probe for probe in PROBES if probe.lava or rules != "lava"]
    return dict(zip((p.name for p in probes), values_of(probes, fixed.run(*probe_network(probes), rules=rules)), strict=True))


def _stored_in_lava(probes: Sequence[Probe]) -> dict[str, int]:
    """What Lava's Dense makes of weights that neurograph never gives it."""
    weights = json.dumps([probe.pulses[0][0] for probe in probes])
    command = [str(runtime.find()), "-c", _STORED_IN_LAVA, weights]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    return dict(zip((p.name for p in probes), json.loads(done.stdout), strict=True))


def karate() -> Job:
    """The integer network of a SpikeGraphormer trained on the karate club, as ``neurograph demo`` compiles it for Loihi 2."""
    graph = data.load("karate")
    config, recipe = training.preset(graph)
    trained = training.train(config, graph, seed=0, recipe=recipe)
    checkpoint = Checkpoint(trained.model, graph, config, 0, {"test_accuracy": trained.test_accuracy}, {})
    compiled = compile_checkpoint(checkpoint, TARGETS["loihi2"])
    assert compiled.quantized is not None
    return compiled.quantized, compiled.inputs


def karate_row(job: Job, key: str) -> list[str]:
    """What differs under the rules of an emulator from rules lava, by population; and from the emulator itself."""
    lava_run, ruled = fixed.run(*job), fixed.run(*job, rules=key)
    parts = {name: np.count_nonzero(ruled.spikes[name] != lava_run.spikes[name]) for name in lava_run.spikes}
    where = ", ".join(f"{name} {count:,}" for name, count in parts.items() if count) or "none"
    own = difference(job, run(EMULATORS[key], [job])[0], ruled)
    return [KARATE + key, str(difference(job, ruled, lava_run)), where, str(own)]


def case_tables(cases: Mapping[str, Mapping[str, Sequence[Recording]]]) -> str:
    """Emulators against rules, and emulators against one another."""
    pairs = list(combinations(cases, 2))
    parts = [
        "Slots that differ: spikes, u, v of how many. Rows are emulators, columns the rules that the fixed engine ran under.\n",
        table(["", *(f"rules `{rules}`" for rules in RULES)], [matrix_row(key, found) for key, found in cases.items()]),
        "Where the emulators differ from one another, case by case:\n",
        table(
            ["", *(f"{NAMES[a].split(' ')[0]} and {NAMES[b].split(' ')[0]}" for a, b in pairs)],
            [[case.name, *(between(case, cases[a].get(case.name), cases[b].get(case.name)) for a, b in pairs)] for case in CASES],
        ),
    ]
    return "\n".join(parts)


def more_tables(probes: Mapping[str, Mapping[str, int]], karate: list[list[str]]) -> str:
    """The probes, and the karate network."""
    parts = [
        "What one neuron shows in each (a weight as it arrives, u and v in steps of v):\n",
        table(["", *NAMES.values()], [[p.name, *(f"{probes[key][p.name]:,}".replace("-", "−") for key in NAMES)] for p in PROBES]),
        "The karate SpikeGraphormer of `neurograph demo`, all populations and ticks:\n",
        table(["rules", "differs from rules `lava`", "spikes that differ, by population", "differs from its emulator"], karate),
    ]
    return "\n".join(parts).strip()


def page_problems(made: str, written: str) -> list[str]:
    """Lines that the page does not hold; of the karate network, which a machine trains, only that its emulators agree with their rules."""
    there = written.split(BEGIN)[1].split(END)[0].splitlines()
    problems = [line for line in made.splitlines() if line not in there and not line.startswith(f"| {KARATE}")]
    return problems + [line for line in made.splitlines() if line.startswith(f"| {KARATE}") and "| 0 of" not in line[-20:]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="first make the environments of Brian2Loihi and nengo-loihi")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/emulators.md")
    chosen = parser.parse_args(arguments)
    start = time.perf_counter()
    for emulator in EMULATORS.values():
        if chosen.install:
            install(emulator)
        elif emulator.missing:
            print(f"error: {emulator.missing}", file=sys.stderr)
            return 2
    cases = {key: run_cases(key) for key in NAMES}
    job = karate()
    text = case_tables(cases) + "\n" + more_tables({key: run_probes(key) for key in NAMES}, [karate_row(job, key) for key in EMULATORS])
    print(f"{text}\n\n{machine.describe()}; {time.perf_counter() - start:.0f} s")
    if chosen.write:
        PAGE.write_text(replace_table(PAGE.read_text(), text))
    wrong = [f"{NAMES[key]} differs from rules {key!r}" for key, found in cases.items() if not against_rules(key, found)[key].none]
    wrong += [f"{PAGE.name} does not say: {line}" for line in page_problems(text, PAGE.read_text())]
    print("\n".join(f"error: {line}" for line in wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
