"""Throws faults at the commands and prints, for each command and fault, how often all was well afterwards.

    python benchmarks/faults.py [--tries 24] [--seed 0] [--faults kill,interrupt,...] [--commands train,export,...] [--warm]

kill        kill -9 at a random moment, every second time one at which something is being written; well is: every output is missing, old or
            new, and whole; no process is left. After every eighth kill, and the last, the command is run to its end: nothing is left.
interrupt   SIGINT to the process group: status 130, "interrupted", no traceback, nothing left. terminate: SIGTERM, 143, "terminated".
full        the outputs lie on a file system of a random size below what they need: status 2, one line, nothing half-written, no traceback.
read-only   the same of a read-only one. no-cache: the user's cache is full, or read-only: all goes on.
at-once     two exports into one folder and runs of what is there: one wins whole, each ends with status 0, or 2.

Commands that take long are tried a sixth as often. --warm: commands begin with their
libraries loaded, so that fewer moments fall into loading them.
Exit status 1 if anything was not well.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fault_commands import CASES
from fault_leftovers import hear_signals
from fault_runs import Place, again, at_once, killed, no_room, prepared, size_of, stopped, undisturbed, without_cache
from machine import describe

LONG = {"export, verified", "sweep", "sweep, dask", "tune", "demo"}
WRITERS = [name for name, case in CASES.items() if case.outputs and not case.lost and name != "export, verified"]
CACHED = ["simulate, nothing cached", "export", "report"]
Try = Callable[[int], str]


def kills(place: Place, name: str, dice: random.Random, length_s: float, last: int, number: int) -> str:
    wrong = killed(place, name, dice, length_s)
    return wrong or (again(place, name) if number % 8 == 7 or number == last else "")


def full(place: Place, name: str, dice: random.Random, needed: int, number: int) -> str:
    return no_room(place, name, int(needed * dice.uniform(0, 0.9)))


def needed_by(place: Place, name: str) -> int:
    """Bytes that a command's outputs take."""
    paths = [place.out / output for output in CASES[name].outputs]
    return sum(size_of(path) if path.is_dir() else path.stat().st_size for path in paths)


def attempts(place: Place, fault: str, name: str, dice: random.Random, tries: int) -> Try | None:
    """What tries a fault on a command once, given the number of the try; None where it is not for that command."""
    if fault == "at-once":
        return (lambda number: at_once(place, dice, 0.3)) if name == "export" else None
    if fault == "no-cache":
        return (lambda number: without_cache(place, name, read_only=bool(number % 2))) if name in CACHED else None
    if fault in ("full", "read-only") and name not in WRITERS:
        return None
    if fault == "read-only":
        return lambda number: no_room(place, name, 1 << 20, read_only=True)
    length_s = undisturbed(place, CASES[name])
    if fault == "full":
        return partial(full, place, name, dice, needed_by(place, name))
    if fault == "kill":
        return partial(kills, place, name, dice, length_s, tries - 1) if CASES[name].outputs else None
    number = signal.SIGINT if fault == "interrupt" else signal.SIGTERM
    return lambda _: stopped(place, name, dice, length_s, number)


FAULTS = ("kill", "interrupt", "terminate", "full", "read-only", "no-cache", "at-once")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tries", type=int, default=24, help="of each command and fault; read-only: 1")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--faults", default=",".join(FAULTS))
    options.add_argument("--commands", default="; ".join(CASES), help="with ; between them")
    options.add_argument("--warm", action="store_true")
    given = options.parse_args()
    hear_signals()
    print(f"# {describe()}, seed {given.seed}{', libraries loaded before' if given.warm else ''}\n")
    print("| command | fault | tries | good | bad |\n|---|---|---|---|---|", flush=True)
    begun, sums, wrong = time.monotonic(), dict.fromkeys(FAULTS, 0), 0
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        place = prepared(Path(folder), warm=given.warm)
        for fault in given.faults.split(","):
            for name in given.commands.split("; "):
                dice = random.Random(f"{given.seed} {fault} {name}")
                tries = 1 if fault == "read-only" else max(1, given.tries // (6 if name in LONG else 1))
                attempt = attempts(place, fault, name, dice, tries)
                if attempt is None:
                    continue
                bad = [said for said in map(attempt, range(tries)) if said]
                print(f"| {name} | {fault} | {tries} | {tries - len(bad)} | {len(bad)} |", flush=True)
                sums[fault] += tries
                wrong += len(bad)
                print("".join(f"{name}, {fault}: {said}\n" for said in bad), end="", file=sys.stderr, flush=True)
    print(f"\n{', '.join(f'{count} × {fault}' for fault, count in sums.items() if count)}: {wrong} bad, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
