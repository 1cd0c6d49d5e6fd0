"""Faults of the Lava worker, of its processes, its machine and its starter: how each is reported, how late, and what is left.

    python benchmarks/lava_faults.py [--only WORD] [--rounds N] [--json FILE]

Real Lava throughout. The faults come from outside: signals, limits, full disks (in a mount namespace, where this may make one), and a
script around the worker (lava_fault_worker.py). "over" is seconds past the time limit, or where the starter ends, from then until
nothing was left. "left" counts processes, open files and threads of the starter, shared-memory segments and semaphores, bound sockets, and
temporary folders. Exit status 1 where a fault is not reported by a class of neurograph/errors.py in one line, is late, or leaves something.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lava_fault_run
import machine
from fault_leftovers import Counter, Left, hear_signals

from neurograph.child import GRACE_S
from neurograph.sim.lava import runtime

HERE = Path(__file__).resolve().parent
ENDLESS = 10**6
FINE = "runs to its end"
IN_WORKER = {
    "start-segv": "LavaError",
    "start-exit": "LavaError",
    "start-hang-deaf": "LavaTimeoutError",
    "flood": FINE,
    "daemon": FINE,
    "model-raise": "LavaError",
    "model-long-error": "LavaError",
    "model-memory": "LavaError",
    "model-segv": "LavaError",
    "model-exit-0": "LavaError",
    "model-exit-3": "LavaError",
    "model-hang": "LavaTimeoutError",
    "model-hang-deaf": "LavaTimeoutError",
    "stop-hang": "LavaTimeoutError",
    "stop-kill": "LavaError",
    "result-missing": "LavaError",
    "result-rubbish": "LavaError",
    "result-numbers": "LavaError",
    "result-huge": "LavaError",
    "log-missing": "LavaError",
    "log-cut": "LavaError",
    "log-shape": "LavaError",
    "log-pickle": "LavaError",
    "log-huge": "LavaError",
}
"""Faults of lava_fault_worker.py and how each is reported."""
INTERPRETERS = {
    "is missing": (None, 0o755, "LavaMissingError"),
    "is a folder": ("", 0o755, "LavaMissingError"),
    "is not executable": ("#!/bin/sh\n", 0o644, "LavaMissingError"),
    "has no format": ("\x7fELF rubbish", 0o755, "LavaMissingError"),
    "does nothing": ("#!/bin/sh\nexit 0\n", 0o755, "LavaError"),
    "sleeps for ever": ("#!/bin/sh\nsleep 1000000 & wait\n", 0o755, "LavaTimeoutError"),
    "has no Lava": (f"#!/bin/sh\nexec {sys.executable} -I -S \"$@\"\n", 0o755, "LavaMissingError"),
    "may take 400 MB": ("#!/bin/sh\nulimit -v 400000\nexec {python} \"$@\"\n", 0o755, "LavaError"),
}  # fmt: skip
"""What $NEUROGRAPH_LAVA_PYTHON may name: the file, its mode, and how it is reported."""


@dataclass(frozen=True)
class Tried:
    """One fault, tried once."""

    fault: str
    expected: tuple[str, ...]
    reported: str
    message: str
    over_s: float
    left: Left

    @property
    def ok(self) -> bool:
        """Reported as promised, in one line, in time, and with nothing left."""
        line = "\n" not in self.message and len(self.message) < 1500
        return self.reported in self.expected and line and self.over_s <= GRACE_S and self.left.nothing


def wrapper(folder: Path, text: str, mode: int = 0o755) -> Path:
    """A script as an interpreter."""
    path = folder / "python"
    path.write_text(text.replace("{python}", str(runtime.find())), encoding="latin-1")
    path.chmod(mode)
    return path


def faulty(folder: Path, fault: str) -> Path:
    """An interpreter that runs every worker with a fault."""
    return wrapper(folder, f'#!/bin/sh\nexec {{python}} {HERE / "lava_fault_worker.py"} {fault} "$@"\n')


def here(
    fault: str,
    expected: Sequence[str],
    make: Callable[[Path], Path] | None,
    *,
    ticks: int = 8,
    timeout_s: float = 60.0,
    engine: str = "float",
    meanwhile: Callable[[Counter], None] | None = None,
) -> Tried:
    """A run in this process with an interpreter that ``make`` makes; ``meanwhile`` is called beside it."""
    import tempfile

    counter = Counter()
    kept, tempfile.tempdir = {**os.environ}, str(counter.folder)
    os.environ.update(counter.environment)
    apart = Path(tempfile.mkdtemp(prefix="nfp-", dir="/tmp"))
    helper = threading.Thread(target=meanwhile, args=(counter,)) if meanwhile else None
    try:
        if make is not None:
            os.environ["NEUROGRAPH_LAVA_PYTHON"] = str(make(apart))
        if helper:
            helper.start()
        said = lava_fault_run.ended(ticks, timeout_s, engine)
        if helper:
            helper.join()
        left = counter.left()
    finally:
        os.environ.clear()
        os.environ.update(kept)
        tempfile.tempdir = None
        counter.close()
        subprocess.run(["rm", "-rf", apart], check=True)
    return Tried(fault, tuple(expected), said["error"] or FINE, said["message"], max(0.0, said["seconds"] - timeout_s), left)


def worker_fault(fault: str, hang_s: float = 15.0) -> Tried:
    """One of :data:`IN_WORKER`; ``hang_s`` is the time limit of those that hang."""
    expected = IN_WORKER[fault]
    return here(fault, [expected], lambda folder: faulty(folder, fault), timeout_s=hang_s if expected == "LavaTimeoutError" else 90.0)


def interpreter_fault(what: str) -> Tried:
    """One of :data:`INTERPRETERS`."""
    text, mode, expected = INTERPRETERS[what]

    def make(folder: Path) -> Path:
        return folder if text == "" else folder / "none" if text is None else wrapper(folder, text, mode)

    return here(f"interpreter {what}", [expected], make, timeout_s=2.0 if expected == "LavaTimeoutError" else 60.0)


def started(counter: Counter, count: int = 9) -> list[int]:
    """All processes of a run of :func:`lava_fault_run.network`, when they are there: keeper, worker, Lava's."""
    deadline = time.monotonic() + 60
    while len(found := counter.processes()) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def signalled(number: signal.Signals, index: int, expected: Sequence[str], limit_s: float = 20.0) -> Tried:
    """A signal to one process of a run under way: 0 the keeper, 1 the worker, 2 and more Lava's, in the order of their start."""

    def meanwhile(counter: Counter) -> None:
        found = started(counter)
        time.sleep(0.5)
        os.kill(found[index], number)

    names = {0: "the keeper", 1: "the worker"}
    return here(f"{number.name} to {names.get(index, f'process {index} of the run')}", expected, None, ticks=ENDLESS, timeout_s=limit_s,
                meanwhile=meanwhile)  # fmt: skip


def starter(number: signal.Signals, when_s: float | None, engine: str = "float", *, keeper_too: bool = False) -> Tried:
    """A signal to the process that started a run, so many seconds after it began or, without, when Lava runs."""
    counter = Counter()
    command = [sys.executable, str(HERE / "lava_fault_run.py"), str(ENDLESS if engine == "float" else 4000), "120", engine]
    child = subprocess.Popen(command, env={**os.environ, **counter.environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    try:
        child.stdout.readline()  # "ready": a Ctrl-C while Python imports may be lost in a callback of its own
        if when_s is None:
            started(counter, 10)
            time.sleep(0.3)
        else:
            time.sleep(when_s)
        if keeper_too:
            os.kill(counter.processes()[1], signal.SIGKILL)
        child.send_signal(number)
        child.stdout.close()
        child.wait(timeout=60)
        left, took = counter.wait(30.0, folders=not keeper_too)
    finally:
        child.kill()
        child.wait()
        counter.close()
    when = "while Lava runs" if when_s is None else "at a random moment"
    return Tried(f"{number.name} to the starter{' and the keeper' if keeper_too else ''}, {when}", ("ends",), "ends", "", took, left)


def in_namespace(fault: str, mounts: str, expected: Sequence[str], ticks: int = 8) -> Tried | None:
    """A run where file systems are mounted that only it sees; None where this is not allowed."""
    counter = Counter()
    shell = f"{mounts} && exec {sys.executable} {HERE / 'lava_fault_run.py'} {ticks} 60"
    try:
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
            return None
        environment = {**os.environ, **counter.environment}
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", shell.format(tmp=counter.folder)], env=environment, capture_output=True, text=True, check=False
        )
        said = (
            json.loads(done.stdout.strip().splitlines()[-1])
            if done.stdout.strip()
            else {"error": "none", "message": done.stderr, "seconds": 0}
        )
        left = counter.left()
    finally:
        counter.close()
    return Tried(fault, tuple(expected), said["error"] or FINE, said["message"], max(0.0, said["seconds"] - 60), left)


def out_of_memory() -> Tried | None:
    """A worker in a memory cgroup of 40 MB, whose processes the kernel kills; None where no such group can be made."""
    group = Path("/sys/fs/cgroup/memory", f"neurograph-{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        (group / "memory.limit_in_bytes").write_text("40000000")
        text = f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {{python}} "$@"\n'
        return here("a cgroup of 40 MB: the kernel kills", ["LavaError"], lambda folder: wrapper(folder, text))
    finally:
        for _ in range(50):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)


FULL = {
    "/dev/shm of 64 KiB": ("mount -t tmpfs -o size=64k none /dev/shm", ["LavaError"], 8),
    "a temporary folder of 1 MiB": ("mount -t tmpfs -o size=1m none {tmp}", ["LavaError"], 200_000),
    "no folder that is writable": (
        " && ".join(f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}" for folder in ("/tmp", "/var/tmp"))
        + " && cd /proc",
        ["LavaError"],
        8,
    ),
}


def faults(rounds: int) -> list[tuple[str, Callable[[], Tried | None]]]:
    """Every fault by name, as often as it is tried."""
    from functools import partial

    found: list[tuple[str, Callable[[], Tried | None]]] = [(name, partial(worker_fault, name)) for name in IN_WORKER]
    found += [(f"interpreter {name}", partial(interpreter_fault, name)) for name in INTERPRETERS]
    ends = {"SIGKILL": ["LavaError"], "SIGSTOP": ["LavaTimeoutError"]}
    # The resource tracker (2) and the memory's manager (3) are not needed while Lava runs: the run goes on, here to its limit.
    found += [
        (f"SIGKILL {i}", partial(signalled, signal.SIGKILL, i, ["LavaTimeoutError"] if i in (2, 3) else ends["SIGKILL"])) for i in range(9)
    ]
    found += [(f"SIGSTOP {i}", partial(signalled, signal.SIGSTOP, i, ends["SIGSTOP"])) for i in (0, 1, 5)]
    found += [("cgroup", out_of_memory)]
    found += [(name, partial(in_namespace, name, mounts, expected, ticks)) for name, (mounts, expected, ticks) in FULL.items()]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        found += [(f"{number.name} starter", partial(starter, number, None))]
        found += [(f"{number.name} starter", partial(starter, number, random.Random(index).uniform(0.2, 6.0))) for index in range(rounds)]
    found += [("SIGKILL starter netx", partial(starter, signal.SIGKILL, 5.0, "netx"))]
    return found


GROUPS = {
    "worker crashes or leaves at its start": ("start-segv", "start-exit"),
    "worker hangs at its start, deaf to SIGTERM": ("start-hang",),
    "300 MB of output; a daemon is left behind": ("flood", "daemon"),
    "a process of Lava's raises, crashes, leaves, runs out of memory": ("model-r", "model-s", "model-e", "model-l", "model-m"),
    "a process of Lava's hangs, or the shut-down does": ("model-h", "stop-h"),
    "a process of Lava's is killed in the shut-down": ("stop-k",),
    "results missing, damaged, of another shape, huge": ("result", "log"),
    "no good interpreter (8 kinds)": ("interpreter",),
    "SIGKILL to the keeper or the worker": ("SIGKILL to the keeper", "SIGKILL to the worker"),
    "SIGKILL to one of Lava's processes, each in turn": ("SIGKILL to process",),
    "SIGSTOP to keeper, worker, one of Lava's": ("SIGSTOP",),
    "memory cgroup of 40 MB": ("a cgroup",),
    "/dev/shm full; TMPDIR full; no writable folder": ("/dev", "a temp", "no folder"),
    "SIGINT to the starter": ("SIGINT to the starter",),
    "SIGTERM to the starter": ("SIGTERM to the starter",),
    "SIGKILL to the starter": ("SIGKILL to the starter",),
}
"""Rows of the table, by how their faults' names start."""


def table(tried: Sequence[Tried]) -> str:
    """A line a kind of fault: the latest, and the most that was left."""
    lines = ["| fault | tried | reported as | s over | left |", "|---|---|---|---|---|"]
    for title, starts in GROUPS.items():
        same = [t for t in tried if t.fault.startswith(starts)]
        if same:
            reported = ", ".join(sorted({t.reported for t in same}))
            most = max(same, key=lambda t: not t.left.nothing).left
            lines.append(f"| {title} | {len(same)} | {reported} | {max(t.over_s for t in same):.2f} | {most} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose name has this word")
    parser.add_argument("--rounds", type=int, default=10, help="how often the starter is killed at a random moment")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    hear_signals()
    tried: list[Tried] = []
    skipped: list[str] = []
    for name, run in faults(chosen.rounds):
        if chosen.only not in name:
            continue
        one = run()
        if one is None:
            skipped.append(name)
            continue
        tried.append(one)
        print(
            f"{'ok ' if one.ok else 'BAD'} {one.fault}: {one.reported} +{one.over_s:.2f} s, left {one.left}; {one.message}", file=sys.stderr
        )
    print(f"{machine.describe()}\n\n{table(tried)}\n")
    bad = [t.fault for t in tried if not t.ok]
    print(f"{len(tried) - len(bad)} of {len(tried)} as promised{', not tried: ' + ', '.join(skipped) if skipped else ''}")
    if chosen.json is not None:
        about: dict[str, Any] = {"machine": machine.describe(), "tried": [asdict(t) for t in tried]}
        chosen.json.write_text(json.dumps(about, indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
