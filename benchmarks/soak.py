"""Ten thousand inferences in one process: what it holds after the first thousand and at the end.

    python benchmarks/soak.py [--inferences 10000] [--bundle DIR] [--json FILE]

Ways: one run of the fixed engine that streams into a recording; as many calls of ``fixed.run`` (which lays the network out anew each time)
and of a network that was made ready once; NumPy; and ``neurograph simulate`` of a bundle (karate's, made for this, if none is given) with
so many samples and a recording. Every sample number 0, 100, 200 … is the same, and so must its results be. Exit status 1 if memory grows by
more than --most MiB after the warm-up, or if open files, threads, temporary files or results differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import machine
import numpy as np
from determinism_child import samples_of

from neurograph.network import FixedLIF, Network, Population, Projection, Source
from neurograph.sim import choice, fixed
from neurograph.sim.recording_file import RecordingWriter, open_recording
from neurograph.weights import Dense, Identity, Kron

REPEATED = 100  # every so many inferences the same sample
POINTS = 10
WARM = 0.1  # share of the inferences
PAGE = os.sysconf("SC_PAGE_SIZE")


def network(nodes: int = 12, features: int = 8, ticks: int = 8) -> Network:
    """Two layers with a self-loop, 192 neurons."""
    rng = np.random.default_rng(0)
    neuron = FixedLIF(du=1000, dv=400, vth=200, bias_mant=3, bias_exp=2, scale=1.0)
    populations = [Population("in", (nodes, features), Source())]
    populations += [Population(name, (nodes, features), neuron) for name in "ab"]

    def weights() -> Any:
        return rng.integers(-100, 100, (features, features)) * 2

    projections = (
        Projection("in", "a", Kron(Identity(nodes), weights()), sign_mode="mixed"),
        Projection("a", "b", Kron(Identity(nodes), weights()), sign_mode="mixed"),
        Projection("b", "b", Dense(rng.integers(-8, 8, (nodes * features,) * 2) * 2), lag=1, exponent=-2, sign_mode="mixed"),
    )
    return Network({p.name: p for p in populations}, projections, ticks, outputs=("b",))


def sample(of: Network, number: int) -> Any:
    """Spikes of one inference, (T, *shape)."""
    source = of.sources[0]
    rng = np.random.default_rng(0 if number % REPEATED == 0 else number)
    return (rng.random((of.ticks, *source.shape)) < 0.3).astype(np.uint8)


@dataclass
class Soak:
    """``curve``: (inferences done, MiB of resident memory); ``open_files`` and ``threads``: after the warm-up and at the end;
    ``held_mib``: what it is to hold all the while, and fills as it goes."""

    name: str
    inferences: int = 0
    wall_s: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    open_files: tuple[int, int] = (0, 0)
    threads: tuple[int, int] = (0, 0)
    left_files: int = 0
    same: bool = True
    compared: int = 0
    held_mib: float = 0.0

    @property
    def warm_mib(self) -> float:
        """At the first point after the warm-up."""
        return next(mib for done, mib in self.curve if done >= WARM * self.inferences)

    @property
    def growth_mib(self) -> float:
        """From there to the end."""
        return self.curve[-1][1] - self.warm_mib

    def holds(self, most_mib: float) -> bool:
        """Whether nothing grew and nothing changed."""
        return (
            self.growth_mib <= most_mib + self.held_mib
            and self.open_files[1] <= self.open_files[0]
            and self.threads[1] <= self.threads[0]
            and not self.left_files
            and self.same
            and self.compared > 1
        )

    @property
    def row(self) -> str:
        curve = " ".join(f"{mib:.0f}" for _, mib in self.curve)
        files, threads = (f"{a} → {b}" for a, b in (self.open_files, self.threads))
        held = f" of at most {self.held_mib:.0f} that it is to hold" if self.held_mib else ""
        return (
            f"| {self.name} | {self.inferences:,} | {self.wall_s:.1f} | {curve} | {self.growth_mib:+.1f}{held} | {files} | {threads} "
            f"| {self.left_files} | {self.compared} {'equal' if self.same else 'NOT EQUAL'} |"
        )


HEAD = (
    "| way | inferences | s | resident MiB, from start to end | growth after warm-up, MiB | open files | threads | temporary files left "
    "| results of the same sample |\n|---|--:|--:|---|--:|--:|--:|--:|---|"
)


def resident_mib(pid: int | str = "self") -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20


def counted(pid: int | str = "self") -> tuple[int, int]:
    """Open files and threads of a process."""
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208


class Watch:
    """Notes memory as inferences go by."""

    def __init__(self, name: str, inferences: int) -> None:
        self.soak, self.every = Soak(name, inferences), max(1, inferences // POINTS)
        self.temporary = _temporary()
        self.warm: tuple[int, int] | None = None
        self.start = time.perf_counter()

    def at(self, done: int) -> None:
        """Say that so many are done."""
        if done % self.every == 0:
            self.soak.curve.append((done, resident_mib()))
        if self.warm is None and done >= WARM * self.soak.inferences:
            self.warm = counted()

    def end(self) -> Soak:
        """What was found."""
        soak = self.soak
        soak.wall_s = time.perf_counter() - self.start
        soak.curve.append((soak.inferences, resident_mib()))
        files, threads = counted()
        warm = self.warm or (files, threads)
        soak.open_files, soak.threads = (warm[0], files), (warm[1], threads)
        soak.left_files = len(_temporary() - self.temporary)
        return soak


def _temporary() -> set[str]:
    return {p.name for p in Path(tempfile.gettempdir()).iterdir()}


def repeated(name: str, of: Network, run: Callable[[dict[str, Any]], Any], inferences: int) -> Soak:
    """As many calls of one inference each."""
    watch, first = Watch(name, inferences), None
    source = of.sources[0].name
    for number in range(inferences):
        recording = run({source: sample(of, number)[None]})
        if number % REPEATED == 0:
            arrays = {**recording.spikes, **{f"v of {n}": v for n, v in recording.voltages.items()}}
            first = first or {n: v.copy() for n, v in arrays.items()}
            watch.soak.same &= all(np.array_equal(first[n], v) for n, v in arrays.items())
            watch.soak.compared += 1
        watch.at(number + 1)
    return watch.end()


class _Counting:
    """A sink that tells a watch how far the run is."""

    def __init__(self, writer: RecordingWriter, watch: Watch, last: str) -> None:
        self.writer, self.watch, self.last, self.keeps, self.done = writer, watch, last, writer.keeps, 0

    def begin(self, samples: int) -> None:
        self.writer.begin(samples)

    def append(self, population: str, samples: slice, ticks: slice, values: Any, *, kind: str = "spikes") -> None:
        self.writer.append(population, samples, ticks, values, kind=kind)
        if population == self.last and kind == "spikes":
            self.done += samples.stop - samples.start
            self.watch.at(self.done)


def streamed(of: Network, inferences: int, folder: Path) -> Soak:
    """One run of all samples, which goes into a recording as it runs."""
    source = of.sources[0].name
    given = np.stack([sample(of, number) for number in range(inferences)])
    simulator = choice.simulator(of, None, integer=True)
    run = simulator.run if simulator else lambda inputs, **more: fixed.run(of, inputs, **more)
    run({source: given[:2]})
    watch = Watch("one run into a recording", inferences)
    path = folder / "soak.h5"
    with RecordingWriter(path, engine="fixed", ticks=of.ticks, keeps="spikes", buffer_bytes=min(1 << 20, inferences << 7)) as writer:
        made = run({source: given}, record="none", into=_Counting(writer, watch, "b"))
        writer.finish(machine_steps=of.ticks, notes=made.notes)
    with open_recording(path) as recording:
        rows = [recording.spikes["b"][number] for number in range(0, inferences, REPEATED)]
    watch.soak.compared, watch.soak.same = len(rows), all(np.array_equal(rows[0], row) for row in rows)
    path.unlink()
    return watch.end()


def simulated(bundle: Path, inferences: int, folder: Path, name: str = "neurograph simulate -o") -> Soak:
    """The command with a file of samples; memory from outside, the warm-up being what it takes to read the file."""
    from neurograph.export.bundle import open_bundle
    from neurograph.sim.recording_writer import BUFFER

    read_out = open_bundle(bundle).network.outputs
    samples_of(str(bundle), str(folder / "samples.npz"), inferences, same=REPEATED)
    soak, before, start = Soak(name, inferences), _temporary(), time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "neurograph",
        "simulate",
        str(bundle),
        "--input",
        str(folder / "samples.npz"),
        "-o",
        str(folder / "run.h5"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        seen = list(_seen(child))
        if child.returncode:
            raise SystemExit(f"{' '.join(command)}: {child.stderr.read().decode().strip() if child.stderr else ''}")
    soak.wall_s = time.perf_counter() - start
    top = max(mib for mib, _, _ in seen)
    while seen[-1][0] < 0.5 * top:  # it gives all back before it ends
        seen.pop()
    warm = len(seen) // 3  # Python, the bundle and the samples are there by then
    soak.curve = [(int(inferences * i / len(seen)), seen[i][0]) for i in range(warm, len(seen), max(1, len(seen) // POINTS))]
    soak.curve.append((inferences, max(mib for mib, _, _ in seen[warm:])))
    soak.open_files, soak.threads = (seen[warm][1], seen[-1][1]), (max(t for _, _, t in seen[warm:]), seen[-1][2])
    soak.left_files = len(_temporary() - before)
    with open_recording(folder / "run.h5") as recording:
        outputs = [n for n in recording.spikes if recording.spikes[n].shape[0] == inferences]
        for output in outputs:
            rows = [recording.spikes[output][number] for number in range(0, inferences, REPEATED)]
            soak.same &= all(np.array_equal(rows[0], row) for row in rows)
            soak.compared = len(rows)
        # The readout hears the outputs of all samples, a byte a spike, and what waits to be written fills a buffer.
        heard = sum(recording.spikes[n][0].size for n in outputs if n in read_out) * inferences
        soak.held_mib = (heard + BUFFER) / 2**20
    return soak


def _seen(child: subprocess.Popen[bytes]) -> Iterator[tuple[float, int, int]]:
    """Memory, open files and threads of a process while it runs."""
    while child.poll() is None:
        try:
            yield resident_mib(child.pid), *counted(child.pid)
        except OSError:  # it has just ended
            return
        time.sleep(0.05)


def made_bundle(folder: Path) -> Path:
    """Karate's."""
    for words in (
        ["train", "spikegraphormer", "--dataset", "karate", "-o", "k.pt"],
        ["export", "k.pt", "--target", "loihi2", "-o", "k", "--no-verify"],
    ):
        subprocess.run(
            [sys.executable, "-m", "neurograph", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    return folder / "k"


def soaks(inferences: int, folder: Path) -> Iterator[Soak]:
    """Those through the Python API."""
    of = network()
    yield streamed(of, inferences, folder)
    yield repeated("calls of fixed.run", of, lambda inputs: fixed.run(of, inputs), inferences)
    simulator = choice.simulator(of, None, integer=True)
    if simulator is not None:
        yield repeated("calls of a network made ready", of, simulator.run, inferences)
    yield repeated("calls of fixed.run, NumPy", of, lambda inputs: fixed.run(of, inputs, compiled=False), inferences)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inferences", type=int, default=10_000)
    parser.add_argument("--bundle", type=Path, help="of one source, for neurograph simulate")
    parser.add_argument("--most", type=float, default=8.0, help="MiB that memory may grow after the warm-up")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(machine.describe() + f"\n\n{HEAD}", flush=True)
    found = []
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name, "tmp")
        temporary.mkdir()
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)  # of ours alone: what is left there we have left
        for soak in soaks(arguments.inferences, Path(name)):
            print(soak.row, flush=True)
            found.append(soak)
        found.append(simulated(arguments.bundle or made_bundle(Path(name)), arguments.inferences, Path(name)))
        print(found[-1].row, flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([{**vars(s), "growth_mib": s.growth_mib} for s in found], indent=1) + "\n")
    return 0 if all(soak.holds(arguments.most) for soak in found) else 1


if __name__ == "__main__":
    sys.exit(main())
