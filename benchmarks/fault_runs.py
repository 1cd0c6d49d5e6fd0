"""Running a command, stopping it at a moment, and looking at what it left."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fault_commands import CASES, Case

REASONS = {  # by whether it is read-only: of the system, of what looks before the work is done, of SQLite
    False: ("No space left on device", "disk is full"),
    True: ("Read-only file system", "cannot be written to", "unable to open database file"),
}
MARK = "NEUROGRAPH_FAULT"
ORPHANS_S = 120.0  # that processes of a killed parent may take to see it; a compiler ends when it has compiled
LIBRARIES = (
    "matplotlib.figure",
    "neurograph.export.bundle",
    "neurograph.export.compile",
    "neurograph.hw_profiles.report",
    "neurograph.reporting",
    "neurograph.training.search",
    "optuna",
)
NOISE = ("Traceback", "Exception ignored", "Error:", "Fatal Python error")


class Running(Protocol):
    """What :class:`subprocess.Popen` is, as far as it is used here."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


class Warm:
    """A command in a process that has its libraries already: forked from a server, so that a moment of it is seldom one of loading."""

    def __init__(self, words: list[str], folder: Path, errors: str, environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(LIBRARIES))
        self._process = context.Process(target=enter, args=(words, folder, errors, dict(environment)))
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("neurograph", timeout or 0)
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def enter(words: list[str], folder: Path, errors: str, environment: Mapping[str, str]) -> None:
    """Be the program ``neurograph`` in a session of its own."""
    os.setsid()
    os.chdir(folder)
    os.environ.update(environment)
    for number, name in enumerate((os.devnull, os.devnull, errors)):
        os.dup2(os.open(name, os.O_RDWR), number)
    sys.argv = ["neurograph", *words]
    from neurograph.__main__ import run

    run()


@dataclass
class Place:
    """A folder to work in: inputs, ``out``, and a cache and temporary files of its own.

    Args:
        warm: commands begin with their libraries loaded.
        errors: file that takes what they say on stderr.
    """

    folder: Path
    warm: bool = False
    errors: str = "stderr"
    environment: dict[str, str] = field(init=False)
    _sessions: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in ("out", "cache", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        here = {"XDG_CACHE_HOME": str(self.folder / "cache"), "TMPDIR": str(self.folder / "tmp"), MARK: str(self.folder)}
        self.environment = {**os.environ, **here, "OMP_NUM_THREADS": "1"}

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def start(self, words: list[str], **more: str) -> Running:
        """A session of its own, as a terminal would have it in the foreground."""
        environment = {**self.environment, **more}
        with (self.folder / self.errors).open("w") as said:
            if self.warm:
                running: Running = Warm(words, self.folder, self.errors, environment)
            else:
                running = subprocess.Popen(
                    [sys.executable, "-m", "neurograph", *words],
                    cwd=self.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,
                )
        self._sessions = {running.pid}
        return running

    def run(self, words: list[str], **more: str) -> tuple[int, str, float]:
        """Exit status, stderr, seconds."""
        begun = time.monotonic()
        status = self.start(words, **more).wait(timeout=300)
        return status, self.said(), time.monotonic() - begun

    def said(self) -> str:
        return (self.folder / self.errors).read_text(errors="replace")

    def forget(self, case: Case) -> None:
        """Remove what a case is to begin without."""
        for name in case.lost:
            remove(self.folder / name if name == "cache" else self.out / name)

    def broken(self, case: Case) -> str:
        """The first output that is neither missing nor whole, and why; or ""."""
        for name, check in case.outputs.items():
            path = self.folder / name if name == "cache" else self.out / name
            if path.exists():
                try:
                    check(path)
                except Exception as error:
                    return f"{name}: {type(error).__name__}: {error}"
        return ""

    def leftovers(self, *folders: str) -> list[str]:
        """Temporary files and folders in what the commands write to."""
        walks = (os.walk(self.folder / name) for name in folders or ("out", "cache", "tmp"))  # it skips what vanishes
        found = [Path(at, name) for walk in walks for at, inner, files in walk for name in (*inner, *files)]
        ours = (p for p in found if p.name.endswith((".partial", ".replaced")) or p.name.startswith(("neurograph", "pymp", "tmp")))
        return [name for p in ours if (name := str(p.relative_to(self.folder))) != "cache/neurograph"]

    def processes(self) -> list[int]:
        """Those that a command started here, by their session or their environment."""
        wanted, found = f"{MARK}={self.folder}".encode(), []
        for entry in Path("/proc").iterdir():
            try:
                if not entry.name.isdigit():
                    continue
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                ours = int(session) in self._sessions or wanted in (entry / "environ").read_bytes().split(b"\0")
                if ours and state != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def orphans(self, within_s: float) -> list[int]:
        """Processes that are left after a while; they are ended."""
        deadline = time.monotonic() + within_s
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for number in left:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return left


def prepared(folder: Path, *, warm: bool = False) -> Place:
    """A place with a model, another one and a bundle."""
    place = Place(folder, warm)
    place.run(["--version"])  # starts the server
    for name, seed in (("model.pt", "0"), ("other.pt", "1")):
        status, said, _ = place.run(["train", "spikegraphormer", "--dataset", "karate", "--epochs", "30", "--seed", seed, "-o", name])
        assert status == 0, said
    status, said, _ = place.run(["export", "model.pt", "--target", "loihi2", "--no-verify", "-o", "bundle"])
    assert status == 0, said
    return place


def undisturbed(place: Place, case: Case) -> float:
    """Run a case to its end; seconds."""
    place.forget(case)
    status, said, length_s = place.run(case.command("out"))
    assert status == 0, said
    return length_s


def moment(place: Place, running: Running, dice: random.Random, length_s: float, heard: bool) -> None:
    """Wait for a random moment of a run; every second time one at which something is being written, if there is one.

    Args:
        heard: not before the program hears signals: until then they are the interpreter's own.
    """
    writing = dice.random() < 0.5
    at = time.monotonic() + dice.uniform(0, length_s)
    if heard:
        while running.poll() is None and not _hears(running.pid):
            time.sleep(0.002)
    if writing:
        before = set(place.leftovers())
        some = dice.randint(0, 4)  # to pass by, so that it is not always the first
        while running.poll() is None and time.monotonic() < at + length_s:
            now = set(place.leftovers()) - before
            if now and some == 0:
                break
            some, before = (some - 1, before | now) if now else (some, before)
            time.sleep(0.0005)
        at = time.monotonic() + dice.uniform(0, 0.01)
    while running.poll() is None and time.monotonic() < at:
        time.sleep(min(0.005, max(0.0, at - time.monotonic())))


def _hears(pid: int) -> bool:
    """Whether a process catches SIGTERM."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt")), "0")
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def killed(place: Place, name: str, dice: random.Random, length_s: float) -> str:
    """Kill -9 a command at a random moment; what is wrong then, or ""."""
    case = CASES[name]
    if dice.random() < 0.5:
        for output in case.outputs:
            remove(place.folder / output if output == "cache" else place.out / output)
    place.forget(case)
    running = place.start(case.command("out"))
    moment(place, running, dice, length_s, heard=False)
    running.kill()
    running.wait()
    left = place.orphans(ORPHANS_S)
    if left:
        return f"{len(left)} processes left"
    return place.broken(case)


def stopped(place: Place, name: str, dice: random.Random, length_s: float, number: int) -> str:
    """Send a command SIGINT, to its whole group, or SIGTERM at a random moment; what is wrong then, or ""."""
    case = CASES[name]
    place.forget(case)
    running = place.start(case.command("out"))
    moment(place, running, dice, length_s, heard=True)
    with suppress(ProcessLookupError):  # it has ended
        (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
    try:
        status = running.wait(timeout=60)
    except subprocess.TimeoutExpired:
        place.orphans(0)
        running.wait()
        return "did not end"
    said = place.said()
    noise = next((line for line in said.splitlines() if any(word in line for word in NOISE)), None)
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[signal.Signals(number)]
    last = (said.strip().splitlines() or [""])[-1]
    done = status == 0 or status == -number  # it had ended, or Python had put its own handlers back to end
    if noise or (not done and (status, last) != (128 + number, word)):
        return f"status {status}, {noise or last}"
    if left := place.orphans(5.0):
        return f"{len(left)} processes left"
    if left_files := place.leftovers():
        return f"left {', '.join(left_files[:3])}"
    return place.broken(case)


def again(place: Place, name: str) -> str:
    """Run a command to its end after whatever happened; what is wrong then, or ""."""
    case = CASES[name]
    status, said, _ = place.run(case.command("out"))
    if status != 0:
        return f"the next run: status {status}, {said.strip().splitlines()[-1:]}"
    left = [path for path in place.leftovers() if not Path(path).name.startswith(".") or any(f".{o}." in path for o in case.outputs)]
    return place.broken(case) or (f"the next run left {', '.join(left[:3])}" if left else "")


def no_room(place: Place, name: str, size: int, *, read_only: bool = False) -> str:
    """Run a command whose output folder is a file system of so many bytes; what is wrong then, or "". It may be that all fits.

    Raises:
        PermissionError: none can be mounted here.
    """
    case = CASES[name]
    with small_disk(place.out, size, read_only=read_only):
        status, said, _ = place.run(case.command("out"))
        return refusal(status, said, read_only) or place.broken(case) or ", ".join(place.leftovers("out"))


def refusal(status: int, said: str, read_only: bool) -> str:
    """What is wrong with how a command said that it cannot write, or ""; it may also have had room."""
    if any(word in said for word in NOISE):
        return f"status {status}, {next(line for line in said.splitlines() if any(word in line for word in NOISE))}"
    if status == 0 and not read_only:
        return ""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    good = status == 2 and len(errors) == 1 and said.splitlines()[-1:] == errors and "out/" in errors[0]
    return "" if good and any(why in errors[0] for why in REASONS[read_only]) else f"status {status}, {said.splitlines()[-1:]}"


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def without_cache(place: Place, name: str, *, read_only: bool) -> str:
    """Run a command that can write nothing into the user's cache; what is wrong then, or "".

    Raises:
        PermissionError: no small file system can be mounted here.
    """
    case = CASES[name]
    with small_disk(place.folder / "cache", 4096, read_only=read_only):
        if not read_only:
            (place.folder / "cache" / "full").write_bytes(bytes(4096))
        status, said, _ = place.run(case.command("out"))
    return place.broken(case) if status == 0 and "error:" not in said else f"status {status}, {said.splitlines()[-1:]}"


def at_once(place: Place, dice: random.Random, apart_s: float) -> str:
    """Two exports of two models into one folder, begun at most so far apart, and runs of what is there; what is wrong then, or ""."""
    first = place.start(["export", "model.pt", "--target", "loihi2", "--no-verify", "-o", "out/b"])
    time.sleep(dice.uniform(0, apart_s))
    others = Place(place.folder, place.warm, "stderr-2"), Place(place.folder, place.warm, "stderr-3")
    second = others[0].start(["export", "other.pt", "--target", "loihi2", "--no-verify", "-o", "out/b"])
    while first.poll() is None or second.poll() is None:
        if (place.out / "b").is_dir():
            status, said, _ = others[1].run(["simulate", "out/b", "--json"])
            if status not in (0, 2) or any(word in said for word in NOISE):
                return f"simulate: status {status}, {said.splitlines()[-1:]}"
        time.sleep(0.01)
    for running, said in ((first, place.said()), (second, others[0].said())):
        if running.poll() not in (0, 2) or any(word in said for word in NOISE):
            return f"export: status {running.poll()}, {said.splitlines()[-1:]}"
    if first.poll() and second.poll():
        return f"no export won: {place.said().splitlines()[-1:]}, {others[0].said().splitlines()[-1:]}"
    return place.broken(CASES["export"]) or ", ".join(place.leftovers("out"))


@contextmanager
def small_disk(folder: Path, size: int, *, read_only: bool = False) -> Iterator[Path]:
    """A file system of so many bytes.

    Raises:
        PermissionError: none can be mounted here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={max(4096, size)}{',ro' if read_only else ''}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True).returncode:
        raise PermissionError("cannot mount a small tmpfs here (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
