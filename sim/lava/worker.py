"""Run a neurograph program in Lava: ``python worker.py [PROGRAM.npz [OUT_DIR]] [--engine fixed|float] [--record spikes,voltages]``.

A plain script over NumPy, SciPy and Lava, with ``processes.py`` beside it. The same file is ``lava/run.py`` of an exported bundle, where it
runs ``program.npz`` beside it and compares with the spikes stored there: one line a population, exit status 1 on a mismatch.

Timing: tick t of sample s of a population happens at machine step ``s·period + steps_per_tick·t + depth`` (Lava counts steps from 1), so
all samples follow each other in one run. In a "gated" program neurons hold still at all other steps; in a "cleared" one the last step of
each period stands for the host's clearing of all state and of all spikes under way.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import zipfile
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.sparse.process import Sparse
from lava.utils.weightutils import SignMode
from processes import (  # type: ignore[import-not-found]
    MODELS,
    DelayLine,
    GradedDelayLine,
    GradedSource,
    Neurons,
    Products,
    Relays,
    SpikeSource,
)
from scipy.sparse.csgraph import connected_components

TAGS = {"float": "floating_pt", "fixed": "fixed_pt"}
CHANNEL_SLOTS = 1  # a step sends one message a channel and ends when all are read; Lava's default of 64 takes gigabytes of shared memory
KINDS = ("spikes", "voltages", "currents")
GRADED = ("graded", "product")  # kinds of populations whose messages are integers
MESSAGE_BITS = 24  # of a graded message, as Lava's graded processes declare it
DENSE_ENTRIES, DENSE_SHARE = 1 << 20, 0.25  # a matrix no larger and fuller than this goes to Lava's Dense


class Program:
    """A program file: its description and the arrays that the description refers to as ``{"array": name}``."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as file:
                self.arrays = {name: file[name] for name in file.files}
            self.about = json.loads(str(self.arrays.pop("program")))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise SystemExit(f"error: {path} cannot be read ({error}); write it again with 'neurograph export'") from None
        if self.about.get("format") != "neurograph.program" or self.about.get("version") != 2:
            raise SystemExit(f"error: {path} is not a program of version 2; write it again with 'neurograph export'")

    def value(self, item: Any) -> Any:
        return self.arrays[item["array"]] if isinstance(item, dict) else item

    def spikes(self, item: Any, shape: tuple[int, ...]) -> Any:
        """Spikes stored as bits, or the integers of a graded population."""
        stored = self.value(item)
        return stored.reshape(shape) if stored.dtype == np.int32 else np.unpackbits(stored, count=int(np.prod(shape))).reshape(shape)

    def csr(self, part: Any) -> sp.csr_matrix:
        return sp.csr_matrix((self.value(part["data"]), self.value(part["indices"]), self.value(part["indptr"])), shape=part["shape"])

    def matrix(self, projection: dict[str, Any], dtype: Any) -> sp.csr_matrix:
        """The weights of a projection, expanded to the one matrix that Lava takes."""
        weights = projection["weights"]
        if weights["form"] == "dense":
            matrix = sp.csr_matrix(self.value(weights["matrix"]).astype(dtype))
        elif weights["form"] == "csr":
            matrix = self.csr(weights).astype(dtype)
        else:
            matrix = sp.csr_matrix(sp.kron(self._left(weights["left"]), self._right(weights["right"]), format="csr"), dtype=dtype)
        matrix.eliminate_zeros()
        scale = self.value(projection["row_scale"])
        if scale is not None:
            matrix.data *= np.repeat(np.broadcast_to(scale, matrix.shape[:1]), np.diff(matrix.indptr))
        matrix.sort_indices()
        return matrix

    def _left(self, left: dict[str, Any]) -> sp.csr_matrix:
        if left["kind"] == "csr":
            return self.csr(left)
        size = left["size"]
        if left["kind"] == "identity":
            return sp.identity(size, dtype=np.int8, format="csr")
        return sp.csr_matrix(np.ones((1, size) if left["kind"] == "row" else (size, 1), dtype=np.int8))

    def _right(self, right: dict[str, Any]) -> sp.csr_matrix:
        if right["kind"] == "identity":
            return sp.identity(right["size"], dtype=np.int8, format="csr")
        values = self.value(right["values"])
        return sp.diags(values, format="csr") if values.ndim == 1 else sp.csr_matrix(values)


class Machine:
    """The Lava processes of a program. ``record`` names what is logged; the logs are OUT/<kind>_<population number>.npy."""

    def __init__(self, program: Program, out: Path, record: list[str]) -> None:
        self.program, self.about, self.out, self.record = program, program.about, out, record
        self.float = self.about["engine"] == "float"
        self.processes: dict[str, Any] = {}
        self.links: list[tuple[int, int]] = []
        self.all: list[Any] = []
        self.graded = {p["name"] for p in self.about["populations"] if p["kind"] in GRADED or p.get("graded")}
        used = {projection["source"] for projection in self.about["projections"]}
        for number, population in enumerate(self.about["populations"]):
            if population["kind"] == "source" and population["name"] not in used:
                continue
            make = self._source if population["kind"] == "source" else self._graded if population["kind"] in GRADED else self._neurons
            self.processes[population["name"]] = make(number, population)
        delayed: dict[tuple[str, int], Any] = {}
        for projection in self.about["projections"]:
            self._connect(projection, delayed)

    def _add(self, process: Any) -> Any:
        self.all.append(process)
        return process

    def _link(self, source: Any, target: Any) -> None:
        source.s_out.connect(target.s_in)
        self.links.append((self.all.index(source), self.all.index(target)))

    def _source(self, _: int, population: dict[str, Any]) -> Any:
        spikes = self.program.spikes(population["spikes"], (self.about["samples"], self.about["ticks"], population["size"]))
        kind = GradedSource if population["name"] in self.graded else SpikeSource
        spikes = spikes if kind is GradedSource else spikes.astype(np.int8)
        return self._add(kind(spikes, population["depth"], self.about["period"], self.about["steps_per_tick"]))

    def _graded(self, number: int, population: dict[str, Any]) -> Any:
        about, shape = self.about, (population["size"],)
        path = self.out / f"spikes_{number}.npy"
        np.lib.format.open_memmap(path, mode="w+", dtype=np.int32, shape=(about["samples"], about["ticks"], *shape))
        options = {
            "depth": population["depth"],
            "period": about["period"],
            "samples": about["samples"],
            "ticks": about["ticks"],
            "steps_per_tick": about["steps_per_tick"],
            "gated": about["gated"],
            "cleared": about["cleared"],
            "files": {"spikes": str(path)},
        }
        if population["kind"] == "graded":
            return self._add(Relays(options, shape))
        return self._add(Products(options, shape, population["exponent"]))

    def _neurons(self, number: int, population: dict[str, Any]) -> Any:
        value, about, size = self.program.value, self.about, population["size"]
        state = np.float64 if self.float else np.int32
        files = {kind: str(self.out / f"{kind}_{number}.npy") for kind in self.record}
        for kind, path in files.items():
            dtype = np.uint8 if kind == "spikes" else state
            np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(about["samples"], about["ticks"], size))
        bias, current = np.atleast_2d(value(population["bias"])), value(population["current"])
        options = {
            "depth": population["depth"],
            "period": about["period"],
            "samples": about["samples"],
            "ticks": about["ticks"],
            "name": population["name"],
            "steps_per_tick": about["steps_per_tick"],
            "gated": about["gated"],
            "cleared": about["cleared"],
            "reset": population["reset"],
            "reset_by": value(population["reset_by"]),
            "bias": bias,
            "current": None if current is None else np.atleast_2d(current),
            "start": value(population["start"]),
            "files": files,
        }
        parameters = {name: value(population[name]) for name in ("du", "dv", "vth")}
        return self._add(
            Neurons(
                options=options,
                shape=(size,),
                bias_mant=np.broadcast_to(bias[0], (size,)),
                bias_exp=population["bias_exp"],
                reset_interval=about["period"],
                reset_offset=population["depth"],
                **parameters,
            )
        )

    def _connect(self, projection: dict[str, Any], delayed: dict[tuple[str, int], Any]) -> None:
        source, target = self.processes[projection["source"]], self.processes[projection["target"]]
        key, cleared = (projection["source"], projection["delay"]), self.about["period"] if self.about["cleared"] else 0
        if projection["delay"] > 1:
            if key not in delayed:
                line = GradedDelayLine if projection["source"] in self.graded else DelayLine
                delayed[key] = self._add(line(source.s_out.shape[0], projection["delay"] - 1, cleared))
                self._link(source, delayed[key])
            source = delayed[key]
        matrix = self.program.matrix(projection, np.float64 if self.float else np.int32)
        entries = matrix.shape[0] * matrix.shape[1]
        fixed: dict[str, Any] = {}
        if not self.float:
            mode = SignMode[projection["sign_mode"].upper()]
            fixed = {"weight_exp": projection["exponent"], "num_weight_bits": 8, "sign_mode": mode}
        graded = projection["source"] in self.graded
        if entries <= DENSE_ENTRIES and matrix.nnz > DENSE_SHARE * entries:
            # Of a graded message Dense sees only that it is not 0, unless it is told that messages have bits.
            synapses = self._add(Dense(weights=matrix.toarray(), num_message_bits=MESSAGE_BITS if graded else 0, **fixed))
        else:
            # With num_message_bits > 0 Lava multiplies by the spikes instead of cutting out the columns of those that fired: the same sum,
            # as spikes are 0 and 1 (floats: up to the rounding of another order), and three to ten times as fast.
            synapses = self._add(Sparse(weights=matrix, num_message_bits=MESSAGE_BITS if graded else 1, **fixed))
        self._link(source, synapses)
        heard = (target.a_in1, target.a_in2)[projection["port"]] if isinstance(target, Products) else target.a_in
        synapses.a_out.connect(heard)
        self.links.append((self.all.index(synapses), self.all.index(target)))

    def parts(self) -> list[list[Any]]:
        """The connected parts: Lava runs only what is connected to the process on which run() is called."""
        pairs = np.array(self.links, dtype=np.int64).reshape(-1, 2)
        graph = sp.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(self.all), len(self.all)))
        count, label = connected_components(graph, directed=False)
        return [[p for p, part in zip(self.all, label, strict=True) if part == number] for number in range(count)]

    def run(self, watched: bool) -> dict[str, float]:
        """Run every part for all steps; returns the seconds of start-up and of the run."""
        seconds = {"startup_s": 0.0, "run_s": 0.0}
        models = MODELS[self.about["engine"]]
        for part in self.parts():
            start = time.perf_counter()
            # Naming the model of every process keeps Lava from importing each file of each process's folder in search of one.
            config = Loihi2SimCfg(
                select_tag=TAGS[self.about["engine"]], exception_proc_model_map={process: models[type(process)] for process in part}
            )
            part[0].create_runtime(run_cfg=config, compile_config={"pypy_channel_size": CHANNEL_SLOTS})
            started = time.perf_counter()
            say(f"compiled {len(part)} processes in {started - start:.1f} s")
            watch = Watch(part[0].runtime._messaging_infrastructure.actors, watched)
            try:
                part[0].run(condition=RunSteps(num_steps=self.about["steps"]))
            except RuntimeError:  # Lava says only how many processes failed
                watch.check()
                raise
            watch.stop()
            ended = time.perf_counter()
            say(f"ran {self.about['steps']} steps in {ended - started:.1f} s")
            part[0].stop()
            seconds["startup_s"] += started - start
            seconds["run_s"] += ended - started
        return seconds


class Watch(threading.Thread):
    """Ends the run when a Lava process died, which Lava itself would wait for forever, or when whoever started this script is gone."""

    def __init__(self, actors: Any, watched: bool) -> None:
        super().__init__(daemon=True)
        self.actors, self.over, self.parent = list(actors), threading.Event(), os.getppid() if watched else None
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.2):
            if self.parent is not None and os.getppid() != self.parent:
                quit_all(1)
            self.check()

    def check(self) -> None:
        """Fail with the first error of a Lava process, or if one is gone."""
        for actor in self.actors:
            error = actor.exception
            if error:
                say(error[1])
                fail(f"{type(error[0]).__name__}: {error[0]}")
            if not actor._is_done and not actor.is_alive():
                full = "/dev/shm is full, give it more room"  # nosec B108  # a word to the user
                why = full if actor.exitcode == -signal.SIGBUS else "killed, perhaps for lack of memory"
                fail(f"a Lava process ended with exit code {actor.exitcode}: {why}")

    def stop(self) -> None:
        """End the watch, before Lava ends its processes."""
        self.over.set()
        self.join()


def say(text: str) -> None:
    """One line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def fail(reason: str) -> None:
    """Say why, in the one line that whoever started this script looks for, and end everything."""
    say(f"error: {' '.join(reason.split())}")
    quit_all(1)


def quit_all(status: int) -> None:
    """End this script and all that it started, now."""
    children = multiprocessing.active_children()
    for child in children:
        child.kill()
    for child in children:
        multiprocessing.process.BaseProcess.join(child, 2)  # Lava's own join() takes no time limit
    os._exit(status)


def name_memory(tag_: str) -> None:
    """Let the names of all shared-memory segments of this run start with ``tag_``, so that they can be found when it has been killed."""
    prefix = f"/{tag_}_"
    shared_memory._SHM_NAME_PREFIX = prefix  # type: ignore[attr-defined]
    shared_memory._SHM_SAFE_NAME_LENGTH = len(prefix) + 8  # type: ignore[attr-defined]


def compare(program: Program, out: Path) -> int:
    """Print spike counts, and mismatches where the program holds expected spikes; returns the number of mismatches."""
    total = 0
    for number, population in enumerate(program.about["populations"]):
        if population["kind"] == "source":
            continue
        spikes = np.load(out / f"spikes_{number}.npy", mmap_mode="r")
        line = f"{population['name']}: {int(np.count_nonzero(spikes))} {'messages' if population['kind'] in GRADED else 'spikes'}"
        if population["expected"] is not None:
            wrong = int(np.count_nonzero(spikes != program.spikes(population["expected"], spikes.shape)))
            total += wrong
            line += f", {wrong} of {spikes.size} differ from what is expected"
        print(line, flush=True)
    return total


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Run a neurograph program in Lava and compare its spikes with those stored in it.")
    parser.add_argument("program", nargs="?", type=Path, default=Path(__file__).with_name("program.npz"))
    parser.add_argument("out", nargs="?", type=Path, help="folder for the recorded arrays (default: a temporary one)")
    parser.add_argument("--engine", choices=sorted(TAGS), help="must be what the program was written for")
    parser.add_argument("--record", default="spikes", help="comma-separated: spikes, voltages, currents")
    parser.add_argument("--tag", help="prefix of this run's shared-memory segments; also end when the parent process does")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: quit_all(128 + number))
    if options.tag:
        name_memory(options.tag)
    program = Program(options.program)
    record = {"spikes", *filter(None, options.record.split(","))}
    if not record <= set(KINDS):
        parser.error(f"--record {options.record}: must be of {', '.join(KINDS)}")
    if options.engine not in (None, program.about["engine"]):
        parser.error(f"{options.program} was written for --engine {program.about['engine']}, not {options.engine}")
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        try:
            execute(program, out, sorted(record), bool(options.tag))
        except Exception as error:  # Python would first wait for Lava's processes, which wait for each other
            traceback.print_exc()
            fail(f"{type(error).__name__}: {error}")
        return 1 if compare(program, out) else 0


def execute(program: Program, out: Path, record: list[str], watched: bool) -> None:
    """Build, run, and write the logs and ``result.json`` into ``out``."""
    start = time.perf_counter()
    machine = Machine(program, out, record)
    built = time.perf_counter() - start
    say(f"built {len(machine.all)} processes in {built:.1f} s")
    result = machine.run(watched)
    result["startup_s"] += built
    result["processes"] = len(machine.all)
    (out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
