"""What one process makes for benchmarks/determinism.py, in its working folder: ``determinism_child.py ASKED.json``.

Trains, exports a given checkpoint, simulates it on several samples into a recording, counts, and reports, all through the command line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurograph.cli.main import run_command


def command(*arguments: Any, output: str = "") -> None:
    """One command; its stdout goes to a file."""
    kept = sys.stdout
    with Path(output or "/dev/null").open("w") as file:
        sys.stdout = file
        try:
            status = run_command([str(a) for a in arguments])
        finally:
            sys.stdout = kept
    if status:
        raise SystemExit(f"{' '.join(map(str, arguments))}: exit status {status}")


def make(model: str, target: str, epochs: int, threads: Sequence[int], formats: Sequence[str], verify: bool) -> None:
    """``model``: checkpoint to export; nothing of it where it is empty."""
    for count in threads:
        preset = Path("preset.toml")
        if count > 1:
            command_threads(preset, count)
        config = ("--config", preset) if count > 1 else ()
        command(
            "train", "spikegraphormer", "--dataset", "karate", "--epochs", epochs, *config, "-o", f"trained-{count}.pt", output="train.txt"
        )
    if not model:
        return
    command("export", model, "--target", target, "-o", "bundle", *([] if verify else ["--no-verify"]))
    samples_of("bundle", "samples.npz")
    command("simulate", "bundle", "--input", "samples.npz", "--counts", "--record", "all", "-o", "run.h5", "--json", output="simulate.json")
    command("simulate", "bundle", "--engine", "float", "--input", "samples.npz", "--record", "all", "-o", "float.h5")
    for name in formats:
        command("report", "bundle", "--format", name, "-o", f"report.{name}")


def samples_of(bundle: str, path: str, count: int = 5, *, same: int | None = None) -> None:
    """A file of several samples: the bundle's own input, and random changes of it; every ``same``-th as it is, if given."""
    from neurograph.export.bundle import open_bundle

    found = open_bundle(Path(bundle))
    source = next(s for s in found.network.sources if s.name in found.inputs)
    x = np.asarray(found.inputs[source.name])
    x = x[0] if x.ndim > len(source.shape) + (not source.is_static) else x
    changed = [x if not i or (same and i % same == 0) else _changed(x, source.is_static, i) for i in range(count)]
    np.savez(path, **{source.name: np.stack(changed)})


def _changed(x: Any, real: bool, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return (x * rng.uniform(0.2, 1.0, x.shape)).astype(x.dtype) if real else x & (rng.random(x.shape) < 0.8)


def command_threads(path: Path, count: int) -> None:
    """Karate's settings with so many threads of torch."""
    import neurograph.training

    karate = Path(neurograph.training.__file__).with_name("configs") / "spikegraphormer-karate.toml"
    path.write_text(karate.read_text().replace("[recipe]", f"[recipe]\nthreads = {count}"))


if __name__ == "__main__":
    make(**json.loads(Path(sys.argv[1]).read_text()))
