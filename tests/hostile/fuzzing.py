"""The law of every reader, tried on damaged files: it gives a value, or an error of ours of one line that names the file. Nothing else."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import shutil
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
LONGEST_S = 30
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
    from readers import seal

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


def child(name, good, seeds, output):
    """Try seeds of one reader; a line of JSON an execution in ``output``, begun before and ended after it."""
    from readers import READERS

    reader = READERS[name]
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as temporary, Path(output).open("w", buffering=1) as log:
        folder = Path(temporary, "files")
        shutil.copytree(good, folder)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            reader.use(folder)  # loads the libraries, and must be good
        limit = (
            int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmSize"))) * 1024
        )
        resource.setrlimit(resource.RLIMIT_AS, (limit + MORE_BYTES, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for seed in seeds:
            which, content = damaged(reader, good, seed)
            log.write(json.dumps({"seed": seed}) + "\n")
            faulthandler.dump_traceback_later(LONGEST_S, exit=True)
            found = wrong(reader, folder, which, content, (good / which).read_bytes())
            faulthandler.cancel_dump_traceback_later()
            log.write(json.dumps({"done": seed, "file": which, "wrong": found}) + "\n")


def run(name, good, first, count, seconds=None):
    """Seeds of a reader in processes of their own, a new one after a crash or a hang.

    Returns:
        Executions, and the findings: (seed, what).
    """
    import subprocess

    end = time.monotonic() + seconds if seconds is not None else None
    executions, findings, seed = 0, [], first
    while seed < first + count and (end is None or time.monotonic() < end):
        with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
            left = None if end is None else max(1.0, end - time.monotonic())
            command = [sys.executable, str(HERE / "fuzzing.py"), name, str(good), str(seed), str(first + count), log.name]
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
            try:
                said = process.communicate(timeout=left)[1].decode(errors="replace")
                stopped = False
            except subprocess.TimeoutExpired:
                process.kill()
                said, stopped = process.communicate()[1].decode(errors="replace"), True
            lines = [json.loads(line) for line in log.read().splitlines() if line.endswith("}")]
        done = [line for line in lines if "done" in line]
        begun = [line["seed"] for line in lines if "seed" in line]
        executions += len(done)
        findings += [(line["done"], f"{line['file']}: {line['wrong']}") for line in done if line["wrong"]]
        if not begun:
            findings.append((seed, f"the good file fails: {said[-1500:]}")) if not stopped else None
            break
        if len(begun) > len(done) and not stopped:
            findings.append((begun[-1], f"the process ends with {process.returncode}: {said[-1500:]}"))
            executions += 1
        seed = begun[-1] + 1
    return executions, findings


if __name__ == "__main__":
    # Lists are made before the limit; the last argument is the log.
    NAME, GOOD, FIRST, LAST, LOG = sys.argv[1:]
    child(NAME, Path(GOOD), range(int(FIRST), int(LAST)), LOG)
