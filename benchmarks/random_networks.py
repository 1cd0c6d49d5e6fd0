"""Our fixed engine against Lava's fixed point on random networks: every spike, u and v of every population at every tick.

    python benchmarks/random_networks.py [--networks 2000] [--floats 300] [--per-run 40] [--seed 0] [--table FILE]

Each small network runs alone in our engines, NumPy and compiled (graded ones in NumPy, as always), and packed with others in Lava
(packing.py); a few run in Lava as they are. They are compared network by network. What differs is run in Lava alone, shrunk, and printed as
code. Networks that our engines or Lava's 32 bits refuse are drawn again and counted apart. Exit status 1 on a mismatch or an empty class.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import machine
import numpy as np
from network_classes import Coverage
from packing import Packed, as_one_inference, pack, side_by_side
from random_families import FLOAT_KINDS, KINDS, Case, Family, draw, family
from shrinking import as_code, shrink

from neurograph.export.passes.align_delays import align_delays
from neurograph.network import Network
from neurograph.sim import fixed, floating
from neurograph.sim.lava import engine
from neurograph.sim.recording import Recording

QUANTITIES = ("spikes", "voltages", "currents")
FEW, MOST_PROCESSES = 3, 12  # networks of a run as they are, and populations and projections of each
SHOWN = 3


@dataclass
class Figures:
    """``different``: (what, of which family, the network)."""

    networks: int = 0
    refused: int = 0
    runs: int = 0
    compiled: int = 0
    processes: int = 0
    slots: int = 0
    states: int = 0
    different: list[tuple[str, Family, Case]] = field(default_factory=list)


def compare_family(
    of: Family, cases: Sequence[Case], figures: Figures, coverage: Coverage | None = None, *, as_they_are: bool = False
) -> None:
    """One Lava run of them all."""
    floats = of.kind.startswith("float")
    for_lava = [as_one_inference(case) if of.kind == "kept" else case for case in cases]
    packed = (side_by_side if as_they_are else pack)(for_lava)
    aligned = align_delays(packed.case.network, programmable=of.programmable)
    lava = engine.run(aligned, packed.case.inputs, engine="float" if floats else "fixed")
    figures.runs += 1
    figures.processes = max(figures.processes, lava.notes["processes"])
    for number, case in enumerate(cases):
        ours = run_ours(case, floats)
        figures.networks += 1
        figures.compiled += "compiled" in ours
        for name, run in ours.items():
            wrong = differences(case.network, run, packed, number, lava, floats)
            if wrong:
                figures.different.append((f"{name} against Lava: {wrong}", of, case))
        figures.slots += sum(ours["NumPy"].spikes[p.name].size for p in case.network.neurons)
        figures.states += sum(v.size for key in QUANTITIES[1:] for v in getattr(ours["NumPy"], key).values())
        if coverage is not None:
            coverage.add(of, case, ours["NumPy"], aligned)


def run_ours(case: Case, floats: bool) -> dict[str, Recording]:
    """By engine; the compiled kernels know binary spikes only."""
    run = floating.run if floats else fixed.run
    runs = {"NumPy": run(case.network, case.inputs, compiled=False)}
    if not any(p.sends_numbers for p in case.network.populations.values()):
        runs["compiled"] = run(case.network, case.inputs, compiled=True)
    return runs


def differences(network: Network, ours: Recording, packed: Packed, number: int, lava: Recording, floats: bool) -> str:
    """The first population and quantity that differs, and in how many slots; nothing where all are equal."""
    for name in (n for n in network.order() if not network.populations[n].is_source):
        for quantity in QUANTITIES[: 1 if floats else 3]:
            theirs = packed.part(number, getattr(lava, quantity)).get(name)
            mine = getattr(ours, quantity).get(name)
            if theirs is None or mine is None:
                if (theirs is None) != (mine is None):
                    return f"{quantity} of {name} recorded by one only"
                continue
            wrong = np.argwhere(mine.reshape(theirs.shape) != theirs)
            if len(wrong):
                where = tuple(wrong[0])
                both = f"{mine.reshape(theirs.shape)[where]} and {theirs[where]}"
                return f"{quantity} of {name} in {len(wrong)} slots, first (sample, tick, neuron) {tuple(map(int, where))}: {both}"
    return ""


def differs_alone(of: Family, case: Case) -> bool:
    """Whether a network differs in a Lava run of its own."""
    figures = Figures()
    compare_family(of, [case], figures, as_they_are=True)
    return bool(figures.different)


def draw_some(of: Family, count: int, rng: np.random.Generator, figures: Figures, largest: int | None = None) -> list[Case]:
    """Networks of a family, of no more populations and projections than ``largest``."""
    cases: list[Case] = []
    while len(cases) < count:
        case, refused = draw(of, rng)
        figures.refused += refused
        if largest is None or len(case.network.populations) + len(case.network.projections) <= largest:
            cases.append(case)
    return cases


def compare_many(kinds: Sequence[str], networks: int, per_run: int, seed: int, coverage: Coverage | None) -> Figures:
    """Families of all kinds in turn, the first of each also as they are."""
    figures = Figures()
    number = 0
    while figures.networks < networks:
        kind = kinds[number % len(kinds)]
        rng = np.random.default_rng([seed, number])
        of = family(kind, rng)
        if number < len(kinds):
            compare_family(of, draw_some(of, FEW, rng, figures, MOST_PROCESSES), figures, coverage, as_they_are=True)
        compare_family(of, draw_some(of, per_run, rng, figures), figures, coverage)
        number += 1
    return figures


def report(name: str, figures: Figures, seconds: float) -> None:
    """The figures, and what differed."""
    print(
        f"{name}: {figures.networks:,} networks in {figures.runs} Lava runs (at most {figures.processes} processes), "
        f"{figures.compiled:,} of them also by the compiled kernels; {figures.slots:,} spike slots and {figures.states:,} values of u and "
        f"v compared; networks with a mismatch: {len({id(case) for _, _, case in figures.different})}; "
        f"refused and drawn again: {figures.refused}; {seconds:.0f} s",
        flush=True,
    )
    for what, of, case in figures.different[:SHOWN]:
        print(f"\nkind {of.kind!r}: {what}")
        if differs_alone(of, case):
            print(as_code(shrink(case, lambda smaller, of=of: differs_alone(of, smaller))))  # type: ignore[misc]
        else:
            print("the same network alone in Lava does not differ; packed with others it did:\n" + as_code(case))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=2000, help="integer networks, at least")
    parser.add_argument("--floats", type=int, default=300, help="float networks against Lava's floating point, at least")
    parser.add_argument("--per-run", type=int, default=40, help="networks packed into a Lava run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="write the table of classes (Markdown)")
    arguments = parser.parse_args()
    print(machine.describe() + f"; seed {arguments.seed}", flush=True)
    coverage, start = Coverage(), time.perf_counter()
    good = True
    for name, kinds, networks, held in (
        ("fixed engine = Lava fixed point", KINDS, arguments.networks, coverage),
        ("float engine = Lava floating point", FLOAT_KINDS, arguments.floats, None),
    ):
        if networks:
            figures = compare_many(kinds, networks, arguments.per_run, arguments.seed, held)
            report(name, figures, time.perf_counter() - start)
            good &= not figures.different
        start = time.perf_counter()
    print(
        f"distinct sets of neuron parameters: {len(coverage.neurons):,}; of exponent, sign mode, lag and delay: {len(coverage.synapses):,}"
    )
    table = "\n".join(coverage.lines())
    print(f"\n{table}")
    if arguments.table:
        arguments.table.write_text(table + "\n")
    if coverage.empty and arguments.networks:
        print(f"classes without a network: {', '.join(coverage.empty)}")
    return 0 if good and not (coverage.empty and arguments.networks) else 1


if __name__ == "__main__":
    sys.exit(main())
