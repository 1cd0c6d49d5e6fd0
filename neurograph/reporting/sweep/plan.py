"""A sweep before it runs: checked, its points with their identities, and the tasks that make them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from neurograph.errors import InputError
from neurograph.hw_profiles.schema import Profile
from neurograph.reporting.profiles import load_profiles
from neurograph.reporting.sweep.grid import KEYS, Grid
from neurograph.reporting.sweep.source import Source, open_source
from neurograph.reporting.sweep.work import Pricing, Training

__all__ = ["Plan", "make_plan"]

TARGET = "loihi2"
_SAME = ("model", "version", "target", "target_sha256", "retrain", "epochs")  # of all points of a sweep


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do.

    Args:
        source: the checkpoint or bundle. grid: what is swept.
        profiles: name or path → (name, hash).
        target: for which a checkpoint is compiled, or a bundle was. target_sha256: of its profile; None of a bundle, which has its own.
        retrain: whether models are trained anew, epochs: so many at most.
        host_statuses: profile's name → how the price of the host's multiply-adds came to be, of chips that have one.
    """

    source: Source
    grid: Grid
    profiles: Mapping[str, tuple[str, str]]
    target: str
    target_sha256: str | None = None
    retrain: bool = False
    epochs: int | None = None
    host_statuses: Mapping[str, str] = field(default_factory=dict)

    @property
    def common(self) -> dict[str, Any]:
        """What all points have in common, and a folder's rows must have."""
        own = (self.source.sha256, metadata.version("neurograph"), self.target, self.target_sha256, self.retrain, self.epochs)
        return dict(zip(_SAME, own, strict=True))

    def points(self) -> list[dict[str, Any]]:
        """Of every network: width, seed, ticks, bits and weights."""
        return [self._point(changes) for changes in self.grid.networks()]

    def identity(self, point: Mapping[str, Any], profile: str) -> dict[str, Any]:
        """What tells a row from every other: two rows of the same identity are the same.

        Args:
            profile: name or path, as it was given.
        """
        name, digest = self.profiles[profile]
        settings = {key: point[key] for key in KEYS if key != "profile"}
        return {**self.common, **settings, "profile": name, "profile_sha256": digest}

    def identities(self) -> list[dict[str, Any]]:
        """Of all rows, in the order of the table."""
        return [self.identity(point, profile) for profile in self.profiles for point in self.points()]

    def training(self, point: Mapping[str, Any], folder: Path) -> Training:
        """What trains the model of a point, into a file of the folder that tells it from every other."""
        changes = {key: point[key] for key in ("width", "seed", "ticks") if key in self.grid.numbers}
        digest = hashlib.sha256(json.dumps([self.common, changes], sort_keys=True).encode()).hexdigest()[:16]
        return Training(str(self.source.path), self.source.sha256, changes, self.epochs, str(folder.resolve() / f"{digest}.pt"))

    def pricing(self, point: Mapping[str, Any], profiles: Sequence[str], model: str | None) -> Pricing:
        """What prices a point under some profiles; ``model``: the file that it was trained into."""
        source, digest = (str(self.source.path), self.source.sha256) if model is None else (model, None)
        target = self.target if self.source.checkpoint else None
        return Pricing(source, digest, point, target, {profile: self.profiles[profile] for profile in profiles})

    def _point(self, changes: Mapping[str, int]) -> dict[str, Any]:
        source = self.source
        own = {"width": source.width, "seed": source.seed, "ticks": source.ticks, "bits": source.bits}
        point = {**own, **changes}
        other = [f"T = {source.ticks}"] if point["ticks"] != source.ticks and not self.retrain else []
        if source.trained_bits not in (None, point["bits"]):
            other.append(f"{source.trained_bits}-bit weights")
        anew = "trained anew" if self.retrain else "as trained"
        return {**point, "weights": f"trained for {' and '.join(other)}" if other else anew}


def make_plan(
    path: Path, grid: Grid, profiles: Sequence[str], target: str | None = None, *, retrain: bool = False, epochs: int | None = None
) -> Plan:
    """Check a sweep.

    Args:
        path: checkpoint or bundle.
        profiles: names or paths; the grid's own are taken in their place if it has some.
        target: to compile a checkpoint for; loihi2 if None.
        retrain: train the model anew for the ticks, width and seed of every point, in place of taking its weights.
        epochs: at most of each training; the settings' own if None.

    Raises:
        InputError: keys that this source or these options cannot serve. ProfileError: a profile that cannot be used.
    """
    if not grid.profiles and not grid.numbers:
        raise InputError("--sweep: no key is given, must be at least one; e.g. --sweep bits=2,4,8")
    if epochs is not None and not retrain:
        raise InputError(f"--epochs {epochs}: is for --retrain only; give it too, or leave --epochs out")
    checked = _profiles(grid.profiles or profiles)
    anew = [key for key in ("width", "seed") if key in grid.numbers]
    if path.is_dir():
        _refuse_for_bundle(path, grid, target, retrain)
    elif anew and not retrain:
        raise InputError(f"--sweep {anew[0]}: needs models trained anew, must be given with --retrain; add it, or sweep ticks or bits")
    digest = None
    if not path.is_dir():
        from neurograph.reporting.sweep.target import target_of

        digest = target_of(target or TARGET).profile_sha256
    source = open_source(path)
    if source.width is None and "width" in grid.numbers:
        raise InputError(f"--sweep width: {source.about} has no width, must be a model with one; sweep another key")
    found = {given: (profile.name, profile.sha256) for given, profile in checked.items()}
    hosts = {p.name: p.energy["host_mac"].status for p in checked.values() if p.level == "chip events" and "host_mac" in p.energy}
    return Plan(source, grid, found, source.target or target or TARGET, digest, retrain, epochs, hosts)


def _profiles(texts: Sequence[str]) -> dict[str, Profile]:
    """Profiles by name, or by whole path."""
    return {str(Path(p.path).resolve()) if Path(p.path).is_file() else p.path: p for p in load_profiles(texts)}


def _refuse_for_bundle(path: Path, grid: Grid, target: str | None, retrain: bool) -> None:
    if grid.numbers:
        keys = ", ".join(grid.numbers)
        raise InputError(f"--sweep {keys}: {path} is a bundle, must be a checkpoint (.pt) for that; over a bundle sweep profile alone")
    for name, given in (("--target", target is not None), ("--retrain", retrain)):
        if given:
            raise InputError(f"{name}: {path} is a bundle, must be a checkpoint (.pt) for that; leave it out")
