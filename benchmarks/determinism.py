"""The same files whatever the threads, hash seed, locale, time zone and folder: train, export, simulate, report, in one process each.

    python benchmarks/determinism.py [--model CHECKPOINT] [--target loihi2] [--verify]

Every environment exports the same checkpoint (karate's, trained for this, if none is given). What may differ is masked by name: ``wall_s``
of a checkpoint's metrics, of a recording, and of what simulate --json prints. All other bytes must be equal. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import machine

CHILD = Path(__file__).with_name("determinism_child.py")
FORMATS = ("md", "json", "csv", "html", "latex")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "1 thread": {**dict.fromkeys(THREADS, "1"), "PYTHONHASHSEED": "0"},
    "again": {**dict.fromkeys(THREADS, "1"), "PYTHONHASHSEED": "0"},
    "2 threads": {**dict.fromkeys(THREADS, "2"), "PYTHONHASHSEED": "0"},
    "4 threads, hash seed 1, another locale, zone and folder": {
        **dict.fromkeys(THREADS, "4"),
        "PYTHONHASHSEED": "1",
        "LC_ALL": "C.UTF-8",
        "TZ": "Asia/Tokyo",
    },
    "1 core, hash seed 2": {**dict.fromkeys(THREADS, "4"), "PYTHONHASHSEED": "2", "LC_ALL": "POSIX", "CORES": "1"},
}


def made_in(folder: Path, environment: Mapping[str, str], asked: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of the files that a process of such an environment made in ``folder``, by name."""
    folder.mkdir(parents=True)
    (folder / "asked.json").write_text(json.dumps(asked))
    cores = environment.get("CORES")
    command = [*(["taskset", "-c", "0"] if cores else []), sys.executable, str(CHILD), "asked.json"]
    variables = {**os.environ, **{name: value for name, value in environment.items() if name != "CORES"}}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{folder.name}: {done.stderr.strip().splitlines()[-1:]}")
    names = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in ("asked.json", "preset.toml"))
    return {p.relative_to(folder).as_posix(): digest(p) for p in names}


def digest(path: Path) -> str:
    """Of a file's bytes, of one that holds seconds on the clock of everything else in it."""
    made = hashlib.sha256()
    if path.suffix == ".pt":
        import torch

        _add(made, torch.load(path, weights_only=True))
    elif path.name in ("run.h5", "float.h5"):
        made.update(_recording(path))
    elif path.name == "simulate.json":
        _add(made, json.loads(path.read_text()))
    else:
        made.update(path.read_bytes())
    return made.hexdigest()


def _recording(path: Path) -> bytes:
    """Every dataset, the text without the seconds that it holds, and how many bytes come before that text, which is written last."""
    import h5py

    with h5py.File(path) as file:
        about = json.loads(file["about"][()].tobytes())
        start = min(file["about"].id.get_chunk_info(i).byte_offset for i in range(file["about"].id.get_num_chunks()))
        names: list[str] = []
        file.visit(names.append)
        contents = [file[name][()].tobytes() for name in sorted(names) if isinstance(file[name], h5py.Dataset) and name != "about"]
    about["wall_s"] = 0
    return b"".join([*contents, json.dumps(about).encode(), str(start).encode()])


def _add(made: Any, value: Any) -> None:
    """Everything in a tree but what is named wall_s."""
    if isinstance(value, Mapping):
        for key in value:
            made.update(repr(key).encode())
            if key != "wall_s":
                _add(made, value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            _add(made, item)
    elif hasattr(value, "detach"):
        made.update(f"{value.dtype}{tuple(value.shape)}".encode() + value.detach().numpy().tobytes())
    else:
        made.update(repr(value).encode())


def differing(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    """Names of files that one lacks or that differ."""
    return sorted(name for name in {*a, *b} if a.get(name) != b.get(name))


def train_here(folder: Path, epochs: int) -> Path:
    """A checkpoint of the karate club for all environments."""
    asked = {"model": "", "target": "", "epochs": epochs, "threads": [1], "formats": [], "verify": False}
    made_in(folder / "first", ENVIRONMENTS["1 thread"], asked)
    return folder / "first" / "trained-1.pt"


def compare(folder: Path, environments: Sequence[str], model: Path, **asked: Any) -> dict[str, dict[str, str]]:
    """Hashes by environment; a folder each, at unlike depths. ``asked`` are options of determinism_child.make."""
    asked["model"] = str(model)
    return {name: made_in(folder.joinpath(*["deeper"] * i, f"e{i}"), ENVIRONMENTS[name], asked) for i, name in enumerate(environments)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint to export in each environment")
    parser.add_argument("--target", default="loihi2")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--verify", action="store_true", help="export with its check of the engines, Lava included")
    arguments = parser.parse_args()
    print(machine.describe(), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = arguments.model.resolve() if arguments.model else train_here(folder, arguments.epochs)
        found = compare(
            folder,
            list(ENVIRONMENTS),
            model,
            target=arguments.target,
            epochs=arguments.epochs,
            threads=(1, 2, 4),
            formats=FORMATS,
            verify=arguments.verify,
        )
    first, *others = found
    bad = 0
    print(f"{len(found[first])} files of {first!r} against those of")
    for other in others:
        wrong = differing(found[first], found[other])
        bad += len(wrong)
        print(f"  {other!r}: {len(wrong)} differ{': ' + ', '.join(wrong) if wrong else ''}", flush=True)
    trained = {count: found[first][f"trained-{count}.pt"] for count in (1, 2, 4)}
    same = [str(count) for count in (2, 4) if trained[count] == trained[1]]
    print(f"trained with 1 thread of torch and the same with: {', '.join(same) or 'no other number'} (setting threads; 1 is the default)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
