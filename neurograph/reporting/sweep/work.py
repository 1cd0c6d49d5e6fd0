"""What a worker does: train a model, or make a network and price it. Plain values in and out, so that it runs on any machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from neurograph.errors import InputError, NeurographError
from neurograph.reporting.sweep.row import Row, row_of
from neurograph.siblings import scratch_folder

__all__ = ["SCRATCH", "Pricing", "Training", "price", "train_one"]

SCRATCH = "neurograph-sweep"


@dataclass(frozen=True)
class Training:
    """A model to be trained anew.

    Args:
        source, sha256: checkpoint whose config, graph and settings are taken.
        changes: of "width", "seed" and "ticks", what is to be other than there.
        epochs: at most; the settings' own if None.
        output: model file to write.
    """

    source: str
    sha256: str
    changes: Mapping[str, int]
    epochs: int | None
    output: str
    version: str = field(default_factory=lambda: metadata.version("neurograph"))


@dataclass(frozen=True)
class Pricing:
    """A network to be made, run and priced under some profiles.

    Args:
        source: checkpoint or bundle. sha256: what it must be; None for a model file that the sweep itself wrote.
        point: width, seed, ticks, bits and weights, for the rows.
        target: to compile a checkpoint for; None of a bundle.
        profiles: name or path → name, and hash that it must have.
    """

    source: str
    sha256: str | None
    point: Mapping[str, Any]
    target: str | None
    profiles: Mapping[str, tuple[str, str]]
    version: str = field(default_factory=lambda: metadata.version("neurograph"))


def train_one(task: Training) -> str:
    """Train a model and write its file, unless the file is there; why that did not go, or ""."""
    try:
        _same(task.version, task.source, task.sha256)
        if not Path(task.output).is_file():
            _train(task)
    except Exception as error:
        return _said(error)
    return ""


def price(task: Pricing) -> list[Row]:
    """A row a profile; where something goes wrong they hold the error."""
    from neurograph.hw_profiles import load

    try:
        _same(task.version, task.source, task.sha256)
        for text, (_, wanted) in task.profiles.items():
            if load(text).sha256 != wanted:
                raise InputError(f"profile {text}: is another file on this machine than where the sweep was started; copy it over")
        report = _report(task)
        pairs = zip(task.profiles.values(), report["profiles"], strict=True)
        return [row_of({**task.point, "profile": name}, report, found) for (name, _), found in pairs]
    except Exception as error:
        return failed(task, _said(error))


def failed(task: Pricing, why: str) -> list[Row]:
    """The rows of a task that gave nothing."""
    return [Row(**task.point, profile=name, error=why) for name, _ in task.profiles.values()]


def _train(task: Training) -> None:
    from neurograph import training
    from neurograph.reporting.sweep.source import widened

    given = training.load(task.source)
    config = given.config
    if "width" in task.changes:
        config = widened(config, task.changes["width"])
    config = replace(config, ticks=task.changes.get("ticks", config.ticks))
    recipe = training.settings_for(given.model.name, given.graph.name).how()
    result = training.train(config, given.graph, task.changes.get("seed", given.seed), recipe, task.epochs)
    training.save(task.output, result.model, given.graph, result)


def _report(task: Pricing) -> dict[str, Any]:
    from neurograph.export.bundle import open_bundle
    from neurograph.reporting.bundle import report_of

    if task.target is None:
        return report_of(open_bundle(Path(task.source)), list(task.profiles))
    from neurograph import training
    from neurograph.export.bundle import write_bundle
    from neurograph.export.compile import compile_checkpoint
    from neurograph.reporting.sweep.target import target_of

    target = target_of(task.target)
    compiled = compile_checkpoint(training.load(task.source), target, bits=task.point["bits"], ticks=task.point["ticks"])
    with scratch_folder(SCRATCH) as folder:
        bundle = write_bundle(compiled, target, folder / "bundle", nir_form="graph")
        return report_of(bundle, list(task.profiles))


def _same(version: str, source: str, wanted: str | None) -> None:
    """See that this machine has what the one has where the sweep was started."""
    from neurograph.reporting.sweep.source import source_hash

    here = metadata.version("neurograph")
    if here != version:
        raise InputError(f"neurograph {here} on this machine, must be {version} as where the sweep was started; install that")
    path = Path(source)
    if not path.exists():
        raise InputError(f"{source}: does not exist on this machine; put it on a disk that all workers see, at this path")
    if wanted is not None and source_hash(path) != wanted:
        raise InputError(f"{source}: is another file on this machine than where the sweep was started; copy it over")


def _said(error: Exception) -> str:
    """On one line; of an error that neurograph did not raise on purpose the kind too."""
    text = " ".join(str(error).split())
    return text if isinstance(error, NeurographError) else f"{type(error).__name__}: {text}"
