"""Every reader of files that others may have made, on damaged files: a reader gives a value, or one line that names the file.

    python benchmarks/fuzz.py --minutes 30 [--reader NAME …] [--seed N] [--kept FOLDER]
    python benchmarks/fuzz.py --atheris --minutes 10 [--reader NAME …]

The first form damages good files by seeds (tests/hostile/damage.py): parts of their structure (HDF5 objects and attributes, members of
zips, values of JSON and of torch files, operators of ONNX) and their bytes. Each file is read as a command reads it, in a process whose
address space is limited to 3 GiB above what the libraries take, and which is ended where one file takes 30 s. The second form is
coverage-guided: atheris, in an environment of its own, mutates bytes towards lines of ours that were not reached. A finding is printed with
its seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import fuzz_atheris
import machine

HOSTILE = Path(__file__).resolve().parents[1] / "tests" / "hostile"
sys.path.insert(0, str(HOSTILE))
sys.path.insert(1, str(HOSTILE.parent / "export"))


def main() -> int:
    """Print a table; 1 where something was found."""
    import fuzzing
    from readers import READERS, made

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="in all, shared by the readers")
    parser.add_argument("--reader", action="append", choices=list(READERS), help="all if not given")
    parser.add_argument("--seed", type=int, default=0, help="of the first file")
    parser.add_argument("--kept", type=Path, help="folder of the good files, which is made if it is not there")
    parser.add_argument("--atheris", action="store_true", help="coverage-guided, of those readers whose files are small")
    arguments = parser.parse_args()
    names = arguments.reader or (list(fuzz_atheris.READERS) if arguments.atheris else list(READERS))
    seconds = 60 * arguments.minutes / len(names)
    print(f"{'reader':<20}{'executions':>12}{'findings':>10}{'seconds':>9}", flush=True)
    found, executions = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for name, good in made(arguments.kept or Path(folder), names):
            if arguments.atheris:
                done, findings, spent = fuzz_atheris.run(name, good, seconds)
            else:
                done, findings, spent = fuzzing.run(name, good, arguments.seed, 10**9, seconds)
            found += [(name, *finding) for finding in findings]
            executions += done
            print(f"{name:<20}{done:>12,}{len(findings):>10,}{spent:>9.0f}", flush=True)
            for seed, what in findings[:5]:
                print(f"  {seed}: {what}", file=sys.stderr, flush=True)
    print(f"{'all':<20}{executions:>12,}{len(found):>10,}\n{machine.describe()}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
