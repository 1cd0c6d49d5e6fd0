"""The law of every reader, tried on damaged files: it gives a value, or an error of ours of one line that names the file. Nothing else."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(path)
    for path in (HERE, HERE.parent / "export", HERE.parent / "sim", HERE.parent / "models", HERE.parent)
    if str(path) not in sys.path
]
LONGEST_S = 30  # of the processor
MORE_BYTES = 3 << 30  # of address space above what the libraries take
MORE_KIB = 1 << 20  # of memory that is used


def damaged(reader, good, seed):
    """The file that a seed damages, its name and its bytes."""
    import numpy as np

    rng = np.random.default_rng(seed)
    name = list(reader.files)[int(rng.integers(len(reader.files)))]
    for _ in range(20):
        with warnings.catch_warnings(), contextlib.suppress(Exception):  # what damages may fail itself on what it did before
            warnings.simplefilter("ignore")
            return name, reader.files[name](rng, (good / name).read_bytes())
    return name, b""


def wrong(reader, folder, name, content, whole):
    """What is wrong with how a reader takes a file, or None."""
    from reader import seal

    from neurograph.errors import NeurographError

    path = folder / name
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        if reader.sealed and name != "manifest.json":
            seal(folder)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("error")
            reader.use(folder)
    except NeurographError as error:
        said = str(error)
        if "\n" in said or len(said) > 2500 or not said.strip():
            return f"message of {len(said)} characters: {said[:300]!r}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-6, chain=False))[-1800:]
    finally:
        path.write_bytes(whole)
        if reader.sealed:
            seal(folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"takes {grown / 1024:.0f} MiB" if grown > MORE_KIB else None


def child(names, goods, seeds, output, seconds):
    """Try seeds of readers, for so long; a line of JSON an execution in ``output``, begun before and ended after it."""
    from readers import READERS

    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)  # says where, and then ends the process
    with tempfile.TemporaryDirectory() as temporary, Path(output).open("w", buffering=1) as log:
        for number, (name, good) in enumerate(zip(names, goods, strict=True)):
            shutil.copytree(good, Path(temporary, str(number)))
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                READERS[name].use(Path(temporary, str(number)))  # loads the libraries, and must be good
        limit = (
            int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize"))) * 1024
        )
        resource.setrlimit(resource.RLIMIT_AS, (limit + MORE_BYTES, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        start = time.monotonic()
        for number, (name, good) in enumerate(zip(names, goods, strict=True)):
            for seed in seeds:
                if time.monotonic() > start + seconds:
                    break
                which, content = damaged(READERS[name], good, seed)
                log.write(json.dumps({"seed": seed, "reader": name}) + "\n")
                signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
                faulthandler.dump_traceback_later(20 * LONGEST_S, exit=True)  # waiting, not working
                found = wrong(READERS[name], Path(temporary, str(number)), which, content, (good / which).read_bytes())
                faulthandler.cancel_dump_traceback_later()
                signal.setitimer(signal.ITIMER_PROF, 0)
                log.write(json.dumps({"done": seed, "file": which, "wrong": found, "spent": time.monotonic() - start}) + "\n")


def start(names, goods, first, last, log, seconds):
    """Run :func:`child` in a process of its own."""
    words = [
        sys.executable,
        str(HERE / "fuzzing.py"),
        json.dumps(names),
        json.dumps([str(good) for good in goods]),
        str(first),
        str(last),
        log,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([*words, str(seconds)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, check=False)


def run(name, good, first, count, seconds=float("inf")):
    """Seeds of a reader in processes of their own, a new one after a crash or a hang, for so long beside what it takes to start.

    Returns:
        Executions, findings (seed, what), and seconds that they took.
    """
    executions, findings, spent, seed, crashes = 0, [], 0.0, first, 0
    while seed < first + count and spent < seconds:
        with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
            process = start([name], [good], seed, first + count, log.name, seconds - spent)
            said = process.stderr.decode(errors="replace")[-1500:]
            lines = [json.loads(line) for line in log.read().splitlines() if line.endswith("}")]
        done = [line for line in lines if "done" in line]
        begun = [line["seed"] for line in lines if "seed" in line]
        executions += len(done)
        spent += done[-1]["spent"] if done else 0.0
        findings += [(line["done"], f"{line['file']}: {line['wrong']}") for line in done if line["wrong"]]
        if process.returncode == 0:
            break
        crashes += 1
        findings.append((begun[-1] if begun else seed, f"the process ends with {process.returncode}: {said}"))
        if not begun or crashes > 20:  # the good file fails, or all do
            break
        executions, spent, seed = executions + 1, spent + LONGEST_S / 10, begun[-1] + 1
    return executions, findings, spent


if __name__ == "__main__":
    NAMES, GOODS, FIRST, LAST, LOG, SECONDS = sys.argv[1:]
    child(json.loads(NAMES), [Path(good) for good in json.loads(GOODS)], range(int(FIRST), int(LAST)), LOG, float(SECONDS))
