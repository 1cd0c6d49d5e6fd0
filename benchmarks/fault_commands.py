"""The commands that faults are thrown at, and what must hold of their files whatever happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Case:
    """One command line, run in a folder that holds ``model.pt``, ``other.pt`` and ``bundle``.

    Args:
        words: with {out} for the folder of its outputs.
        outputs: what it writes there: name → what raises if the file or folder is not whole.
        lost: what is removed before a try: outputs, so that there is nothing old, or what is cached.
    """

    words: str
    outputs: dict[str, Callable[[Path], object]]
    lost: tuple[str, ...] = ()

    def command(self, out: Path | str) -> list[str]:
        return [word.format(out=out) for word in self.words.split()]


def whole_checkpoint(path: Path) -> None:
    from neurograph import training

    training.load(path)


def whole_state(path: Path) -> None:
    from neurograph.torch_files import read_torch_file

    read_torch_file(path)


def whole_bundle(path: Path) -> None:
    from neurograph.export.bundle import open_bundle

    open_bundle(path)


def whole_recording(path: Path) -> None:
    from neurograph.sim.recording_file import load

    load(path)


def whole_placement(path: Path) -> None:
    json.loads((path / "placement.json").read_text())
    ElementTree.parse(path / "core_map.svg")


def whole_report(path: Path) -> None:
    if not path.read_text().endswith("\n") or path.stat().st_size < 1000:
        raise ValueError(f"{path}: cut off")


def whole_sweep(path: Path) -> None:
    from neurograph.kept_lines import KeptLines
    from neurograph.reporting.sweep.row import Row

    KeptLines(path / "rows.jsonl", Row, "row", "neurograph report --sweep")
    for model in path.glob("models/*.pt"):
        whole_checkpoint(model)


def whole_runs(path: Path) -> None:
    from neurograph.reproduce import Store

    Store(path / "runs.jsonl")


def whole_settings(path: Path) -> None:
    from neurograph.training import read_settings

    read_settings(str(path))


def whole_study(path: Path) -> None:
    import sqlite3

    with sqlite3.connect(path) as study:
        if study.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise ValueError(f"{path}: damaged")
    study.close()


def whole_demo(path: Path) -> None:
    for name, check in {"model.pt": whole_checkpoint, "bundle": whole_bundle, "report.md": whole_report}.items():
        if (path / name).exists():
            check(path / name)


def whole_cache(path: Path) -> None:
    import ctypes
    import hashlib

    for library in path.glob("neurograph/engine-*.so"):
        ctypes.CDLL(str(library))
    for ready in path.glob("neurograph/ready-*"):
        content = ready.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise ValueError(f"{ready}: damaged")


CACHE = {"cache": whole_cache}
CASES = {
    "train": Case(
        "train spikegraphormer --dataset karate --epochs 30 --state {out}/s.state --log {out}/l.csv -o {out}/m.pt",
        {"m.pt": whole_checkpoint, "s.state": whole_state, "l.csv": Path.read_text},
    ),
    "export": Case("export model.pt --target loihi2 --no-verify -o {out}/b", {"b": whole_bundle}),
    "export, verified": Case("export model.pt --target loihi2 -o {out}/b", {"b": whole_bundle}),
    "simulate": Case("simulate bundle --record all -o {out}/r.h5", {"r.h5": whole_recording}),
    "simulate, nothing cached": Case("simulate bundle", CACHE, ("cache",)),
    "check": Case("check bundle", {}),
    "report": Case("report bundle -o {out}/r.md", {"r.md": whole_report}),
    "sweep": Case("report model.pt --sweep bits=3,8 --jobs 2 -o {out}/sw", {"sw": whole_sweep}, ("sw",)),
    "sweep, dask": Case("report model.pt --sweep bits=3,8 --jobs 2 --engine dask -o {out}/sw", {"sw": whole_sweep}, ("sw",)),
    "place": Case("place bundle --profile loihi1 -o {out}/p", {"p": whole_placement}),
    "inspect": Case("inspect bundle --svg {out}/g.svg", {"g.svg": ElementTree.parse}),
    "tune": Case(
        "tune spikegraphormer --dataset karate --trials 2 --seeds 1 --epochs 2 --study {out}/st.db -o {out}/t.toml",
        {"t.toml": whole_settings, "st.db": whole_study},
        ("st.db",),
    ),
    "reproduce": Case(
        "reproduce accuracy --rows spikegraphormer --datasets karate --seeds 1 --epochs 5 --into {out}/re", {"re": whole_runs}, ("re",)
    ),
    "demo": Case("demo -o {out}/d", {"d": whole_demo}),
}
