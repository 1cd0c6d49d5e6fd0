"""A recorded run on the chip of each profile: as the bundle was placed on it, or placed now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from neurograph.errors import PlacementError, ProfileError
from neurograph.export import placement
from neurograph.export.placement.files import to_json
from neurograph.export.placement.place import Placement
from neurograph.hw_profiles.routing import Routing
from neurograph.hw_profiles.schema import Profile, placement_limits, without_limits
from neurograph.sim.recording import Recording

__all__ = ["on_each_chip", "own_or_new", "placements", "routings"]

_FILE = "placement.json"
Placed = TypeVar("Placed")


def placements(
    bundle: Any, recording: Recording, profiles: Sequence[Profile], given: Path | None = None
) -> tuple[dict[str, Placement], dict[str, str]]:
    """The network on the chip of each profile of level "chip events", its traffic counted from the recording.

    Args:
        given: ``placement.json`` that ``neurograph place`` wrote, or its folder: taken for the chip that it was made for.

    Returns:
        profile's name → Placement, the same object for profiles of the same limits, and profile's name → why the network has none on it.

    Raises:
        PlacementError: ``given`` is of another chip or network, or damaged.
    """
    fixed = None if given is None else _given(given, bundle, recording, profiles)
    target = None if fixed is None else fixed.limits.target
    others = [profile for profile in profiles if profile.name != target]
    found, refused = on_each_chip(others, lambda profile, limits: own_or_new(bundle, recording, profile, limits))
    if fixed is not None:
        found[fixed.limits.target] = fixed
    return {profile.name: found[profile.name] for profile in profiles if profile.name in found}, refused


def on_each_chip(
    profiles: Sequence[Profile], place: Callable[[Profile, placement.Limits], Placed]
) -> tuple[dict[str, Placed], dict[str, str]]:
    """Place on the chip of each profile of level "chip events", once for profiles of the same limits.

    Returns:
        profile's name → what ``place`` gives for it, and profile's name → why it, or the profile, refuses.
    """
    found: dict[str, Placed] = {}
    refused: dict[str, str] = {}
    alike: dict[placement.Limits, Placed] = {}  # limits but for the chip's name → placement
    for profile in profiles:
        if profile.level != "chip events":
            continue
        if missing := without_limits(profile):
            refused[profile.name] = missing
            continue
        try:
            limits = placement.Limits.of(profile.name, placement_limits(profile))
            key = replace(limits, target="")
            if key not in alike:
                alike[key] = place(profile, limits)
            found[profile.name] = alike[key]
        except (PlacementError, ProfileError) as error:
            refused[profile.name] = str(error)
    return found, refused


def own_or_new(bundle: Any, recording: Recording, profile: Profile, limits: placement.Limits) -> Placement:
    """A bundle's network as it was placed on this very profile at export, or placed now.

    Raises:
        PlacementError: the network fits no number of chips.
    """
    own = bundle.path / _FILE
    if own.is_file() and bundle.manifest["profile_sha256"] == profile.sha256:
        return placement.load(own, bundle.quantized, recording=recording)
    return placement.place(bundle.quantized, limits, recording=recording)


def _given(path: Path, bundle: Any, recording: Recording, profiles: Sequence[Profile]) -> Placement:
    """A placement from a file, of the chip of one of the profiles."""
    file = path / _FILE if path.is_dir() else path
    placed = placement.load(file, bundle.quantized, recording=recording)
    target = placed.limits.target
    profile = next((p for p in profiles if p.name == target), None)
    if profile is None:
        raise PlacementError(
            f"placement {file}: was made for chip {target!r}, but the profiles are {', '.join(p.name for p in profiles)}; "
            f"add --profile {target}, or place the network on one of those"
        )
    limits = placement.Limits.of(profile.name, placement_limits(profile))
    differ = [
        f"{key} {getattr(placed.limits, key)} there, {value} here"
        for key, value in vars(limits).items()
        if getattr(placed.limits, key) != value
    ]
    if differ:
        raise PlacementError(
            f"placement {file}: was made for another chip of the name {target!r} ({'; '.join(differ)}); place the network again with "
            f"'neurograph place --profile {profile.path}'"
        )
    return placed


def routings(placed: Mapping[str, Placement]) -> dict[str, Routing]:
    """What energy and time need of each profile's placement."""
    contents = {id(one): to_json(one) for one in placed.values()}
    return {name: Routing.from_json({**contents[id(one)], "target": name}) for name, one in placed.items()}
